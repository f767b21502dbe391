"""How far Kraken's clock is from ours: measured at connect, and again when Kraken finds a deadline wrong."""

from __future__ import annotations

import time

from bot.brokers.base import BrokerError
from bot.brokers.kraken.market import understood
from bot.brokers.kraken.parse_market import server_ms
from bot.brokers.kraken.transport import KrakenTransport
from bot.domain.clock import SECOND, Clock
from bot.domain.log import Event, Log

#: Differences up to here are within what whole seconds and the way there can show.
SKEW_SHOWN = 2 * SECOND
#: Real seconds after which no further look is begun: an order may be waiting.
_LONG_ENOUGH = 2.0


def measure_skew(transport: KrakenTransport, clock: Clock) -> int:
    """Venue's clock minus ours (ms): of up to three looks the one with the shortest way; one is enough when all is well.

    Endpoint Time counts whole seconds, so less than a second is noise.
    """
    looks: list[tuple[float, int]] = []
    first = time.monotonic()
    while len(looks) < 3 and time.monotonic() - first < _LONG_ENOUGH:
        begun, wall = time.monotonic(), clock.wall_ms()
        venue = understood(lambda: server_ms(transport.public("Time")))
        took = time.monotonic() - begun
        looks.append((took, venue - wall - int(took * 500)))
        if took < 1 and abs(looks[-1][1]) <= SECOND:
            break
    return min(looks)[1]


class VenueClock:
    """Kraken's time, from ours and the last measurement; differences too small to be real are left alone."""

    def __init__(self, transport: KrakenTransport, clock: Clock, log: Log) -> None:
        self._transport = transport
        self._clock = clock
        self._log = log
        self._skew = 0

    def of(self, wall_ms: int) -> int:
        """What Kraken's clock shows when ours shows `wall_ms`."""
        return wall_ms + self._skew

    def before_a_deadline(self) -> None:
        """Measure a correction that lengthens deadlines anew: a stale one would outlive the proof of absence."""
        if self._skew > 0:
            self.doubt()

    def set(self, skew: int) -> None:
        """Take over a measurement (venue minus us, ms)."""
        self._skew = skew if abs(skew) > SKEW_SHOWN else 0

    def doubt(self) -> None:
        """Measure anew. Without an answer the old measurement stays."""
        try:
            self.set(measure_skew(self._transport, self._clock))
        except BrokerError as error:
            self._log.warning(Event.CLOCK_UNKNOWN, venue="kraken", reason=error.text)
        else:
            self._log.warning(Event.CLOCK_MEASURED, venue="kraken", skew_ms=self._skew)
