"""The results of the current day and week, counted from the start of each."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.domain.clock import DAY, iso, week_start
from bot.domain.log import Event
from bot.engine.daily_summary import DailySummary, earned
from bot.store.ledger import Ledger
from tests.notes import Notes
from tests.store.cases import HandClock, ledger

MONDAY = 1_767_571_200_000  # 2026-01-05


class Days:
    """An account whose result the test sets."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock(market=MONDAY)
        self.book: Ledger = ledger(folder, clock=self.clock)
        self.log = Notes()

    def at(self, time: int, result: str) -> tuple[Decimal | None, Decimal | None]:
        """Measure the account; returns the results of day and week so far."""
        self.clock.market = time
        standing: Any = SimpleNamespace(result=Decimal(result), equity=Decimal(1000))
        desk: Any = SimpleNamespace(book=self.book, clock=self.clock, log=self.log)
        DailySummary(desk).write(standing)
        return earned(self.book, time, Decimal(result))


@pytest.mark.parametrize("after", [0, 1, 3 * DAY, 7 * DAY - 1])
def test_a_week_begins_on_monday(after: int) -> None:
    assert week_start(MONDAY + after) == MONDAY
    assert week_start(MONDAY - 1) == MONDAY - 7 * DAY


def test_day_and_week_begin_where_the_result_stood_then(tmp_path: Path) -> None:
    days = Days(tmp_path)
    assert days.at(MONDAY + 2 * DAY + 1, "10") == (0, 0), "results before the first measurement do not count"
    assert days.at(MONDAY + 2 * DAY + 2, "13") == (3, 3)
    assert days.at(MONDAY + 3 * DAY, "14") == (0, 4)
    assert days.at(MONDAY + 6 * DAY, "9") == (0, -1)
    assert days.at(MONDAY + 7 * DAY, "9.5") == (0, 0)
    assert days.at(MONDAY + 7 * DAY + 1, "9.25") == (Decimal("-0.25"), Decimal("-0.25"))
    summaries = days.log.said(Event.DAY)
    assert [(line["day"], line["result_usd"]) for line in summaries] == [
        (iso(MONDAY + 2 * DAY)[:10], Decimal(4)),
        (iso(MONDAY + 3 * DAY)[:10], Decimal(-5)),
        (iso(MONDAY + 6 * DAY)[:10], Decimal("0.5")),
    ]


def test_a_day_or_week_whose_beginning_is_not_written_down_is_unknown(tmp_path: Path) -> None:
    days = Days(tmp_path)
    assert earned(days.book, MONDAY, Decimal(5)) == (None, None)
    days.at(MONDAY, "5")
    assert earned(days.book, MONDAY + DAY, Decimal(6)) == (None, 1)
    assert earned(days.book, MONDAY + 7 * DAY, Decimal(6)) == (None, None)


def test_a_book_of_an_earlier_version_counts_its_week_from_the_day_on(tmp_path: Path) -> None:
    days = Days(tmp_path)
    days.book.set_state("diary", f"{MONDAY + DAY} 5")
    assert days.at(MONDAY + DAY + 1, "7") == (2, 2)
