"""Lock-step: the market stands still until its owner moves it on, and we say when we have done all that we owed.

A thread follows the sandbox's clock and acknowledges a time once every broker has nothing left to do at it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bot.domain.clock import SteppedClock, parse_iso
from bot.operate.health import Heartbeat, Status
from bot.sandbox_child import Control, SandboxError
from bot.world import World

#: Real seconds between two looks at the clock.
_LOOK = 0.005


class Lockstep:
    """Follows one sandbox's clock for all brokers of the daemon."""

    def __init__(
        self, control: Control, clock: SteppedClock, heartbeats: Sequence[Heartbeat], stop: threading.Event
    ) -> None:
        self._control = control
        self._clock = clock
        self._heartbeats = heartbeats
        self._stop = stop

    @classmethod
    @contextmanager
    def following(cls, world: World, heartbeats: Sequence[Heartbeat], stop: threading.Event) -> Iterator[None]:
        """Follow for the length of a block, if this world moves in lock-step at all."""
        if world.control is None or not isinstance(world.clock, SteppedClock):
            yield
            return
        follower = cls(world.control, world.clock, heartbeats, stop)
        thread = threading.Thread(target=follower.run, name="lockstep", daemon=True)
        thread.start()
        yield
        thread.join(timeout=1)

    def run(self) -> None:
        """Until the daemon stops."""
        done = ""
        while not self._stop.wait(_LOOK):
            try:
                time = str(self._control.clock()["market_time"])
                if time == done:
                    continue
                self._clock.set(parse_iso(time))
                if self._idle_at(self._clock.market_ms()):
                    self._control.acknowledge(time)
                    done = time
            except SandboxError:
                continue

    def _idle_at(self, market: int) -> bool:
        """Whether every broker that trades has finished what was due at this market time."""
        return all(
            heartbeat.idle_at >= market or heartbeat.pulse.status is Status.FAILED for heartbeat in self._heartbeats
        )
