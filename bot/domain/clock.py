"""The three times of NIJA: market time (candles close in it), wall time (for signatures and deadlines) and steady time (for
waits).

In live trading, market time is wall time. A sandbox may run its market faster, or hold it until it is released. Both clocks may
be set while NIJA runs, forward or back. Steady time is never set, and is meaningless after a reboot. Code that needs the time
receives a clock in its constructor. Nothing else reads the system's clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Protocol

from bot.domain.pacer import Pacer, RealTime

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock(Protocol):
    """All three times in integer milliseconds; market and wall time in UTC."""

    @property
    def pacer(self) -> Pacer: ...

    def market_ms(self) -> int:
        """Now in market time, used for candles, orders, fills, days, budgets and cycles."""
        ...

    def wall_ms(self) -> int:
        """Now in wall time, used for nonces, signatures, deadlines and stored timestamps."""
        ...

    def steady_ms(self) -> int:
        """Monotonic real ms since an arbitrary moment, used for pauses, time-outs and ages."""
        ...


def system_ms() -> int:
    """The system's time in integer milliseconds UTC."""
    return time.time_ns() // 1_000_000


def steady_ms() -> int:
    """The system's monotonic clock in integer milliseconds; all processes since the same boot share it."""
    return time.monotonic_ns() // 1_000_000


class SystemClock:
    """The live clock: market time is wall time."""

    pacer = RealTime()

    def market_ms(self) -> int:
        return system_ms()

    def wall_ms(self) -> int:
        return system_ms()

    def steady_ms(self) -> int:
        return steady_ms()


class ScaledClock:
    """A market that runs `speed` times as fast as wall time, starting at a matching pair of times."""

    def __init__(self, market_ms: int, wall_ms: int, speed: float, wall: Callable[[], int] = system_ms) -> None:
        self._market_at = market_ms
        self._wall_at = wall_ms
        self._wall = wall
        self.pacer = RealTime(speed)

    def market_ms(self) -> int:
        return self._market_at + int((self._wall() - self._wall_at) * self.pacer.speed)

    def wall_ms(self) -> int:
        return self._wall()

    def steady_ms(self) -> int:
        return steady_ms()


class Pause:
    """A pause in real time that does not depend on the system's clock being left alone. It counts as over until it begins."""

    def __init__(self, clock: Clock, ms: int = 0) -> None:
        self._clock = clock
        self._until: int | None = None
        self.begin(ms)

    def begin(self, ms: int) -> None:
        """Restart the pause with `ms` from now; 0 ends it."""
        self._until = self._clock.steady_ms() + ms if ms > 0 else None

    def extend(self, ms: int) -> None:
        """Make the pause last at least `ms` from now."""
        self.begin(max(ms, self.left()))

    def left(self) -> int:
        """Remaining real ms."""
        return 0 if self._until is None else max(self._until - self._clock.steady_ms(), 0)

    def is_over(self) -> bool:
        return self.left() == 0


class Ages:
    """Ages of events with a stored wall time: taken from the wall clock when first seen, counted in steady time from then on.

    So setting the clock changes no age. Remembers the newest `most` events.
    """

    def __init__(self, clock: Clock, most: int = 1_000) -> None:
        self._clock = clock
        self._most = most
        self._born: dict[str, int] = {}

    def of(self, name: str, wall_ms: int | None = None) -> int:
        """The age (real ms) of the event `name`, which happened at `wall_ms`, by default now."""
        now = self._clock.steady_ms()
        born = self._born.get(name)
        if born is None:
            passed = 0 if wall_ms is None else max(self._clock.wall_ms() - wall_ms, 0)
            born = self._born[name] = now - passed
            while len(self._born) > self._most:
                self._born.pop(next(iter(self._born)))
        return now - born

    def keep(self, names: Iterable[str]) -> None:
        """Forget all others."""
        kept = set(names)
        self._born = {name: born for name, born in self._born.items() if name in kept}


def iso(ms: int) -> str:
    """`2026-01-01T00:00:00.000Z` for a time in milliseconds UTC."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def parse_iso(text: str) -> int:
    """Milliseconds UTC of an ISO 8601 time; a time without a zone is UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def day_start(ms: int) -> int:
    """00:00 UTC of the day that contains `ms`."""
    return ms - ms % DAY


def week_start(ms: int) -> int:
    """00:00 UTC on the Monday of the week that contains `ms`; 1970 began on a Thursday."""
    return ms - (ms + 3 * DAY) % (7 * DAY)
