"""The operator's orders from the command line: to whom they go, what became of them, and which still wait.

An order belongs to the money that the running daemon trades, else to what `.env` says; never to play money while real
money is traded. A broker at work gets it as the account that it trades; any other finds it at its exchange's desk before
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
from bot.domain.ids import Account
from bot.domain.status import BrokerStatus
from bot.operate.heartbeat_file import running_daemon
from bot.operate.unwatched import Unwatched, traded_by, unwatched
from bot.settings import VENUES, ConfigError, Mode, Settings, resolve_mode
from bot.store.database import StoreError
from bot.store.reader import Books, Posted
from bot.store.standing import Waiting, call_back, desk, is_desk, post, waiting
from bot.world import mode_of

#: Real seconds that a command waits for a broker that is just connecting.
STARTING = 45.0
_TURN = 0.1


def addressees(settings: Settings, books: Books, venue: str | None) -> dict[str, Account]:
    """Whom an order goes to, by venue: accounts of a running daemon, else desks. Raises `ConfigError`."""
    daemon = running_daemon(settings.operation.data_dir)
    found = _of_daemon(daemon, settings) if daemon is not None else _of_settings(settings, books, venue)
    return {name: to for name, to in found.items() if venue in (None, name)}


def _of_daemon(brokers: Mapping[str, BrokerStatus], settings: Settings) -> dict[str, Account]:
    return {venue: _at_work(report, settings) for venue, report in brokers.items()}


def _at_work(report: BrokerStatus, settings: Settings) -> Account:
    """The account that a running broker trades; its desk while that is not known."""
    return (
        Account.read(report.account)
        if report.account
        else desk(report.mode or mode_of(report.broker, settings), report.broker)
    )


def _of_settings(settings: Settings, books: Books, venue: str | None) -> dict[str, Account]:
    """Desks of what the next start trades with the owner's money, or of what was played with; where nobody ever played, of the
    accounts that there are.
    """
    if resolve_mode(settings) is Mode.LIVE:
        return _desks(traded_by(settings))
    known = [seen.account for seen in books.accounts(every=True)]
    played = {("sandbox", one.venue) for one in known if one.mode == "sandbox"}
    if venue is not None and not any(one.venue == venue for one in known):
        played.add(("sandbox", venue))
    if any(venue in (None, name) for _, name in played):
        return _desks(played)
    return _desks({(seen.account.mode, seen.account.venue) for seen in books.accounts()})


def _desks(of: set[tuple[str, str]]) -> dict[str, Account]:
    """One for each mode and venue."""
    return {venue: desk(mode, venue) for mode, venue in sorted(of, key=lambda one: VENUES.index(one[1]))}


def worded(to: Mapping[str, Account]) -> str:
    """Who is meant, for a question to the operator."""
    return ", ".join(f"{venue.upper()} ({_money(account)})" for venue, account in to.items())


def _money(account: Account) -> str:
    return "YOUR MONEY" if account.mode == "live" else f"{account.mode}: play money"


def not_traded(settings: Settings, books: Books, venue: str | None) -> list[Unwatched]:
    """Accounts with positions that no order can reach, since nobody trades them. Raises `StoreError`."""
    try:
        traded = _traded(settings)
    except ConfigError:
        return []
    return [one for one in unwatched(books, traded) if venue in (None, one.account.venue)]


def _traded(settings: Settings) -> set[tuple[str, str]]:
    daemon = running_daemon(settings.operation.data_dir)
    if daemon is None:
        return traded_by(settings)
    return {(report.mode or mode_of(venue, settings), venue) for venue, report in daemon.items()}


# -- what became of them ----------------------------------------------------------------------------------------------
def carried_out(settings: Settings, books: Books, verb: Verb, to: Mapping[str, Account], patience: float) -> bool:
    """Post an order to each, wait for the answers, and print what became of it; whether all are done.

    A database that cannot be written is told of in `books.unreadable`.
    """
    posted = _posted(books, verb, to)
    left = dict(posted)
    began = time.monotonic()
    while left:
        for venue, at in list(left.items()):
            if (result := books.reply(at).result) is not None:
                typer.echo(f"{venue.upper()} {result}")
                del left[venue]
        if time.monotonic() - began >= _patience(settings.operation.data_dir, patience, set(left)):
            break
        time.sleep(_TURN)
    for venue, at in left.items():
        typer.echo(_not_yet(venue, to[venue], verb, books.reply(at).posted_at))
    return len(posted) == len(to) and not left


def _posted(books: Books, verb: Verb, to: Mapping[str, Account]) -> dict[str, Posted]:
    posted = {}
    for venue, account in to.items():
        try:
            posted[venue] = post(books.where(venue), verb, account)
        except StoreError as error:
            books.unreadable[venue] = str(error)
    return posted


def _not_yet(venue: str, to: Account, verb: Verb, at: int) -> str:
    money = f" for {_money(to)}" if is_desk(to) else ""
    back = "" if verb is Verb.RESUME else f"; `nija orders {venue} --cancel` calls it back"
    return f"{venue.upper()} ordered at {iso(at)}{money}, not done yet: it is done as soon as NIJA runs and can{back}"


def _patience(data_dir: Path, patience: float, venues: set[str]) -> float:
    """Real seconds that an answer is waited for: none when no daemon runs, longer while one of these brokers is connecting."""
    daemon = running_daemon(data_dir)
    if daemon is None:
        return 0.0
    connecting = {venue for venue, report in daemon.items() if report.connecting}
    return max(patience, STARTING) if connecting & venues else patience


# -- which still wait -------------------------------------------------------------------------------------------------
def show_waiting(books: Books, venue: str | None, *, cancel: bool, as_json: bool) -> None:
    """Print the orders that nobody has obeyed yet, called back where that is wished. Raises `StoreError`."""
    found = [one for one in waiting(books) if venue in (None, one.to.venue)]
    if cancel:
        call_back(found, "called back by the operator")
    if as_json:
        typer.echo(json.dumps({"waiting": [_row(one, cancel=cancel) for one in found]}, indent=2))
        return
    for one in found:
        end = "called back" if cancel else "waits"
        typer.echo(f"{one.to.venue.upper()} {one.verb} ordered at {iso(one.posted_at)} for {_money(one.to)}: {end}")
    if cancel and any(one.verb is not Verb.RESUME for one in found):
        typer.echo("what had begun already keeps entries paused until `nija resume`")
    if not found:
        typer.echo("no order of yours waits")


def _row(one: Waiting, *, cancel: bool) -> dict[str, object]:
    return {
        "broker": one.to.venue,
        "mode": one.to.mode,
        "verb": str(one.verb),
        "ordered_at": iso(one.posted_at),
        "called_back": cancel,
    }
