"""Follows a sandbox's market in lock-step: moves our clock with the market, and reports when all our work up to then is done.

Runs in its own thread; the clock's pacer knows which workers are not done yet.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bot.domain.clock import iso, parse_iso
from bot.runtime.pacer import SteppedClock
from bot.runtime.sandbox_child import Control, SandboxError
from bot.runtime.trading_environment import TradingEnvironment

#: Real seconds that one request waits for the market to move on, and that one check waits for all workers to be done.
_QUESTION = 0.5
#: Real seconds before a sandbox that did not answer is asked again.
_AGAIN = 0.05


class Follower:
    """Follows one sandbox's clock for all accounts of the daemon."""

    def __init__(self, control: Control, clock: SteppedClock, stop: threading.Event) -> None:
        self._control = control
        self._clock = clock
        self._stop = stop

    @classmethod
    @contextmanager
    def following(cls, env: TradingEnvironment, stop: threading.Event) -> Iterator[None]:
        """Follow while the block runs, if this environment is in lock-step."""
        if env.control is None or not isinstance(env.clock, SteppedClock):
            yield
            return
        follower = cls(env.control, env.clock, stop)
        thread = threading.Thread(target=follower.run, name="lockstep", daemon=True)
        thread.start()
        yield
        thread.join(timeout=1)

    def run(self) -> None:
        """Follow until the daemon stops. The first acknowledgement registers us; from then on the market waits for us."""
        said = 0
        while not self._stop.is_set():
            try:
                now = parse_iso(str(self._control.clock(after=iso(said), seconds=_QUESTION)["market_time"]))
                self._clock.set(now)
                done = self._clock.pacer.wait_done(now, _QUESTION) if said else now - 1
                if done > said:
                    self._control.acknowledge(iso(done), self._wake(done))
                    said = done
            except SandboxError:
                self._stop.wait(_AGAIN)

    def _wake(self, done: int) -> str | None:
        wakes_at = self._clock.pacer.wakes_at(done)
        return iso(wakes_at) if wakes_at is not None else None
