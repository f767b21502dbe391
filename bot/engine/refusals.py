"""Refused stops: when the next may be tried, and when a refusal is to be believed at the price of the position.

A position is sold for want of a stop only after refusals whose words are final, given while its coins were free, often enough
and for long enough. Every other refusal is waited out with growing pauses. Pure; the caller tells the (steady) time.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from bot.domain.backoff import Backoff
from bot.domain.clock import SECOND
from bot.domain.outcome import ErrorClass, ErrorMeaning, NotPlaced, Unknown

#: Refusals that count, and the real ms from the first of them, before a position is sold for want of a stop.
TIMES, AT_LEAST = 3, 30 * SECOND
#: The pauses after refusals in a row.
PAUSES = Backoff(SECOND // 2, 2, 10 * SECOND)
#: Refusals of an amend, besides those that speak of its shape, which say that it is not the way: the order cannot be found
#: where the venue shows it, or the venue amends nothing here.
_NOT_THE_WAY = frozenset({ErrorMeaning.GONE, ErrorMeaning.NO_WAY})


@dataclass(slots=True)
class _Refused:
    reason: str
    pause: int
    until: int
    counted: int = 0
    since: int = 0


class Refusals:
    """What was refused of one account's stops, by the entry of their position."""

    def __init__(self) -> None:
        self._of: dict[str, _Refused] = {}

    def record(self, entry: str, reason: str, now: int, *, counts: bool) -> None:
        """A stop was refused; `counts` when the words are final and the coins were free."""
        known = self._of.get(entry)
        pause = PAUSES.after(known.pause if known is not None else 0)
        one = self._of.setdefault(entry, _Refused(reason, pause, 0))
        one.reason, one.pause, one.until = reason, pause, now + pause
        if counts:
            one.since = one.since if one.counted else now
            one.counted += 1

    def pauses(self, entry: str, now: int) -> bool:
        """Whether it is too soon for another try."""
        one = self._of.get(entry)
        return one is not None and one.until - PAUSES.cap_ms <= now < one.until

    def is_final(self, entry: str, now: int) -> bool:
        """Whether the venue's no is to be believed."""
        one = self._of.get(entry)
        return one is not None and one.counted >= TIMES and now - one.since >= AT_LEAST

    def reason(self, entry: str) -> str | None:
        """Why the last stop of a position was refused; None when none was since one rested."""
        one = self._of.get(entry)
        return None if one is None else one.reason

    def forget(self, entry: str) -> None:
        """Its stop rests."""
        self._of.pop(entry, None)

    def keep(self, entries: Collection[str]) -> None:
        """Only these positions are still there."""
        self._of = {entry: one for entry, one in self._of.items() if entry in entries}


class RefusedAmends:
    """Which refusals say that a stop that rests cannot be changed by an amend, rather than not now."""

    def __init__(self) -> None:
        self._final: set[str] = set()

    def are_not_the_way(self, stop: str, outcome: NotPlaced | Unknown) -> bool:
        """What an amend of the stop under this (exchange) id was answered. Final words may only speak of rules that have changed:
        they are believed when they come again, by when the rules are read.
        """
        if isinstance(outcome, Unknown):
            return outcome.unheard
        if outcome.meaning is ErrorMeaning.REJECTED:
            again = stop in self._final
            self._final ^= {stop}
            return again
        return outcome.meaning.error_class is ErrorClass.SHAPE or outcome.meaning in _NOT_THE_WAY
