"""The account's history, read page by page behind everything that is more urgent.

A reading begins where the last complete one did (less an overlap, since a venue may show a fill late), so that what was read
once is not read again, foreign trades included. What the venue's budget does not let through at once is read on between the
looks at the positions. It books and adopts nothing: that is reconciliation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.brokers.base import BrokerError, Reading, Whole
from bot.domain.clock import DAY, HOUR, MINUTE, SECOND, Pause, iso
from bot.domain.fill import Fill
from bot.domain.log import Event
from bot.domain.order import VenueOrder
from bot.domain.outcome import Meaning
from bot.engine.desk import Desk

#: Market ms before the last complete reading from which fills are asked for again: a venue may show one late.
OVERLAP = HOUR
#: How far back (market ms) an empty book looks for orders of ours.
LOST_BOOK = 7 * DAY
#: Until which market time the history has been read completely: the fact's name.
READ_TO = "reconciled_at"
#: Steps of a reading in one go: what is short is read at once.
AT_ONCE = 8
#: Real ms after which a reading that is still under way keeps entries waiting.
_PATIENCE = MINUTE
#: Real ms until a step that failed is tried again, and until one that found no room is at the soonest.
_AGAIN, _SOON = 2 * SECOND, SECOND // 4
#: So many orders of unknown origin are asked for by their ids; more are found sooner in the list of ended ones.
_FEW = 40


@dataclass(slots=True)
class Course:
    """One reading. `began` is its market time, `begun` its steady time (ms); `listed`: ended orders were read."""

    since: int
    began: int
    begun: int
    pause: Pause
    fills: Reading[Fill]
    ended: Reading[VenueOrder]
    first: bool = False
    lost: bool = False
    listed: bool = False
    named: Reading[VenueOrder] | None = None
    ended_taken: bool = False
    has_waited: bool = False
    has_failed: bool = False


class History:
    """The reading that is under way, if any. `take` hears of orders as they are found, `book` of all fills at the end."""

    def __init__(
        self,
        desk: Desk,
        take: Callable[[Course, Sequence[VenueOrder]], None],
        strangers: Callable[[Sequence[Fill]], Mapping[str, str]],
        book: Callable[[Course, Sequence[Fill]], None],
    ) -> None:
        self._desk = desk
        self._take = take
        self._strangers = strangers
        self._book = book
        self._course: Course | None = None
        self._caught_up = False
        self._has_waited = False

    @property
    def is_rebuilding(self) -> bool:
        """Whether the orders of a lost book are still being looked for."""
        return self._course is not None and self._course.lost

    def blocks(self) -> bool:
        """Whether entries wait: the first reading of this life is not complete, or a later one takes long."""
        course = self._course
        return course is not None and not (self._caught_up and self._desk.clock.steady_ms() - course.begun < _PATIENCE)

    # -- steps ------------------------------------------------------------------------------------------------------
    def begin(self, since: int | None = None, *, first: bool = False) -> None:
        """A new reading, unless one is under way; with `since` (market ms) in any case."""
        if self._course is not None and since is None and not first:
            return
        now, read_to = self._desk.clock.market_ms(), self._desk.book.fact(READ_TO)
        if since is None:
            since = min(int(read_to), now) - OVERLAP if read_to is not None else now - LOST_BOOK
        broker, clock = self._desk.broker, self._desk.clock
        ended = broker.read_ended(since) if first else _nothing()
        lost = first and read_to is None
        fills = broker.read_fills(since)
        self._course = Course(
            since, now, clock.steady_ms(), Pause(clock), fills, ended, first=first, lost=lost, listed=first
        )

    def drop(self) -> None:
        """Give the reading up: what it is for is not to be done now."""
        self._course = None

    def read_on(self, steps: int = 1) -> bool:
        """Go on, as far as there is room now; True when the reading is complete and all of it booked. What has failed is tried
        again after a pause, or at once where it is asked for in one go. Raises `BrokerError`.
        """
        course = self._course
        if course is None or not (course.pause.is_over() or (course.has_failed and steps > 1)):
            return False
        try:
            for _ in range(steps):
                done = self._step(course)
                course.has_failed = False
                if self._course is not course:
                    return False
                if done:
                    self._complete(course)
                    return True
        except BrokerError as error:
            course.pause.begin(max(error.retry_after_ms, _SOON if _is_full(error) else _AGAIN))
            course.has_failed = not _is_full(error)
            if course.has_failed:
                raise
            self._wait(course, error)
        return False

    def _step(self, course: Course) -> bool:
        """One request; whether nothing is left to ask."""
        if not course.ended_taken:
            if not course.ended.done:
                course.ended.step()
            if course.ended.done:
                self._take(course, course.ended.found)
                course.ended_taken = True
        elif not course.fills.done:
            course.fills.step()
        elif course.named is None:
            self._name(course)
        elif not course.named.done:
            course.named.step()
        return self._is_read(course)

    def _name(self, course: Course) -> None:
        """Whose orders were filled that neither the book knows nor anybody has called foreign."""
        wanted = self._strangers(course.fills.found)
        if len(wanted) > _FEW and not course.listed:
            course.listed, course.ended_taken = True, False
            course.ended = self._desk.broker.read_ended(course.since)
            return
        course.named = self._desk.broker.read_orders(wanted) if wanted else _nothing()

    def _is_read(self, course: Course) -> bool:
        return course.ended_taken and course.fills.done and course.named is not None and course.named.done

    def _complete(self, course: Course) -> None:
        if course.named is not None and course.named.found:
            self._take(course, course.named.found)
        self._book(course, course.fills.found)
        self._desk.book.note(READ_TO, str(course.began))
        self._course, self._caught_up = None, True
        if course.has_waited:
            seconds = (self._desk.clock.steady_ms() - course.begun) // SECOND
            self._desk.log.info(Event.HISTORY, since=iso(course.since), fills=len(course.fills.found), seconds=seconds)

    def _wait(self, course: Course, error: BrokerError) -> None:
        """One line for a reading that waits; a later one that does so, too, is told of when it keeps entries waiting."""
        if course.has_waited or (not self.blocks() and self._has_waited):
            return
        course.has_waited = self._has_waited = True
        self._desk.log.info(
            Event.WAITS,
            what="history",
            since=iso(course.since),
            seconds=f"{error.retry_after_ms / SECOND:.1f}",
            reason="read on behind the looks at what is held, as the exchange's rate allows; entries wait for it",
        )


def _nothing() -> Reading[VenueOrder]:
    found: Reading[VenueOrder] = Whole(tuple)
    found.step()
    return found


def _is_full(error: BrokerError) -> bool:
    return error.meaning is Meaning.RATE_LIMITED
