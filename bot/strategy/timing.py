"""When a signal may act: the rules about time, with the time as an argument.

Contains the waits around news and in the first seconds of a candle. All times are market milliseconds UTC. Never reads a clock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

#: The distance (ms) from an event of the calendar within which entries are blocked.
NEWS_MS = 5 * 60_000
#: Farther away than any event can be.
FAR = 1 << 60


def to_news(events_ms: Sequence[int], now_ms: int) -> int:
    """The distance (ms) of the nearest past or future event; `FAR` if there is none. `events_ms` must be sorted."""
    following = bisect_left(events_ms, now_ms)
    nearest = events_ms[max(following - 1, 0) : following + 1]
    return min((abs(event - now_ms) for event in nearest), default=FAR)


def excluded(now_ms: int, candle_close_ms: int, wait_ms: int) -> bool:
    """Whether the new candle is younger than `wait_ms`, so that the order must wait; its signal stays valid."""
    return now_ms - candle_close_ms < wait_ms


def still_valid(now_ms: int, candle_close_ms: int, timeframe_ms: int) -> bool:
    """Whether the signal of the candle that closed at `candle_close_ms` is still valid, which is until the next close."""
    return candle_close_ms <= now_ms < candle_close_ms + timeframe_ms
