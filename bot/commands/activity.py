"""Activity: which accounts trade right now, from the database and the heartbeat alone; works while the daemon is running.

It includes brokers that failed before their account was known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any

from bot.commands.checks import CheckOptions
from bot.commands.orders import not_traded
from bot.commands.presence import Presence, presence
from bot.commands.show import MARKET_TIMES, columns, complain, kind, moment, quiet_pipe, say, say_json, table
from bot.commands.which import books_of
from bot.domain.clock import SECOND, iso, system_ms
from bot.domain.ids import AccountKey
from bot.domain.money import as_quantity
from bot.domain.status import BrokerStatus, Status
from bot.runtime.heartbeat_file import out_of_reach, running_daemon
from bot.runtime.sandbox_child import is_alive
from bot.runtime.unwatched import Unwatched
from bot.settings.load import ConfigError, Settings, load_settings
from bot.store.database import StoreError
from bot.store.report import document

#: A trader that has not reported for this long (wall ms) does not trade.
SILENT = 120 * SECOND
#: Orders to show for each broker.
LATEST = 5


@dataclass(frozen=True, slots=True)
class Activity:
    """One broker, by default one that was never running. `trades_now` means that its thread is alive and may make entries."""

    broker: str
    trades_now: bool = False
    mode: str = ""
    status: str = "not running"
    reason: str = ""
    open_positions: int = 0
    last_cycle: str | None = None
    cycles: int = 0
    cycles_ok: int = 0
    orders: tuple[dict[str, Any], ...] = ()


@quiet_pipe()
def main(options: CheckOptions) -> int:
    """Print who trades; 0 when every known broker does, 1 otherwise, 2 for a wrong configuration."""
    try:
        settings = load_settings()
        lost = out_of_reach(settings.operation.data_dir)
        here = presence(settings, books_of(settings))
        found = activities(settings)
    except ConfigError as error:
        for line in error.lines:
            complain(line)
        return 2
    except StoreError as error:
        complain(str(error))
        return 1
    if lost is not None:
        complain(lost)
        return 1
    if options.as_json:
        say_json({"time": iso(system_ms()), **here.heading(), "brokers": {one.broker: asdict(one) for one in found}})
    else:
        show(found, here)
    return 0 if found and all(one.trades_now for one in found) else 1


def activities(settings: Settings) -> list[Activity]:
    """Every current account's activity; prints a line for each database that cannot be read. Raises `StoreError` when none can."""
    books = books_of(settings)
    reports = books.statuses()
    brokers: dict[str, Any] = document(books, latest=LATEST)["brokers"]
    for line in books.unreadable.values():
        complain(line)
    running = {str(key): report for key, report in (running_daemon(settings.operation.data_dir) or {}).items()}
    known = [to_activity(name, reports.get(AccountKey.parse(name)), brokers[name]) for name in brokers]
    known = [one for one in known if one.broker not in running or running[one.broker].mode in ("", one.mode)]
    found = [_failed(one, running[one.broker]) if one.broker in running else one for one in known]
    shown = {one.broker for one in found}
    found += [_unheard(report) for name, report in running.items() if name not in shown]
    alone = [_unwatched(one, found, running) for one in not_traded(settings, books, None)]
    shown = {one.broker for one in alone}
    return [*(one for one in found if one.broker not in shown), *alone]


def _unwatched(one: Unwatched, found: Sequence[Activity], running: Collection[str]) -> Activity:
    """An account whose positions nobody watches; it replaces the outdated row of its key if that key is not traded at all."""
    key = str(one.account.key)
    name = f"{key} ({one.account.mode})" if key in running else key
    before = next((row for row in found if row.broker == name), Activity(name))
    reason = f"{one.reason}: {one.remedy}"
    return replace(
        before,
        mode=one.account.mode,
        status="unwatched",
        reason=reason,
        open_positions=len(one.positions),
        trades_now=False,
    )


def _failed(known: Activity, report: BrokerStatus) -> Activity:
    """The same activity, unless the daemon reports that the broker has failed."""
    if report.status is not Status.FAILED:
        return known
    return replace(known, trades_now=False, status=report.status, reason=_reason(report))


def _unheard(report: BrokerStatus) -> Activity:
    """A broker whose account is not known yet."""
    return replace(Activity(str(report.key)), mode=report.mode, status=report.status, reason=_reason(report))


def _reason(report: BrokerStatus) -> str:
    return f"{report.reason}: {report.remedy}" if report.remedy else report.reason


def to_activity(broker: str, report: BrokerStatus | None, book: dict[str, Any]) -> Activity:
    """An activity from the trader's last report (None: nothing yet) and the account's part of `nija ledger --json`."""
    orders = tuple(book["orders"][-LATEST:])
    trader = replace(Activity(broker), mode=book["mode"], open_positions=len(book["positions"]), orders=orders)
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


def show(found: Sequence[Activity], here: Presence) -> None:
    """Print who trades, and the latest orders."""
    say(here.line)
    if found:
        say("")
        names = "broker, money, trades now, status, positions, last good cycle, cycles"
        table(columns(names, "positions, cycles"), [_row(one) for one in found], "who trades now")
        say(*(f"{one.broker.upper()}: {one.reason}" for one in found if one.reason))
    if any(one.orders for one in found):
        say("")
        rows = [_order_row(one.broker, order) for one in found for order in one.orders]
        table(columns("broker, created, purpose, side, qty, symbol, status", "qty"), rows, "the latest orders")
    if any(one.mode == "sandbox" and one.orders for one in found):
        say("", MARKET_TIMES)


def _row(one: Activity) -> tuple[str, ...]:
    return (
        one.broker.upper(),
        kind(one.mode),
        "yes" if one.trades_now else "no",
        one.status,
        str(one.open_positions),
        moment(one.last_cycle) if one.last_cycle else "none yet",
        f"{one.cycles_ok}/{one.cycles}",
    )


def _order_row(broker: str, order: Mapping[str, Any]) -> tuple[str, ...]:
    qty = as_quantity(Decimal(order["qty"]))
    return (
        broker.upper(),
        moment(order["created_at"]),
        order["purpose"],
        order["side"],
        qty,
        order["symbol"],
        order["status"],
    )
