"""The operator's orders from the command line: to whom they go, what became of them, and which still wait.

An order belongs to the money that the running daemon trades, else to what `.env` says; never to play money while real
money is traded. A broker at work gets it as the account that it trades; any other finds it at its own desk before
its first entry, "kraken, live".
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

import typer

from bot.domain.clock import iso
from bot.domain.events import Verb
from bot.domain.ids import Account, AccountKey
from bot.domain.status import BrokerStatus
from bot.runtime.heartbeat_file import running_daemon
from bot.runtime.unwatched import Unwatched, traded_by, unwatched
from bot.runtime.world import mode_of
from bot.settings.load import VENUES, ConfigError, Mode, Settings, resolve_mode
from bot.store.database import StoreError
from bot.store.reader import Books, Posted
from bot.store.standing import Waiting, call_back, desk, is_desk, post, waiting

#: Real seconds that a command waits for a broker that is just connecting.
STARTING = 45.0
_TURN = 0.1


def addressees(settings: Settings, books: Books, key: AccountKey | None) -> dict[AccountKey, Account]:
    """Whom an order goes to: accounts of a running daemon, else desks. Raises `ConfigError`."""
    daemon = running_daemon(settings.operation.data_dir)
    found = _of_daemon(daemon, settings) if daemon is not None else _of_settings(settings, books, key)
    return {one: to for one, to in found.items() if key in (None, one)}


def _of_daemon(brokers: Mapping[AccountKey, BrokerStatus], settings: Settings) -> dict[AccountKey, Account]:
    return {key: _at_work(report, settings) for key, report in brokers.items()}


def _at_work(report: BrokerStatus, settings: Settings) -> Account:
    """The account that a running broker trades; its desk while that is not known."""
    if report.account:
        return Account.read(report.account)
    return desk(report.mode or mode_of(report.key, settings), report.key)


def _of_settings(settings: Settings, books: Books, key: AccountKey | None) -> dict[AccountKey, Account]:
    """Desks of what the next start trades with the owner's money, or of what was played with; where nobody ever played, of the
    accounts that there are.
    """
    if resolve_mode(settings) is Mode.LIVE:
        return _desks(traded_by(settings))
    known = [seen.account for seen in books.accounts(every=True)]
    played = {("sandbox", one.key) for one in known if one.mode == "sandbox"}
    if key is not None and not any(one.key == key for one in known):
        played.add(("sandbox", key))
    if any(key in (None, one) for _, one in played):
        return _desks(played)
    return _desks({(seen.account.mode, seen.account.key) for seen in books.accounts()})


def _desks(of: set[tuple[str, AccountKey]]) -> dict[AccountKey, Account]:
    """One for each mode and key."""
    ordered = sorted(of, key=lambda one: (VENUES.index(one[1].venue), one[1].name))
    return {key: desk(mode, key) for mode, key in ordered}


def worded(to: Mapping[AccountKey, Account]) -> str:
    """Who is meant, for a question to the operator."""
    return ", ".join(f"{key.label} ({_money(account)})" for key, account in to.items())


def _money(account: Account) -> str:
    return "YOUR MONEY" if account.mode == "live" else f"{account.mode}: play money"


def not_traded(settings: Settings, books: Books, key: AccountKey | None) -> list[Unwatched]:
    """Accounts with positions that no order can reach, since nobody trades them. Raises `StoreError`."""
    try:
        traded = _traded(settings)
    except ConfigError:
        return []
    return [one for one in unwatched(books, traded) if key in (None, one.account.key)]


def _traded(settings: Settings) -> set[tuple[str, AccountKey]]:
    daemon = running_daemon(settings.operation.data_dir)
    if daemon is None:
        return traded_by(settings)
    return {(report.mode or mode_of(key, settings), key) for key, report in daemon.items()}


# -- what became of them ----------------------------------------------------------------------------------------------
def carried_out(
    settings: Settings, books: Books, verb: Verb, to: Mapping[AccountKey, Account], patience: float
) -> bool:
    """Post an order to each, wait for the answers, and print what became of it; whether all are done.

    A database that cannot be written is told of in `books.unreadable`.
    """
    posted = _posted(books, verb, to)
    left = dict(posted)
    began = time.monotonic()
    while left:
        for key, at in list(left.items()):
            if (result := books.reply(at).result) is not None:
                typer.echo(f"{key.label} {result}")
                del left[key]
        if time.monotonic() - began >= _patience(settings.operation.data_dir, patience, set(left)):
            break
        time.sleep(_TURN)
    for key, at in left.items():
        typer.echo(_not_yet(key, to[key], verb, books.reply(at).posted_at))
    return len(posted) == len(to) and not left


def _posted(books: Books, verb: Verb, to: Mapping[AccountKey, Account]) -> dict[AccountKey, Posted]:
    posted = {}
    for key, account in to.items():
        try:
            posted[key] = post(books.where(key), verb, account)
        except StoreError as error:
            books.unreadable[str(key)] = str(error)
    return posted


def _not_yet(key: AccountKey, to: Account, verb: Verb, at: int) -> str:
    money = f" for {_money(to)}" if is_desk(to) else ""
    back = "" if verb is Verb.RESUME else f"; `nija orders {key} --cancel` calls it back"
    return f"{key.label} ordered at {iso(at)}{money}, not done yet: it is done as soon as NIJA runs and can{back}"


def _patience(data_dir: Path, patience: float, keys: set[AccountKey]) -> float:
    """Real seconds that an answer is waited for: none when no daemon runs, longer while one of these brokers is connecting."""
    daemon = running_daemon(data_dir)
    if daemon is None:
        return 0.0
    connecting = {key for key, report in daemon.items() if report.connecting}
    return max(patience, STARTING) if connecting & keys else patience


# -- which still wait -------------------------------------------------------------------------------------------------
def show_waiting(books: Books, key: AccountKey | None, *, cancel: bool, as_json: bool) -> None:
    """Print the orders that nobody has obeyed yet, called back where that is wished. Raises `StoreError`."""
    found = [one for one in waiting(books) if key in (None, one.to.key)]
    if cancel:
        call_back(found, "called back by the operator")
    if as_json:
        typer.echo(json.dumps({"waiting": [_row(one, cancel=cancel) for one in found]}, indent=2))
        return
    for one in found:
        end = "called back" if cancel else "waits"
        typer.echo(f"{one.to.key.label} {one.verb} ordered at {iso(one.posted_at)} for {_money(one.to)}: {end}")
    if cancel and any(one.verb is not Verb.RESUME for one in found):
        typer.echo("what had begun already keeps entries paused until `nija resume`")
    if not found:
        typer.echo("no order of yours waits")


def _row(one: Waiting, *, cancel: bool) -> dict[str, object]:
    return {
        "broker": str(one.to.key),
        "mode": one.to.mode,
        "verb": str(one.verb),
        "ordered_at": iso(one.posted_at),
        "called_back": cancel,
    }
