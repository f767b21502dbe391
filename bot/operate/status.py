"""The status block: all brokers on one small board, for people who read the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from bot.domain.money import plain, shortened, usd
from bot.operate.health import Holding, Pulse


def board(pulses: Iterable[Pulse], now: int) -> list[str]:
    """Lines of the board; `now` is wall ms."""
    lines: list[str] = []
    for pulse in pulses:
        lines.append(_headline(pulse, now))
        lines += [_position(holding) for holding in pulse.holdings]
        if pulse.other:
            kept = ", ".join(f"{plain(amount)} {asset}" for asset, amount in sorted(pulse.other.items()))
            lines.append(f"  not ours, never touched: {kept}")
    return lines


def _headline(pulse: Pulse, now: int) -> str:
    rate = f"{pulse.cycles_ok}/{pulse.cycles}"
    parts = [
        f"{pulse.broker.upper():<8} {pulse.status:<9}",
        f"balance {usd(pulse.balance_usd)}",
        f"equity {usd(pulse.equity_usd)}",
        f"positions {len(pulse.holdings)}",
        f"signals {pulse.signals}",
        f"skipped: {_counts(pulse.skipped)}",
        f"cycles {rate}",
        f"reconciled {_age(pulse.last_reconciled, now)} ago",
    ]
    line = "  ".join(parts)
    return f"{line}  ({pulse.reason})" if pulse.reason else line


def _position(holding: Holding) -> str:
    gain = (holding.price / holding.entry - 1) * 100 if holding.entry else Decimal(0)
    return (
        f"  {holding.symbol:<10} {holding.side:<4} {plain(holding.qty)} @ {plain(shortened(holding.entry))}"
        f"  now {plain(shortened(holding.price))} ({gain:+.2f} %)  stop {plain(shortened(holding.stop))}"
        f"  unrealised {usd(holding.unrealised)}  targets reached {holding.stage}"
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
