"""Lock-step: the market stands still until it is moved on, and waits for a list of workers."""

from __future__ import annotations

import threading
from collections.abc import Callable

from bot.domain.clock import steady_ms, system_ms
from bot.domain.ids import AccountKey

#: While its market stands still, a sandbox lets its rate counters decay at its usual speed (market seconds per real second);
#: otherwise no request would ever be allowed again. Our counters do the same.
COUNTER_SPEED = 60


class LockStep:
    """The market moves when all workers of all accounts are done with its current time; real time does not move it.

    Workers report from their own threads; the thread that follows the market waits for the slowest of them.
    """

    def __init__(self) -> None:
        self._heard = threading.Condition()
        self._workers: dict[tuple[AccountKey, str], _Place] = {}

    @property
    def stands_still(self) -> bool:
        return True

    def __str__(self) -> str:
        return "lock-step"

    # -- time ---------------------------------------------------------------------------------------------------------
    def real_ms(self, market_ms: int) -> int:  # noqa: ARG002
        return 0

    def market_ms(self, real_ms: int) -> int:
        return 1 if real_ms > 0 else 0

    def wait_ms(self, market_ms: int, longest: int) -> int:
        return longest if market_ms > 0 else 0

    def counter_ms(self, market_ms: int, wall_ms: int) -> int:
        return market_ms + wall_ms * COUNTER_SPEED

    def counter_wait_ms(self, counter_ms: int) -> int:
        return -(-counter_ms // COUNTER_SPEED)

    # -- those who work -----------------------------------------------------------------------------------------------
    def worker(self, account: AccountKey, name: str, moved: Callable[[], object] | None = None) -> _Place:
        place = _Place(self._heard, moved)
        with self._heard:
            self._workers[account, name] = place
        return place

    def excuse(self, account: AccountKey) -> None:
        with self._heard:
            self._workers = {key: one for key, one in self._workers.items() if key[0] != account}
            self._heard.notify_all()

    # -- those who wait for them --------------------------------------------------------------------------------------
    def done_up_to(self, now: int) -> int:
        """The market time up to which all workers are done, at most `now`."""
        with self._heard:
            return self._done_up_to(now)

    def wait_done(self, now: int, seconds: float) -> int:
        """Wait up to `seconds` (real) until all workers are done with `now`; returns how far they have come."""
        with self._heard:
            self._heard.wait_for(lambda: self._done_up_to(now) >= now, seconds)
            return self._done_up_to(now)

    def wakes_at(self, now: int) -> int | None:
        """The first time at which a worker has something to do that the market must not skip."""
        with self._heard:
            return min((one.wakes_at for one in self._places() if one.wakes_at > now), default=None)

    def moved(self) -> None:
        """Notify all workers that the market has moved."""
        with self._heard:
            callbacks = [one.moved for one in self._places()]
        for callback in callbacks:
            if callback is not None:
                callback()

    def _done_up_to(self, now: int) -> int:
        return min([*(one.done_at for one in self._places()), now])

    def _places(self) -> list[_Place]:
        return [one for one in self._workers.values() if not one.has_left]


class _Place:
    """What one worker has reported."""

    def __init__(self, heard: threading.Condition, moved: Callable[[], object] | None) -> None:
        self._heard = heard
        self.moved = moved
        self.done_at = 0
        self.wakes_at = 0
        self.has_left = False

    def done(self, up_to: int, wakes_at: int = 0) -> None:
        with self._heard:
            self.done_at, self.wakes_at = up_to, wakes_at
            self._heard.notify_all()

    def busy(self) -> None:
        with self._heard:
            self.done_at = 0

    def leave(self) -> None:
        with self._heard:
            self.has_left = True
            self._heard.notify_all()


class SteppedClock:
    """The clock of a market in lock-step."""

    def __init__(self, market_ms: int, wall: Callable[[], int] = system_ms) -> None:
        self._market = market_ms
        self._wall = wall
        self.pacer = LockStep()

    def set(self, market_ms: int) -> None:
        """Move the market on and notify its workers; the clock never goes back."""
        self._market = max(self._market, market_ms)
        self.pacer.moved()

    def market_ms(self) -> int:
        return self._market

    def wall_ms(self) -> int:
        return self._wall()

    def steady_ms(self) -> int:
        return steady_ms()
