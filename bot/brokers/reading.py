"""A long list read in steps, so that whoever reads it can do what is more urgent in between."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Reading(ABC, Generic[T]):
    """One list of a venue. `found`, oldest first, is complete once it is `done`."""

    def __init__(self) -> None:
        self.found: Sequence[T] = ()
        self.done = False

    @abstractmethod
    def step(self) -> None:
        """Read a part of it, if the venue's budget has room beside everything that is more urgent.

        Raises `BrokerError`, RATE_LIMITED when there is no room now; the same part can then be asked for again.
        """


class Whole(Reading[T]):
    """A list that is read in one step."""

    def __init__(self, read: Callable[[], Sequence[T]]) -> None:
        super().__init__()
        self._read = read

    def step(self) -> None:
        self.found = self._read()
        self.done = True
