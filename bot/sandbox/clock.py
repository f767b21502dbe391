"""The sandbox's two clocks: market time and wall time.

Market time runs at `speed` market seconds per real second; in lock-step it stops until it is advanced. Wall time is
real time. This module owns the mapping between the two and does not decide which one a rule uses. Market time never
runs backwards, and does not pass while the sandbox is off.
"""

from __future__ import annotations

import time
from collections.abc import Callable


def wall_ms() -> int:
    """Real time, milliseconds UTC."""
    return time.time_ns() // 1_000_000


class SandboxClock:
    """Market and wall time; `start_ms` is the market time at construction.

    A new sandbox starts at the current real time; a resumed one at the market time that was saved.
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
        """Current market time. It stops, and never steps back, when the system clock is set back."""
        if not self.lockstep:
            elapsed = self._wall() - self._start_wall
            self._latest = max(self._latest, self._start_market + int(elapsed * self.speed))
        return self._latest

    def wall_ms(self) -> int:
        """Current real time, milliseconds UTC."""
        return self._wall()

    def wall_of(self, market_ms: int) -> int:
        """The real time at which the market reaches `market_ms`. In lock-step that is unknown: returns the current time."""
        if self.lockstep:
            return self._wall()
        return self._start_wall + int((market_ms - self._start_market) / self.speed)

    def advance(self, seconds: float) -> int:
        """Advances the market and returns its new time. Lock-step only."""
        if not self.lockstep:
            raise ValueError("the clock is not in lock-step; it advances on its own")
        if not seconds >= 0:
            raise ValueError(f"the market only moves forward, not by {seconds} seconds")
        self._latest += round(seconds * 1000)
        return self._latest
