"""The commands by which an owner steps in: pause, resume, flatten, sell, deny, allow, and what of them still waits.

Exit status: 0 done, 1 not possible, 2 asked wrongly, 4 accepted and not carried out yet.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.options import AsJson, Broker, OneBroker, tell_unreadable, told
from bot.commands.show import complain
from bot.domain.events import Command, Lasts, Verb
from bot.domain.ids import Account, AccountKey
from bot.settings.load import Settings
from bot.settings.variables import pair, pair_or_base

if TYPE_CHECKING:
    from bot.store.reader import Books

app = typer.Typer(rich_markup_mode=None)

#: Real seconds for which a command waits until NIJA has carried it out.
PATIENCE, PATIENCE_OF_SALES = 10.0, 60.0

Symbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="BASE-QUOTE, such as BTC-USD")]
SymbolOrCoin = Annotated[
    str, typer.Argument(metavar="SYMBOL", help="BASE-QUOTE, or a base coin for all of its markets")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask; needed where there is no terminal")]


@app.command()
def pause(broker: Broker = None) -> None:
    """No new entries; open positions run to their rule's end."""
    _order(Command(Verb.PAUSE), broker)


@app.command()
def resume(broker: Broker = None) -> None:
    """Entries again, after a pause, a flatten or a drawdown; calls back a pause or flatten that still waits."""
    _order(Command(Verb.RESUME), broker)


@app.command()
def flatten(broker: Broker = None, yes: Yes = False) -> None:
    """Sell everything that is ours and cancel our orders; entries stay paused until `nija resume`."""
    needs_yes("flatten sells everything of NIJA's at the market", yes=yes)
    _order(Command(Verb.FLATTEN), broker, PATIENCE_OF_SALES, ask=not yes)


@app.command()
def sell(symbol: Symbol, broker: OneBroker = None) -> None:
    """Sell one position at the market; its symbol may be entered again from the next candle on (see `deny`)."""
    from bot.commands.orders import holder

    name = _symbol(symbol, pair)
    with told() as settings:
        books, _, to = _addressed(settings, broker)
        at, position = holder(books, to, name)
        command = Command(Verb.SELL, symbol=name, detail=position.entry_id)
        _post(settings, books, command, at, {at: to[at]}, PATIENCE_OF_SALES)


@app.command()
def deny(
    symbol: SymbolOrCoin,
    broker: OneBroker = None,
    for_good: Annotated[bool, typer.Option("--for-good", help="also after a restart, until `nija allow`")] = False,
) -> None:
    """No new entries in a market until NIJA restarts; what is held there runs to its rule's end."""
    lasts = Lasts.FOR_GOOD if for_good else Lasts.UNTIL_RESTART
    _order(Command(Verb.DENY, symbol=_symbol(symbol, pair_or_base), detail=lasts), broker)


@app.command()
def allow(symbol: SymbolOrCoin, broker: OneBroker = None) -> None:
    """Entries again in a market that `deny` has barred."""
    name = _symbol(symbol, pair_or_base)
    with told() as settings:
        if name in settings.trading.pairs_deny:
            complain(f"{name} stays denied by PAIRS_DENY in your settings")
    _order(Command(Verb.ALLOW, symbol=name), broker)


@app.command()
def orders(
    broker: Broker = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="call them back")] = False,
    as_json: AsJson = False,
) -> None:
    """Show your own orders (pause, flatten, sell and so on) that NIJA has not carried out yet."""
    from bot.commands.orders import show_waiting
    from bot.commands.which import books_of, meant

    with told() as settings:
        books = books_of(settings)
        key = meant(broker, settings, books)
        show_waiting(books, key, cancel=cancel, as_json=as_json)
        if tell_unreadable(books, key):
            raise typer.Exit(1)


def needs_yes(what: str, *, yes: bool) -> None:
    """Nothing of weight is done unasked: where nobody can be asked it needs `--yes` (exit 2)."""
    if not yes and not sys.stdin.isatty():
        complain(f"{what}: add --yes where nobody can be asked")
        raise typer.Exit(2)


def _symbol(word: str, read: Callable[[str], str]) -> str:
    try:
        return read(word.replace("/", "-"))
    except ValueError:
        complain(f'"{word}" is no symbol: BASE-QUOTE is, such as BTC-USD')
        raise typer.Exit(2) from None


def _addressed(
    settings: Settings, broker: AccountKey | None
) -> tuple[Books, AccountKey | None, Mapping[AccountKey, Account]]:
    """The books, whom the word on the command line means, and to whom an order goes; ends the command where that is nobody."""
    from bot.commands.orders import addressees, not_traded
    from bot.commands.which import books_of, meant
    from bot.runtime.heartbeat_file import out_of_reach

    if why := out_of_reach(settings.operation.data_dir):
        complain(f"{why}")
        raise typer.Exit(1)
    books = books_of(settings)
    key = meant(broker, settings, books)
    for one in not_traded(settings, books, key):
        complain(f"{one.account.key.label}: {one.reason}: {one.remedy}")
    to = addressees(settings, books, key)
    if not to:
        complain(f"NIJA is not trading {key.label if key else 'any account'}: nothing was done")
        raise typer.Exit(1)
    return books, key, to


def _order(command: Command, broker: AccountKey | None, patience: float = PATIENCE, *, ask: bool = False) -> None:
    """Post a command to all whom it is for, wait for the answers, and say what became of it."""
    from bot.commands.orders import when_obeyed, worded

    with told() as settings:
        books, key, to = _addressed(settings, broker)
        when = when_obeyed(settings)
        if ask and not typer.confirm(f"Sell everything of NIJA's at {worded(to)} at the market{when}?"):
            typer.echo("nothing was ordered")
            raise typer.Exit(1)
        _post(settings, books, command, key, to, patience)


def _post(
    settings: Settings,
    books: Books,
    command: Command,
    key: AccountKey | None,
    to: Mapping[AccountKey, Account],
    patience: float,
) -> None:
    from bot.commands.orders import carried_out

    status = carried_out(settings, books, command, to, patience)
    raise typer.Exit(1 if tell_unreadable(books, key) else status)
