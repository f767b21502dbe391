"""Sales that the exchange accepts and then ends with nothing sold, again and again: each is an ordinary end of an order, but the owner
must know why the position is still there.
"""

from __future__ import annotations

from bot.domain.clock import MINUTE, Clock
from bot.domain.log import Event, Log
from bot.domain.order import OrderRecord, OrderStatus

#: From this many such sales in a row on, the owner is told, at most once in `AGAIN` (real ms) for each position.
MANY = 3
AGAIN = MINUTE
_ENDED = frozenset({OrderStatus.CANCELED, OrderStatus.EXPIRED})
#: Positions that are remembered.
_MOST = 100


class Unsold:
    """Counts them for each position, named by its entry."""

    def __init__(self, clock: Clock, log: Log) -> None:
        self._clock = clock
        self._log = log
        self._counts: dict[str, int] = {}
        self._told: dict[str, int] = {}

    def ended(self, record: OrderRecord, entry_id: str) -> None:
        """Count a sale of a position. One that was refused is neither counted nor ends the count: its refusal is logged."""
        if record.booked_qty > 0:
            self._counts.pop(entry_id, None)
            self._told.pop(entry_id, None)
        elif record.status in _ENDED:
            count = self._counts.pop(entry_id, 0) + 1
            self._counts[entry_id] = count
            while len(self._counts) > _MOST:
                self._told.pop(oldest := next(iter(self._counts)), None)
                del self._counts[oldest]
            if count >= MANY:
                self._tell(record, entry_id, count, "" if record.reason == record.why else record.reason)

    def _tell(self, record: OrderRecord, entry_id: str, count: int, why: str) -> None:
        now, told = self._clock.steady_ms(), self._told.get(entry_id)
        if told is not None and now - told < AGAIN:
            return
        self._told[entry_id] = now
        self._log.warning(
            Event.REJECTED,
            symbol=record.symbol,
            purpose=record.purpose,
            client_id=record.client_id,
            reason=f"{count} sales in a row ended with nothing sold: {why or 'the exchange gives no reason'}; trying again",
        )
