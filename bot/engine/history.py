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
from bot.domain.outcome import ErrorMeaning
from bot.engine.order_manager import OrderManager

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
class HistoryRun:
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
        oms: OrderManager,
        take: Callable[[HistoryRun, Sequence[VenueOrder]], None],
        strangers: Callable[[Sequence[Fill]], Mapping[str, str]],
        book: Callable[[HistoryRun, Sequence[Fill]], None],
    ) -> None:
        self._oms = oms
        self._take = take
        self._strangers = strangers
        self._book = book
        self._run: HistoryRun | None = None
        self._caught_up = False
        self._has_waited = False

    @property
    def is_rebuilding(self) -> bool:
        """Whether the orders of a lost book are still being looked for."""
        return self._run is not None and self._run.lost

    def blocks(self) -> bool:
        """Whether entries wait: the first reading of this run is not complete, or a later one takes long."""
        run = self._run
        return run is not None and not (self._caught_up and self._oms.clock.steady_ms() - run.begun < _PATIENCE)

    # -- steps ------------------------------------------------------------------------------------------------------
    def begin(self, since: int | None = None, *, first: bool = False) -> None:
        """A new reading, unless one is under way; with `since` (market ms) in any case."""
        if self._run is not None and since is None and not first:
            return
        now, read_to = self._oms.clock.market_ms(), self._oms.book.get_state(READ_TO)
        if since is None:
            since = min(int(read_to), now) - OVERLAP if read_to is not None else now - LOST_BOOK
        broker, clock = self._oms.broker, self._oms.clock
        ended = broker.read_ended(since) if first else _nothing()
        lost = first and read_to is None
        fills = broker.read_fills(since)
        self._run = HistoryRun(
            since, now, clock.steady_ms(), Pause(clock), fills, ended, first=first, lost=lost, listed=first
        )

    def drop(self) -> None:
        """Give the reading up: what it is for is not to be done now."""
        self._run = None

    def read_on(self, steps: int = 1) -> bool:
        """Go on, as far as there is room now; True when the reading is complete and all of it booked. What has failed is tried
        again after a pause, or at once where it is asked for in one go. Raises `BrokerError`.
        """
        run = self._run
        if run is None or not (run.pause.is_over() or (run.has_failed and steps > 1)):
            return False
        try:
            for _ in range(steps):
                done = self._step(run)
                run.has_failed = False
                if self._run is not run:
                    return False
                if done:
                    self._complete(run)
                    return True
        except BrokerError as error:
            run.pause.begin(max(error.retry_after_ms, _SOON if _is_full(error) else _AGAIN))
            run.has_failed = not _is_full(error)
            if run.has_failed:
                raise
            self._wait(run, error)
        return False

    def _step(self, run: HistoryRun) -> bool:
        """One request; whether nothing is left to ask."""
        if not run.ended_taken:
            if not run.ended.done:
                run.ended.step()
            if run.ended.done:
                self._take(run, run.ended.found)
                run.ended_taken = True
        elif not run.fills.done:
            run.fills.step()
        elif run.named is None:
            self._name(run)
        elif not run.named.done:
            run.named.step()
        return self._is_read(run)

    def _name(self, run: HistoryRun) -> None:
        """Whose orders were filled that neither the book knows nor anybody has called foreign."""
        wanted = self._strangers(run.fills.found)
        if len(wanted) > _FEW and not run.listed:
            run.listed, run.ended_taken = True, False
            run.ended = self._oms.broker.read_ended(run.since)
            return
        run.named = self._oms.broker.read_orders(wanted) if wanted else _nothing()

    def _is_read(self, run: HistoryRun) -> bool:
        return run.ended_taken and run.fills.done and run.named is not None and run.named.done

    def _complete(self, run: HistoryRun) -> None:
        if run.named is not None and run.named.found:
            self._take(run, run.named.found)
        self._book(run, run.fills.found)
        self._oms.book.set_state_deferred(READ_TO, str(run.began))
        self._run, self._caught_up = None, True
        if run.has_waited:
            seconds = (self._oms.clock.steady_ms() - run.begun) // SECOND
            self._oms.log.info(Event.HISTORY, since=iso(run.since), fills=len(run.fills.found), seconds=seconds)

    def _wait(self, run: HistoryRun, error: BrokerError) -> None:
        """One line for a reading that waits; a later one that does so, too, is told of when it keeps entries waiting."""
        if run.has_waited or (not self.blocks() and self._has_waited):
            return
        run.has_waited = self._has_waited = True
        self._oms.log.info(
            Event.WAITS,
            what="history",
            since=iso(run.since),
            seconds=f"{error.retry_after_ms / SECOND:.1f}",
            reason="read on behind the looks at what is held, as the exchange's rate allows; entries wait for it",
        )


def _nothing() -> Reading[VenueOrder]:
    found: Reading[VenueOrder] = Whole(tuple)
    found.step()
    return found


def _is_full(error: BrokerError) -> bool:
    return error.meaning is ErrorMeaning.RATE_LIMITED
