"""Formats a broker's status: as a row of the heartbeat file, as one line for services, and as the status block of the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from bot.domain.clock import SECOND
from bot.domain.ids import AccountKey
from bot.domain.log import Event, Log
from bot.domain.money import as_price, as_quantity, plain, to_places, usd
from bot.domain.position import Position
from bot.domain.status import BrokerStatus, Holding, Status


def to_heartbeat(status: BrokerStatus) -> dict[str, Any]:
    """A broker's row in `heartbeat.json`."""
    return {
        "mode": status.mode,
        "account": status.account,
        "status": status.status,
        "reason": status.reason,
        "remedy": status.remedy,
        "gate": status.gate,
        "evidence": status.evidence,
        "errors": status.errors,
        "since": status.since,
        "silent_ms": status.silent_ms,
        "restarts": status.restarts,
        "stuck": status.stuck,
        "cycles": status.cycles,
        "late_ms": list(status.lateness),
    }


def from_heartbeat(key: AccountKey, row: Mapping[str, Any]) -> BrokerStatus:
    """Parse a row of `heartbeat.json`; raises KeyError, TypeError or ValueError for an invalid one."""
    return BrokerStatus(
        key=key,
        mode=str(row.get("mode", "")),
        account=str(row.get("account", "")),
        status=Status.read(str(row["status"])),
        reason=str(row["reason"]),
        remedy=str(row.get("remedy", "")),
        gate=str(row.get("gate", "")),
        evidence=str(row.get("evidence", "")),
        errors=int(row.get("errors", 0)),
        since=int(row.get("since", 0)),
        silent_ms=int(row["silent_ms"]),
        restarts=int(row.get("restarts", 0)),
        stuck=bool(row["stuck"]),
        cycles=int(row["cycles"]),
        lateness=tuple(int(ms) for ms in row.get("late_ms", ())),
    )


def to_sentence(statuses: Iterable[BrokerStatus], *, holdings: bool = True) -> str:
    """All brokers in one line without amounts, for services outside; play money is named. The heartbeat file knows no holdings."""
    return "; ".join(_shortly(one, holdings=holdings) for one in statuses)


def say(log: Log, statuses: Iterable[BrokerStatus], now: int) -> None:
    """Log the status block: all brokers as a small table, and each of its lines also as fields for programs; `now` is wall ms."""
    for one in statuses:
        _say_broker(log, one, now)
        for held in one.holdings:
            _say_holding(log, one.key, held)
        if one.foreign:
            amounts = {asset: plain(amount) for asset, amount in sorted(one.foreign.items())}
            text = ", ".join(f"{amount} {asset}" for asset, amount in amounts.items())
            log.info(Event.STATUS, text=f"  not ours, never touched: {text}", broker=one.key.label, foreign=amounts)
        if one.evidence:
            log.info(Event.STATUS, text=f"  evidence: {one.evidence}", broker=one.key.label, evidence=one.evidence)


def _say_broker(log: Log, one: BrokerStatus, now: int) -> None:
    known = bool(one.measured_at)
    log.info(
        Event.STATUS,
        text=_headline(one, now),
        broker=one.key.label,
        mode=one.mode,
        status=one.status,
        reason=one.reason,
        balance_usd=one.balance_usd if known else None,
        equity_usd=one.equity_usd if known else None,
        today_usd=one.today_usd,
        measured_s=_seconds(one.measured_at, now),
        positions=len(one.holdings),
        signals=one.signals,
        skipped=dict(one.skipped),
        cycles=one.cycles,
        cycles_ok=one.cycles_ok,
        reconciled_s=_seconds(one.last_reconciled, now),
    )


def _say_holding(log: Log, key: AccountKey, held: Holding) -> None:
    one, price = held.position, held.price
    log.info(
        Event.STATUS,
        text=_position(held),
        broker=key.label,
        symbol=one.symbol,
        side=one.side,
        qty=one.qty,
        entry=one.entry_price,
        price=price,
        stop=one.stop_price,
        unrealised_usd=to_places(one.unrealised(price), 8) if price is not None else None,
        stage=one.stage,
    )


def _shortly(status: BrokerStatus, *, holdings: bool) -> str:
    play = "" if status.mode in ("", "live") else f" ({status.mode})"
    verdict = f"{status.key.label}{play} {status.status}"
    if status.reason:
        return f"{verdict}: {status.reason}"
    if not holdings:
        return verdict
    held = len(status.holdings)
    return f"{verdict}, {held} position{'' if held == 1 else 's'}"


def _headline(status: BrokerStatus, now: int) -> str:
    parts = [
        f"{status.key.label:<8} {status.status:<9}",
        _money(status, now),
        f"positions {len(status.holdings)}",
        f"signals {status.signals}",
        f"skipped: {_counts(status.skipped)}",
        f"cycles {status.cycles_ok}/{status.cycles}",
        f"reconciled {ago(status.last_reconciled, now)}" if status.last_reconciled else "not reconciled yet",
    ]
    line = "  ".join(parts)
    return f"{line}  ({status.reason})" if status.reason else line


def _money(status: BrokerStatus, now: int) -> str:
    """What the account is worth. An old value is shown with its age; an unknown one is called unknown, not 0."""
    if not status.measured_at:
        return "balance unknown"
    text = f"balance {usd(status.balance_usd)}  equity {usd(status.equity_usd)}"
    return text if status.connected else f"{text} ({ago(status.measured_at, now)})"


def _position(held: Holding) -> str:
    one, price = held.position, held.price
    text = f"  {one.symbol:<10} {one.side:<4} {as_quantity(one.qty)} @ {as_price(one.entry_price)}"
    text += "  now unknown" if price is None else f"  now {as_price(price)} ({_gain(one, price):+.2f} %)"
    text += f"  stop {as_price(one.stop_price)}"
    text += "" if price is None else f"  unrealised {usd(one.unrealised(price))}"
    return f"{text}  targets reached {one.stage}"


def _gain(one: Position, price: Decimal) -> Decimal:
    return (price / one.entry_price - 1) * 100 if one.entry_price else Decimal(0)


def _counts(skipped: Mapping[str, int]) -> str:
    """How many signals each gate has blocked, largest count first."""
    most_first = sorted(skipped.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{gate} {count}" for gate, count in most_first) or "none"


def _seconds(then: int, now: int) -> int | None:
    return max(now - then, 0) // SECOND if then else None


def ago(then: int, now: int) -> str:
    """How long ago a wall time is, for people: `40 s ago`, `5 min ago`, `3 h ago`, `2 days ago`."""
    return f"{lasting(now - then)} ago"


def lasting(ms: int) -> str:
    """A time span for people: `40 s`, `5 min`, `3 h`, `2 days`."""
    seconds = max(ms, 0) // SECOND
    for unit, length, least in (("days", 86_400, 2 * 86_400), ("h", 3_600, 2 * 3_600), ("min", 60, 120)):
        if seconds >= least:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
