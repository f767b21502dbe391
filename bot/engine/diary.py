"""The diary: one line at the end of each day, 00:00 UTC of the market's clock, that says what the day brought; and what the
present day and week have brought so far.

Written by the first look at the account after midnight, or after the start that follows a midnight nobody saw. Results
come from fills and positions alone, so a deposit is none.
"""

from __future__ import annotations

from decimal import Decimal

from bot.domain.clock import day_start, iso, week_start
from bot.domain.log import Event
from bot.domain.money import decimal, plain
from bot.engine.accounting import Standing
from bot.engine.book import Book
from bot.engine.desk import Desk

#: Where the result stood when the day (the week) began: its first moment in market ms, and dollars.
_DAY, _WEEK = "diary", "diary:week"


class Diary:
    """Keeps one account's days."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def write(self, standing: Standing) -> None:
        """After each look at the account: when a new day has begun, tell the one before."""
        book = self._desk.book
        now = self._desk.clock.market_ms()
        known = _begun(book, _DAY)
        if _since(book, _WEEK, week_start(now)) is None:
            of_today = known[1] if known is not None and known[0] == day_start(now) else standing.result
            _begin(book, _WEEK, week_start(now), of_today)
        if known is not None and known[0] == day_start(now):
            return
        if known is not None:
            self._tell(known[0], standing, standing.result - known[1])
        _begin(book, _DAY, day_start(now), standing.result)

    def _tell(self, day: int, standing: Standing, result: Decimal) -> None:
        desk = self._desk
        orders, fees = desk.book.traded(day, day_start(desk.clock.market_ms()))
        desk.log.info(
            Event.DAY,
            day=iso(day)[:10],
            equity_usd=standing.equity,
            result_usd=result,
            trades=orders,
            open_positions=len(desk.book.positions()),
            fees_usd=fees,
        )


def earned(book: Book, now: int, result: Decimal) -> tuple[Decimal | None, Decimal | None]:
    """What trading has earned since the day and since the week of market time `now` began, when it stands at `result` (dollars);
    None for one whose beginning has not been written down yet.
    """
    day, week = _since(book, _DAY, day_start(now)), _since(book, _WEEK, week_start(now))
    return (None if day is None else round(result - day, 8), None if week is None else round(result - week, 8))


def _since(book: Book, name: str, start: int) -> Decimal | None:
    known = _begun(book, name)
    return known[1] if known is not None and known[0] == start else None


def _begun(book: Book, name: str) -> tuple[int, Decimal] | None:
    at, _, result = (book.fact(name) or "").partition(" ")
    return (int(at), decimal(result)) if result else None


def _begin(book: Book, name: str, start: int, result: Decimal) -> None:
    book.remember(name, f"{start} {plain(result)}")
