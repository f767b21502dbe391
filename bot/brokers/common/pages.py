"""Paged lists. Either all pages are read or the query fails: a list with missing rows would be wrong."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from bot.brokers.base import Reading
from bot.brokers.common.failures import Failures
from bot.domain.outcome import ErrorMeaning

T = TypeVar("T")
R = TypeVar("R")

#: More pages than any real list has.
MOST_PAGES = 400


class Page(NamedTuple, Generic[R]):
    """The rows of one page, and the cursor of the next page; None on the last."""

    rows: R
    following: str | None


class Pages(ABC, Generic[R]):
    """One list, page by page. If it does not end, an error is raised and reading starts over with the next `step`."""

    def __init__(self, name: str, failure: Failures, most: int = MOST_PAGES) -> None:
        self._name = name
        self._failure = failure
        self._most = most
        self.done = False
        self.begin()

    def begin(self) -> None:
        """Start at the first page."""
        self._cursor, self._asked = "", 0

    def step(self) -> R:
        """The rows of the next page. Raises `BrokerError`, also if the list goes in circles."""
        page = self.ask(self._cursor)
        self._asked += 1
        self.done = page.following is None
        if page.following is not None and (page.following == self._cursor or self._asked >= self._most):
            self.begin()
            raise self._failure(ErrorMeaning.BUSY, f"{self._name} did not come to an end")
        self._cursor = page.following or ""
        return page.rows

    def __iter__(self) -> Iterator[R]:
        """All pages, without a pause."""
        while not self.done:
            yield self.step()

    @abstractmethod
    def ask(self, cursor: str) -> Page[R]:
        """The page at `cursor`, "" for the first."""


class Asked(Pages[R]):
    """A list whose pages are fetched by a function."""

    def __init__(self, name: str, failure: Failures, ask: Callable[[str], Page[R]], most: int = MOST_PAGES) -> None:
        super().__init__(name, failure, most)
        self._ask = ask

    def ask(self, cursor: str) -> Page[R]:
        return self._ask(cursor)


def rows_of(pages: Pages[list[Any]]) -> list[Any]:
    """The rows of all pages."""
    return [row for page in pages for row in page]


def whole(reading: Reading[T]) -> list[T]:
    """A complete list, read without a pause."""
    while not reading.done:
        reading.step()
    return list(reading.found)


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`items` in chunks of at most `size`, the most that one query may name."""
    return (items[start : start + size] for start in range(0, len(items), size))
