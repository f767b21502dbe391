"""OKX's paging: rows newest first; `after` selects older rows and `before` newer ones, both exclusive."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from bot.sandbox.okx.words import Words

T = TypeVar("T")


def page(newest_first: Iterable[T], number_of: Callable[[T], int], words: Words, most: int = 100) -> list[T]:
    """The page for `after`, `before` and `limit`; `number_of` gives the id (or time) to which they refer."""
    after, before = words.integer("after"), words.integer("before")
    chosen = [
        row
        for row in newest_first
        if (after is None or number_of(row) < after) and (before is None or number_of(row) > before)
    ]
    return chosen[: words.limit(most, 100)]


def between(time_ms: int, words: Words) -> bool:
    """Whether a time lies within `begin` and `end`, both inclusive."""
    begin, end = words.integer("begin"), words.integer("end")
    return (begin is None or time_ms >= begin) and (end is None or time_ms <= end)
