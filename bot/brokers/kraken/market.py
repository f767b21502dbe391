"""Kraken's public data: markets, prices, candles, and the trades since a point in time.

Asset lists and tickers come as pykrakenapi's frames, which keep Kraken's texts exact. Its candle and trade frames convert
prices to floats, emit pandas warnings and break on a missing minute, so those answers are read directly from krakenex.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pykrakenapi import KrakenAPI

from bot.brokers.base import BrokerError
from bot.brokers.common.pages import chunks
from bot.brokers.common.price_ranges import Print, at_rest, of_trades, shortest, widened
from bot.brokers.kraken import parse_market as wire
from bot.brokers.kraken.errors import failure
from bot.brokers.kraken.history import MOST_CANDLES, KrakenHistory
from bot.brokers.kraken.names import Names, file_name, read_names
from bot.brokers.kraken.parse import mapping
from bot.brokers.kraken.transport import KrakenTransport
from bot.domain.candles import Candles
from bot.domain.clock import MINUTE, Clock
from bot.domain.instrument import Instrument, PriceRange, Ticker
from bot.domain.log import Event, Log
from bot.domain.outcome import ErrorMeaning

T = TypeVar("T")

_MOST_PAGES = 3
_TICKERS_A_CALL = 150


class _Frames:
    """Our transport in the form of a krakenex API for pykrakenapi; passes on only answers that fit into a frame."""

    def __init__(self, transport: KrakenTransport) -> None:
        self._transport = transport

    def query_public(self, method: str, data: Mapping[str, str] | None = None) -> dict[str, Any]:
        result = self._transport.public(method, data)
        rows = failure.understood(lambda: {key: mapping(row, key) for key, row in mapping(result, method).items()})
        return {"error": [], "result": rows}


class KrakenCandles:
    """Reads candles over one transport. `pair` maps a symbol to Kraken's pair id, or raises `BrokerError` if it is not listed."""

    def __init__(self, transport: KrakenTransport, clock: Clock, pair: Callable[[str], str]) -> None:
        self._transport = transport
        self._clock = clock
        self._pair = pair

    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        """The newest closed candles, at most 720: OHLC goes no further back."""
        minutes, rest = divmod(timeframe_ms, MINUTE)
        if rest or minutes not in wire.INTERVALS:
            raise failure(ErrorMeaning.UNSUPPORTED, f"Kraken has no candles of {timeframe_ms} ms")
        data = {"pair": self._pair(symbol), "interval": str(minutes)}
        if count < MOST_CANDLES // 2:
            data["since"] = str((self._clock.market_ms() - (count + 3) * timeframe_ms) // 1000)
        result = self._transport.public("OHLC", data)
        return failure.understood(lambda: wire.candles(result, timeframe_ms, min(count, MOST_CANDLES)))

    def close(self) -> None:
        self._transport.hang_up()


class KrakenMarket:
    """Reads everything that needs no key. Keeps the assets, pairs and names of the last read."""

    def __init__(self, transport: KrakenTransport, clock: Clock, log: Log) -> None:
        self._transport = transport
        self._clock = clock
        self._log = log
        self._assets: Mapping[str, Mapping[str, Any]] = {}
        self._pairs: Mapping[str, Mapping[str, Any]] = {}
        self._names = Names()
        self._candles = KrakenCandles(transport, clock, self.pair)
        self._strange: set[str] = set()
        self._closed: set[str] = set()

    def time(self) -> int:
        """Kraken's clock (ms)."""
        return failure.understood(lambda: wire.server_ms(self._transport.public("Time")))

    def names(self, pairs: Iterable[str] = ()) -> Names:
        """Kraken's names, read again if one of `pairs` is unknown (once per unknown pair)."""
        unknown = {pair for pair in pairs if not self._names.knows(pair)} - self._strange
        if not self._names.pairs or unknown:
            self._refresh()
            self._strange |= {pair for pair in unknown if not self._names.knows(pair)}
        return self._names

    def pair(self, symbol: str) -> str:
        """Kraken's pair id for a symbol; raises `BrokerError` if Kraken does not list it."""
        self.names()
        return self._listed(symbol)

    def _listed(self, symbol: str) -> str:
        """The same, from the last read."""
        pair = self._names.pair(symbol)
        if pair is None:
            raise failure(ErrorMeaning.MARKET_CLOSED, f"Kraken does not list {symbol}")
        return pair

    def instruments(self) -> dict[str, Instrument]:
        """Every market quoted in dollars, with its current rules."""
        self._refresh()
        found, faults = wire.instruments(self._pairs, self._names, self._assets)
        for fault in faults:
            self._log.warning(Event.MARKET_LEFT_OUT, venue="kraken", reason=fault)
        if not found:
            raise failure(ErrorMeaning.BUSY, "AssetPairs names no market quoted in dollars")
        return found

    def tickers(self, symbols: Collection[str]) -> dict[str, Ticker]:
        """Best prices of these symbols; those that Kraken does not list are missing."""
        try:
            return self._tickers(symbols)
        except BrokerError as error:
            if error.meaning is not ErrorMeaning.MARKET_CLOSED:
                raise
        self._refresh()  # one of them was delisted, in which case Kraken refuses the whole query
        return self._tickers(symbols)

    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        """The newest closed candles."""
        return self._candles.candles(symbol, timeframe_ms, count)

    def candle_reader(self) -> KrakenCandles:
        """Candles for another thread, for markets listed at the last read."""
        return KrakenCandles(self._transport.beside(), self._clock, self._listed)

    def history(self) -> KrakenHistory:
        """Past candles."""
        return KrakenHistory(self._transport.beside(), self._clock, self.pair, self._file_names)

    def _file_names(self, symbol: str) -> list[str]:
        """What Kraken calls a market in the names of its files: its altname, and for delisted ones what that was by the rule."""
        pair = self.names().pair(symbol) or ""
        altname = str(self._pairs.get(pair, {}).get("altname", ""))
        return list(dict.fromkeys(name for name in (altname, file_name(symbol)) if name))

    def look(self, symbol: str, since: int) -> PriceRange:
        """Last, high and low of the trades after `since`; `at` is the newest trade's time, so that none is missed.

        Without a trade, the ticker's last price. If there are too many trades to read, candles cover the rest.
        """
        trades, complete = self._trades(symbol, since)
        if not trades:
            return at_rest(symbol, since, self._tickers({symbol}).get(symbol), failure)
        seen = of_trades(symbol, since, trades)
        return seen if complete else self._with_candles(seen, since)

    # -- reading -------------------------------------------------------------------------------------------------
    def _trades(self, symbol: str, since: int) -> tuple[list[Print], bool]:
        """Trades after `since`, page by page (`since` in ns is exclusive), and whether these are all of them."""
        pair, cursor = self.pair(symbol), since * 1_000_000
        found: list[Print] = []
        for _ in range(_MOST_PAGES):
            result = self._transport.public("Trades", {"pair": pair, "since": str(cursor)})
            page, cursor = failure.understood(lambda answer=result, at=cursor: wire.prints(answer, at))  # type: ignore[misc]
            found += page
            if len(page) < wire.TRADES_PAGE:
                return found, True
        return found, False

    def _with_candles(self, seen: PriceRange, since: int) -> PriceRange:
        """The range seen, widened by the candles since then: one-minute candles, or longer ones for a longer time."""
        age = (self._clock.market_ms() - seen.at) // MINUTE
        minutes = shortest(wire.INTERVALS, age, MOST_CANDLES)
        start = seen.at - seen.at % (minutes * MINUTE)
        start += minutes * MINUTE if start < since else 0
        data = {"pair": self.pair(seen.symbol), "interval": str(minutes), "since": str(start // 1000 - 1)}
        result = self._transport.public("OHLC", data)
        return widened(seen, failure.understood(lambda: wire.extremes(result, start)))

    def _tickers(self, symbols: Collection[str]) -> dict[str, Ticker]:
        names = self.names()
        pairs = sorted({pair for symbol in symbols if (pair := names.pair(symbol)) is not None})
        found: dict[str, Ticker] = {}
        for chunk in chunks(pairs, _TICKERS_A_CALL):
            for answer in self.ask_each(chunk, self._ask_tickers):
                found |= failure.understood(lambda rows=answer: wire.tickers(rows, names))  # type: ignore[misc]
        return {symbol: ticker for symbol, ticker in found.items() if symbol in symbols}

    def _ask_tickers(self, pairs: str) -> Any:
        return self._frames().get_ticker_information(pairs).to_dict("index")

    def ask_each(self, pairs: Sequence[str], ask: Callable[[str], T]) -> list[T]:
        """The answers to a query about many pairs. Kraken refuses the whole query if one pair is closed to this account: that
        pair is found by bisection, left out from then on, and logged.
        """
        open_pairs = [pair for pair in pairs if pair not in self._closed]
        if not open_pairs:
            return []
        try:
            return [ask(",".join(open_pairs))]
        except BrokerError as error:
            if error.meaning is not ErrorMeaning.RESTRICTED:
                raise
            if len(open_pairs) == 1:
                self._closed.add(open_pairs[0])
                symbol = self._names.symbol(open_pairs[0])
                self._log.warning(Event.MARKET_LEFT_OUT, venue="kraken", symbol=symbol, reason=str(error))
                return []
        half = len(open_pairs) // 2
        return [*self.ask_each(open_pairs[:half], ask), *self.ask_each(open_pairs[half:], ask)]

    def _refresh(self) -> None:
        self._pairs = _rows(self._frames().get_tradable_asset_pairs())
        bases = {str(row.get(end)) for row in self._pairs.values() for end in ("base", "quote")}
        if not bases <= self._assets.keys():
            self._assets = _rows(self._frames().get_asset_info())
        self._names = read_names(self._assets, self._pairs)

    def _frames(self) -> KrakenAPI:
        """A new instance for each query: it would otherwise pace its queries itself, and we already do."""
        return KrakenAPI(_Frames(self._transport), retry=0, crl_sleep=0)


def _rows(frame: Any) -> dict[str, dict[str, Any]]:
    """The rows of a frame, without the cells that Kraken did not send (NaN)."""
    return {
        str(name): {str(key): cell for key, cell in row.items() if not isinstance(cell, float)}
        for name, row in frame.to_dict("index").items()
    }
