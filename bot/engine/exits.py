"""Exits: sells a position or part of it at the market (at a target: near it), and protects the rest or books it as dust.

Coins are freed from their stops first, so that nothing can be sold twice. An exit is repeated at each check until the position
is flat or dust. A triggered stop gets a moment to fill; then it is cancelled and the rest is sold.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

from bot.domain.clock import SECOND
from bot.domain.instrument import Instrument, Trading
from bot.domain.log import Event
from bot.domain.money import ONE
from bot.domain.order import Intent, OrderRecord, OrderStatus, OrderType, Purpose, Side, TimeInForce, VenueOrder
from bot.domain.position import Position
from bot.engine.book import AlreadyDecided
from bot.engine.order_manager import OrderManager
from bot.engine.protect import Protection
from bot.engine.results import STOP, log_end, sale
from bot.engine.unsold import Unsold

#: How far beyond the market price the limit of a sale may be.
SLIPPAGE = Decimal("0.01")
#: How long (wall ms) a triggered stop may take to fill before we sell the rest.
STOP_GRACE = 5 * SECOND


#: Real ms within which the exchange shows all trades of an order that it reports as ended.
SHOWN_WITHIN = 6 * SECOND
_ENDED = frozenset({OrderStatus.CANCELED, OrderStatus.EXPIRED})
#: The number of re-checked sales that are remembered.
_MOST = 100
#: The most (dollars) of what was not sold that is given up as dust.
_MOST_DUST = Decimal(20)


class SaleResult(Enum):
    """How an attempt to sell ended."""

    DONE = "done"
    """Sold: the position is smaller or closed."""
    LATER = "later"
    """Not possible now (stops busy, exchange failing, an earlier sale in doubt): try again at the next check."""


class Exits:
    """Sells our positions at targets, for exits and for the operator."""

    def __init__(self, oms: OrderManager, protection: Protection) -> None:
        self._oms = oms
        self._protection = protection
        self._triggered_at: dict[str, int] = {}  # by entry
        self._unsold = Unsold(oms.clock, oms.log)
        self._believed: dict[str, None] = {}  # sales that ended short and were checked again

    def sell(
        self,
        symbol: str,
        qty: Decimal,
        price: Decimal,
        purpose: Purpose,
        reason: str,
        *,
        limit: Decimal | None = None,
        by: str = "",
    ) -> SaleResult:
        """Sell `qty` of a position, at most what is held and what one order may have: at the market, or at `limit` or better as far
        as that fills at once. `price` is the market price, to check sizes with and to compare the price paid with. `by` names the
        cause of a sale of the whole position, if it has a name.
        """
        oms = self._oms
        position = oms.book.position(symbol)
        if position is None or oms.closing_in_doubt(symbol) > 0:
            return SaleResult.LATER
        instrument = oms.instruments[symbol]
        if not oms.markets.takes_sales(instrument) or oms.coins.waits(symbol) or self._may_have_sold(position):
            return SaleResult.LATER
        lacking = oms.coins.lacking(position)
        keep = position.qty - instrument.size(instrument.at_most(min(qty, position.qty - lacking), price))
        if not instrument.tradeable(position.qty - keep, price):
            self.close_as_dust(symbol, price, reason)
            return SaleResult.LATER
        if not self._protection.free_quantity(position, keep - lacking, why=purpose):
            return SaleResult.LATER
        held = oms.book.position(symbol)
        if held is None or held.qty != position.qty:
            return SaleResult.LATER
        limit = _limit(position.side, limit, price, instrument)
        intent = self._intent(position, position.qty - keep, limit, price, purpose, reason)
        if by:
            oms.book.set_state_deferred(sale(symbol), f"{intent.client_id} {by}")
        return self._send(position, intent, price)

    def _may_have_sold(self, position: Position) -> bool:
        """Whether a sale of this position that ended short may have sold more than the exchange shows yet; another sale could
        then sell coins that are not ours. After a while the order is checked once more, and the answer is believed.
        """
        oms = self._oms
        short = [
            record
            for record in oms.book.orders_of(position.symbol, position.candle_close)
            if record.side is not position.side
            and record.purpose is not Purpose.STOP
            and record.tif is TimeInForce.IOC
            and record.status in _ENDED
            and record.booked_qty < record.qty
            and record.client_id not in self._believed
        ]
        if any(oms.age(record) < SHOWN_WITHIN for record in short):
            return True
        for record in short:
            now = oms.refresh(record)
            self._believed[record.client_id or ""] = None
            while len(self._believed) > _MOST:
                self._believed.pop(next(iter(self._believed)))
            if now.booked_qty != record.booked_qty:
                return True
        return False

    def _intent(
        self, position: Position, qty: Decimal, limit: Decimal | None, price: Decimal, purpose: Purpose, reason: str
    ) -> Intent:
        return self._oms.draft(
            purpose,
            position.symbol,
            position.side.opposite,
            qty,
            OrderType.MARKET if limit is None else OrderType.LIMIT,
            position.candle_close,
            tif=TimeInForce.IOC,
            limit_price=limit,
            reduce_only=True,
            reason=reason,
            decision_price=price,
        )

    def _send(self, position: Position, intent: Intent, price: Decimal) -> SaleResult:
        oms, reason = self._oms, intent.reason
        try:
            record = oms.submit(intent)
        except AlreadyDecided:
            return SaleResult.LATER
        if record.status is OrderStatus.SUBMITTED:  # a working sale protects what it sells
            oms.mark_protected(position.symbol)
        record = oms.settle(record)
        oms.coins.sent(record, position)
        self._unsold.ended(record, position.entry_id)
        if record.booked_qty > 0:
            self._log_sale(record, reason)
            self.close_as_dust(position.symbol, price, reason, rest=True)
        if oms.book.position(position.symbol) is not None:
            self._protection.ensure(position.symbol, price, why=intent.purpose)
        return SaleResult.DONE if record.booked_qty > 0 else SaleResult.LATER

    def close_as_dust(self, symbol: str, price: Decimal, why: str, *, rest: bool = False) -> None:
        """Close a position that is too small to trade as dust. It stays open while a resting stop can still sell it, which
        happens if the market's minimum has risen; and if it is worth more than dust, because the minimum may fall again. The
        `rest` of a sale is dust whatever it is worth: that sale was as large as the market's steps allow.
        """
        oms = self._oms
        position = oms.book.position(symbol)
        if (
            position is None
            or oms.instruments[symbol].tradeable(position.qty, price)
            or (not rest and position.value(price) * oms.valuation.at(symbol, price).quote_usd > _MOST_DUST)
            or oms.closing_in_doubt(symbol) > 0
        ):
            return
        if self._protection.is_protected(position) or not self._protection.free_quantity(
            position, Decimal(0), why="dust"
        ):
            return
        left = oms.book.position(symbol)
        if left is None:
            return
        ended = oms.book.close(symbol, oms.clock.market_ms(), why, oms.valuation.at(symbol, price))
        oms.log.info(Event.DUST, symbol=symbol, qty=left.qty, reason=why)
        if left.qty < left.initial_qty:
            log_end(oms, ended, Purpose.EXIT, price, f"{why}; the rest is dust")

    def is_protected(self, position: Position) -> bool:
        """Whether resting stops protect all of the position that can be sold; raises `BrokerError`."""
        return self._protection.is_protected(position)

    def finish_triggered_stop(self, position: Position, orders: list[VenueOrder]) -> bool:
        """Handle a triggered stop: wait for its fill, then cancel it and sell the rest. True while one is working."""
        oms = self._oms
        fired = [stop for stop in self._protection.stops_of(position, orders) if stop.triggered]
        if not fired:
            self._triggered_at.pop(position.entry_id, None)
            return False
        held = {one.entry_id for one in oms.book.positions()}
        self._triggered_at = {entry: at for entry, at in self._triggered_at.items() if entry in held}
        since = self._triggered_at.setdefault(position.entry_id, oms.clock.steady_ms())
        if oms.clock.steady_ms() - since >= STOP_GRACE:
            why = "triggered but not filled"
            oms.mark_unprotected(position.symbol, why)
            for stop in fired:
                oms.broker.cancel(stop)
            oms.log.warning(Event.STOP, symbol=position.symbol, reason=f"{why}: selling the rest at the market")
            del self._triggered_at[position.entry_id]
        return True

    def exit_beyond_stop(self, symbol: str, price: Decimal) -> SaleResult:
        """Sell a position at the market because the price is beyond its stop."""
        position = self._oms.book.position(symbol)
        if position is None:
            return SaleResult.DONE
        return self.sell(symbol, position.qty, price, Purpose.EXIT, "stop price passed", by=STOP)

    def exit_unprotectable(self, symbol: str, price: Decimal) -> SaleResult:
        """Sell a position at the market because the exchange finally refuses its stop."""
        position = self._oms.book.position(symbol)
        if position is None:
            return SaleResult.DONE
        why = self._protection.refused.reason(position.entry_id)
        self._oms.log.error(Event.STOP, symbol=symbol, reason=f"the exchange refuses it for good, selling: {why}")
        return self.sell(symbol, position.qty, price, Purpose.EXIT, "the exchange refuses its stop")

    def _log_sale(self, record: OrderRecord, reason: str) -> None:
        """Log the sale of a part. `Results` logs the end of a position with its result."""
        left = self._oms.book.position(record.symbol)
        if left is not None:
            self._oms.log.info(
                Event.of_sale(record.purpose),
                symbol=record.symbol,
                qty=record.booked_qty,
                price=record.avg_price,
                left=left.qty,
                reason=reason,
            )


def _limit(side: Side, wanted: Decimal | None, price: Decimal, instrument: Instrument) -> Decimal | None:
    """The limit of a sale (for a short: a purchase) that is to fill at once; None for a market order.

    A limit `wanted` too far from the market is moved closer, because exchanges refuse distant limits.
    """
    if wanted is None and instrument.trading is not Trading.LIMIT_ONLY:
        return None
    if side is Side.BUY:
        near = instrument.price_down(price * (ONE - SLIPPAGE))
        return near if wanted is None else max(wanted, near)
    near = instrument.price_up(price * (ONE + SLIPPAGE))
    return near if wanted is None else min(wanted, near)
