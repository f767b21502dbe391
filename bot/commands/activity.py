"""Activity: who trades right now, from the database and the heartbeat alone; works beside a running daemon.

A broker that failed before its account was known is told too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.console import Console
from rich.table import Table

from bot.commands.checks import Wish
from bot.commands.orders import not_traded
from bot.domain.clock import SECOND, iso, system_ms
from bot.domain.ids import AccountKey
from bot.domain.status import BrokerStatus, Status
from bot.runtime.heartbeat_file import out_of_reach, running_daemon
from bot.runtime.sandbox_child import is_alive
from bot.runtime.unwatched import Unwatched
from bot.settings.load import ConfigError, Settings, load_settings
from bot.store.database import StoreError
from bot.store.reader import Books
from bot.store.report import document

#: A trader that has not reported for so long (wall ms) does not trade.
SILENT = 120 * SECOND
#: Orders that are shown for each broker.
LATEST = 5


@dataclass(frozen=True, slots=True)
class Activity:
    """One broker; by default one that has never been seen to run. `trades_now` means that its thread lives and may enter."""

    broker: str
    trades_now: bool = False
    status: str = "not running"
    reason: str = ""
    open_positions: int = 0
    last_cycle: str = "never"
    cycles: int = 0
    cycles_ok: int = 0
    orders: tuple[dict[str, Any], ...] = ()


def main(wish: Wish) -> int:
    """Print who trades; 0 when every known broker does, 1 otherwise, 2 for a wrong configuration."""
    try:
        settings = load_settings()
        lost = out_of_reach(settings.operation.data_dir)
        found = activities(settings)
    except ConfigError as error:
        for line in error.lines:
            print(f"nija: {line}", file=sys.stderr)
        return 2
    except StoreError as error:
        print(f"nija: {error}", file=sys.stderr)
        return 1
    if lost is not None:
        print(f"nija: {lost}", file=sys.stderr)
        return 1
    _say(wish, found)
    return 0 if found and all(one.trades_now for one in found) else 1


def activities(settings: Settings) -> list[Activity]:
    """Every current account's activity, a line for each database that cannot be read; raises `StoreError` when none can."""
    url = settings.operation.database_url
    books = Books(settings.operation.data_dir, url.get_secret_value() if url is not None else None)
    reports = books.statuses()
    brokers: dict[str, Any] = document(books)["brokers"]
    for line in books.unreadable.values():
        print(f"nija: {line}", file=sys.stderr)
    running = {str(key): report for key, report in (running_daemon(settings.operation.data_dir) or {}).items()}
    known = [to_activity(name, reports.get(AccountKey.parse(name)), brokers[name]) for name in brokers]
    found = [_failed(one, running[one.broker]) if one.broker in running else one for one in known]
    found += [_unheard(report) for name, report in running.items() if name not in brokers]
    alone = [_unwatched(one, found, running) for one in not_traded(settings, books, None)]
    told = {one.broker for one in alone}
    return [*(one for one in found if one.broker not in told), *alone]


def _unwatched(one: Unwatched, found: Sequence[Activity], running: Collection[str]) -> Activity:
    """An account whose positions nobody watches, in the place of its key's stale row where that is not traded at all."""
    key = str(one.account.key)
    name = f"{key} ({one.account.mode})" if key in running else key
    before = next((row for row in found if row.broker == name), Activity(name))
    reason = f"{one.reason}: {one.remedy}"
    return replace(before, status="unwatched", reason=reason, open_positions=len(one.positions), trades_now=False)


def _failed(known: Activity, report: BrokerStatus) -> Activity:
    """The same, unless the daemon says that this broker does not live."""
    if report.status is not Status.FAILED:
        return known
    return replace(known, trades_now=False, status=report.status, reason=_reason(report))


def _unheard(report: BrokerStatus) -> Activity:
    """A broker that no account is known of yet."""
    return replace(Activity(str(report.key)), status=report.status, reason=_reason(report))


def _reason(report: BrokerStatus) -> str:
    return f"{report.reason}: {report.remedy}" if report.remedy else report.reason


def to_activity(broker: str, report: BrokerStatus | None, book: dict[str, Any]) -> Activity:
    """What its trader last reported (None: nothing yet), beside what its book (of `nija ledger --json`) holds."""
    trader = replace(Activity(broker), open_positions=len(book["positions"]), orders=tuple(book["orders"][-LATEST:]))
    if report is None:
        return trader
    alive = is_alive(report.pid) and system_ms() - report.at < SILENT
    return replace(
        trader,
        trades_now=alive and report.status is Status.HEALTHY,
        status=report.status if alive else trader.status,
        reason=report.reason,
        last_cycle=iso(report.last_good_cycle) if report.last_good_cycle else trader.last_cycle,
        cycles=report.cycles,
        cycles_ok=report.cycles_ok,
    )


def _say(wish: Wish, found: Sequence[Activity]) -> None:
    if wish.as_json:
        content = {"time": iso(system_ms()), "brokers": {one.broker: asdict(one) for one in found}}
        print(json.dumps(content, indent=2))
        return
    console = Console(width=None if sys.stdout.isatty() else 160)
    if not found:
        console.print("Nobody trades: NIJA has not started here yet (./start.sh).")
    table = Table("broker", "trades now", "status", "positions", "last good cycle", "cycles", title="who trades now")
    for one in found:
        state = f"{one.status} ({one.reason})" if one.reason else one.status
        yes = "yes" if one.trades_now else "no"
        cycles = f"{one.cycles_ok}/{one.cycles}"
        table.add_row(one.broker.upper(), yes, state, str(one.open_positions), one.last_cycle, cycles)
    if found:
        console.print(table)
    for one in found:
        for order in one.orders:
            text = f"{order['created_at']} {order['purpose']} {order['side']} {order['qty']} {order['symbol']} {order['status']}"
            console.print(f"{one.broker.upper()} {text}", highlight=False)
