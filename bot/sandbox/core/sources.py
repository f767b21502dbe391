"""What the exchange needs from outside: a clock and a market."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from bot.sandbox.core.matching import Level


class Clock(Protocol):
    def market_ms(self) -> int: ...
    def wall_ms(self) -> int: ...


class Funding(Protocol):
    """Funding that holders of positions pay each other, every `period_ms` of the market clock."""

    @property
    def period_ms(self) -> int: ...
    def rate(self, symbol: str, moment: int) -> Decimal: ...


class Book(Protocol):
    @property
    def bids(self) -> Sequence[Level]: ...
    @property
    def asks(self) -> Sequence[Level]: ...


class Market(Protocol):
    """What matching needs from a market; times are market milliseconds."""

    def last(self, symbol: str, t_ms: int) -> Decimal: ...
    def book(self, symbol: str, t_ms: int, depth: int) -> Book: ...
    def extremes(self, symbol: str, from_ms: int, to_ms: int) -> tuple[Decimal, Decimal]: ...
    def trades(self, symbol: str, after_ns: int, to_ms: int, limit: int) -> Sequence[object]: ...
    def jump(self, symbol: str, t_ms: int, price: Decimal) -> None: ...
    def jumps(self) -> Sequence[tuple[str, int, Decimal]]: ...
