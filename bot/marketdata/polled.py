"""Closed candles by polling: requests the newest candle of each wanted market once it should be available.

Polls one market after the other, most urgent first, and posts the results. A request that brought no candles is repeated with
growing waits until the next close.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bot.brokers.base import BrokerError, CandleReader
from bot.domain.backoff import Backoff
from bot.domain.candles import Candles
from bot.domain.clock import MINUTE, SECOND, Clock
from bot.domain.events import CandleClosed, Fed, Unfit
from bot.marketdata.closed import OVERLAP, QUIET, flaws_of, joined, judged, mended

#: Market ms after a close before which no exchange shows its candle.
SETTLES: Final = SECOND
#: The waits for a late or bad candle, in market time.
LATE: Final = Backoff(SECOND, 2, 30 * SECOND)
#: The waits after requests that were not answered.
UNANSWERED: Final = Backoff(2 * SECOND, 2, MINUTE)


@dataclass(frozen=True, slots=True)
class CandleRequest:
    """The candles wanted of each market: their length, how many at most, and whether intervals without trades are filled."""

    timeframe_ms: int
    most: int
    fills_gaps: bool = True


@dataclass(frozen=True, slots=True)
class _Delivery:
    """The last result for a market: its close, when it was posted, when the next request is due (all market ms), and after what
    wait.
    """

    close: int
    at: int
    again: int
    wait: int


class Polled:
    """Polls one reader for the newest candles. Runs in one thread; `wanted` may be set by another."""

    def __init__(
        self,
        reader: CandleReader,
        clock: Clock,
        request: CandleRequest,
        post: Callable[[CandleClosed | Fed], object],
        last: str = "",
    ) -> None:
        """`last` is the market to poll after all others, for example one whose request ended the previous thread."""
        self._reader = reader
        self._clock = clock
        self._timeframe = request.timeframe_ms
        self._request = request
        self._post = post
        self._kept: dict[str, Candles] = {}
        self._delivered: dict[str, _Delivery] = {}
        self._last = last
        self.wanted: tuple[str, ...] = ()
        self.asks = ""
        """The market of the current or last request."""
        self.beats = 0
        """The number of requests begun, plus turns without a request."""

    def turn(self) -> int:
        """Poll the most urgent market that is due. Returns market ms until another is due; 0 if one may be due now."""
        self.beats += 1
        now, wanted = self._clock.market_ms(), self.wanted
        close = now - now % self._timeframe
        due = {symbol: self._due(symbol, close, now) for symbol in wanted}
        owed = [symbol for symbol in wanted if due[symbol] <= now]
        if owed:
            self._deliver(min(owed, key=self._last.__eq__), close)
            return 0
        self._kept = {symbol: candles for symbol, candles in self._kept.items() if symbol in due}
        self._delivered = {symbol: delivery for symbol, delivery in self._delivered.items() if symbol in due}
        self._post(Fed(now, wanted))
        return min([*due.values(), self._settled(close + self._timeframe)]) - now

    def _due(self, symbol: str, close: int, now: int) -> int:
        """When the next request for a market is due. Setting the market's clock back ends a wait, because its length would be
        unknown.
        """
        delivery = self._delivered.get(symbol)
        if delivery is None or delivery.close != close or (delivery.wait and now < delivery.at):
            return self._settled(close)
        return delivery.again

    def _settled(self, close: int) -> int:
        """When the candle of a close may be requested. A market in lock-step shows it at once."""
        return close if self._clock.pacer.stands_still else close + SETTLES

    def _deliver(self, symbol: str, close: int) -> None:
        before = self._delivered.get(symbol)
        last = before.wait if before is not None and before.close == close else 0
        try:
            found = self._found(symbol, close)
        except BrokerError as error:
            found = Unfit(error.text, error.meaning)
        now = self._clock.market_ms()
        wait, again = self._again(found, last, close, now)
        self._delivered[symbol] = _Delivery(close, now, again, wait)
        self._post(CandleClosed(symbol, close, found))

    def _again(self, found: Candles | Unfit, last: int, close: int, now: int) -> tuple[int, int]:
        """The wait after this result, and when it ends (market ms): at the next close if the result is final."""
        if found is QUIET or not isinstance(found, Unfit):
            return 0, close + 2 * self._timeframe
        if found.meaning is None:
            wait = LATE.after(last)
            return wait, now + wait
        wait = UNANSWERED.after(last)
        return wait, now + self._clock.pacer.market_ms(wait)

    def _found(self, symbol: str, close: int) -> Candles | Unfit:
        """The candles up to a close. Faulty ones are requested a second time. Raises `BrokerError`."""
        kept = self._kept.get(symbol)
        candles = self._joined(symbol, kept, close) if kept is not None else None
        if candles is None:
            candles = self._ask(symbol, self._request.most)
        gaps = self._request.fills_gaps
        if flaws_of(candles, fills_gaps=gaps):
            candles = mended(self._ask(symbol, self._request.most), self._request.most, fills_gaps=gaps)
        found = judged(candles, close, fills_gaps=gaps)
        if not isinstance(found, Unfit):
            self._kept[symbol] = found
        return found

    def _joined(self, symbol: str, kept: Candles, close: int) -> Candles | None:
        """The kept candles and those closed since; None if too many are missing or the exchange has changed past candles."""
        missing = (close - kept.closed_at) // self._timeframe
        if missing >= self._request.most // 2:
            return None
        return joined(kept, self._ask(symbol, missing + OVERLAP), self._request.most)

    def _ask(self, symbol: str, count: int) -> Candles:
        self.asks = symbol
        self.beats += 1
        return self._reader.candles(symbol, self._timeframe, count)
