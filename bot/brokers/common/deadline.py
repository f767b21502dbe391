"""Limits how long a call to a venue may take, enforced from outside the call.

A socket's time-out restarts with every byte, so a server that drips bytes outlives it. Here the call runs on its own thread,
and the caller waits until the deadline and no longer. Owns that thread and the deadlines; knows no venue.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from copy import copy
from typing import NoReturn, TypeVar

T = TypeVar("T")


class Overdue(Exception):
    """The call did not end in time. Its effect at the venue is unknown."""


class WaitLimit:
    """The limit on every wait of a broker.

    `hurry` takes its time from `wall` (ms). The waiting itself is measured on the monotonic clock, which changes of the
    system time do not affect.
    """

    def __init__(self, wall: Callable[[], int], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._ends: list[float] = []
        self._longest: float | None = None

    def beside(self) -> WaitLimit:
        """A limit for another thread: it shares `hurry`, but not `limit`."""
        other = copy(self)
        other.limit(None)
        return other

    def limit(self, seconds: float | None) -> None:
        """Cap every new deadline at this many seconds; None removes the cap."""
        self._longest = seconds

    def hurry(self, until: int) -> None:
        """End every wait, including those under way, by wall time `until` (ms). A later call can only make it earlier."""
        end = self._monotonic() + (until - self._wall()) / 1000
        with self._changed:
            self._ends.append(end)
            self._changed.notify_all()

    def deadline(self, seconds: float) -> Deadline:
        """A deadline `seconds` from now; earlier under `limit` or `hurry`."""
        longest = seconds if self._longest is None else min(seconds, self._longest)
        return Deadline(self, self._monotonic() + longest)

    def left(self, end: float) -> float:
        """Seconds until `end` or the end set by `hurry`, whichever is first; 0 once it has passed."""
        return max(0.0, min([end, *self._ends]) - self._monotonic())

    def wait_for(self, done: Callable[[], bool], end: float) -> bool:
        """Wait until `done()`, at most until `end` or the end set by `hurry`; True if done. `wake` makes it check again."""
        with self._changed:
            while not done():
                left = self.left(end)
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def wake(self) -> None:
        """Make `wait_for` check its condition again."""
        with self._changed:
            self._changed.notify_all()


class Deadline:
    """The deadline of one call; earlier when the daemon is stopping (`hurry`)."""

    def __init__(self, wait_limit: WaitLimit, end: float) -> None:
        self._wait_limit = wait_limit
        self._end = end

    def left(self) -> float:
        """Real seconds left; 0 once it has passed."""
        return self._wait_limit.left(self._end)

    def pause(self, seconds: float) -> bool:
        """Wait this long, but not beyond the deadline; True if there is time left afterwards."""
        end = time.monotonic() + seconds
        self._wait_limit.wait_for(lambda: time.monotonic() >= min(end, self._end), min(end, self._end))
        return self.left() > 0

    def wait_for(self, done: Callable[[], bool]) -> bool:
        """Wait until `done()` or the deadline; True if done."""
        return self._wait_limit.wait_for(done, self._end)


class Runner:
    """Runs calls one after another on its own thread. An overdue call is abandoned together with its thread.

    The threads are daemons, so a call that never ends does not keep the process alive.
    """

    def __init__(self, name: str, wait_limit: WaitLimit) -> None:
        self._name = name
        self._wait_limit = wait_limit
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] | None = None

    def run(self, work: Callable[[], T], deadline: Deadline) -> T:
        """The result (or exception) of `work`. Raises `Overdue` if it has not ended by the deadline."""
        if deadline.left() <= 0:
            raise Overdue(f"no time left for {self._name}")
        outcome: list[T | _Raised] = []
        self._thread_inbox().put(lambda: self._settle(work, outcome))
        if not deadline.wait_for(lambda: bool(outcome)):
            self.close()
            raise Overdue(f"{self._name}: no answer in time")
        result = outcome.pop()
        if isinstance(result, _Raised):
            result.again()
        return result

    def close(self) -> None:
        """Let the thread end after its current call. The next call gets a new thread."""
        if self._inbox is not None:
            self._inbox.put(None)
            self._inbox = None

    def _thread_inbox(self) -> queue.SimpleQueue[Callable[[], None] | None]:
        if self._inbox is None:
            self._inbox = queue.SimpleQueue()
            threading.Thread(target=_serve, args=(self._inbox,), name=self._name, daemon=True).start()
        return self._inbox

    def _settle(self, work: Callable[[], T], outcome: list[T | _Raised]) -> None:
        """Do the work and store its result, or what it raised, for the caller."""
        try:
            outcome.append(work())
        except BaseException as raised:  # supervised boundary: passed on to the caller  # noqa: BLE001
            outcome.append(_Raised(raised))
        self._wait_limit.wake()


class _Raised:
    """What a call raised, to be raised again on another thread.

    An exception refers to the frames it passed through. If one of them kept a reference to it, that cycle would hold the whole
    call, including its answer, in memory until the next garbage collection.
    """

    def __init__(self, error: BaseException) -> None:
        self._held = [error]

    def again(self) -> NoReturn:
        error = self._held.pop()
        try:
            raise error
        finally:
            del error


def _serve(inbox: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    while (work := inbox.get()) is not None:
        work()
