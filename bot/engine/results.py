"""The effects of closing fills: a target counts as reached, a stop-out bars its symbol for the candle, the end of a symbol's
last trade is stored, and the result of a closed position is logged.

Losses in a row are counted from the book's closed positions (see the gate `losses`), so nothing here can lose them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bot.domain.booking import Booking
from bot.domain.log import Event
from bot.domain.money import ZERO, to_places
from bot.domain.order import Numbers, OrderRecord, Purpose
from bot.domain.position import Position

if TYPE_CHECKING:
    from bot.engine.order_manager import OrderManager
from bot.strategy.base import Ended
from bot.strategy.exact import price_of, trade_of

#: The name of the end of a trade at its stop.
STOP = str(Purpose.STOP)


class Results:
    """Handles the booked fills of one account; `OrderManager.on_fill` calls it."""

    def __init__(self, oms: OrderManager) -> None:
        self._oms = oms

    def on_fill(self, booking: Booking) -> None:
        """Handle a booked fill: a target was reached, or the position was stopped out or closed."""
        position = booking.position
        if position is None or booking.fill.side is position.side:
            return
        oms, symbol, time = self._oms, position.symbol, booking.fill.time
        how = self._how(booking.order, position, booking.fill.price)
        if how == STOP:
            last = int(oms.book.get_state(f"stopped:{symbol}") or 0)
            oms.book.set_state(f"stopped:{symbol}", str(max(last, time)))
        before = last_ended(oms, symbol)
        if before is None or before.at <= time:
            oms.book.set_state(_ended(symbol), f"{time} {how}")
        if position.qty == 0:
            log_end(oms, position, booking.order.purpose, booking.fill.price, _reason(booking.order, how))
        else:
            record_target(oms, position, booking.order.purpose.stage)

    def _how(self, order: OrderRecord, position: Position, price: Decimal) -> str:
        """The cause of a sale: the stop (the exchange's, or a sale of ours because the price had passed it), a reason of the
        strategy, or the order's purpose. The stop of a bracket also sells at its target, far beyond the stop.
        """
        if order.purpose is Purpose.STOP:
            fired = (price - position.stop_price) * position.side.sign <= position.r / 2
            return STOP if fired else "target"
        client_id, _, name = (self._oms.book.get_state(sale(order.symbol)) or "").partition(" ")
        return name if name and client_id == order.client_id else str(order.purpose)


def _reason(order: OrderRecord, how: str) -> str:
    """The reason of a sale, for people. The reason for placing a stop is not the reason of its sale."""
    if order.purpose is Purpose.STOP:
        return "stop reached" if how == STOP else "target reached"
    return order.why or order.reason or f"{order.purpose} at the exchange"


def sale(symbol: str) -> str:
    """Name of the stored state: the client id of the last order to sell a whole position, and its cause."""
    return f"exit:{symbol}"


def last_ended(oms: OrderManager, symbol: str) -> Ended | None:
    """How the last position of a symbol ended; None if it never had a sale."""
    at, _, how = (oms.book.get_state(_ended(symbol)) or "").partition(" ")
    return Ended(int(at), how) if how else None


def _ended(symbol: str) -> str:
    """Name of the stored state: when (market ms) a symbol's position last had a sale, and its cause."""
    return f"ended:{symbol}"


def record_target(oms: OrderManager, position: Position, stage: int) -> None:
    """Count a target as reached as soon as part of its leg is sold. From the first target on, the stop is at break-even or
    better.
    """
    if stage > position.stage:
        plan(oms, position, stage, trade_of(position, oms.instruments[position.symbol]).breakeven)


def plan(oms: OrderManager, position: Position, stage: int, stop: float, kept: Numbers | None = None) -> None:
    """Store stage, stop and the strategy's kept values; a stop never loosens."""
    best = position.tightest(price_of(stop))
    kept = position.kept if kept is None else kept
    if (stage, best, kept) != (position.stage, position.stop_price, position.kept):
        oms.book.plan(position.symbol, stage=stage, stop_price=best, kept=kept)


def log_end(oms: OrderManager, position: Position, purpose: Purpose, price: Decimal, reason: str) -> None:
    """Log the end of a position. The price is the average of its sales, or `price` if there are none. Result and fees are in the
    quote.
    """
    oms.log.info(
        Event.EXIT,
        symbol=position.symbol,
        purpose=purpose,
        price=_average_exit(oms, position) or price,
        entry=position.entry_price,
        result=to_places(position.realised, 4),
        fees=to_places(position.fees, 4),
        currency=position.symbol.split("-")[1],
        reason=reason,
    )


def _average_exit(oms: OrderManager, position: Position) -> Decimal | None:
    """The average price of a position's sales; None if none is booked."""
    entry = oms.book.by_client_id(position.entry_id) or oms.book.by_exchange_id(position.entry_id)
    since = position.candle_close if entry is None else entry.created_at
    sales = [
        (one.booked_qty, one.avg_price)
        for one in oms.book.orders_of(position.symbol, since)
        if one.side is not position.side and one.booked_qty and one.avg_price is not None
    ]
    sold = sum((qty for qty, _ in sales), ZERO)
    return sum((qty * price for qty, price in sales), ZERO) / sold if sold else None
