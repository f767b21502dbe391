"""How market time and real time go together: in fixed proportion, or in lock-step, where the market stands still until all who
work on it have said that they are done. Whoever waits asks the pacer of his clock, and need not know which of the two it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bot.domain.ids import AccountKey


class Worker(Protocol):
    """One thread's place among those for whom a market in lock-step waits. From the beginning it owes everything."""

    def done(self, up_to: int, wakes_at: int = 0) -> None:
        """All is done that is owed up to a market time (ms). At `wakes_at` something will be owed that the market must not
        pass over; 0 when nothing will.
        """
        ...

    def busy(self) -> None:
        """Something has come in: what was said to be done holds again when it is said again."""
        ...

    def leave(self) -> None:
        """It ends: nobody waits for it any more."""
        ...


class Pacer(Protocol):
    """The proportion of market time and real time, both in integer ms."""

    @property
    def stands_still(self) -> bool:
        """Whether the market waits for our word, and has to be told where to stop for us."""
        ...

    def real_ms(self, market_ms: int) -> int:
        """How long a stretch of market time took; 0 in lock-step, where nothing is ever late."""
        ...

    def market_ms(self, real_ms: int) -> int:
        """How far the market moves while a real wait lasts; in lock-step any wait is over with the market's next step."""
        ...

    def wait_ms(self, market_ms: int, longest: int) -> int:
        """Real time until the market has moved so far, `longest` at most; in lock-step that cannot be known."""
        ...

    def counter_ms(self, market_ms: int, wall_ms: int) -> int:
        """The time in which a venue's rate counters run down, of which only differences mean something."""
        ...

    def counter_wait_ms(self, counter_ms: int) -> int:
        """Real time until a venue's rate counter has run down for so long."""
        ...

    def worker(self, account: AccountKey, name: str, moved: Callable[[], object] | None = None) -> Worker:
        """A place for one of an account's threads, instead of the place it had under this name.

        `moved` is called, from another thread, whenever the market has made a step; never where it runs by itself.
        """
        ...

    def excuse(self, account: AccountKey) -> None:
        """The account has failed: nobody waits for its workers until it takes new places."""
        ...


@dataclass(frozen=True, slots=True)
class RealTime:
    """A market that runs by itself, `speed` market seconds per real second; live it is 1."""

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
    """A worker for whose word nobody waits."""

    def done(self, up_to: int, wakes_at: int = 0) -> None:
        pass

    def busy(self) -> None:
        pass

    def leave(self) -> None:
        pass
