"""Activity: who trades right now, from the database and the heartbeat alone; works beside a running daemon.

A broker that failed before its account was known is told too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rich.console import Console
from rich.table import Table

from bot.domain.clock import SECOND, iso, system_ms
from bot.domain.ids import AccountKey
from bot.operate.checks import Wish
from bot.operate.heartbeat_file import Beat, out_of_reach, running_daemon
from bot.operate.orders import not_traded
from bot.operate.unwatched import Unwatched
from bot.sandbox_child import is_alive
from bot.settings import ConfigError, Settings, load_settings
from bot.store.database import StoreError
from bot.store.health import Health
from bot.store.reader import Books
from bot.store.report import document

#: A trader that has not reported for so long (wall ms) does not trade.
SILENT = 120 * SECOND
#: Orders that are shown for each broker.
LATEST = 5


@dataclass(frozen=True, slots=True)
class Activity:
    """One broker. `trades_now` means that its thread lives and may enter; times ISO 8601 or "never"."""

    broker: str
    trades_now: bool
    status: str
    reason: str
    open_positions: int
    last_cycle: str
    cycles: int
    cycles_ok: int
    orders: tuple[dict[str, Any], ...]


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
    reports = books.health()
    brokers: dict[str, Any] = document(books)["brokers"]
    for line in books.unreadable.values():
        print(f"nija: {line}", file=sys.stderr)
    daemon = running_daemon(settings.operation.data_dir)
    beats = {str(key): beat for key, beat in daemon.brokers.items()} if daemon is not None else {}
    known = [_activity(name, brokers[name], reports.get(AccountKey.parse(name))) for name in brokers]
    found = [_failed(one, beats[one.broker]) if one.broker in beats else one for one in known]
    found += [_unheard(name, beat) for name, beat in beats.items() if name not in brokers]
    alone = [_unwatched(one, found, beats) for one in not_traded(settings, books, None)]
    told = {one.broker for one in alone}
    return [*(one for one in found if one.broker not in told), *alone]


def _unwatched(one: Unwatched, found: Sequence[Activity], beats: Mapping[str, Beat]) -> Activity:
    """An account whose positions nobody watches, in the place of its key's stale row where that is not traded at all."""
    key = str(one.account.key)
    name = f"{key} ({one.account.mode})" if key in beats else key
    before = next((row for row in found if row.broker == name), _nobody(name))
    reason = f"{one.reason}: {one.remedy}"
    return replace(before, status="unwatched", reason=reason, open_positions=len(one.positions), trades_now=False)


def _failed(known: Activity, beat: Beat) -> Activity:
    """The same, unless the daemon says that this broker does not live."""
    if beat.status != "failed":
        return known
    return replace(known, trades_now=False, status=beat.status, reason=_reason(beat))


def _unheard(name: str, beat: Beat) -> Activity:
    """A broker that no account is known of yet."""
    return replace(_nobody(name), status=beat.status, reason=_reason(beat))


def _nobody(broker: str) -> Activity:
    """A broker of which nothing is known."""
    return Activity(
        broker=broker,
        trades_now=False,
        status="not running",
        reason="",
        open_positions=0,
        last_cycle="never",
        cycles=0,
        cycles_ok=0,
        orders=(),
    )


def _reason(beat: Beat) -> str:
    return f"{beat.reason}: {beat.remedy}" if beat.remedy else beat.reason


def _activity(name: str, book: dict[str, Any], health: Health | None) -> Activity:
    alive = health is not None and is_alive(health.pid) and system_ms() - health.heartbeat < SILENT
    status = health.status if health is not None else "failed"
    return Activity(
        broker=name,
        trades_now=alive and status == "healthy",
        status=status if alive else "not running",
        reason=str(health.details.get("reason", "")) if health is not None else "",
        open_positions=len(book["positions"]),
        last_cycle=iso(health.last_good_cycle) if health is not None and health.last_good_cycle else "never",
        cycles=health.cycles if health is not None else 0,
        cycles_ok=health.cycles_ok if health is not None else 0,
        orders=tuple(book["orders"][-LATEST:]),
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
