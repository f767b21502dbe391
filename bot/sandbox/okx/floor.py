"""The market under OKX's instruments: a swap trades at its pair's price, with its own funding.

Owns the mapping from instruments to the shared market's symbols, the funding rates, and the distance at which retail
price improvement (RPI) prints trades that an API order cannot get. Makes no prices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal

from bot.sandbox.core.instrument import ceil_to
from bot.sandbox.core.switches import Switches
from bot.sandbox.market import Bar, Book, DayStats, Jump, Level, Market, Quote, Trade

FUNDING_MS = 8 * 3_600_000
SUFFIX = "-SWAP"


class Floor:
    """The shared market under OKX's instrument names."""

    def __init__(self, market: Market, switches: Switches) -> None:
        self._market = market
        self._switches = switches

    def last(self, symbol: str, t_ms: int) -> Decimal:
        return self._market.last(_pair(symbol), t_ms)

    def quote(self, symbol: str, t_ms: int) -> Quote:
        quote, off = self._market.quote(_pair(symbol), t_ms), self._off(symbol, t_ms)
        return quote._replace(bid=max(self._market.tick(_pair(symbol)), quote.bid - off), ask=quote.ask + off)

    def book(self, symbol: str, t_ms: int, depth: int) -> Book:
        book, off = self._market.book(_pair(symbol), t_ms, depth), self._off(symbol, t_ms)
        bids = [Level(price - off, qty) for price, qty in book.bids if price > off]
        return Book(bids, [Level(price + off, qty) for price, qty in book.asks])

    def _off(self, symbol: str, t_ms: int) -> Decimal:
        """Distance of bid and ask from RPI trades. Those move last and candles, but an API order cannot match them."""
        if not self._switches.on("rpi_prints"):
            return Decimal(0)
        reach = self.last(symbol, t_ms) * self._switches.number("rpi_reach_bps") / 10_000
        return ceil_to(reach, self._market.tick(_pair(symbol)))

    def bars(self, symbol: str, interval_ms: int, from_ms: int, to_ms: int, origin_ms: int = 0) -> list[Bar]:
        return self._market.bars(_pair(symbol), interval_ms, from_ms, to_ms, origin_ms)

    def trades(self, symbol: str, after_ns: int, to_ms: int, limit: int) -> list[Trade]:
        return self._market.trades(_pair(symbol), after_ns, to_ms, limit)

    def recent(self, symbol: str, to_ms: int, limit: int) -> list[Trade]:
        return self._market.recent(_pair(symbol), to_ms, limit)

    def extremes(self, symbol: str, from_ms: int, to_ms: int) -> tuple[Decimal, Decimal]:
        return self._market.extremes(_pair(symbol), from_ms, to_ms)

    def stats24h(self, symbol: str, t_ms: int) -> DayStats:
        return self._market.stats24h(_pair(symbol), t_ms)

    def jump(self, symbol: str, t_ms: int, price: Decimal) -> None:
        self._market.jump(_pair(symbol), t_ms, price)

    def jumps(self) -> Sequence[Jump]:
        return self._market.jumps()

    @property
    def period_ms(self) -> int:
        return FUNDING_MS

    def rate(self, symbol: str, moment: int) -> Decimal:
        """The funding rate that longs pay shorts, as a fraction of the notional: 0.01 % ± 0.02 %."""
        digest = hashlib.sha256(f"{self._market.seed}/{symbol}/{moment}".encode()).digest()
        return Decimal("0.0001") + (Decimal(int.from_bytes(digest[:2], "big")) - 32768).scaleb(-8) * Decimal("0.6")


def next_funding_ms(t_ms: int) -> int:
    """The first funding time after `t_ms`: 00:00, 08:00 and 16:00 UTC."""
    return (t_ms // FUNDING_MS + 1) * FUNDING_MS


def _pair(symbol: str) -> str:
    return symbol.removesuffix(SUFFIX)
