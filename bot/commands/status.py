"""The document behind `nija status`: what is running, each account's state and why, its results, positions and alarms.

It is made from the databases, the heartbeat and the kept alarms alone, so it works whether the daemon is running or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.commands.orders import not_traded
from bot.commands.presence import Presence
from bot.domain.clock import iso
from bot.domain.ids import Account, AccountKey
from bot.domain.money import plain, to_places
from bot.domain.status import BrokerStatus, Status
from bot.runtime.unwatched import Unwatched
from bot.settings.load import Settings
from bot.store import account_state
from bot.store.account_transaction import Transaction
from bot.store.health import status_of
from bot.store.pending_commands import PendingCommand, waiting
from bot.store.reader import Books, Seen
from bot.store.report import Held, held_by, price_text
from bot.telemetry.alarm_file import KeptAlarm, last_alarms

#: Alarms to show for each account.
ALARMS = 5
#: The columns of `nija status --csv`: one line for each account.
COLUMNS = (
    "broker",
    "mode",
    "status",
    "reason",
    "since",
    "equity_usd",
    "cash_usd",
    "today_usd",
    "week_usd",
    "open_positions",
    "unrealised_usd",
    "measured_at",
)

_Row = dict[str, Any]


def status(settings: Settings, books: Books, here: Presence, key: AccountKey | None = None) -> _Row:
    """The document of `nija status --json`; raises `StoreError` when no database can be read."""
    accounts = {name: entry for name, entry in _accounts(settings, books, here).items() if key in (None, key_in(name))}
    orders, alarms = waiting(books), last_alarms(settings.operation.data_dir)
    for name, entry in accounts.items():
        whose = (key_in(name), entry["mode"])
        entry["waiting_orders"] = [_order(one) for one in orders if (one.to.key, one.to.mode) == whose]
        entry["alarms"] = _last(alarms, key_in(name).label)
    modes = {entry["mode"] for entry in accounts.values()}
    return {
        **here.heading(),
        "since": iso(here.word.started) if here.word is not None and here.running else None,
        "mode": ("sandbox" if modes == {"sandbox"} else "live") if modes else None,
        "accounts": accounts,
        "alarms": _last(alarms, ""),
    }


def key_in(name: str) -> AccountKey:
    """The key in an account's name here: `kraken`, or `kraken (live)` if the same key also trades in another mode."""
    return AccountKey.parse(name.partition(" ")[0])


def csv_rows(accounts: Mapping[str, Mapping[str, Any]]) -> list[_Row]:
    """The lines of `nija status --csv`."""
    return [
        {
            **entry,
            "broker": name,
            "open_positions": len(entry["positions"]),
            "unrealised_usd": _sum(entry["positions"]),
        }
        for name, entry in accounts.items()
    ]


def _sum(positions: Sequence[Mapping[str, Any]]) -> str | None:
    results = [one["unrealised_usd"] for one in positions]
    return None if None in results else plain(sum(map(Decimal, results), Decimal(0)))


# -- which accounts -----------------------------------------------------------------------------------------------
def _accounts(settings: Settings, books: Books, here: Presence) -> dict[str, _Row]:
    """The accounts traded now, or those traded last; then those with positions that nobody watches."""
    found = _traded(books, here) if here.running else _last_traded(books, here)
    for one in not_traded(settings, books, None):
        name, mode = str(one.account.key), one.account.mode
        if name in found and found[name]["mode"] != mode:
            name = f"{name} ({mode})"
        found[name] = _unwatched(books, one)
    return found


def _traded(books: Books, here: Presence) -> dict[str, _Row]:
    known = books.accounts(every=True)
    word = here.word.brokers if here.word is not None else {}
    return {str(key): _account(books, report, _book_of(report, known)) for key, report in word.items()}


def _book_of(report: BrokerStatus, known: Sequence[Seen]) -> Seen | None:
    """The account that a running daemon trades, as found in the databases; while that is not known, the last one under its key."""
    for one in known:
        fits = (one.account.key, one.account.mode) == (report.key, report.mode)
        if fits and report.account in ("", str(one.account)):
            return one
    return None


def _last_traded(books: Books, here: Presence) -> dict[str, _Row]:
    found = {}
    for seen in books.accounts():
        key, mode = seen.account.key, seen.account.mode
        report = here.report_of(key, mode) or BrokerStatus(key, Status.DEGRADED, mode=mode)
        found[str(key)] = _account(books, report, seen)
    return found


def _unwatched(books: Books, one: Unwatched) -> _Row:
    report = BrokerStatus(one.account.key, Status.DEGRADED, mode=one.account.mode)
    return _account(books, report, one.seen) | {
        "status": "unwatched",
        "reason": f"{one.reason}: {one.remedy}",
        "since": None,
    }


# -- what is said of one ------------------------------------------------------------------------------------------
def _account(books: Books, report: BrokerStatus, seen: Seen | None) -> _Row:
    """One account: the status from the daemon, money and positions from its ledger."""
    said, held, paused = _read(books, seen)
    if said is not None and not report.since:
        report = replace(said, mode=report.mode)
    measured = said if said is not None and said.measured_at else None
    return {
        "mode": report.mode,
        "status": str(report.status),
        "reason": report.reason,
        "remedy": report.remedy,
        "paused": paused,
        "evidence": report.evidence or None,
        "since": iso(report.since) if report.since else None,
        "equity_usd": plain(measured.equity_usd) if measured else None,
        "cash_usd": plain(measured.balance_usd) if measured else None,
        "today_usd": _amount(measured.today_usd if measured else None),
        "week_usd": _amount(measured.week_usd if measured else None),
        "measured_at": iso(measured.measured_at) if measured else None,
        "positions": [_position(one, measured.prices.get(one.position.symbol) if measured else None) for one in held],
    }


def _read(books: Books, seen: Seen | None) -> tuple[BrokerStatus | None, list[Held], bool]:
    """The trader's status, the positions and whether the owner has paused it, from its ledger; nothing if there is none or it
    cannot be read."""
    if seen is None:
        return None, [], False
    return books.read(seen, lambda tx: _of_page(seen.account, tx)) or (None, [], False)


def _of_page(account: Account, tx: Transaction) -> tuple[BrokerStatus | None, list[Held], bool]:
    return status_of(account, tx), held_by(tx), "paused" in account_state.all_of(tx)


def _position(held: Held, price: Decimal | None) -> _Row:
    one = held.position
    return {
        "symbol": one.symbol,
        "side": str(one.side),
        "qty": plain(one.qty),
        "entry_price": price_text(one.entry_price),
        "price": price_text(price),
        "stop": price_text(held.stop),
        "unrealised_usd": None if price is None else plain(to_places(one.unrealised(price), 8)),
        "opened_at": iso(one.opened_at),
    }


def _order(one: PendingCommand) -> _Row:
    return {"verb": str(one.verb), "ordered_at": iso(one.posted_at)}


def _last(alarms: Sequence[KeptAlarm], label: str) -> list[_Row]:
    """The last alarms of an account, or of the daemon as a whole, newest first."""
    mine = [one for one in alarms if one.broker == label]
    return [{"at": iso(one.at), "text": one.text} for one in reversed(mine[-ALARMS:])]


def _amount(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
