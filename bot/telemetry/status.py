"""The forms of a broker's status: a row of the heartbeat file, and lines of the status block for people who read the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from bot.domain.ids import AccountKey
from bot.domain.money import plain, shortened, usd
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
        "errors": status.errors,
        "silent_ms": status.silent_ms,
        "restarts": status.restarts,
        "stuck": status.stuck,
        "cycles": status.cycles,
        "late_ms": list(status.lateness),
    }


def from_heartbeat(key: AccountKey, row: Mapping[str, Any]) -> BrokerStatus:
    """What a row of `heartbeat.json` says; raises KeyError, TypeError or ValueError for one that is none."""
    return BrokerStatus(
        key=key,
        mode=str(row.get("mode", "")),
        account=str(row.get("account", "")),
        status=Status.read(str(row["status"])),
        reason=str(row["reason"]),
        remedy=str(row.get("remedy", "")),
        gate=str(row.get("gate", "")),
        errors=int(row.get("errors", 0)),
        silent_ms=int(row["silent_ms"]),
        restarts=int(row.get("restarts", 0)),
        stuck=bool(row["stuck"]),
        cycles=int(row["cycles"]),
        lateness=tuple(int(ms) for ms in row.get("late_ms", ())),
    )


def to_sentence(statuses: Iterable[BrokerStatus]) -> str:
    """All brokers in one line without amounts, for services outside; play money is named."""
    return "; ".join(_shortly(one) for one in statuses)


def to_lines(statuses: Iterable[BrokerStatus], now: int) -> list[str]:
    """The status block: all brokers on one small board; `now` is wall ms."""
    lines: list[str] = []
    for status in statuses:
        lines.append(_headline(status, now))
        lines += [_position(held) for held in status.holdings]
        if status.foreign:
            kept = ", ".join(f"{plain(amount)} {asset}" for asset, amount in sorted(status.foreign.items()))
            lines.append(f"  not ours, never touched: {kept}")
    return lines


def _shortly(status: BrokerStatus) -> str:
    play = "" if status.mode in ("", "live") else f" ({status.mode})"
    verdict = f"{status.key.label}{play} {status.status}"
    if status.reason:
        return f"{verdict}: {status.reason}"
    held = len(status.holdings)
    return f"{verdict}, {held} position{'' if held == 1 else 's'}"


def _headline(status: BrokerStatus, now: int) -> str:
    parts = [
        f"{status.key.label:<8} {status.status:<9}",
        f"balance {usd(status.balance_usd)}",
        f"equity {usd(status.equity_usd)}",
        f"positions {len(status.holdings)}",
        f"signals {status.signals}",
        f"skipped: {_counts(status.skipped)}",
        f"cycles {status.cycles_ok}/{status.cycles}",
        f"reconciled {_age(status.last_reconciled, now)} ago",
    ]
    line = "  ".join(parts)
    return f"{line}  ({status.reason})" if status.reason else line


def _position(held: Holding) -> str:
    one, price = held.position, held.price
    gain = (price / one.entry_price - 1) * 100 if one.entry_price else Decimal(0)
    return (
        f"  {one.symbol:<10} {one.side:<4} {plain(one.qty)} @ {plain(shortened(one.entry_price))}"
        f"  now {plain(shortened(price))} ({gain:+.2f} %)  stop {plain(shortened(one.stop_price))}"
        f"  unrealised {usd(one.unrealised(price))}  targets reached {one.stage}"
    )


def _counts(skipped: Mapping[str, int]) -> str:
    """How many signals each gate has blocked, those with the most first."""
    most_first = sorted(skipped.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{gate} {count}" for gate, count in most_first) or "none"


def _age(then: int, now: int) -> str:
    if then == 0:
        return "never"
    seconds = max(now - then, 0) // 1000
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
