"""Coinbase's market data: products, prices, candles, and the trades since a point in time.

Uses the endpoints that need the key, because the edge caches the public ones. Keeps the products of the last read.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bot.brokers.base import BrokerError
from bot.brokers.coinbase import parse_market as wire
from bot.brokers.coinbase.errors import failure
from bot.brokers.coinbase.history import MOST_CANDLES, CoinbaseHistory, question, throttled
from bot.brokers.coinbase.transport import CoinbaseTransport, Params
from bot.brokers.common.answers import sequence, text
from bot.brokers.common.pages import Asked, Page, chunks, rows_of
from bot.brokers.common.price_ranges import at_rest, of_trades, shortest, widened
from bot.domain.candles import Candles, Row
from bot.domain.clock import Clock
from bot.domain.instrument import Instrument, PriceRange, Ticker
from bot.domain.log import Event, Log
from bot.domain.outcome import ErrorMeaning

_TRADES = 100
_IDS_A_CALL = 80
_MOST_PAGES = 20
#: How long (real seconds) the products of one read are used for last prices and turnovers.
_FRESH = 5.0


class CoinbaseCandles:
    """Reads candles over one transport."""

    def __init__(self, transport: CoinbaseTransport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock

    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        """The newest closed candles. Coinbase sends none for an interval without trades, so there may be fewer than `count`."""
        newest = self._clock.market_ms() // timeframe_ms * timeframe_ms - timeframe_ms
        oldest = newest - (count - 1) * timeframe_ms
        rows: list[Row] = []
        for start in range(oldest, newest + 1, MOST_CANDLES * timeframe_ms):
            end = min(start + (MOST_CANDLES - 1) * timeframe_ms, newest)
            rows += self._candles(symbol, timeframe_ms, start, end)
        return Candles.of(timeframe_ms, rows)

    def ask(self, symbol: str, timeframe_ms: int, start: int, end: int) -> Mapping[str, Any]:
        """One call for the candles that open in `start` .. `end`."""
        try:
            return self._transport.private(f"/products/{symbol}/candles", question(timeframe_ms, start, end))
        except BrokerError as error:
            if (slower := throttled(error)) is not None:
                raise slower from error
            raise

    def close(self) -> None:
        self._transport.hang_up()

    def _candles(self, symbol: str, timeframe_ms: int, start: int, end: int) -> list[Row]:
        answer = self.ask(symbol, timeframe_ms, start, end)
        return failure.understood(lambda: wire.candles(answer, start, end))


class CoinbaseMarket:
    """Reads everything about markets."""

    def __init__(self, transport: CoinbaseTransport, clock: Clock, log: Log) -> None:
        self._transport = transport
        self._clock = clock
        self._log = log
        self._instruments: dict[str, Instrument] = {}
        self._days: dict[str, wire.Day] = {}
        self._aliases: dict[str, str] = {}
        self._read_at = -_FRESH
        self._candles = CoinbaseCandles(transport, clock)

    def time(self) -> int:
        """Coinbase's clock (ms)."""
        answer = self._transport.public("/time")
        return failure.understood(lambda: wire.server_ms(answer))

    def instruments(self) -> dict[str, Instrument]:
        """Every spot market quoted in dollars, with its current rules."""
        rows = self._products({"product_type": "SPOT"})
        found, faults = failure.understood(lambda: wire.instruments(rows))
        for fault in faults:
            self._log.warning(Event.MARKET_LEFT_OUT, venue="coinbase", reason=fault)
        if not found:
            raise failure(ErrorMeaning.BUSY, "the products name no market quoted in dollars")
        self._instruments = found
        self._remember(rows)
        self._read_at = time.monotonic()
        return found

    def lists(self, symbol: str) -> bool:
        """Whether we may trade a product; True for all as long as no products were read."""
        return symbol in self._instruments or not self._instruments

    def instrument(self, symbol: str) -> Instrument:
        """The rules of one market as last read; raises `BrokerError` if Coinbase does not list it."""
        if symbol not in self._instruments:
            self.instruments()
        if symbol not in self._instruments:
            raise failure(ErrorMeaning.MARKET_CLOSED, f"Coinbase does not list {symbol}")
        return self._instruments[symbol]

    def tickers(self, symbols: Collection[str]) -> dict[str, Ticker]:
        """Best prices of these symbols; those that Coinbase does not quote are missing."""
        wanted = sorted(symbols)
        if time.monotonic() - self._read_at > _FRESH:
            for chunk in chunks(wanted, _IDS_A_CALL):
                self._remember(self._products({"product_ids": chunk}))
        found: dict[str, Ticker] = {}
        for chunk in chunks(wanted, _IDS_A_CALL):
            answer = self._transport.private("/best_bid_ask", {"product_ids": chunk})
            prices = failure.understood(lambda body=answer: wire.best(body))  # type: ignore[misc]
            for symbol in chunk:
                pair = prices.get(symbol) or prices.get(self._aliases.get(symbol, ""))
                if pair is not None and symbol in self._days:
                    found[symbol] = wire.ticker(pair, self._days[symbol])
        return found

    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        """The newest closed candles."""
        return self._candles.candles(symbol, timeframe_ms, count)

    def candle_reader(self) -> CoinbaseCandles:
        """Candles for another thread."""
        return CoinbaseCandles(self._transport.beside(), self._clock)

    def history(self) -> CoinbaseHistory:
        """Past candles."""
        return CoinbaseHistory(self._transport.beside())

    def look(self, symbol: str, since: int) -> PriceRange:
        """Last, high and low of the trades after `since`; `at` is the newest trade's time, so that none is missed.

        Coinbase shows the newest 100 trades. If those do not reach back far enough, candles cover the rest.
        """
        answer = self._transport.private(f"/products/{symbol}/ticker", {"limit": str(_TRADES)})
        trades = failure.understood(lambda: wire.prints(answer))
        if not trades:
            return at_rest(symbol, since, self.tickers({symbol}).get(symbol), failure)
        fresh = [trade for trade in trades if trade.at > since] or trades[-1:]
        seen = of_trades(symbol, since, fresh)
        return seen if len(fresh) < len(trades) or len(trades) < _TRADES else self._with_candles(seen, since)

    # -- reading -------------------------------------------------------------------------------------------------
    def _products(self, query: Params) -> list[Any]:
        """All product rows, page by page if there are pages; a repeated page is the end."""
        seen: list[list[Any]] = []

        def ask(cursor: str) -> Page[list[Any]]:
            answer = self._transport.private("/products", {**query, **({"cursor": cursor} if cursor else {})})
            page = failure.understood(lambda: sequence(answer.get("products"), "products"))
            if page in seen:
                return Page([], None)
            seen.append(page)
            pagination = answer.get("pagination")
            more: Mapping[str, Any] = pagination if isinstance(pagination, dict) else {}
            goes_on = more.get("has_next") is True
            return Page(page, (text(more, "next_cursor") or cursor) if goes_on else None)

        return rows_of(Asked("the products", failure, ask, _MOST_PAGES))

    def _remember(self, rows: Sequence[object]) -> None:
        self._days |= failure.understood(lambda: wire.days(rows))
        for row in rows:
            if isinstance(row, dict) and (alias := text(row, "alias")):
                self._aliases[text(row, "product_id")] = alias

    def _with_candles(self, seen: PriceRange, since: int) -> PriceRange:
        """The range seen, widened by the candles since then: one-minute candles, or longer ones for a longer time."""
        now = self._clock.market_ms()
        each = shortest(wire.GRANULARITIES, now - since, MOST_CANDLES - 1)
        start = max(since - since % each, now - now % each - (MOST_CANDLES - 1) * each)
        answer = self._candles.ask(seen.symbol, each, start, now - now % each)
        return widened(seen, failure.understood(lambda: wire.extremes(answer, start)))
