"""Values in dollars at current rates: of fills in stablecoin quotes, and of coins that leave a position without a sale.

Stores the last price of every market in which the account has held something, for reports of results. It requests little itself:
the measurements of the account supply the prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.brokers.base import BrokerError
from bot.domain.booking import Worth
from bot.domain.candles import Candles
from bot.domain.fill import Fill
from bot.domain.instrument import Ticker, Trading
from bot.domain.last_prices import LAST_PRICES, LastPrices, dollar_market
from bot.domain.log import Event
from bot.domain.money import decimal
from bot.domain.position import Position, closing_price
from bot.engine.candle_cache import CandleCache
from bot.engine.universe import WIDEST_SPREAD

if TYPE_CHECKING:
    from bot.engine.order_manager import OrderManager


class Valuation:
    """Values the fills and positions of one account."""

    def __init__(self, oms: OrderManager) -> None:
        self._oms = oms
        self._last = LastPrices.read(oms.book.get_state(LAST_PRICES))

    def in_dollars(self, fill: Fill) -> Fill:
        """A fill with its quote, and so its fee, at the current rate."""
        rate = self._last.quote_usd(fill.symbol)
        return replace(fill, quote_usd=rate, fee_usd=fill.fee_usd * rate)

    def worth(self, position: Position) -> Worth:
        """The current value of a position's coins; the last known price if the exchange does not answer."""
        symbol = position.symbol
        try:
            tickers = self._oms.prices.tickers({symbol})
        except BrokerError as error:
            self._oms.markets.record_error(error, symbol)
            self._oms.log.warning(Event.WATCH, symbol=symbol, reason=error.text)
            tickers = {}
        if symbol in tickers:
            return self.at(symbol, closing_price(position, tickers))
        return self.at(symbol, self._last.of(symbol) or position.entry_price)

    def at(self, symbol: str, price: Decimal) -> Worth:
        """The value at a price of a market, with its quote in dollars."""
        return Worth(price, self._last.quote_usd(symbol))

    # -- learning ---------------------------------------------------------------------------------------------------------
    def rates(self, symbols: Iterable[str]) -> set[str]:
        """The open markets that price the quotes of these symbols in dollars."""
        wanted = {dollar_market(symbol) for symbol in symbols}
        listed = self._oms.instruments
        return {one for one in wanted if one in listed and listed[one].trading is not Trading.SUSPENDED}

    def learn(self, prices: Mapping[str, Decimal], tickers: Mapping[str, Ticker], rates: Iterable[str]) -> None:
        """Learn prices from a measurement of the account: closing prices of positions, if quoted, and the `rates`. Rates from a
        market with a wide spread are ignored.
        """
        seen = {symbol: price for symbol, price in prices.items() if symbol in tickers}
        for market in rates:
            ticker = tickers.get(market)
            if ticker is not None and ticker.spread <= WIDEST_SPREAD:
                seen[market] = (ticker.bid + ticker.ask) / 2
        self._keep(seen)

    def follow(self, candle_cache: CandleCache) -> None:
        """Learn the newest closes of markets with earlier positions."""
        held = {one.symbol for one in self._oms.book.positions()}
        found = ((symbol, candle_cache.of(symbol)) for symbol in self._last.seen if symbol not in held)
        self._keep(
            {
                symbol: decimal(repr(float(candles.close[-1])))
                for symbol, candles in found
                if isinstance(candles, Candles) and len(candles)
            }
        )

    def _keep(self, prices: Mapping[str, Decimal]) -> None:
        """Store the prices with the next change; a price lost in a crash will be seen again."""
        if prices:
            self._last = self._last.after(prices, self._oms.clock.market_ms())
            self._oms.book.set_state_deferred(LAST_PRICES, self._last.written())
