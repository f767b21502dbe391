"""The diary: one line at the end of each day, 00:00 UTC of the market's clock, that says what the day brought.

Written by the first look at the account after midnight, or after the start that follows a midnight nobody saw. Results
come from fills and positions alone, so a deposit is none.
"""

from __future__ import annotations

from bot.domain.clock import day_start, iso
from bot.domain.log import Event
from bot.domain.money import decimal, plain
from bot.engine.accounting import Standing
from bot.engine.desk import Desk

_FACT = "diary"


class Diary:
    """Keeps one account's days."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def write(self, standing: Standing) -> None:
        """After each look at the account: when a new day has begun, tell the one before."""
        book = self._desk.book
        today = day_start(self._desk.clock.market_ms())
        known = book.fact(_FACT)
        day, _, before = known.partition(" ") if known is not None else ("", "", "")
        if day == str(today):
            return
        result = book.realised_since(0) + standing.unrealised
        if day:
            orders, fees = book.traded(int(day), today)
            self._desk.log.info(
                Event.DAY,
                day=iso(int(day))[:10],
                equity_usd=standing.equity,
                result_usd=result - decimal(before),
                trades=orders,
                open_positions=len(book.positions()),
                fees_usd=fees,
            )
        book.remember(_FACT, f"{today} {plain(result)}")
