"""How long to wait before what has failed is tried again: longer each time in a row, within bounds."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits in real ms: `first_ms`, then each `factor` times as long as the one before it, `cap_ms` at most.

    `jitter` is the share by which a wait may be longer or shorter, so that many who failed together do not try again together.
    Whoever waits keeps his last wait, 0 when the last try went well.
    """

    first_ms: int
    factor: float
    cap_ms: int
    jitter: float = 0.0

    def after(self, last_ms: int) -> int:
        """The wait after one of `last_ms`."""
        longer = math.ceil(min(last_ms, self.cap_ms) * self.factor)
        return min(max(longer, self.first_ms), self.cap_ms)

    def spread(self, wait_ms: int, rng: random.Random) -> int:
        """A wait with its jitter, still neither shorter than the first nor longer than the longest."""
        shortest = max(wait_ms * (1 - self.jitter), self.first_ms)
        longest = min(wait_ms * (1 + self.jitter), self.cap_ms)
        return round(rng.uniform(shortest, longest))
