"""What fills that close a position mean: a target counts as reached, a stop-out keeps its symbol out for the candle, and the
result of what is closed is told.

Losses in a row are counted from the book's closed positions (see the gate `losses`), so nothing of them can be lost here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bot.domain.booking import Booking
from bot.domain.log import Event
from bot.domain.money import shortened
from bot.domain.order import OrderRecord, Purpose
from bot.domain.position import Position

if TYPE_CHECKING:
    from bot.engine.desk import Desk
from bot.strategy.exact import price_of, trade_of

#: The target that an order sells at.
STAGES = {Purpose.TP1: 1, Purpose.TP2: 2, Purpose.TP3: 3}


class Results:
    """Listens to booked fills of one account; `Desk.on_fill` calls it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_fill(self, booking: Booking) -> None:
        """After each booked fill: a target was reached, a position was stopped out, or it is over."""
        position = booking.position
        if position is None or booking.fill.side is position.side:
            return
        if self._is_stop_out(booking.order, position, booking.fill.price):
            name = f"stopped:{position.symbol}"
            last = int(self._desk.book.fact(name) or 0)
            self._desk.book.remember(name, str(max(last, booking.fill.time)))
        if position.qty == 0:
            reason = booking.order.reason or f"{booking.order.purpose} at the exchange"
            tell_end(self._desk, position, booking.order.purpose, booking.fill.price, reason)
        else:
            reach(self._desk, position, STAGES.get(booking.order.purpose, 0))

    def _is_stop_out(self, order: OrderRecord, position: Position, price: Decimal) -> bool:
        """Whether it sold because of the stop: a sale of ours since the price had passed it, or the exchange's own stop; that
        of a bracket sells at its target, too, far beyond.
        """
        if order.purpose is Purpose.STOP:
            return (price - position.stop_price) * position.side.sign <= position.r / 2
        ours = self._desk.book.fact(through(order.symbol))
        return ours is not None and ours == order.client_id


def through(symbol: str) -> str:
    """The fact that names the order (by client id) which sells a position whose stop the price has passed."""
    return f"through:{symbol}"


def reach(desk: Desk, position: Position, stage: int) -> None:
    """Count a target as reached, from a part of its leg sold on; from the first on the stop is at break-even or better."""
    if stage > position.stage:
        plan(desk, position, stage, trade_of(position, desk.instruments[position.symbol]).breakeven)


def plan(desk: Desk, position: Position, stage: int, stop: float) -> None:
    """Write down stage and stop; a stop never loosens."""
    best = position.tightest(price_of(stop))
    if best != position.stop_price or stage != position.stage:
        desk.book.plan(position.symbol, stage=stage, stop_price=best)


def tell_end(desk: Desk, position: Position, purpose: Purpose, price: Decimal, reason: str) -> None:
    """The one line about a position that is over."""
    desk.log.info(
        Event.EXIT,
        symbol=position.symbol,
        purpose=purpose,
        price=price,
        entry=shortened(position.entry_price),
        result=round(position.realised, 4),
        fees=round(position.fees, 4),
        reason=reason,
    )
