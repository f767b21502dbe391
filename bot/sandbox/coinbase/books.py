"""The market as Coinbase shows it: an alias product shows the book that it shares.

Adds only names to the market.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from bot.sandbox.market import Bar, Book, DayStats, Jump, Market, Quote, Trade


class SharedBooks:
    """A market in which several symbols may share a book; `books` maps product to book."""

    def __init__(self, market: Market, books: Mapping[str, str]) -> None:
        self._market = market
        self._books = dict(books)

    def last(self, symbol: str, t_ms: int) -> Decimal:
        return self._market.last(self._books[symbol], t_ms)

    def quote(self, symbol: str, t_ms: int) -> Quote:
        return self._market.quote(self._books[symbol], t_ms)

    def book(self, symbol: str, t_ms: int, depth: int) -> Book:
        return self._market.book(self._books[symbol], t_ms, depth)

    def bars(self, symbol: str, interval_ms: int, from_ms: int, to_ms: int) -> list[Bar]:
        return self._market.bars(self._books[symbol], interval_ms, from_ms, to_ms)

    def extremes(self, symbol: str, from_ms: int, to_ms: int) -> tuple[Decimal, Decimal]:
        return self._market.extremes(self._books[symbol], from_ms, to_ms)

    def trades(self, symbol: str, after_ns: int, to_ms: int, limit: int) -> list[Trade]:
        return self._market.trades(self._books[symbol], after_ns, to_ms, limit)

    def recent(self, symbol: str, to_ms: int, limit: int) -> list[Trade]:
        return self._market.recent(self._books[symbol], to_ms, limit)

    def stats24h(self, symbol: str, t_ms: int) -> DayStats:
        return self._market.stats24h(self._books[symbol], t_ms)

    def jump(self, symbol: str, t_ms: int, price: Decimal) -> None:
        self._market.jump(self._books[symbol], t_ms, price)

    def jumps(self) -> Sequence[Jump]:
        return self._market.jumps()
