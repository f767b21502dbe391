"""The newest closed candles of each market, as far as they have arrived: the basis of every decision at a close."""

from __future__ import annotations

from collections.abc import Iterable

from bot.domain.candles import Candles
from bot.domain.clock import Clock
from bot.domain.events import CandleClosed, Unfit
from bot.marketdata.port import MarketData


class CandleCache:
    """Keeps the latest candles of each wanted market, for one timeframe and one account."""

    def __init__(self, market: MarketData, clock: Clock, timeframe_ms: int) -> None:
        self.market = market
        self._clock = clock
        self._timeframe = timeframe_ms
        self._closed: dict[str, CandleClosed] = {}

    def newest(self) -> int:
        """When the newest candle closed (market ms)."""
        now = self._clock.market_ms()
        return now - now % self._timeframe

    def want(self, symbols: Iterable[str]) -> None:
        """Set the wanted markets, most urgent first; the candles of all others are dropped."""
        wanted = list(symbols)
        self._closed = {symbol: closed for symbol, closed in self._closed.items() if symbol in wanted}
        self.market.want(wanted)

    def take(self, closed: CandleClosed) -> None:
        self._closed[closed.symbol] = closed

    def of(self, symbol: str) -> Candles | Unfit | None:
        """The candles up to the newest close, or why there are none; None while nothing has arrived for that close."""
        closed = self._closed.get(symbol)
        return closed.found if closed is not None and closed.close == self.newest() else None
