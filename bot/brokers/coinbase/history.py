"""Coinbase's past candles, in pages of 300, from the endpoints that need no key.

The edge caches them, which does no harm to candles that no longer change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.brokers.base import BrokerError
from bot.brokers.coinbase import parse_market as wire
from bot.brokers.coinbase.errors import PAUSE_MS, failure
from bot.brokers.coinbase.transport import CoinbaseTransport
from bot.brokers.history import History, Part, Route
from bot.domain.candles import Candles, Row
from bot.domain.clock import DAY, SECOND
from bot.domain.outcome import ErrorMeaning

#: Coinbase refuses more than 350 candles a call; sources differ on the exact limit, so stay well below it.
MOST_CANDLES = 300
#: Pages have been seen to come back empty at random: an empty one is requested this many times before it counts.
_EMPTY_TIMES = 3


def question(timeframe_ms: int, start: int, end: int) -> dict[str, str]:
    """The query for the candles that open in `start` .. `end`. It extends to the last one's close, because it is not documented
    whether open or close must be in the range; surplus candles are dropped later.
    """
    if timeframe_ms not in wire.GRANULARITIES:
        raise failure(ErrorMeaning.UNSUPPORTED, f"Coinbase has no candles of {timeframe_ms} ms")
    return {
        "start": str(start // SECOND),
        "end": str((end + timeframe_ms) // SECOND),
        "granularity": wire.GRANULARITIES[timeframe_ms],
    }


def throttled(error: BrokerError) -> BrokerError | None:
    """Candle queries that come too fast are refused like a wrong key, which would be refused everywhere; None for other errors."""
    if error.meaning is not ErrorMeaning.CREDENTIALS:
        return None
    return failure(ErrorMeaning.RATE_LIMITED, error.text, "throttled", PAUSE_MS)


class CoinbaseHistory(History):
    """Reads candles page by page, from older to newer ones."""

    def __init__(self, transport: CoinbaseTransport) -> None:
        self._transport = transport

    def begins(self, symbol: str, timeframe_ms: int, start: int, end: int) -> int | None:
        question(timeframe_ms, start, end)
        for first in range(start - start % DAY, end, MOST_CANDLES * DAY):
            last = min(first + (MOST_CANDLES - 1) * DAY, end)
            if rows := self._surely(symbol, DAY, first, last):
                return max(rows[0][0], start)
        return None

    def plan(self, symbol: str, timeframe_ms: int, start: int, end: int) -> Sequence[Route]:  # noqa: ARG002
        return [Route("candles", start, end)]

    def read(self, symbol: str, timeframe_ms: int, route: Route, at: int) -> Part:
        """Pages begin at multiples of their length, so that an interrupted download asks for the same ones."""
        length = MOST_CANDLES * timeframe_ms
        until = min(at - at % length + length, route.end)
        rows = self._surely(symbol, timeframe_ms, at, until - timeframe_ms)
        return Part(Candles.of(timeframe_ms, rows), until, route.source)

    def close(self) -> None:
        self._transport.hang_up()

    def _surely(self, symbol: str, timeframe_ms: int, start: int, end: int) -> list[Row]:
        """The candles of one page; an empty one is requested again."""
        for time in range(_EMPTY_TIMES):
            query = question(timeframe_ms, start, end)
            query["end"] = str(int(query["end"]) + time)  # past the edge's cache
            answer = self._ask(symbol, query)
            if rows := failure.understood(lambda sent=answer: wire.candles(sent, start, end)):  # type: ignore[misc]
                return rows
        return []

    def _ask(self, symbol: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        try:
            return self._transport.public(f"/market/products/{symbol}/candles", query)
        except BrokerError as error:
            if (slower := throttled(error)) is not None:
                raise slower from error
            raise
