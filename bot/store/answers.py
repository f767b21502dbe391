"""A cache of query results, so that the database is not asked the same question twice.

Belongs to the only writer of an account's rows, which invalidates what each of its changes affects.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from enum import Enum, auto
from typing import Any, TypeVar

from bot.store.account_transaction import Row

T = TypeVar("T")

#: The most answers of each kind, and the most orders, that are cached.
_MOST = 100


class About(Enum):
    """The kinds of data that an answer depends on or a change affects. Rows of single orders are cached separately, by id."""

    ORDERS = auto()
    FILLS = auto()
    POSITIONS = auto()
    DUST = auto()
    NAKED_PERIODS = auto()


class Answers:
    """The answers that are still valid."""

    def __init__(self) -> None:
        self._of: dict[About, dict[Hashable, Any]] = {about: {} for about in About}
        self._orders: dict[tuple[str | None, str | None], Row | None] = {}

    def to(self, about: About, question: Hashable, ask: Callable[[], T]) -> T:
        """The cached answer, or the result of `ask`."""
        return _kept(self._of[about], question, ask)

    def order(self, client_id: str | None, exchange_id: str | None, ask: Callable[[], Row | None]) -> Row | None:
        """The current row of the order with these ids; None if there is none yet."""
        return _kept(self._orders, (client_id, exchange_id), ask)

    def forget(self, *abouts: About) -> None:
        """Drop the answers that depend on data of these kinds."""
        for about in abouts:
            self._of[about].clear()

    def forget_order(self, *names: str | None) -> None:
        """Drop the rows cached for an order with one of these ids: it has changed or is new."""
        bears = {name for name in names if name is not None}
        stale = [asked for asked, row in self._orders.items() if _bears(bears, asked, row)]
        for asked in stale:
            del self._orders[asked]


def _bears(names: set[str], asked: tuple[str | None, str | None], row: Row | None) -> bool:
    """Whether the ids asked for, or those of the row found, include one of these names."""
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
