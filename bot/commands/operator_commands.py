"""The commands by which an owner intervenes: pause, resume, flatten, sell, deny, allow; and the list of pending ones.

Exit status: 0 done, 1 not possible, 2 wrong arguments, 4 accepted but not executed yet, or cancelled.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.options import AsJson, Broker, OneBroker, report_unreadable, reporting_errors
from bot.commands.show import complain
from bot.domain.events import Command, Lasts, Verb
from bot.domain.ids import Account, AccountKey
from bot.settings.load import Settings
from bot.settings.symbols import pair, pair_or_base

if TYPE_CHECKING:
    from bot.store.reader import Books

app = typer.Typer(rich_markup_mode=None)

#: Real seconds that a command waits for NIJA to execute it.
PATIENCE, PATIENCE_OF_SALES = 10.0, 60.0

Symbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="BASE-QUOTE, such as BTC-USD")]
SymbolOrCoin = Annotated[
    str, typer.Argument(metavar="SYMBOL", help="BASE-QUOTE, or a base coin for all of its markets")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask for confirmation; needed without a terminal")]


@app.command()
def pause(broker: Broker = None) -> None:
    """Stop new entries; open positions run until their exit rule closes them."""
    _order(Command(Verb.PAUSE), broker)


@app.command()
def resume(broker: Broker = None) -> None:
    """Allow entries again after a pause, a flatten or a drawdown; cancels a pause or flatten that is still pending."""
    _order(Command(Verb.RESUME), broker)


@app.command()
def flatten(broker: Broker = None, yes: Yes = False) -> None:
    """Sell all of NIJA's positions and cancel its orders; entries stay paused until `nija resume`."""
    needs_yes("flatten sells all of NIJA's positions at the market", yes=yes)
    _order(Command(Verb.FLATTEN), broker, PATIENCE_OF_SALES, ask=not yes)


@app.command()
def sell(symbol: Symbol, broker: OneBroker = None) -> None:
    """Sell one position at the market; NIJA may enter its market again from the next candle on (see `deny`)."""
    from bot.commands.orders import holder

    name = _symbol(symbol, pair)
    with reporting_errors(to_running=True) as settings:
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
    """Stop new entries in a market until NIJA restarts; an open position there runs until its exit rule closes it."""
    lasts = Lasts.FOR_GOOD if for_good else Lasts.UNTIL_RESTART
    _order(Command(Verb.DENY, symbol=_symbol(symbol, pair_or_base), detail=lasts), broker)


@app.command()
def allow(symbol: SymbolOrCoin, broker: OneBroker = None) -> None:
    """Allow entries again in a market that was denied."""
    name = _symbol(symbol, pair_or_base)
    with reporting_errors(to_running=True) as settings:
        if name in settings.trading.pairs_deny:
            complain(f"{name} stays denied by PAIRS_DENY in your settings")
    _order(Command(Verb.ALLOW, symbol=name), broker)


@app.command()
def orders(
    broker: Broker = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="cancel them")] = False,
    as_json: AsJson = False,
) -> None:
    """Show your commands (pause, flatten, sell and so on) that NIJA has not executed yet."""
    from bot.commands.orders import show_waiting
    from bot.commands.which import books_of, meant

    with reporting_errors(to_running=True) as settings:
        books = books_of(settings)
        key = meant(broker, settings, books)
        show_waiting(books, key, cancel=cancel, as_json=as_json)
        if report_unreadable(books, key):
            raise typer.Exit(1)


def needs_yes(what: str, *, yes: bool) -> None:
    """Require `--yes` when there is no terminal to ask for confirmation; exits with 2 without it."""
    if not yes and not sys.stdin.isatty():
        complain(f"{what}: add --yes to confirm this without a terminal")
        raise typer.Exit(2)


def _symbol(word: str, read: Callable[[str], str]) -> str:
    try:
        return read(word.replace("/", "-"))
    except ValueError:
        complain(f'"{word}" is not a symbol: write it as BASE-QUOTE, such as BTC-USD')
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
    """Post a command to all accounts it is for, wait for the answers, and print them."""
    from bot.commands.orders import when_obeyed, worded

    with reporting_errors(to_running=True) as settings:
        books, key, to = _addressed(settings, broker)
        when = when_obeyed(settings)
        if ask and not typer.confirm(f"Sell all of NIJA's positions at {worded(to)} at the market{when}?"):
            typer.echo("nothing was done")
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
    raise typer.Exit(1 if report_unreadable(books, key) else status)
