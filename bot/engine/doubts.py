"""Answers that say less of an order than the same exchange said before: old ones, or the earlier one was wrong.

Owns how long and how often that must be said to be believed. Pure; the caller tells the time.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.clock import MINUTE
from bot.domain.order import IN_FLIGHT, OrderRecord, Purpose, VenueOrder

#: Real ms after which a fill of an entry does not come any more, whatever the venue once said: no sale waits for it.
HIDDEN = 10 * MINUTE
#: Real ms for which the venue must have said less of any other order's fills than it once did, for it to be less.
TAKEN_BACK = MINUTE
#: Answers that must have said so, none of them apart from the one before by more than `HIDDEN`.
_TIMES = 3
#: Orders that are remembered.
_MOST = 100


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Since when and how often less was said, and when last (steady ms)."""

    first: int
    last: int
    times: int


class Doubts:
    """What is doubted of one account's orders."""

    def __init__(self) -> None:
        self._of: dict[str, _Doubt] = {}

    def taken_back(self, record: OrderRecord, order: VenueOrder, now: int) -> bool:
        """Whether the venue has said for long that less was filled than it once said, while no fill came for the rest.

        An answer may be old and is not believed then; but one that was wrong must not leave a position waiting for ever for a
        sale that never was. What an entry bought is waited for longest: a sale booked before it would leave it without coins.
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
