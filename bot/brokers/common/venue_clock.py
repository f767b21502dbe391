"""The difference between a venue's clock and ours: measured at connect, and again if the venue rejects a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.brokers.base import BrokerError
from bot.brokers.common.failures import Failures
from bot.domain.clock import SECOND, Clock
from bot.domain.log import Event, Log
from bot.domain.outcome import ErrorMeaning

#: Differences up to this (ms) can be due to whole seconds and latency alone.
SKEW_SHOWN = 2 * SECOND
#: Real seconds after which no further sample is taken: an order may be waiting.
_LONG_ENOUGH = 2.0


class VenueClock:
    """A venue's time, from our clock and the last measured difference; differences within the noise count as zero."""

    def __init__(self, read: Callable[[], int], clock: Clock, log: Log, failure: Failures) -> None:
        """`read` asks the venue for its time (ms); raises `BrokerError`."""
        self._read = read
        self._clock = clock
        self._log = log
        self._failure = failure
        self._skew = 0

    def of(self, wall_ms: int) -> int:
        """The venue's time (ms) at our wall time `wall_ms`."""
        return wall_ms + self._skew

    def compare(self, most: int) -> int:
        """Measure and adopt the venue's clock minus ours (ms); raises CLOCK if they differ by more than `most` ms."""
        skew = self._measured()
        if abs(skew) > most:
            raise self._failure(ErrorMeaning.CLOCK, "clock off", "clock", seconds=f"{abs(skew) / SECOND:.0f}")
        self._take_over(skew)
        return skew

    def before_a_deadline(self) -> None:
        """Measure again if the correction lengthens deadlines: with a stale one a request could take effect after its absence
        was considered proved.
        """
        if self._skew > 0:
            self.doubt()

    def doubt(self) -> None:
        """Measure again. Without an answer the old measurement is kept."""
        try:
            self._take_over(self._measured())
        except BrokerError as error:
            self._log.warning(Event.CLOCK, venue=self._failure.venue, reason=error.text)
        else:
            self._log.warning(Event.CLOCK, venue=self._failure.venue, skew_ms=self._skew)

    def _measured(self) -> int:
        """The difference (ms) from the sample with the shortest round trip, of up to three; one is enough if it looks good."""
        looks: list[tuple[float, int]] = []
        first = time.monotonic()
        while len(looks) < 3 and time.monotonic() - first < _LONG_ENOUGH:
            begun, wall = time.monotonic(), self._clock.wall_ms()
            venue = self._read()
            took = time.monotonic() - begun
            looks.append((took, venue - wall - int(took * SECOND / 2)))
            if took < 1 and abs(looks[-1][1]) <= SECOND:
                break
        return min(looks)[1]

    def _take_over(self, skew: int) -> None:
        self._skew = skew if abs(skew) > SKEW_SHOWN else 0


def skew_warnings(skew: int, name: str, corrected: str = "") -> list[str]:
    """A warning if the clocks differ; `corrected` says what is done about it."""
    if abs(skew) <= SKEW_SHOWN:
        return []
    return [f"this computer's clock differs from {name}'s by {skew / SECOND:+.1f} s{corrected}: switch on NTP"]
