"""OKX's past candles: pages of `history-candles`, and the official archive of one-minute candles.

Pages go back in time by `after`; `before` is exclusive and starts at the newest row, so it is not used. A month of the archive is
one file, cut at midnight UTC+8 (OKX v5 API guide, "Get candlesticks history" and "Get historical market data").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from bot.brokers.common.answers import BadAnswer, mapping, sequence, text
from bot.brokers.history import History, Part, Rate, Route
from bot.brokers.okx import archive
from bot.brokers.okx import parse_market as wire
from bot.brokers.okx.answers import millis
from bot.brokers.okx.errors import failure
from bot.brokers.okx.transport import OkxTransport
from bot.domain.candles import Candle, Candles
from bot.domain.clock import DAY, MINUTE, Clock
from bot.domain.outcome import ErrorMeaning

_CANDLES = "/api/v5/market/history-candles"
_FILES = "/api/v5/public/market-data-history"
_FUNDING = "/api/v5/public/funding-rate-history"
_PAGE, _FUNDING_PAGE = 300, 100
#: A month is read from the archive where it takes more pages than this.
_MANY_PAGES = 12


class OkxHistory(History):
    """Reads candles page by page, from older to newer ones, and months of short ones from the archive.

    `unit` gives the base quantity of one unit of a market's volume, None if it cannot be known.
    """

    def __init__(self, transport: OkxTransport, clock: Clock, host: str, unit: Callable[[str], Decimal | None]) -> None:
        self._transport = transport
        self._clock = clock
        self._host = host
        self._unit = unit
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
        if wire.type_of(symbol) != "SWAP":
            return None
        found: list[Rate] = []
        after = end + 1
        while after > start:
            fields = {"instId": symbol, "after": str(after), "limit": str(_FUNDING_PAGE)}
            rows = self._transport.public(_FUNDING, **fields)
            page = failure.understood(lambda sent=rows: [_rate(row) for row in sent])  # type: ignore[misc]
            if not page or min(page).time >= after:
                break
            found += page
            after = min(page).time
        return sorted({one.time: one for one in found if one.time >= start}.values())

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
        kind = wire.type_of(symbol)
        market = {"instIdList": symbol} if kind == "SPOT" else {"instFamilyList": symbol.removesuffix(f"-{kind}")}
        middle = str((route.start + route.end) // 2)
        rows = self._transport.public(
            _FILES, module="2", instType=kind, dateAggrType="monthly", begin=middle, end=middle, **market
        )
        listed = failure.understood(lambda: _urls(rows, symbol))
        if len(listed) != 1:
            return None
        name, url = listed[0]
        if not archive.is_trusted(url, self._host):
            raise failure(ErrorMeaning.REJECTED, f"the archive points to {url[:80]}, which is not OKX's")
        body = self._transport.file(url)
        try:
            minutes, digest = archive.read(body, symbol, self._unit_of(symbol), route.start, route.end)
        except BadAnswer as error:
            raise failure(ErrorMeaning.BUSY, f"{name}: {error}") from error
        whole = archive.joined(minutes, timeframe_ms) if len(minutes) * MINUTE == route.end - route.start else None
        return None if whole is None else Part(whole, route.end, "archive", (name, digest))


def _urls(rows: Sequence[Any], symbol: str) -> list[tuple[str, str]]:
    """The files of a market in the archive's list, by name and address."""
    details = [one for row in rows for one in sequence(mapping(row, "files").get("details"), "details")]
    files = [
        one for detail in details for one in sequence(mapping(detail, "detail").get("groupDetails"), "groupDetails")
    ]
    named = [(text(mapping(one, "file"), "filename"), str(one.get("url", ""))) for one in files]
    return [one for one in named if one[0].startswith(f"{symbol}-candlesticks-")]


def _rate(row: object) -> Rate:
    """One row of funding-rate-history. `realizedRate` was paid; older rows lack it."""
    fields = mapping(row, "funding rate")
    rate = text(fields, "realizedRate") or text(fields, "fundingRate")
    at = millis(fields, "fundingTime")
    if not at or not rate:
        raise BadAnswer("funding rate: no time or no rate")
    return Rate(at, float(rate))
