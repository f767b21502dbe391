"""The rests of entries: what an entry's order left unfilled is sent again for a while, if the strategy wants that.

The first order that was not refused has the size of the entry. Rests are remembered in memory only: after a restart, a position is
what was filled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from bot.domain.clock import SECOND
from bot.domain.money import ZERO
from bot.domain.order import OrderRecord, OrderStatus, Purpose
from bot.engine.order_manager import OrderManager
from bot.engine.records import is_entry_on, is_harmless
from bot.strategy.base import Evaluation

#: Market ms between two attempts.
RETRY = 30 * SECOND


@dataclass(slots=True)
class EntryRests:
    """The entries of one account that were ordered but may not be filled yet; `resends_for_ms` counts from their closes."""

    oms: OrderManager
    resends_for_ms: int
    _entries: dict[str, Evaluation] = field(default_factory=dict)
    _due_at: int = 0

    def note(self, record: OrderRecord, evaluation: Evaluation) -> None:
        """Take note of an entry's order. A refused first order is not followed: its signal is tried again as a whole."""
        if record.status is not OrderStatus.REJECTED and self.resends_for_ms:
            self._entries[record.symbol] = evaluation
        elif not is_harmless(record):
            self.forget(record.symbol)

    def forget(self, symbol: str) -> None:
        """Send nothing more for this entry."""
        self._entries.pop(symbol, None)

    def are_due(self) -> bool:
        """Whether it is time to look for rests."""
        return bool(self._entries) and self.oms.clock.market_ms() >= self._due_at

    def due(self) -> list[tuple[str, Evaluation, Decimal]]:
        """The entries with a rest to send now, and its quantity. Only what is settled counts: an order whose outcome is unknown
        may still fill.
        """
        if not self.are_due():
            return []
        now, found = self.oms.clock.market_ms(), []
        self._due_at = now + RETRY
        for symbol, evaluation in list(self._entries.items()):
            if any(one.symbol == symbol and one.purpose is not Purpose.STOP for one in self.oms.book.unsettled()):
                continue
            left = self._left(symbol, evaluation.closed_at)
            if left == 0 or now >= evaluation.closed_at + self.resends_for_ms:
                self.forget(symbol)
            else:
                found.append((symbol, evaluation, left))
        return found

    def _left(self, symbol: str, candle_close: int) -> Decimal:
        """The quantity that is not bought yet; 0 if it is too small for an order, or once any of the position was sold."""
        book, instrument = self.oms.book, self.oms.instruments[symbol]
        records = book.orders_of(symbol, candle_close)
        sent = [one for one in records if is_entry_on(one, candle_close) and one.status is not OrderStatus.REJECTED]
        booked = sum((one.booked_qty for one in sent), ZERO)
        position = book.position(symbol)
        if not sent or (booked > 0 and (position is None or position.qty < position.bought)):
            return ZERO
        left = instrument.size(sent[0].qty - booked)
        return left if left >= instrument.min_qty else ZERO
