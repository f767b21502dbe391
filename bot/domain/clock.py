"""Two clocks: the market's, in which candles close, and the wall's, in which requests time out.

Live they are the same; a sandbox may run its market faster or stand still until told to move on.
Whoever needs the time gets a clock by constructor, so that nothing below reads the system's by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock(Protocol):
    """Integer milliseconds UTC of both clocks, and how fast the market's runs."""

    @property
    def speed(self) -> float:
        """Market seconds per real second; 0 when the market moves in lock-step only."""
        ...

    def market_ms(self) -> int:
        """Now, in market time: candles, orders, fills, days, budgets, cycles."""
        ...

    def wall_ms(self) -> int:
        """Now, in real time: nonces, signatures, deadlines, heartbeats."""
        ...


def system_ms() -> int:
    """The system's time in integer milliseconds UTC."""
    return time.time_ns() // 1_000_000


class SystemClock:
    """The live clock: market time is wall time."""

    speed = 1.0

    def market_ms(self) -> int:
        return system_ms()

    def wall_ms(self) -> int:
        return system_ms()


class ScaledClock:
    """A market that runs `speed` times as fast as the wall, from a pair of times that belong together."""

    def __init__(self, market_ms: int, wall_ms: int, speed: float, wall: Callable[[], int] = system_ms) -> None:
        self._market_at = market_ms
        self._wall_at = wall_ms
        self._wall = wall
        self.speed = speed

    def market_ms(self) -> int:
        return self._market_at + int((self._wall() - self._wall_at) * self.speed)

    def wall_ms(self) -> int:
        return self._wall()


class SteppedClock:
    """A market that stands still until somebody sets its time (lock-step)."""

    speed = 0.0

    def __init__(self, market_ms: int, wall: Callable[[], int] = system_ms) -> None:
        self._market = market_ms
        self._wall = wall

    def set(self, market_ms: int) -> None:
        """Move the market on; a clock never goes back."""
        self._market = max(self._market, market_ms)

    def market_ms(self) -> int:
        return self._market

    def wall_ms(self) -> int:
        return self._wall()


def iso(ms: int) -> str:
    """`2026-01-01T00:00:00.000Z` for a time in milliseconds UTC."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def parse_iso(text: str) -> int:
    """Milliseconds UTC of an ISO 8601 time; a time without a zone is taken as UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def day_start(ms: int) -> int:
    """00:00 UTC of the day that holds `ms`."""
    return ms - ms % DAY
