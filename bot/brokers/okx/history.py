"""OKX's past candles: pages of `history-candles`, and the official archive of one-minute candles. And its funding rates.

Pages go back in time by `after`; `before` is exclusive and starts at the newest row, so it is not used. A month of the archive is
one file, cut at midnight UTC+8 (OKX v5 API guide, "Get candlesticks history" and "Get historical market data").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from bot.brokers.common.answers import BadAnswer
from bot.brokers.history import History, Part, Rate, Route
from bot.brokers.okx import archive
from bot.brokers.okx import parse_market as wire
from bot.brokers.okx.archive_files import MINUTES, ArchiveFiles
from bot.brokers.okx.errors import failure
from bot.brokers.okx.funding import OkxFunding
from bot.brokers.okx.transport import OkxTransport
from bot.domain.candles import Candle, Candles
from bot.domain.clock import DAY, MINUTE, Clock
from bot.domain.outcome import ErrorMeaning

_CANDLES = "/api/v5/market/history-candles"
_PAGE = 300
#: A month is read from the archive where it takes more pages than this.
_MANY_PAGES = 12


class OkxHistory(History):
    """Reads candles page by page, from older to newer ones, and months of short ones from the archive.

    `unit` gives the base quantity of one unit of a market's volume, None if it cannot be known.
    """

    def __init__(self, transport: OkxTransport, clock: Clock, host: str, unit: Callable[[str], Decimal | None]) -> None:
        self._transport = transport
        self._clock = clock
        self._unit = unit
        self._files = ArchiveFiles(transport, host)
        self._funding = OkxFunding(transport, self._files, clock)
        self._absent: set[int] = set()
        """Months that are not whole in the archive, by their begin."""

    def begins(self, symbol: str, timeframe_ms: int, start: int, end: int) -> int | None:
        if timeframe_ms not in wire.BARS:
            raise failure(ErrorMeaning.UNSUPPORTED, f"OKX has no candles of {timeframe_ms} ms")
        first, after = None, end
        while after > start and (page := self._page(symbol, DAY, after, _PAGE)):
            first = after = page[0].time
        if first is None:  # listed today
            page = self._page(symbol, MINUTE, end, _PAGE)
            first = page[0].time if page else None
        return None if first is None else max(first, start)

    def plan(self, symbol: str, timeframe_ms: int, start: int, end: int) -> Sequence[Route]:  # noqa: ARG002
        """The archive's months as far as it reaches, pages before, between and after."""
        routes: list[Route] = []
        at = start
        if archive.MONTH // (_PAGE * timeframe_ms) > _MANY_PAGES and timeframe_ms % MINUTE == 0:
            for month, after in archive.months(start, min(end, self._clock.market_ms() - archive.APPEARS_AFTER)):
                if at < month:
                    routes.append(Route("candles", at, month, dense=True))
                routes.append(Route("archive", month, after, dense=True))
                at = after
        if at < end:
            routes.append(Route("candles", at, end, dense=True))
        return routes

    def read(self, symbol: str, timeframe_ms: int, route: Route, at: int) -> Part:
        """Pages begin at multiples of their length, so that an interrupted download asks for the same ones."""
        if route.source == "archive" and route.start not in self._absent:
            if (part := self._month(symbol, timeframe_ms, route)) is not None:
                return part
            self._absent.add(route.start)
        length = _PAGE * timeframe_ms
        until = min(at - at % length + length, route.end)
        rows = self._between(symbol, timeframe_ms, at, until)
        return Part(Candles.of(timeframe_ms, rows), until, "candles")

    def funding(self, symbol: str, start: int, end: int) -> Sequence[Rate] | None:
        return self._funding.rates(symbol, start, end) if wire.type_of(symbol) == "SWAP" else None

    def close(self) -> None:
        self._transport.hang_up()

    # -- pages ----------------------------------------------------------------------------------------------------------
    def _between(self, symbol: str, timeframe_ms: int, start: int, end: int) -> list[Candle]:
        """The closed candles that open in `start` .. `end`, oldest first. Older hosts send fewer rows than requested."""
        found: list[Candle] = []
        after = end
        while after > start and (page := self._page(symbol, timeframe_ms, after, (after - start) // timeframe_ms)):
            found = [one for one in page if one.time >= start] + found
            after = page[0].time
        return found

    def _page(self, symbol: str, timeframe_ms: int, after: int, count: int) -> list[Candle]:
        """Up to `count` closed candles older than `after`, oldest first."""
        fields = {"instId": symbol, "bar": wire.BARS[timeframe_ms], "limit": str(min(max(count, 1), _PAGE))}
        rows = self._transport.public(_CANDLES, **fields, after=str(after))
        unit = self._unit_of(symbol)
        read = failure.understood(lambda: [wire.candle(row, unit) for row in rows])
        closed = [one for one, done in reversed(read) if done]
        if closed and closed[0].time >= after:
            raise failure(ErrorMeaning.BUSY, f"history-candles went forward from {after}")
        return closed

    def _unit_of(self, symbol: str) -> Decimal:
        unit = self._unit(symbol)
        if unit is None:
            raise failure(ErrorMeaning.UNSUPPORTED, f"OKX does not list {symbol}")
        return unit

    # -- the archive ------------------------------------------------------------------------------------------------------
    def _month(self, symbol: str, timeframe_ms: int, route: Route) -> Part | None:
        """One month from its file; None if the archive does not have it, or not all of its minutes."""
        listed = self._files.listed(MINUTES, symbol, [archive.Month(route.start, route.end)])
        if len(listed) != 1:
            return None
        name, url = listed[0]
        if (body := self._files.fetch(url)) is None:
            return None
        try:
            minutes, digest = archive.read(body, symbol, self._unit_of(symbol), route.start, route.end)
        except BadAnswer as error:
            raise failure(ErrorMeaning.BUSY, f"{name}: {error}") from error
        whole = archive.joined(minutes, timeframe_ms) if len(minutes) * MINUTE == route.end - route.start else None
        return None if whole is None else Part(whole, route.end, "archive", (name, digest))
