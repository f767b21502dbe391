"""The operator's commands on the command line: which accounts they go to, their results, and which are still pending.

A command goes to the money that the running daemon trades, otherwise to what `.env` says; never to play money while real money
is traded. A running broker gets it under the account that it trades. Any other finds it under its key and mode, such as
"kraken, live", before its first entry.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import typer

from bot.domain.clock import iso
from bot.domain.events import Command, Verb
from bot.domain.ids import Account, AccountKey
from bot.domain.position import Position
from bot.domain.status import BrokerStatus, Status
from bot.runtime.heartbeat_file import running_daemon
from bot.runtime.hostlock import holder_of, itself
from bot.runtime.trading_environment import mode_of
from bot.runtime.unwatched import Unwatched, traded_by, unwatched
from bot.settings.load import VENUES, ConfigError, Mode, Settings, resolve_mode
from bot.store.database import StoreError
from bot.store.holdings import open_positions
from bot.store.pending_commands import (
    BY_RESUME,
    PendingCommand,
    call_back,
    is_done,
    is_unassigned,
    post,
    unassigned,
    waiting,
)
from bot.store.reader import Books, Posted

#: Real seconds that a command waits for a broker that is just connecting, and for one that has failed.
STARTING, FAILED = 45.0, 3.0
#: Real seconds after which the reason for the wait is printed.
FIRST_WORD = 2.0
#: The exit status of a command that was accepted but not carried out: not yet, or it was cancelled.
WAITS = 4
_TURN = 0.1


def addressees(settings: Settings, books: Books, key: AccountKey | None) -> dict[AccountKey, Account]:
    """The accounts a command goes to: those of a running daemon, otherwise unassigned ones. Raises `ConfigError`."""
    daemon = running_daemon(settings.operation.data_dir)
    found = _of_daemon(daemon, settings) if daemon is not None else _of_settings(settings, books, key)
    return {one: to for one, to in found.items() if key in (None, one)}


def _of_daemon(brokers: Mapping[AccountKey, BrokerStatus], settings: Settings) -> dict[AccountKey, Account]:
    return {key: _at_work(report, settings) for key, report in brokers.items()}


def _at_work(report: BrokerStatus, settings: Settings) -> Account:
    """The account that a running broker trades; unassigned while that is not known."""
    if report.account:
        return Account.read(report.account)
    return unassigned(report.mode or mode_of(report.key, settings), report.key)


def _of_settings(settings: Settings, books: Books, key: AccountKey | None) -> dict[AccountKey, Account]:
    """Unassigned accounts for what the next start trades with the owner's money, otherwise for those traded in the sandbox before.
    If there are none of these, for all current accounts.
    """
    known = [seen.account for seen in books.accounts(every=True)]
    if resolve_mode(settings) is Mode.LIVE or not known:
        return _unassigned(traded_by(settings))
    played = {("sandbox", one.key) for one in known if one.mode == "sandbox"}
    if key is not None and not any(one.key == key for one in known):
        played.add(("sandbox", key))
    if any(key in (None, one) for _, one in played):
        return _unassigned(played)
    return _unassigned({(seen.account.mode, seen.account.key) for seen in books.accounts()})


def _unassigned(of: set[tuple[str, AccountKey]]) -> dict[AccountKey, Account]:
    """One for each mode and key."""
    ordered = sorted(of, key=lambda one: (VENUES.index(one[1].venue), one[1].name))
    return {key: unassigned(mode, key) for mode, key in ordered}


def worded(to: Mapping[AccountKey, Account]) -> str:
    """The accounts as text, for a question to the operator."""
    return ", ".join(f"{key.label} ({_money(account)})" for key, account in to.items())


def _money(account: Account) -> str:
    return "YOUR MONEY" if account.mode == "live" else f"{account.mode} play money"


def not_traded(settings: Settings, books: Books, key: AccountKey | None) -> list[Unwatched]:
    """Accounts with positions that no command can reach, because they are not traded. Raises `StoreError`."""
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
    settings: Settings, books: Books, command: Command, to: Mapping[AccountKey, Account], patience: float
) -> int:
    """Post a command to each account, wait for the answers, and print them; returns the exit status.

    A database that cannot be written is listed in `books.unreadable`. Ctrl-C ends the wait, but does not cancel the command.
    """
    data_dir = settings.operation.data_dir
    before = _overridden(books, command, to)
    posted = _posted(books, command, to)
    _print_cancelled(books, before)
    left, cancelled = dict(posted), False
    began, explained = time.monotonic(), False
    with suppress(KeyboardInterrupt):
        while left:
            cancelled |= not _print_answers(books, left)
            passed = time.monotonic() - began
            if passed >= _patience(data_dir, patience, set(left)):
                break
            if passed >= FIRST_WORD and not explained:
                explained = True
                for key in left:
                    typer.echo(
                        f"{key.label} accepted; {_why_not_yet(data_dir, key)} (Ctrl-C ends the wait, not the command)"
                    )
            time.sleep(_TURN)
    for key, at in left.items():
        typer.echo(_not_yet(key, to[key], command.verb, books.reply(at).posted_at, _why_not_yet(data_dir, key)))
    if len(posted) < len(to):
        return 1
    return WAITS if left or cancelled else 0


def _posted(books: Books, command: Command, to: Mapping[AccountKey, Account]) -> dict[AccountKey, Posted]:
    posted = {}
    for key, account in to.items():
        try:
            posted[key] = post(books.where(key), command.verb, account, command.symbol, command.detail)
        except StoreError as error:
            books.unreadable[str(key)] = str(error)
    return posted


def _print_answers(books: Books, left: dict[AccountKey, Posted]) -> bool:
    """Print the answers that have arrived, and remove them from `left`; returns whether each was carried out."""
    done = True
    for key, at in list(left.items()):
        if (result := books.reply(at).result) is not None:
            typer.echo(f"{key.label} {result}")
            del left[key]
            done &= is_done(result)
    return done


def _overridden(books: Books, command: Command, to: Mapping[AccountKey, Account]) -> list[PendingCommand]:
    """The pending commands that a resume may cancel."""
    if command.verb is not Verb.RESUME:
        return []
    return [one for one in waiting(books) if one.to.key in to and one.verb in (Verb.PAUSE, Verb.FLATTEN)]


def _print_cancelled(books: Books, before: Sequence[PendingCommand]) -> None:
    for one in before:
        if books.reply(one.at).result == BY_RESUME:
            typer.echo(f"{one.to.key.label} {one.verb} given at {iso(one.posted_at)}: cancelled")


def _not_yet(key: AccountKey, to: Account, verb: Verb, at: int, why: str) -> str:
    money = f" for {_money(to)}" if is_unassigned(to) else ""
    back = "" if verb is Verb.RESUME else f"; `nija orders {key} --cancel` cancels it"
    return f"{key.label} accepted at {iso(at)}{money}, not executed yet: {why}{back}"


def _why_not_yet(data_dir: Path, key: AccountKey) -> str:
    """Why a command has not been executed yet."""
    daemon = running_daemon(data_dir)
    report = None if daemon is None else daemon.get(key)
    if report is None:
        return "NIJA is not running; it executes this at the next start, before any entry"
    if report.connecting:
        return "NIJA is just connecting; it executes this next, before any entry"
    if report.status is Status.FAILED:
        return f"the account has failed: {report.reason}; NIJA executes this once that is over, before any entry"
    if report.status is Status.DEGRADED:
        return f"the exchange does not respond properly: {report.reason}; NIJA keeps trying"
    return "NIJA keeps trying"


def when_obeyed(settings: Settings) -> str:
    """A note for a question to the operator: when the command is executed if NIJA is not running."""
    return (
        ""
        if _is_running(settings.operation.data_dir)
        else " (NIJA is not running: at the next start, whenever that is)"
    )


def _is_running(data_dir: Path) -> bool:
    """Whether a NIJA is running on this data folder, even if it cannot write its heartbeat."""
    return running_daemon(data_dir) is not None or holder_of(itself(data_dir)) is not None


def _patience(data_dir: Path, patience: float, keys: set[AccountKey]) -> float:
    """Real seconds to wait for an answer: none if no daemon is running, few if these brokers have failed, more while one is
    connecting.
    """
    daemon = running_daemon(data_dir)
    if daemon is None:
        return patience if _is_running(data_dir) else 0.0
    reports = [report for key, report in daemon.items() if key in keys]
    if any(report.connecting for report in reports):
        return max(patience, STARTING)
    down = bool(reports) and all(report.status is Status.FAILED for report in reports)
    return min(patience, FAILED) if down else patience


# -- which position ---------------------------------------------------------------------------------------------------
def holder(books: Books, to: Mapping[AccountKey, Account], symbol: str) -> tuple[AccountKey, Position]:
    """The account that holds a position, and the position. Raises `StoreError` if none does, `ConfigError` if several do."""
    held = [(key, one) for key, account in to.items() for one in _held(books, account)]
    found = [(key, one) for key, one in held if one.symbol == symbol]
    if len(found) == 1:
        return found[0]
    if found:
        which = " and ".join(key.label for key, _ in found)
        raise ConfigError([f"{symbol} is held at {which}: name one with --broker"])
    others = ", ".join(f"{one.symbol} ({key.label})" for key, one in held)
    raise StoreError(f"no position in {symbol} is open{f': there are {others}' if others else ''}")


def _held(books: Books, account: Account) -> list[Position]:
    """The open positions of an account; for an unassigned one, those of the last account traded under its key."""
    seen = books.accounts(every=True)
    mine = [one for one in seen if account in (one.account, unassigned(one.account.mode, one.account.key))]
    return books.read(mine[0], open_positions) or [] if mine else []


# -- which still wait -------------------------------------------------------------------------------------------------
def show_waiting(books: Books, key: AccountKey | None, *, cancel: bool, as_json: bool) -> None:
    """Print the commands that were not executed yet, and cancel them if `cancel` is set. Raises `StoreError`."""
    found = [one for one in waiting(books) if key in (None, one.to.key)]
    if cancel:
        call_back(found, "cancelled by the operator")
    if as_json:
        typer.echo(json.dumps({"waiting": [_row(one, cancel=cancel) for one in found]}, indent=2))
        return
    for one in found:
        end = "cancelled" if cancel else "pending"
        what = " ".join(filter(None, (one.verb, one.command.symbol)))
        typer.echo(f"{one.to.key.label} {what} given at {iso(one.posted_at)} for {_money(one.to)}: {end}")
    if cancel and any(one.verb in (Verb.PAUSE, Verb.FLATTEN) for one in found):
        typer.echo("a pause or flatten that had already begun keeps entries paused until `nija resume`")
    if not found:
        typer.echo("none of your commands is pending")


def _row(one: PendingCommand, *, cancel: bool) -> dict[str, object]:
    return {
        "broker": str(one.to.key),
        "mode": one.to.mode,
        "verb": str(one.verb),
        "symbol": one.command.symbol or None,
        "ordered_at": iso(one.posted_at),
        "called_back": cancel,
    }
