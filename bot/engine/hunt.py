"""The hunt: an order whose fate is unknown is looked for until it is found or its absence is proved. Silence proves nothing.

Proof that nothing was placed: the request carried a deadline, the deadline has passed with a margin, and a look that began
afterwards saw nothing in open orders, closed orders and fills. There is no limit in time.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.brokers.base import Absence, BrokerError
from bot.domain.clock import MINUTE, SECOND
from bot.domain.order import OrderRecord, OrderStatus
from bot.engine.desk import Desk

#: Wall ms after a request's deadline before an empty look counts as proof: clocks differ, engines dawdle.
PROOF_MARGIN = 2 * SECOND
#: The longest wait (wall ms) between two looks for the same order.
LONGEST_WAIT = 30 * SECOND
FIRST_WAIT = 250
#: Market ms before an order's creation from which the venue's lists are searched.
SEARCH_MARGIN = MINUTE
#: Wall ms after which an order that is still unknown is worth an alarm.
ALARM_AFTER = MINUTE


@dataclass(slots=True)
class _Chase:
    next_at: int
    wait: int
    alarmed: bool = False


class Hunt:
    """Finds lost orders, one look a turn each, with growing waits in between."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._chases: dict[str, _Chase] = {}

    def pursue(self) -> None:
        """Look for every order in flight whose turn has come."""
        wanted = {record.client_id: record for record in self._desk.in_flight() if record.client_id is not None}
        for client_id in self._chases.keys() - wanted.keys():
            del self._chases[client_id]
        for client_id, record in wanted.items():
            chase = self._chases.setdefault(client_id, _Chase(next_at=0, wait=FIRST_WAIT))
            if self._desk.clock.wall_ms() >= chase.next_at:
                self._look(record, client_id, chase)

    @property
    def pending(self) -> bool:
        """Whether anything is being hunted."""
        return bool(self._chases)

    def _look(self, record: OrderRecord, client_id: str, chase: _Chase) -> None:
        began = self._desk.clock.wall_ms()
        try:
            found = self._seen(record, client_id)
        except BrokerError as error:
            self._desk.log.debug("HUNT", client_id=client_id, reason=error.text)
            found = False
        else:
            if not found and self._proves_absence(record, began):
                self._give_up(record, client_id)
                return
        if not found:
            self._again(record, client_id, chase)

    def _seen(self, record: OrderRecord, client_id: str) -> bool:
        """Whether the venue shows the order; what it shows is booked."""
        desk = self._desk
        order = None
        if record.exchange_id is not None:
            order = desk.broker.order(record.exchange_id, record.symbol)
        if order is None:
            order = desk.broker.find(client_id, record.symbol, record.created_at - SEARCH_MARGIN)
        if order is None:
            return False
        after = desk.sync(order)
        desk.log.info(
            "FOUND", symbol=record.symbol, client_id=client_id, exchange_id=order.exchange_id, status=order.status
        )
        return after is not None

    def _proves_absence(self, record: OrderRecord, began: int) -> bool:
        if self._desk.broker.capabilities().absence is not Absence.DEADLINE or record.deadline is None:
            return False
        return record.exchange_id is None and began > record.deadline + PROOF_MARGIN

    def _give_up(self, record: OrderRecord, client_id: str) -> None:
        reason = "not placed: its deadline has passed and the exchange shows neither order nor fill"
        self._desk.book.mark(client_id, OrderStatus.REJECTED, reason=reason)
        self._desk.log.info("ABSENT", symbol=record.symbol, client_id=client_id, reason=reason)

    def _again(self, record: OrderRecord, client_id: str, chase: _Chase) -> None:
        now = self._desk.clock.wall_ms()
        proof_at = (record.deadline or 0) + PROOF_MARGIN + 1
        chase.next_at = min(now + chase.wait, proof_at) if now < proof_at else now + chase.wait
        chase.wait = min(chase.wait * 2, LONGEST_WAIT)
        if record.status is not OrderStatus.UNKNOWN and record.exchange_id is None:
            self._desk.book.mark(client_id, OrderStatus.UNKNOWN, reason="not seen at the exchange yet")
        if not chase.alarmed and now - record.sent_at > ALARM_AFTER:
            chase.alarmed = True
            self._desk.log.error(
                "UNKNOWN",
                symbol=record.symbol,
                client_id=client_id,
                reason="unknown for over a minute; the hunt goes on",
            )
