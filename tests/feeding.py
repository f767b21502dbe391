"""A market data feed without a thread: it requests and delivers data when a test calls `deliver`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from bot.brokers.base import CandleReader
from bot.domain.clock import Clock
from bot.domain.events import CandleClosed, Fed
from bot.marketdata.polled import CandleRequest, Polled


class ByHand:
    """A feed that runs in the thread that calls `deliver`."""

    def __init__(self, reader: CandleReader, clock: Clock, request: CandleRequest) -> None:
        self._new: Callable[[], Polled] = lambda: Polled(reader, clock, request, self._posted.append)
        self._posted: deque[CandleClosed | Fed] = deque()
        self._polled = self._new()

    def want(self, symbols: Sequence[str]) -> None:
        self._polled.wanted = tuple(dict.fromkeys(symbols))

    def heard(self, fed: Fed) -> None:
        """Does nothing, as nothing waits for it."""

    def tend(self) -> None:
        """Does nothing, as there is no thread to restart."""

    def forget(self) -> None:
        """Requests everything again, as after a start."""
        wanted, self._polled = self._polled.wanted, self._new()
        self._polled.wanted = wanted

    def deliver(self, on: Callable[[CandleClosed | Fed], object]) -> None:
        """Requests all that is due and delivers the results to `on`."""
        while self._polled.turn() == 0:
            pass
        while self._posted:
            on(self._posted.popleft())
