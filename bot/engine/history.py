"""Reads the account's history page by page, with lower priority than everything more urgent.

A reading begins where the last complete one began, less an overlap, because an exchange may show a fill late. So nothing older
is read again, foreign trades included. If the exchange's rate limit does not allow the whole reading at once, it continues
between checks of the positions. It books and adopts nothing; `reconcile` does.
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

#: The overlap in market ms: fills this long before the last complete reading are read again, because an exchange may show one
#: late.
OVERLAP = HOUR
#: How far back (market ms) an empty book searches for our orders.
LOST_BOOK = 7 * DAY
#: Name of the stored state: the market time up to which the history has been read completely.
READ_TO = "reconciled_at"
#: Steps of a reading at one time, so that a short reading completes at once.
AT_ONCE = 8
#: Real ms after which an unfinished reading blocks entries.
_PATIENCE = MINUTE
#: Real ms until a failed step is tried again, and the minimum until one that the rate limit delayed is.
_AGAIN, _SOON = 2 * SECOND, SECOND // 4
#: Up to this many orders of unknown origin are requested by id; more are found faster in the list of ended orders.
_FEW = 40


@dataclass(slots=True)
class HistoryRun:
    """One reading. It began at market time `began` and at steady time `begun` (ms). `listed`: the ended orders were read."""

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
    """The current reading, if any. `take` receives orders as they are found, `book` all fills at the end."""

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
        self.completed_at = 0
        """When the last reading was complete and booked (wall ms); 0 before the first."""

    @property
    def is_rebuilding(self) -> bool:
        """Whether the orders of a lost database are still being searched for."""
        return self._run is not None and self._run.lost

    def blocks(self) -> bool:
        """Whether entries must wait: the first reading of this run is not complete, or a later one takes long."""
        run = self._run
        return run is not None and not (self._caught_up and self._oms.clock.steady_ms() - run.begun < _PATIENCE)

    # -- steps ------------------------------------------------------------------------------------------------------
    def begin(self, since: int | None = None, *, first: bool = False) -> None:
        """Begin a reading, unless one is under way; with `since` (market ms), always."""
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
        """Abort the reading, because its result must not be used now."""
        self._run = None

    def read_on(self, steps: int = 1) -> bool:
        """Continue as far as the rate limit allows; True once the reading is complete and all of it booked. A failed step is
        tried again after a pause, or at once if several steps are requested. Raises `BrokerError`.
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
        """Send one request; returns whether nothing is left to request."""
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
        """Identify filled orders that are neither in the book nor known to be foreign."""
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
        self.completed_at = self._oms.clock.wall_ms()
        if run.has_waited:
            seconds = (self._oms.clock.steady_ms() - run.begun) // SECOND
            self._oms.log.info(Event.HISTORY, since=iso(run.since), fills=len(run.fills.found), seconds=seconds)

    def _wait(self, run: HistoryRun, error: BrokerError) -> None:
        """Log a reading that waits: the first one always, later ones only if they block entries."""
        if run.has_waited or (not self.blocks() and self._has_waited):
            return
        run.has_waited = self._has_waited = True
        self._oms.log.info(
            Event.WAITS,
            what="history",
            since=iso(run.since),
            seconds=f"{error.retry_after_ms / SECOND:.1f}",
            reason="the history is read between checks of the positions, as the rate limit allows; entries wait for it",
        )


def _nothing() -> Reading[VenueOrder]:
    found: Reading[VenueOrder] = Whole(tuple)
    found.step()
    return found


def _is_full(error: BrokerError) -> bool:
    return error.meaning is ErrorMeaning.RATE_LIMITED
