"""When a signal may act: the clock's part of the rule, with the time as an argument.

Owns the three waits of the rule (news, the first seconds of a candle, the candle of a stop-out). All times
are market milliseconds UTC. Never asks a clock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

NEWS_MS = 5 * 60_000


def blocked_by_news(events_ms: Sequence[int], now_ms: int) -> bool:
    """Whether now is within 5 minutes of an event, ends included. `events_ms` must be sorted."""
    following = bisect_left(events_ms, now_ms - NEWS_MS)
    return following < len(events_ms) and events_ms[following] <= now_ms + NEWS_MS


def excluded(now_ms: int, candle_close_ms: int, wait_ms: int) -> bool:
    """Whether the new candle is younger than `wait_ms`: the order waits, its signal stays valid."""
    return now_ms - candle_close_ms < wait_ms


def still_valid(now_ms: int, candle_close_ms: int, timeframe_ms: int) -> bool:
    """Whether the signal of the candle that closed then may still be acted on: until the next one closes."""
    return candle_close_ms <= now_ms < candle_close_ms + timeframe_ms


def barred(stopped_out_ms: int | None, candle_close_ms: int, timeframe_ms: int) -> bool:
    """Whether a stop-out since this candle opened forbids to enter on it again."""
    return stopped_out_ms is not None and stopped_out_ms >= candle_close_ms - timeframe_ms
