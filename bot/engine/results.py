"""What a closed position teaches: its result is told, and a loss may keep its symbol out for a while."""

from __future__ import annotations

from bot.domain.booking import Booking
from bot.domain.money import ZERO, shortened
from bot.domain.order import Purpose
from bot.engine.desk import Desk
from bot.engine.risk import Limits


class Results:
    """Listens to booked fills of one account; `Desk.on_fill` calls it."""

    def __init__(self, desk: Desk, limits: Limits) -> None:
        self._desk = desk
        self._limits = limits

    def on_fill(self, booking: Booking) -> None:
        """After each booked fill: tell the end of a position, remember stop-outs and losses in a row."""
        position = booking.position
        if position is None or booking.fill.side is position.side:
            return
        if booking.order.purpose is Purpose.STOP:
            self._desk.book.remember(f"stopped:{position.symbol}", str(booking.fill.time))
        if position.qty > 0:
            return
        self._desk.log.info(
            "EXIT",
            symbol=position.symbol,
            purpose=booking.order.purpose,
            price=booking.fill.price,
            entry=shortened(position.entry_price),
            result=round(position.realised, 4),
            fees=round(position.fees, 4),
            reason=booking.order.reason or f"{booking.order.purpose} at the exchange",
        )
        self._count(position.symbol, lost=position.realised < ZERO)

    def _count(self, symbol: str, *, lost: bool) -> None:
        book, name = self._desk.book, f"losses:{symbol}"
        if not lost:
            book.remember(name, None)
            return
        row = int(book.fact(name) or 0) + 1
        if row < self._limits.max_losses_in_a_row:
            book.remember(name, str(row))
            return
        until = self._desk.clock.market_ms() + self._limits.cooldown_ms
        book.remember(name, None)
        book.remember(f"cooldown:{symbol}", str(until))
        self._desk.log.info("SKIP", symbol=symbol, gate="cooldown", reason=f"{row} losses in a row")
