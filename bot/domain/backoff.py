"""Growing, bounded waits between attempts at something that keeps failing."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits in real ms: `first_ms`, then each `factor` times as long as the last, `cap_ms` at most.

    `jitter` is the share by which a wait may be longer or shorter, so that many clients that failed together do not retry
    together. The caller keeps its last wait, 0 after a success.
    """

    first_ms: int
    factor: float
    cap_ms: int
    jitter: float = 0.0

    def after(self, last_ms: int) -> int:
        """The wait that follows one of `last_ms`."""
        longer = math.ceil(min(last_ms, self.cap_ms) * self.factor)
        return min(max(longer, self.first_ms), self.cap_ms)

    def spread(self, wait_ms: int, rng: random.Random) -> int:
        """`wait_ms` with jitter, still between `first_ms` and `cap_ms`."""
        shortest = max(wait_ms * (1 - self.jitter), self.first_ms)
        longest = min(wait_ms * (1 + self.jitter), self.cap_ms)
        return round(rng.uniform(shortest, longest))
