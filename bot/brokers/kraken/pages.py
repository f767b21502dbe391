"""Kraken's lists of closed orders and of trades: 50 rows per page, newest first, one request per step.

Each trade is read only once. The trades of the last read are kept, and the total that comes with every page shows when none is
missing, however late Kraken showed a trade.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Generic, TypeVar

from bot.brokers.base import Reading
from bot.brokers.common import answers
from bot.brokers.common import pages as paging
from bot.brokers.kraken import parse as wire
from bot.brokers.kraken.errors import failure
from bot.domain.fill import Fill
from bot.domain.order import VenueOrder

T = TypeVar("T")
Rows = Mapping[str, Any]

#: Rows on a full page.
PAGE = 50
_MOST_PAGES = 2_000

#: Fetches the page that begins at an offset.
Ask = Callable[[int], Any]


class Pages(paging.Pages[Rows]):
    """One list, page by page. New rows shift older ones to later offsets, so a row may come twice but is never missed.

    The list ends with an empty page, or once the count is reached (without a count: with a page that is not full). A list that
    repeats itself before that is an error.
    """

    def __init__(self, method: str, what: str, ask: Ask) -> None:
        self._what = what
        self._ask = ask
        self.count: int | None = None
        """The total number of rows, from the latest page."""
        super().__init__(method, failure, _MOST_PAGES)

    def begin(self) -> None:
        super().begin()
        self._offset = 0
        self._first_count: int | None = None
        self._ids: set[str] = set()

    def ask(self, cursor: str) -> paging.Page[Rows]:
        """The rows of the next page, by id."""
        answer = self._ask(self._offset)
        rows, self.count = failure.understood(lambda: _page(answer, self._what))
        if self._first_count is None:
            self._first_count = self.count
        fresh = rows.keys() - self._ids
        self._ids |= rows.keys()
        self._offset += len(rows)
        if self._has_ended(rows):
            return paging.Page(rows, None)
        goes_on = fresh and not self._is_past_the_count()
        return paging.Page(rows, str(self._offset) if goes_on else cursor)

    def _has_ended(self, rows: Rows) -> bool:
        if self.count is None:
            return len(rows) < PAGE
        return not rows or (self._is_past_the_count() and len(self._ids) >= (self._first_count or 0))

    def _is_past_the_count(self) -> bool:
        return self.count is not None and self._offset >= self.count


def _page(result: object, what: str) -> tuple[Rows, int | None]:
    answer = wire.mapping(result, what)
    rows = wire.mapping(answer.get(what), what)
    count = answers.number(answer, "count", Decimal(-1))
    return rows, int(count) if count >= 0 else None


class Listing(Reading[T], Generic[T]):
    """A whole list, read page by page and parsed at the end."""

    def __init__(self, pages: Pages, parsed: Callable[[Rows], list[T]]) -> None:
        super().__init__()
        self._pages = pages
        self._parsed = parsed
        self._rows: dict[str, Any] = {}

    def step(self) -> None:
        self._rows |= self._pages.step()
        if self._pages.done:
            self.found, self.done = self._parsed(self._rows), True


class ById(Reading[VenueOrder]):
    """Orders by their ids, one chunk per step. `ask` returns None if Kraken refuses the query because it does not know one of the
    ids: the chunk is then halved, so that the others are found.
    """

    def __init__(
        self, chunks: Sequence[Sequence[str]], ask: Callable[[Sequence[str]], list[VenueOrder] | None]
    ) -> None:
        super().__init__()
        self._chunks = list(chunks)
        self._ask = ask
        self._shown: list[VenueOrder] = []
        self.done = not self._chunks

    def step(self) -> None:
        chunk = self._chunks[0]
        shown, half = self._ask(chunk), len(chunk) // 2
        self._chunks[:1] = [chunk[:half], chunk[half:]] if shown is None and half else []
        self._shown += shown or []
        self.found, self.done = self._shown, not self._chunks


class Memory:
    """The trades of recent reads, so that they are not read again."""

    def __init__(self) -> None:
        self.fills: dict[str, Fill] = {}
        self.beyond = 0
        """How many more trades Kraken counts than it shows."""


class Trades(Reading[Fill]):
    """The trades after `start` (market seconds, exclusive). Pages with only known trades are not read again.

    With `forget`, older trades are dropped from memory afterwards.
    """

    def __init__(
        self,
        pages: Pages,
        parsed: Callable[[Rows], list[Fill]],
        memory: Memory,
        start: int,
        *,
        forget: bool,
    ) -> None:
        super().__init__()
        self._pages = pages
        self._parsed = parsed
        self._memory = memory
        self._forget = forget
        self._known = {one.fill_id: one for one in memory.fills.values() if one.time > start * 1000}

    def step(self) -> None:
        self._known |= {fill.fill_id: fill for fill in self._parsed(self._pages.step())}
        if not (self._pages.done or self._is_all()):
            return
        self._memory.fills = self._known if self._forget else {**self._memory.fills, **self._known}
        if self._pages.done:
            self._memory.beyond = max((self._pages.count or 0) - len(self._known), 0)
        self.found, self.done = answers.oldest_first(self._known.values()), True

    def _is_all(self) -> bool:
        """Whether every trade that Kraken counts is known, so that no later page can have a new one."""
        count = self._pages.count
        return count is not None and count - self._memory.beyond <= len(self._known)
