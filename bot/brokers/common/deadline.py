"""How long a call to a venue may take, enforced from outside the call.

Time-outs of a socket start anew with every byte, so a server that drips outlives them: here the call runs on a thread of
its own, and whoever asked waits for so long and no longer. Owns that thread and the clock of waiting; knows no venue.
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
    """The call did not end in time. What it did to the other side is not known."""


class WaitLimit:
    """The limit on every wait of a broker: be done by then.

    `wall` is the clock in which `hurry` is told its time (ms); waiting itself is measured on the monotonic clock, which
    no change of the system's time disturbs.
    """

    def __init__(self, wall: Callable[[], int], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._ends: list[float] = []
        self._longest: float | None = None

    def beside(self) -> WaitLimit:
        """One for another thread: it shares the hurry, and no limit."""
        other = copy(self)
        other.limit(None)
        return other

    def limit(self, seconds: float | None) -> None:
        """No deadline that is made from now on lies further ahead than this; None lifts it."""
        self._longest = seconds

    def hurry(self, until: int) -> None:
        """No wait of this broker goes beyond wall time `until`, those under way included; it can only get earlier."""
        end = self._monotonic() + (until - self._wall()) / 1000
        with self._changed:
            self._ends.append(end)
            self._changed.notify_all()

    def deadline(self, seconds: float) -> Deadline:
        """A deadline `seconds` from now; sooner under a limit, or in a hurry that ends before."""
        longest = seconds if self._longest is None else min(seconds, self._longest)
        return Deadline(self, self._monotonic() + longest)

    def left(self, end: float) -> float:
        """Seconds until `end` or until the hurry's end; 0 when it has passed."""
        return max(0.0, min([end, *self._ends]) - self._monotonic())

    def wait_for(self, done: Callable[[], bool], end: float) -> bool:
        """Wait until `done()`, or until `end` or the hurry's end; whether it is done. `wake` makes it look again."""
        with self._changed:
            while not done():
                left = self.left(end)
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def wake(self) -> None:
        """Something that `wait_for` waits for may have happened."""
        with self._changed:
            self._changed.notify_all()


class Deadline:
    """The end of one call: its own, or earlier when the daemon is in a hurry."""

    def __init__(self, wait_limit: WaitLimit, end: float) -> None:
        self._wait_limit = wait_limit
        self._end = end

    def left(self) -> float:
        """Seconds left (real), 0 when it has passed."""
        return self._wait_limit.left(self._end)

    def pause(self, seconds: float) -> bool:
        """Wait so long, but not beyond the deadline; whether there is time left afterwards."""
        end = time.monotonic() + seconds
        self._wait_limit.wait_for(lambda: time.monotonic() >= min(end, self._end), min(end, self._end))
        return self.left() > 0

    def wait_for(self, done: Callable[[], bool]) -> bool:
        """Wait until `done()` or the deadline; whether it is done."""
        return self._wait_limit.wait_for(done, self._end)


class Runner:
    """Runs calls one after the other on a thread of its own; a call that is overdue is left behind with its thread.

    The threads are daemons: a call that never ends does not keep the process from ending.
    """

    def __init__(self, name: str, wait_limit: WaitLimit) -> None:
        self._name = name
        self._wait_limit = wait_limit
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] | None = None

    def run(self, work: Callable[[], T], deadline: Deadline) -> T:
        """The result (or exception) of `work`; raises `Overdue` when it has not ended by the deadline."""
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
        """Let the thread end after the call it is in; the next call gets a new thread."""
        if self._inbox is not None:
            self._inbox.put(None)
            self._inbox = None

    def _thread_inbox(self) -> queue.SimpleQueue[Callable[[], None] | None]:
        if self._inbox is None:
            self._inbox = queue.SimpleQueue()
            threading.Thread(target=_serve, args=(self._inbox,), name=self._name, daemon=True).start()
        return self._inbox

    def _settle(self, work: Callable[[], T], outcome: list[T | _Raised]) -> None:
        """Do the work, and leave behind its result, or what it raised, for whoever asked."""
        try:
            outcome.append(work())
        except BaseException as raised:  # supervised boundary: handed on to whoever asked  # noqa: BLE001
            outcome.append(_Raised(raised))
        self._wait_limit.wake()


class _Raised:
    """What a call raised, to be raised once more on another thread.

    An exception refers to the frames that it went through. None of them may go on referring to it, or a whole call, answer and
    all, stays in memory until the collector comes by.
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
