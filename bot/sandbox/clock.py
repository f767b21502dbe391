"""The sandbox's two clocks, kept apart.

Market time runs `speed` market seconds per real second (or stands still in lock-step until advanced);
wall time is the real one. Owns the mapping between the two; never decides which one a rule uses.
Market time never runs backwards, and time during which the sandbox was off does not pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable


def wall_ms() -> int:
    """Real time, milliseconds UTC."""
    return time.time_ns() // 1_000_000


class SandboxClock:
    """Market and wall time; `start_ms` is the market time at construction.

    A fresh sandbox starts at the real now; a resumed one is built with the market time it was saved at.
    """

    def __init__(self, start_ms: int, speed: float, lockstep: bool = False, wall: Callable[[], int] = wall_ms) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above 0 market seconds per second, is {speed}")
        self.speed = speed
        self.lockstep = lockstep
        self._wall = wall
        self._start_wall = wall()
        self._start_market = start_ms
        self._latest = start_ms

    def market_ms(self) -> int:
        """Market time now. Stands still rather than step back when the system's clock is set back."""
        if not self.lockstep:
            elapsed = self._wall() - self._start_wall
            self._latest = max(self._latest, self._start_market + int(elapsed * self.speed))
        return self._latest

    def wall_ms(self) -> int:
        """Real time now, milliseconds UTC."""
        return self._wall()

    def wall_of(self, market_ms: int) -> int:
        """The real time at which the market shows `market_ms`; in lock-step, where it is unknown, now."""
        if self.lockstep:
            return self._wall()
        return self._start_wall + int((market_ms - self._start_market) / self.speed)

    def advance(self, seconds: float) -> int:
        """Lock-step only: moves the market on and returns its new time."""
        if not self.lockstep:
            raise ValueError("the clock is not in lock-step; it advances by itself")
        if not seconds >= 0:
            raise ValueError(f"the market only moves forward, not by {seconds} seconds")
        self._latest += round(seconds * 1000)
        return self._latest
