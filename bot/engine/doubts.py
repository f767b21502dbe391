"""Reports that show less filled of an order than the exchange reported before: outdated, or a correction of a wrong one.

Decides how long and how often that must be reported before it is believed. Pure; the caller passes the time.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.clock import MINUTE
from bot.domain.order import IN_FLIGHT, OrderRecord, Purpose, VenueOrder

#: Real ms after which a reported fill of an entry is no longer expected, so that no sale waits for it.
HIDDEN = 10 * MINUTE
#: Real ms for which the exchange must report fewer fills of any other order than before, to be believed.
TAKEN_BACK = MINUTE
#: The number of reports that must agree, each at most `HIDDEN` after the one before.
_TIMES = 3
#: The number of orders remembered.
_MOST = 100


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Since when and how often less was reported, and when last (steady ms)."""

    first: int
    last: int
    times: int


class Doubts:
    """Tracks the doubtful reports on one account's orders."""

    def __init__(self) -> None:
        self._of: dict[str, _Doubt] = {}

    def taken_back(self, record: OrderRecord, order: VenueOrder, now: int) -> bool:
        """Whether the exchange has long reported less filled than before, and no fill has arrived for the difference.

        A report may be outdated, so one alone is not believed. But a wrong earlier report must not leave a position waiting
        forever for a sale that never happened. Fills of an entry are awaited longest: a sale booked before them would leave a
        position without coins.
        """
        name = order.exchange_id
        says_less = record.booked_qty <= order.filled_qty < record.filled_qty and order.status not in IN_FLIGHT
        if not says_less or name != record.exchange_id:
            self._of.pop(name, None)
            return False
        before = self._of.pop(name, None)
        if before is None or not before.last <= now <= before.last + HIDDEN:
            before = _Doubt(now, now, 0)
        doubt = _Doubt(before.first, now, before.times + 1)
        patience = HIDDEN if record.purpose is Purpose.ENTRY else TAKEN_BACK
        if doubt.times >= _TIMES and now - doubt.first >= patience:
            return True
        self._of[name] = doubt
        while len(self._of) > _MOST:
            self._of.pop(next(iter(self._of)))
        return False
