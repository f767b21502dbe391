"""The daily summary: one line at the end of each day (00:00 UTC market time) with its result, and the results of the current day
and week so far.

The first measurement of the account after midnight writes it, also if NIJA was not running at midnight. Results come only from
fills and positions, so a deposit does not count.
"""

from __future__ import annotations

from decimal import Decimal

from bot.domain.clock import day_start, iso, week_start
from bot.domain.log import Event
from bot.domain.money import decimal, plain, storable, to_places
from bot.engine.accounting import AccountSnapshot
from bot.engine.book import Book
from bot.engine.order_manager import OrderManager

#: Stored state: the start of the day (the week) in market ms, and the total result in dollars at that time.
_DAY, _WEEK = "diary", "diary:week"


class DailySummary:
    """Writes the daily summaries of one account."""

    def __init__(self, oms: OrderManager) -> None:
        self._oms = oms

    def write(self, snapshot: AccountSnapshot) -> None:
        """Log the previous day if a new one has begun. To be called after each measurement."""
        book = self._oms.book
        now = self._oms.clock.market_ms()
        known = _begun(book, _DAY)
        if _since(book, _WEEK, week_start(now)) is None:
            of_today = known[1] if known is not None and known[0] == day_start(now) else snapshot.result
            _begin(book, _WEEK, week_start(now), of_today)
        if known is not None and known[0] == day_start(now):
            return
        if known is not None:
            self._log_day(known[0], snapshot, snapshot.result - known[1])
        _begin(book, _DAY, day_start(now), snapshot.result)

    def _log_day(self, day: int, snapshot: AccountSnapshot, result: Decimal) -> None:
        oms = self._oms
        orders, fees = oms.book.traded(day, day_start(oms.clock.market_ms()))
        oms.log.info(
            Event.DAY,
            day=iso(day)[:10],
            equity_usd=snapshot.equity,
            result_usd=result,
            trades=orders,
            open_positions=len(oms.book.positions()),
            fees_usd=fees,
        )


def earned(book: Book, now: int, result: Decimal) -> tuple[Decimal | None, Decimal | None]:
    """The earnings since the start of the day and of the week of market time `now`, if the total is `result` (dollars). None for
    a period whose start was not recorded.
    """
    day, week = _since(book, _DAY, day_start(now)), _since(book, _WEEK, week_start(now))
    return (None if day is None else to_places(result - day, 8), None if week is None else to_places(result - week, 8))


def _since(book: Book, name: str, start: int) -> Decimal | None:
    known = _begun(book, name)
    return known[1] if known is not None and known[0] == start else None


def _begun(book: Book, name: str) -> tuple[int, Decimal] | None:
    at, _, result = (book.get_state(name) or "").partition(" ")
    return (int(at), decimal(result)) if result else None


def _begin(book: Book, name: str, start: int, result: Decimal) -> None:
    book.set_state(name, f"{start} {plain(storable(result))}")
