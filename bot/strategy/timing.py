"""When a signal may act: the clock's part of the rule, with the time as an argument.

Owns the waits of the rule (news, the first seconds of a candle). All times are market milliseconds UTC. Never asks a clock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

#: How near (ms) an event of the calendar keeps entries away.
NEWS_MS = 5 * 60_000
#: No event is ever so far away.
FAR = 1 << 60


def to_news(events_ms: Sequence[int], now_ms: int) -> int:
    """How far (ms) the nearest event is, past or coming; `FAR` without one. `events_ms` must be sorted."""
    following = bisect_left(events_ms, now_ms)
    nearest = events_ms[max(following - 1, 0) : following + 1]
    return min((abs(event - now_ms) for event in nearest), default=FAR)


def excluded(now_ms: int, candle_close_ms: int, wait_ms: int) -> bool:
    """Whether the new candle is younger than `wait_ms`: the order waits, its signal stays valid."""
    return now_ms - candle_close_ms < wait_ms


def still_valid(now_ms: int, candle_close_ms: int, timeframe_ms: int) -> bool:
    """Whether the signal of the candle that closed then may still be acted on: until the next one closes."""
    return candle_close_ms <= now_ms < candle_close_ms + timeframe_ms
