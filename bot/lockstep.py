"""Lock-step: the market stands still until its owner moves it on, and we say when we have done all that we owed.

A thread follows the sandbox's clock and acknowledges each time at which no broker has anything left to do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bot.domain.clock import SteppedClock, iso, parse_iso
from bot.domain.status import Status
from bot.operate.health import Heartbeat
from bot.sandbox_child import Control, SandboxError
from bot.world import World

#: Real seconds for which one question after the clock waits for the market to move on.
_QUESTION = 0.5
#: Real seconds after which it is looked anew at what the brokers owe: one that has failed does not say so.
_LOOK = 0.05


class Lockstep:
    """Follows one sandbox's clock for all brokers of the daemon; `moved` tells them that it has moved on."""

    def __init__(
        self,
        control: Control,
        clock: SteppedClock,
        heartbeats: Sequence[Heartbeat],
        moved: Callable[[], object],
        stop: threading.Event,
    ) -> None:
        self._control = control
        self._clock = clock
        self._heartbeats = heartbeats
        self._moved = moved
        self._stop = stop
        self._rested = threading.Event()
        for heartbeat in heartbeats:
            heartbeat.on_rest = self._rested.set

    @classmethod
    @contextmanager
    def following(
        cls, world: World, heartbeats: Sequence[Heartbeat], moved: Callable[[], object], stop: threading.Event
    ) -> Iterator[None]:
        """Follow for the length of a block, if this world moves in lock-step at all."""
        if world.control is None or not isinstance(world.clock, SteppedClock):
            yield
            return
        follower = cls(world.control, world.clock, heartbeats, moved, stop)
        thread = threading.Thread(target=follower.run, name="lockstep", daemon=True)
        thread.start()
        yield
        thread.join(timeout=1)

    def run(self) -> None:
        """Until the daemon stops. The first word makes us known, so that the market waits for us from then on."""
        said = 0
        while not self._stop.is_set():
            try:
                now = parse_iso(str(self._control.clock(after=iso(said), seconds=_QUESTION)["market_time"]))
                self._clock.set(now)
                self._moved()
                done = self._done_with(now) if said else now - 1
                if done > said:
                    self._control.acknowledge(iso(done), self._wake(done))
                    said = done
            except SandboxError:
                self._stop.wait(_LOOK)

    def _done_with(self, now: int) -> int:
        """Wait until nobody owes anything up to `now`, for a moment: how far they have come is the answer then."""
        until = time.monotonic() + _QUESTION
        while not self._stop.is_set():
            self._rested.clear()
            done = self._done_up_to(now)
            if done >= now or time.monotonic() >= until:
                return done
            self._rested.wait(_LOOK)
        return self._done_up_to(now)

    def _done_up_to(self, now: int) -> int:
        """The market time up to which no broker owes anything; a failed broker owes nothing until it is back."""
        working = [one.idle_at for one in self._heartbeats if one.latest.status is not Status.FAILED]
        return min([*working, now])

    def _wake(self, now: int) -> str | None:
        """When the first of them has something to do that cannot wait for the market's next step."""
        times = [one.wakes_at for one in self._heartbeats if one.wakes_at > now]
        return iso(min(times)) if times else None
