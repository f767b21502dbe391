"""Closed candles by asking for them: the newest of each wanted market, once it must be there.

Asks one market after the other, the most urgent first, and posts what came of it. What was not told is asked for again with
growing waits, until the next close.
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

#: Market ms after a close before which no venue shows its candle.
SETTLES: Final = SECOND
#: The waits for a candle that is late or bad; of the market's time, in which candles close.
LATE: Final = Backoff(SECOND, 2, 30 * SECOND)
#: The waits after questions that were not answered.
UNANSWERED: Final = Backoff(2 * SECOND, 2, MINUTE)


@dataclass(frozen=True, slots=True)
class CandleRequest:
    """Which candles are wanted of each market: of what length, how many at most, and whether times without trades are filled."""

    timeframe_ms: int
    most: int
    fills_gaps: bool = True


@dataclass(frozen=True, slots=True)
class _Told:
    """What was last told of a market: of which close, when (market ms), when it is asked for again, and after what wait."""

    close: int
    at: int
    again: int
    wait: int


class Polled:
    """Asks one reader for the newest candles. Works in one thread; `wanted` may be set by another."""

    def __init__(
        self,
        reader: CandleReader,
        clock: Clock,
        request: CandleRequest,
        post: Callable[[CandleClosed | Fed], object],
        last: str = "",
    ) -> None:
        """`last`: the market that is asked after all others, as one at which whoever asked before has died."""
        self._reader = reader
        self._clock = clock
        self._timeframe = request.timeframe_ms
        self._request = request
        self._post = post
        self._kept: dict[str, Candles] = {}
        self._told: dict[str, _Told] = {}
        self._last = last
        self.wanted: tuple[str, ...] = ()
        self.asks = ""
        """The market that it asks, or asked last."""
        self.beats = 0
        """How many questions it has begun, and turns without one."""

    def turn(self) -> int:
        """Tell of the most urgent market that is due; market ms until another is due, 0 when there may be one now."""
        self.beats += 1
        now, wanted = self._clock.market_ms(), self.wanted
        close = now - now % self._timeframe
        due = {symbol: self._due(symbol, close, now) for symbol in wanted}
        owed = [symbol for symbol in wanted if due[symbol] <= now]
        if owed:
            self._tell(min(owed, key=self._last.__eq__), close)
            return 0
        self._kept = {symbol: candles for symbol, candles in self._kept.items() if symbol in due}
        self._told = {symbol: told for symbol, told in self._told.items() if symbol in due}
        self._post(Fed(now, wanted))
        return min([*due.values(), self._settled(close + self._timeframe)]) - now

    def _due(self, symbol: str, close: int, now: int) -> int:
        """When it is asked for (again). A wait is over once the market's clock was set back: nobody knows how long it would be."""
        told = self._told.get(symbol)
        if told is None or told.close != close or (told.wait and now < told.at):
            return self._settled(close)
        return told.again

    def _settled(self, close: int) -> int:
        """When its candle may be asked for. A market that stands still shows it at once."""
        return close if self._clock.pacer.stands_still else close + SETTLES

    def _tell(self, symbol: str, close: int) -> None:
        before = self._told.get(symbol)
        last = before.wait if before is not None and before.close == close else 0
        try:
            found = self._found(symbol, close)
        except BrokerError as error:
            found = Unfit(error.text, error.meaning)
        now = self._clock.market_ms()
        wait, again = self._again(found, last, close, now)
        self._told[symbol] = _Told(close, now, again, wait)
        self._post(CandleClosed(symbol, close, found))

    def _again(self, found: Candles | Unfit, last: int, close: int, now: int) -> tuple[int, int]:
        """The wait after this answer, and when it is over (market ms): with the next close, when nothing is left to be told."""
        if found is QUIET or not isinstance(found, Unfit):
            return 0, close + 2 * self._timeframe
        if found.meaning is None:
            wait = LATE.after(last)
            return wait, now + wait
        wait = UNANSWERED.after(last)
        return wait, now + self._clock.pacer.market_ms(wait)

    def _found(self, symbol: str, close: int) -> Candles | Unfit:
        """The candles up to a close. Bad ones are asked for a second time. Raises `BrokerError`."""
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
        """What is kept and what has closed since; None when too much has, or when the venue tells another past now."""
        missing = (close - kept.closed_at) // self._timeframe
        if missing >= self._request.most // 2:
            return None
        return joined(kept, self._ask(symbol, missing + OVERLAP), self._request.most)

    def _ask(self, symbol: str, count: int) -> Candles:
        self.asks = symbol
        self.beats += 1
        return self._reader.candles(symbol, self._timeframe, count)
