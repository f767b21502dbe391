"""Answers that stay true until what they are about changes, so that the same question is not put to the database twice.

Belongs to the one writer of an account's rows, who says what each of its changes was about; asks nothing by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from enum import Enum, auto
from typing import Any, TypeVar

from bot.store.account_transaction import Row

T = TypeVar("T")

#: Answers and orders of each kind that are kept at most.
_MOST = 100


class About(Enum):
    """What an answer is about, and what a change has changed. An order's own row is kept apart, under its names."""

    ORDERS = auto()
    FILLS = auto()
    POSITIONS = auto()
    DUST = auto()
    NAKED_PERIODS = auto()


class Answers:
    """What was asked since it last changed."""

    def __init__(self) -> None:
        self._of: dict[About, dict[Hashable, Any]] = {about: {} for about in About}
        self._orders: dict[tuple[str | None, str | None], Row | None] = {}

    def to(self, about: About, question: Hashable, ask: Callable[[], T]) -> T:
        """The answer that stands, or the one that `ask` gives."""
        return _kept(self._of[about], question, ask)

    def order(self, client_id: str | None, exchange_id: str | None, ask: Callable[[], Row | None]) -> Row | None:
        """The row of the order of these names, as it stands; None where there is none yet."""
        return _kept(self._orders, (client_id, exchange_id), ask)

    def forget(self, *abouts: About) -> None:
        """What these answers were about has changed."""
        for about in abouts:
            self._of[about].clear()

    def forget_order(self, *names: str | None) -> None:
        """An order has changed, or has come, that bears these names."""
        bears = {name for name in names if name is not None}
        stale = [asked for asked, row in self._orders.items() if _bears(bears, asked, row)]
        for asked in stale:
            del self._orders[asked]


def _bears(names: set[str], asked: tuple[str | None, str | None], row: Row | None) -> bool:
    """Whether an order that was asked for, or its row, has one of these names."""
    if asked[0] in names or asked[1] in names:
        return True
    return row is not None and (row["client_id"] in names or row["exchange_id"] in names)


def _kept(answers: dict[Any, Any], question: Hashable, ask: Callable[[], T]) -> T:
    if question not in answers:
        answer = ask()
        while len(answers) >= _MOST:
            answers.pop(next(iter(answers)))
        answers[question] = answer
    kept: T = answers[question]
    return kept
