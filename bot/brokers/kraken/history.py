"""Kraken's past candles: the newest 720 by OHLC, and older ones from trades, 1000 a call.

Trades take hours for a year of a major market, so the years before come from Kraken's quarterly files (`quarterly`), and trades
only close the gap between those and OHLC (docs.kraken.com, "Get OHLC Data", "Get Recent Trades").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bot.brokers.common.answers import BadAnswer, exact, sequence
from bot.brokers.history import History, Part, Route
from bot.brokers.kraken import parse_market as wire
from bot.brokers.kraken import quarterly
from bot.brokers.kraken.errors import failure
from bot.brokers.kraken.transport import KrakenTransport
from bot.domain.candles import Candles, Row
from bot.domain.clock import DAY, MINUTE, SECOND, Clock, iso
from bot.domain.outcome import ErrorMeaning

MOST_CANDLES = 720
#: As many of them are counted on: the market moves on between two calls.
_REACH = 700
#: Minutes of the candles that reach back furthest: 720 weeks.
_WEEK = 10_080
#: Candles of OHLC that are read from trades too, to compare.
_COMPARED = 12
#: A gap that trades may close: a quarter, and the months by which its file may be late.
LONGEST_GAP = 200 * DAY
#: A millisecond.
_NS = 1_000_000


class Trade(NamedTuple):
    """One trade; `time` in ns UTC. Ids count up within a market."""

    time: int
    price: float
    size: float
    id: int


class KrakenHistory(History):
    """Reads OHLC and trades. `pair` maps a symbol to Kraken's pair id, or raises `BrokerError` if it is not listed."""

    def __init__(
        self,
        transport: KrakenTransport,
        clock: Clock,
        pair: Callable[[str], str],
        names: Callable[[str], Sequence[str]],
    ) -> None:
        """`names` gives Kraken's names of a market, as its files use them."""
        self._transport = transport
        self._clock = clock
        self._pair = pair
        self._names = names

    def begins(self, symbol: str, timeframe_ms: int, start: int, end: int) -> int | None:
        _minutes(timeframe_ms)
        weeks = self._ohlc(symbol, _WEEK * MINUTE, max(start - _WEEK * MINUTE, 0), whole=False)
        first = int(weeks.time[0]) if len(weeks) else self._clock.market_ms()
        return max(first, start) if first < end else None

    def plan(self, symbol: str, timeframe_ms: int, start: int, end: int) -> Sequence[Route]:  # noqa: ARG002
        """OHLC as far as it reaches, trades for what is before."""
        now = self._clock.market_ms()
        reach = now - now % timeframe_ms - _REACH * timeframe_ms
        recent = [Route("ohlc", max(start, reach), end, dense=True)] if end > reach else []
        if start >= reach:
            return recent
        if min(end, reach) - start > LONGEST_GAP:
            days = (min(end, reach) - start) // DAY
            raise failure(
                ErrorMeaning.UNSUPPORTED,
                f"its API has these candles since {iso(reach)[:10]} only, and {days} days of trades would take too long: fetch "
                "Kraken_OHLCVT.zip from support.kraken.com and name it with --import",
            )
        overlap = _COMPARED * timeframe_ms if recent else 0
        return [*recent, Route("trades", start, min(end, reach), overlap=overlap)]

    def read(self, symbol: str, timeframe_ms: int, route: Route, at: int) -> Part:
        if route.source == "trades":
            return self._traded(symbol, timeframe_ms, at)
        return Part(self._ohlc(symbol, timeframe_ms, route.start), route.end, route.source)

    def imported(self, path: Path, symbol: str, timeframe_ms: int) -> Iterator[tuple[Route, Part]]:
        yield from quarterly.read(path, self._names(symbol), symbol, timeframe_ms)

    def close(self) -> None:
        self._transport.hang_up()

    # -- OHLC -----------------------------------------------------------------------------------------------------------
    def _ohlc(self, symbol: str, timeframe_ms: int, start: int, *, whole: bool = True) -> Candles:
        """The candles since `start` (exclusive on the wire); with `whole`, only the closed ones."""
        data = {"pair": self._pair(symbol), "interval": str(_minutes(timeframe_ms))}
        if start:
            data["since"] = str(start // SECOND - 1)
        result = self._transport.public("OHLC", data)
        if whole:
            return failure.understood(lambda: wire.candles(result, timeframe_ms, MOST_CANDLES + 1))
        return failure.understood(lambda: wire.all_candles(result, timeframe_ms))

    # -- trades ------------------------------------------------------------------------------------------------------------
    def _traded(self, symbol: str, timeframe_ms: int, at: int) -> Part:
        """The candles made of one page of trades, or of as many as the first candle takes.

        The last trade's candle is not whole yet and is read again, from its begin, with the next part.
        """
        making = Making(timeframe_ms, at)
        cursor = at * _NS - 1
        while True:
            page, following = self._trades(symbol, cursor)
            if not making.add(page):
                if len(page) >= wire.TRADES_PAGE:
                    raise failure(ErrorMeaning.BUSY, f"Trades of {symbol} did not continue after {cursor}")
                now = self._clock.market_ms()
                until = now - now % timeframe_ms
                return Part(making.candles(until), until, "trades")
            if making.begun > at:
                return Part(making.candles(making.begun), making.begun, "trades")
            cursor = following

    def _trades(self, symbol: str, cursor: int) -> tuple[list[Trade], int]:
        """The trades after `cursor` (ns, exclusive), and the cursor of the next page."""
        result = self._transport.public("Trades", {"pair": self._pair(symbol), "since": str(cursor)}, cost=_DEAR)
        page, last = failure.understood(lambda: trades(result))
        return page, wire.next_cursor(last, page[-1].time, cursor) if page else cursor


#: A page of trades counts as two calls, so that half of the address's budget is left to a daemon beside it.
_DEAR = 2.0


class Making:
    """Candles in the making, from pages of trades in the order of their ids. Holds no trades."""

    def __init__(self, timeframe_ms: int, at: int) -> None:
        self._timeframe = timeframe_ms
        self._at = at
        self._last = -1
        self._rows: list[list[float]] = []
        self._times: list[int] = []
        self.begun = at
        """The open time of the newest candle, which may not be whole."""

    def add(self, page: Sequence[Trade]) -> bool:
        """Take the trades that are new; False if none is."""
        seen = self._last
        for trade in page:
            if trade.id > self._last and trade.time >= self._at * _NS:
                self._take(trade)
        return self._last > seen

    def _take(self, trade: Trade) -> None:
        self._last = trade.id
        time = trade.time // _NS // self._timeframe * self._timeframe
        if not self._times or time > self._times[-1]:
            self._times.append(time)
            self._rows.append([trade.price] * 4 + [0.0])
            self.begun = time
        row = self._rows[-1]
        row[1], row[2], row[3] = max(row[1], trade.price), min(row[2], trade.price), trade.price
        row[4] += trade.size

    def candles(self, until: int) -> Candles:
        """Those that open before `until`."""
        rows: list[Row] = [
            (time, row[0], row[1], row[2], row[3], row[4]) for time, row in zip(self._times, self._rows, strict=True)
        ]
        return Candles.of(self._timeframe, (row for row in rows if row[0] < until))


def trades(result: object) -> tuple[list[Trade], int]:
    """Trades: rows [price, volume, time, side, kind, misc, id], oldest first, and `last` (ns)."""
    rows, last = wire.rows_of(result, "Trades")
    return [_trade(sequence(row, "trade")) for row in rows], int(wire.plausible_ns(last))


def _trade(row: Sequence[object]) -> Trade:
    if len(row) < 7:
        raise BadAnswer("trade: too short")
    price, size, at, number = (
        exact(row[0], "price"),
        exact(row[1], "volume"),
        exact(row[2], "time"),
        exact(row[6], "id"),
    )
    if price <= 0 or size < 0 or at <= 0:
        raise BadAnswer("trade: price or time not positive")
    return Trade(int(at * SECOND * _NS), float(price), float(size), int(number))


def _minutes(timeframe_ms: int) -> int:
    minutes, rest = divmod(timeframe_ms, MINUTE)
    if rest or minutes not in wire.INTERVALS:
        raise failure(ErrorMeaning.UNSUPPORTED, f"Kraken has no candles of {timeframe_ms // MINUTE} minutes")
    return minutes
