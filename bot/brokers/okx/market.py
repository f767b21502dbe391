"""OKX's public data: markets, prices, candles, and the trades since a point in time.

Keeps the listings of the last read, which orders and fills need for their sizes. Markets are queried with the key, because
that answer contains only what this account may trade.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

from bot.brokers.common.answers import BadAnswer, mapping, readable, text
from bot.brokers.common.price_ranges import at_rest, of_trades, shortest, widened
from bot.brokers.okx import parse_market as wire
from bot.brokers.okx.answers import only
from bot.brokers.okx.config import OkxConfig
from bot.brokers.okx.errors import failure
from bot.brokers.okx.history import OkxHistory
from bot.brokers.okx.parse_market import Listing
from bot.brokers.okx.transport import OkxTransport
from bot.domain.candles import Candle, Candles
from bot.domain.clock import MINUTE, Clock
from bot.domain.instrument import Instrument, PriceRange, Ticker
from bot.domain.log import Event, Log
from bot.domain.money import ONE
from bot.domain.outcome import ErrorMeaning

ALL_TYPES = ("SPOT", "SWAP", "FUTURES")
_PAGE = 300
#: `market/candles` reaches 1,440 rows back; older ones are in `market/history-candles`.
_REACH = 1_200
#: How many trades are requested first, and if those do not reach back far enough: the most that OKX shows.
_PRINTS = (100, 500)
#: Up to this many symbols are queried one by one; for more, the whole list is read.
_FEW = 4


class OkxCandles:
    """Reads candles over one transport. `listing` returns a market, or raises `BrokerError` if it is not listed."""

    def __init__(self, transport: OkxTransport, listing: Callable[[str], Listing]) -> None:
        self._transport = transport
        self._listing = listing

    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        """The newest closed candles, page by page back in time; fewer for a new market."""
        if timeframe_ms not in wire.BARS:
            raise failure(ErrorMeaning.UNSUPPORTED, f"OKX has no candles of {timeframe_ms} ms")
        found: list[Candle] = []
        while len(found) < count:
            after = str(found[0].time) if found else ""
            page = self._page(symbol, timeframe_ms, after, count - len(found) + 1, deep=len(found) >= _REACH)
            if not page:
                break
            found = page + found
        return Candles.of(timeframe_ms, found[-count:])

    def close(self) -> None:
        self._transport.hang_up()

    def _page(self, symbol: str, timeframe_ms: int, after: str, count: int, *, deep: bool) -> list[Candle]:
        """One page of closed candles, oldest first; only those older than `after` if given."""
        fields = {"instId": symbol, "bar": wire.BARS[timeframe_ms], "limit": str(min(count, _PAGE))}
        if after:
            fields["after"] = after
        path = "/api/v5/market/history-candles" if deep else "/api/v5/market/candles"
        rows, unit = self._transport.public(path, **fields), self._unit_of(symbol)
        read = failure.understood(lambda: [wire.candle(row, unit) for row in rows])
        return [one for one, closed in reversed(read) if closed]

    def _unit_of(self, symbol: str) -> Decimal:
        return ONE if wire.type_of(symbol) == "SPOT" else self._listing(symbol).instrument.unit


class OkxMarket:
    """Reads everything about markets."""

    def __init__(self, config: OkxConfig, transport: OkxTransport, clock: Clock, log: Log) -> None:
        self._types = ALL_TYPES if config.swaps else ("SPOT",)
        self._non_crypto = config.non_crypto
        self._host = config.api_url
        self._transport = transport
        self._clock = clock
        self._log = log
        self._listings: dict[str, Listing] = {}
        self._units: dict[str, Decimal | None] = {}
        self._candles = OkxCandles(transport, self.listing)

    def open_contracts(self) -> None:
        """From now on, read contracts as well as spot."""
        self._types = ALL_TYPES

    def time(self) -> int:
        """OKX's clock (ms)."""
        rows = self._transport.public("/api/v5/public/time")
        return failure.understood(lambda: wire.server_ms(rows))

    # -- what there is -------------------------------------------------------------------------------------------------
    def instruments(self) -> dict[str, Instrument]:
        """Every market quoted in dollars, with its current rules."""
        self._refresh()
        if not self._listings:
            raise failure(ErrorMeaning.BUSY, "OKX names no market quoted in dollars")
        return {symbol: listing.instrument for symbol, listing in self._listings.items()}

    def listing(self, symbol: str) -> Listing:
        """One market; raises `BrokerError` if OKX does not list it for this account."""
        if symbol not in self._listings:
            self._refresh()
        return self._listed(symbol)

    def _listed(self, symbol: str) -> Listing:
        """The same, from the last read."""
        if symbol not in self._listings:
            raise failure(ErrorMeaning.MARKET_CLOSED, f"OKX does not list {symbol} for this account")
        return self._listings[symbol]

    def known(self, symbol: str) -> Listing | None:
        """One market from the last read."""
        return self._listings.get(symbol)

    def unit(self, kind: str, symbol: str) -> Decimal | None:
        """Base quantity of one unit on the wire; None if it cannot be known (options, contracts that were delisted before this
        start).
        """
        if kind in ("SPOT", "MARGIN"):
            return ONE
        if symbol in self._listings:
            return self._listings[symbol].instrument.unit
        if kind in ("SWAP", "FUTURES") and symbol not in self._units:
            self._read_units(kind)
            self._units.setdefault(symbol, None)
        return self._units.get(symbol)

    def _refresh(self) -> None:
        rows = [row for kind in self._types for row in self._transport.private(_INSTRUMENTS, instType=kind)]
        now = self._clock.market_ms()
        self._listings, faults = failure.understood(lambda: wire.listings(rows, now, non_crypto=self._non_crypto))
        self._units |= {symbol: one.instrument.unit for symbol, one in self._listings.items()}
        for fault in faults:
            self._log.warning(Event.MARKET_LEFT_OUT, venue="okx", reason=fault)

    def _read_units(self, kind: str) -> None:
        for each in self._transport.public("/api/v5/public/instruments", instType=kind):
            row = failure.understood(lambda one=each: mapping(one, "instrument"))  # type: ignore[misc]
            try:
                self._units[text(row, "instId")] = wire.unit_of(row)
            except BadAnswer:
                self._units[text(row, "instId")] = None  # an inverse contract, which we never hold

    # -- prices ----------------------------------------------------------------------------------------------------------
    def tickers(self, symbols: Collection[str]) -> dict[str, Ticker]:
        """Best prices of these symbols; those that OKX does not show are missing."""
        read = readable(self._ticker_rows(symbols), lambda row: (text(row, "instId"), wire.ticker(row)))
        return {symbol: seen for symbol, seen in read if seen is not None and symbol in symbols}

    def _ticker_rows(self, symbols: Collection[str]) -> list[Mapping[str, object]]:
        if len(symbols) <= _FEW:
            listed = [symbol for symbol in symbols if self.known(symbol) or not self._listings]
            pages = [self._transport.public("/api/v5/market/ticker", instId=symbol) for symbol in listed]
        else:
            kinds = sorted({wire.type_of(symbol) for symbol in symbols})
            pages = [self._transport.public("/api/v5/market/tickers", instType=kind) for kind in kinds]
        return failure.understood(lambda: [mapping(row, "ticker") for page in pages for row in page])

    def look(self, symbol: str, since: int) -> PriceRange:
        """Last, high and low of the trades after `since`; `at` is the newest trade's time, so that none is missed.

        If the last 100 trades do not reach back to `since`, 500 are read. If those do not either, the candles that began after
        `since` cover the rest.
        """
        for most in _PRINTS:
            rows = self._transport.public("/api/v5/market/trades", instId=symbol, limit=str(most))
            fresh = failure.understood(lambda page=rows: wire.prints(page[::-1], since))  # type: ignore[misc]
            reaches = len(rows) < most or len(fresh) < len(rows)
            if reaches:
                break
        if fresh:
            seen = of_trades(symbol, since, fresh)
            return seen if reaches else self._with_candles(seen, since)
        old = failure.understood(lambda: wire.prints(rows[:1]))
        if old:
            return of_trades(symbol, since, old)
        return at_rest(symbol, since, self.tickers({symbol}).get(symbol), failure)

    def _with_candles(self, seen: PriceRange, since: int) -> PriceRange:
        """The range seen, widened by candles that began after `since`: the shortest length of which one page reaches back."""
        age = self._clock.market_ms() - since
        bar = shortest((each for each in wire.BARS if each >= MINUTE), age, _PAGE)
        start = -(-since // bar) * bar
        rows = self._transport.public(
            "/api/v5/market/candles", instId=seen.symbol, bar=wire.BARS[bar], limit=str(_PAGE)
        )
        return widened(seen, failure.understood(lambda: wire.extremes(rows, start)))

    # -- candles -----------------------------------------------------------------------------------------------------------
    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        """The newest closed candles."""
        return self._candles.candles(symbol, timeframe_ms, count)

    def candle_reader(self) -> OkxCandles:
        """Candles for another thread, for markets listed at the last read."""
        return OkxCandles(self._transport.beside(), self._listed)

    def history(self) -> OkxHistory:
        """Past candles."""
        transport = self._transport.beside()
        return OkxHistory(transport, self._clock, self._host, lambda symbol: self.unit(wire.type_of(symbol), symbol))

    # -- swaps -------------------------------------------------------------------------------------------------------------
    def funding(self, symbol: str) -> wire.Funding:
        """public/funding-rate of a swap."""
        rows = self._transport.public("/api/v5/public/funding-rate", instId=symbol)
        return failure.understood(lambda: wire.funding(only(rows, "funding-rate")))


_INSTRUMENTS = "/api/v5/account/instruments"
