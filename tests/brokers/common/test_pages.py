"""Paged lists: every row of every page or a failure, never a part, and never without end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.base import BrokerError, Whole
from bot.brokers.common.failures import Failures
from bot.brokers.common.pages import Asked, Page, chunks, rows_of, whole

failure = Failures("venue", "Venue", {})


@given(pages=st.lists(st.lists(st.integers(), max_size=3), min_size=1, max_size=8))
def test_every_row_of_every_page(pages: list[list[int]]) -> None:
    def ask(cursor: str) -> Page[list[int]]:
        number = int(cursor or 0)
        return Page(pages[number], str(number + 1) if number + 1 < len(pages) else None)

    assert rows_of(Asked("list", failure, ask)) == [row for page in pages for row in page]


@pytest.mark.parametrize("following", ["", "same"])
def test_a_list_that_goes_round_in_circles_fails_and_can_be_asked_again(following: str) -> None:
    turns: list[str] = []

    def ask(cursor: str) -> Page[list[int]]:
        turns.append(cursor)
        return Page([1], following) if len(turns) < 3 else Page([2], None)

    pages = Asked("list", failure, ask)
    with pytest.raises(BrokerError, match="list did not come to an end"):
        rows_of(pages)
    turns.extend("xxx")
    assert rows_of(pages) == [2]
    assert turns[-1] == ""  # from the start


def test_a_list_without_end_fails() -> None:
    asked: list[str] = []

    def ask(cursor: str) -> Page[list[int]]:
        asked.append(cursor)
        return Page([1], f"{cursor}x")

    with pytest.raises(BrokerError):
        rows_of(Asked("list", failure, ask, most=7))
    assert len(asked) == 7


@given(items=st.lists(st.integers()), size=st.integers(1, 5))
def test_chunks_leave_nothing_out(items: list[int], size: int) -> None:
    parts = list(chunks(items, size))
    assert [each for part in parts for each in part] == items
    assert all(0 < len(part) <= size for part in parts)


def test_a_reading_to_its_end() -> None:
    assert whole(Whole(lambda: [1, 2])) == [1, 2]
