"""What a closed position teaches: its result is told, and a stop-out keeps its symbol out for the candle.

Losses in a row are counted from the book's closed positions (see `risk.cooling`), so nothing of them can be lost here.
"""

from __future__ import annotations

from decimal import Decimal

from bot.domain.booking import Booking
from bot.domain.money import shortened
from bot.domain.order import Purpose
from bot.domain.position import Position
from bot.engine.desk import Desk


class Results:
    """Listens to booked fills of one account; `Desk.on_fill` calls it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_fill(self, booking: Booking) -> None:
        """After each booked fill: tell the end of a position, remember stop-outs."""
        position = booking.position
        if position is None or booking.fill.side is position.side:
            return
        if booking.order.purpose is Purpose.STOP:
            name = f"stopped:{position.symbol}"
            last = int(self._desk.book.fact(name) or 0)
            self._desk.book.remember(name, str(max(last, booking.fill.time)))
        if position.qty == 0:
            reason = booking.order.reason or f"{booking.order.purpose} at the exchange"
            tell_end(self._desk, position, booking.order.purpose, booking.fill.price, reason)


def tell_end(desk: Desk, position: Position, purpose: Purpose, price: Decimal, reason: str) -> None:
    """The one line about a position that is over."""
    desk.log.info(
        "EXIT",
        symbol=position.symbol,
        purpose=purpose,
        price=price,
        entry=shortened(position.entry_price),
        result=round(position.realised, 4),
        fees=round(position.fees, 4),
        reason=reason,
    )
