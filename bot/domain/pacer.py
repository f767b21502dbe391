"""How market time relates to real time: in a fixed proportion, or in lock-step, where the market stands still until all its
workers have reported that they are done. Code that waits asks the pacer of its clock and need not know which it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bot.domain.ids import AccountKey


class Worker(Protocol):
    """One thread that a market in lock-step waits for, from the moment it is created."""

    def done(self, up_to: int, wakes_at: int = 0) -> None:
        """Report that all work up to a market time (ms) is done. The market must not skip `wakes_at`, when more work is due; 0
        if none is.
        """
        ...

    def busy(self) -> None:
        """New work has arrived: the last report is void until the next one."""
        ...

    def leave(self) -> None:
        """The worker ends: the market no longer waits for it."""
        ...


class Pacer(Protocol):
    """Converts between market time and real time, both in integer ms."""

    @property
    def stands_still(self) -> bool:
        """Whether the market waits for our reports and needs to know where to stop for us."""
        ...

    def real_ms(self, market_ms: int) -> int:
        """The real time that an interval of market time takes; 0 in lock-step, where nothing is ever late."""
        ...

    def market_ms(self, real_ms: int) -> int:
        """The market time that passes during a real wait; in lock-step any wait is over with the market's next step."""
        ...

    def wait_ms(self, market_ms: int, longest: int) -> int:
        """Real time until the market has advanced this far, `longest` at most; in lock-step that cannot be known."""
        ...

    def counter_ms(self, market_ms: int, wall_ms: int) -> int:
        """The time in which an exchange's rate counters decay; only differences are meaningful."""
        ...

    def counter_wait_ms(self, counter_ms: int) -> int:
        """Real time until an exchange's rate counter has decayed for `counter_ms`."""
        ...

    def worker(self, account: AccountKey, name: str, moved: Callable[[], object] | None = None) -> Worker:
        """Register one of an account's threads, replacing an earlier one of the same name.

        `moved` is called from another thread after each step of a market in lock-step; never for a market in real time.
        """
        ...

    def excuse(self, account: AccountKey) -> None:
        """The account has failed: the market does not wait for its workers until it registers new ones."""
        ...


@dataclass(frozen=True, slots=True)
class RealTime:
    """A market that runs at `speed` market seconds per real second; 1 in live trading."""

    speed: float = 1.0

    @property
    def stands_still(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"{self.speed:g} market seconds per second"

    def real_ms(self, market_ms: int) -> int:
        return math.ceil(market_ms / self.speed)

    def market_ms(self, real_ms: int) -> int:
        return math.ceil(real_ms * self.speed)

    def wait_ms(self, market_ms: int, longest: int) -> int:
        return min(max(self.real_ms(market_ms), 0), longest)

    def counter_ms(self, market_ms: int, wall_ms: int) -> int:  # noqa: ARG002
        return market_ms

    def counter_wait_ms(self, counter_ms: int) -> int:
        return self.real_ms(counter_ms)

    def worker(self, account: AccountKey, name: str, moved: Callable[[], object] | None = None) -> Worker:  # noqa: ARG002
        return _Unwatched()

    def excuse(self, account: AccountKey) -> None:
        pass


class _Unwatched:
    """A worker that nothing waits for."""

    def done(self, up_to: int, wakes_at: int = 0) -> None:
        pass

    def busy(self) -> None:
        pass

    def leave(self) -> None:
        pass
