"""Orders against the market's book: immediate fills, triggers and fills of resting orders.

Every execution uses the book of its moment and moves the money with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from bot.sandbox.core import matching
from bot.sandbox.core.funds import Funds
from bot.sandbox.core.habits import Habits
from bot.sandbox.core.ids import Ids
from bot.sandbox.core.instrument import Instrument
from bot.sandbox.core.making import closing, fill_of, spawned
from bot.sandbox.core.matching import Level
from bot.sandbox.core.orders import Orders
from bot.sandbox.core.positions import Position
from bot.sandbox.core.sources import Clock, Market
from bot.sandbox.core.state import State
from bot.sandbox.core.timeline import Event
from bot.sandbox.core.values import ZERO, Fill, Kind, Order, Reason, Side, Status, Stp, Tif, sure

DEPTHS = (25, 500)


class Refused(Exception):
    """The exchange rejects the order; `why` gives the reason in the core's terms."""

    def __init__(self, why: Reason) -> None:
        super().__init__(why.value)
        self.why = why


class Execution:
    """Trades the orders of one venue, at `orders.now`."""

    def __init__(
        self,
        *,
        clock: Clock,
        market: Market,
        instruments: Mapping[str, Instrument],
        habits: Habits,
        state: State,
        ids: Ids,
        funds: Funds,
        orders: Orders,
    ) -> None:
        self._clock = clock
        self._market = market
        self._instruments = instruments
        self._habits = habits
        self._state = state
        self._ids = ids
        self._funds = funds
        self._orders = orders
        self._sequence = max([f.sequence for f in state.fills.values()], default=0)

    def plan(self, order: Order) -> list[Level]:
        """The immediate fills of an order. Raises Refused if it may not take liquidity or cannot pay for all of it."""
        slices = [] if order.waiting else self._slices(order)
        if slices and order.post_only:
            raise Refused(Reason.POST_ONLY)
        if order.reduce_only and not order.waiting and self._funds.margin.exceeds(order):
            raise Refused(Reason.REDUCE_ONLY)
        if order.budget is not None:
            order.qty = sum((qty for _, qty in slices), ZERO)
        if order.tif is Tif.FOK and sum((qty for _, qty in slices), ZERO) < order.remaining:
            slices = []
        if self._funds.need(order, slices) > self._funds.free(order):
            raise Refused(Reason.INSUFFICIENT_FUNDS)
        return slices

    def begin(self, order: Order, slices: list[Level]) -> None:
        """Puts a new or changed order in force. A conditional order holds its money until it triggers; others take `slices`."""
        if order.waiting:
            self._funds.hold(order)
            if self.is_reached(order):
                self._fire(order)
        else:
            self._take(order, slices)

    def meet(self, order: Order) -> None:
        """Handles an order that the market, or its own expiry, has reached."""
        if order.expire_ms is not None and order.expire_ms <= self._orders.now:
            self._orders.end(order, Status.EXPIRED, Reason.EXPIRED)
        elif order.active is not None:
            self._orders.wake(order)
        elif order.waiting:
            self._fire(order)
        else:
            self._fill_resting(order)

    def is_reached(self, order: Order) -> bool:
        """Whether the market's price has reached the order's trigger."""
        last = self._last(order)
        return matching.reached(order, last, last)

    def liquidate(self, position: Position) -> None:
        """Liquidates a position: cancels the orders on it and closes it at the market."""
        for order in list(self._state.open.values()):
            if (order.account, order.symbol, order.leg) == (position.account, position.symbol, position.leg):
                self._orders.end(order, Status.CANCELED, Reason.LIQUIDATION)
        order = self._orders.make(closing(position))
        self._orders.admit(order)
        self._take(order, self._slices(order))

    # ---- triggers ----

    def _fire(self, order: Order) -> None:
        """Triggers a conditional order, which meets the book of that moment at whatever price."""
        if order.active is not None:
            self._orders.wake(order)
            return
        self._funds.release(order)
        order.triggered_ms = self._orders.now
        if order.spawns:
            self._spawn(order)
            return
        if self._takes_profit(order):
            order.price = order.target
            self._state.note_order(order, "target")
            self._fill_resting(order)
            return
        if order.limit_offset is not None:
            order.price = sure(order.trigger) + order.limit_offset
        self._orders.set_rates(order)
        self._orders.note(order, Event.TRIGGER, "trigger")
        try:
            slices = self.plan(order)
        except Refused as refused:
            self._orders.end(order, Status.CANCELED, refused.why)
        else:
            self._take(order, slices)

    def _takes_profit(self, order: Order) -> bool:
        """Whether the market has come to the limit order that a bracket with a limited stop keeps at its target."""
        return order.kind is Kind.BRACKET and order.limit_offset is not None and self._is_at_target(order)

    def _is_at_target(self, order: Order) -> bool:
        last = self._last(order)
        return matching.at_target(order, last, last)

    def _spawn(self, order: Order) -> None:
        """Ends a triggered order and sends the order it stands for to the book; that fails if coins are missing."""
        self._orders.note(order, Event.TRIGGER, "trigger")
        child = self._orders.make(spawned(order, at_target=self._is_at_target(order)))
        try:
            slices = self._plan_spawned(child)
        except Refused as refused:
            self._orders.end(order, Status.CANCELED, refused.why)
            return
        self._orders.end(order, Status.CANCELED, Reason.TRIGGERED)
        self._orders.admit(child)
        self._take(child, slices)

    def _plan_spawned(self, order: Order) -> list[Level]:
        """Its fills from the book. On some venues, a sale of more coins than there are sells those that are there."""
        instrument = self._instruments[order.symbol]
        if order.reduce_only:
            order.qty = min(order.qty, self._funds.margin.closable(order))
        elif self._habits.cuts_triggered() and order.side is Side.SELL and order.leverage is None:
            order.qty = min(order.qty, instrument.lots(self._state.account(order.account).free(instrument.base)))
        if order.qty < instrument.min_qty:
            raise Refused(Reason.INSUFFICIENT_FUNDS)
        return self.plan(order)

    # ---- executions ----

    def _take(self, order: Order, slices: list[Level]) -> None:
        """Executes `slices` as taker, then lets the rest work or ends it."""
        for price, qty in slices:
            if self._meets_itself(order, price):
                return
            self._execute(order, price, qty, maker=False)
        if not order.working or (order.price is not None and self._meets_itself(order, order.price)):
            return
        if order.price is None or order.tif in {Tif.IOC, Tif.FOK}:
            self._orders.end(order, Status.CANCELED, Reason.REMAINDER)
            return
        self._funds.hold(order)
        self._state.note_order(order, "entry" if order.filled and order.side is Side.BUY else "rest")

    def _meets_itself(self, order: Order, price: Decimal) -> bool:
        """Cancels what would trade with the same account on the way to `price`; whether that was the order itself."""
        own = [] if order.stp is None else matching.in_its_way(order, self._state.open.values(), price)
        if own and order.stp is not Stp.NEWEST:
            for one in own:
                self._orders.end(one, Status.CANCELED, Reason.SELF_TRADE)
        if own and order.stp is not Stp.OLDEST:
            self._orders.end(order, Status.CANCELED, Reason.SELF_TRADE)
            return True
        return False

    def _fill_resting(self, order: Order) -> None:
        """Fills a resting order that the market has reached, in up to three parts a few seconds apart."""
        instrument = self._instruments[order.symbol]
        part = instrument.lots(order.remaining / 2) if order.parts_left > 1 else order.remaining
        part = part if part > ZERO else order.remaining
        self._funds.release(order)
        if order.reduce_only and self._funds.margin.exceeds(order):
            self._orders.end(order, Status.CANCELED, Reason.REDUCE_ONLY)
            return
        if self._funds.need(order, []) > self._funds.free(order):
            self._orders.end(order, Status.CANCELED, Reason.INSUFFICIENT_FUNDS)
            return
        order.parts_left -= 1
        order.part_ms = self._orders.now + self._orders.dice(order, order.parts_left).randint(500, 8_000)
        self._execute(order, sure(order.price), part, maker=True)
        if order.working:
            self._funds.hold(order)

    def _execute(self, order: Order, price: Decimal, qty: Decimal, *, maker: bool) -> None:
        for piece in self._habits.finish.pieces(order, qty):
            self._trade(order, price, piece, maker=maker)

    def _trade(self, order: Order, price: Decimal, qty: Decimal, *, maker: bool) -> None:
        """Books one execution: moves the money, updates the order and places the order attached to it."""
        fill = self._new_fill(order, price, qty, maker=maker)
        order.filled += qty
        order.cost += fill.cost
        order.fee += fill.fee_quote
        order.fill_ids.append(fill.id)
        self._funds.pay(order, fill, self._orders.clears_at(max(self._clock.wall_ms(), fill.visible_wall_ms)))
        self._state.note_fill(fill)
        order.status = Status.PARTIALLY_FILLED
        self._orders.note(order, Event.FILL, "entry" if order.side is Side.BUY else "fill")
        ending = self._habits.finish.ending(order)
        if ending is not None:
            self._orders.end(order, *ending)
        if order.close is not None and not order.close.at_end and qty >= order.close.min_qty:
            self._orders.attach(order, [fill])

    def _new_fill(self, order: Order, price: Decimal, qty: Decimal, *, maker: bool) -> Fill:
        fill_id = self._ids.fill(order.symbol, order.id)
        instrument = self._instruments[order.symbol]
        fill = fill_of(order, instrument, fill_id, price, qty, self._orders.now, maker=maker)
        self._sequence += 1
        fill.sequence = self._sequence
        delay = self._habits.hidden_seconds()
        fill.visible_wall_ms = self._clock.wall_ms() + int(delay * 1000) if delay > 0 else 0
        return fill

    # ---- the book ----

    def _slices(self, order: Order) -> list[Level]:
        instrument, now = self._instruments[order.symbol], self._orders.now
        wanted = order.remaining if order.budget is None else order.budget / self._last(order)
        dice = self._orders.dice(order, len(order.fill_ids))
        slices: list[Level] = []
        for depth in DEPTHS:
            book = self._market.book(order.symbol, now, depth)
            levels = list(book.asks if order.side is Side.BUY else book.bids)
            levels = matching.thinned(levels, wanted, instrument, dice)
            if order.budget is not None:
                step = order.budget_lot or instrument.lot
                slices = matching.walk_budget(levels, order.budget, self._funds.paid_rate(order), step)
                break
            slices = matching.walk(levels, order.side, order.remaining, order.price, instrument.lot)
            if sum((qty for _, qty in slices), ZERO) >= order.remaining or order.price is not None:
                break
        if order.fill_at_most is not None:
            slices = matching.walk(slices, order.side, order.fill_at_most, None, instrument.lot)
        return slices

    def _last(self, order: Order) -> Decimal:
        return self._market.last(order.symbol, self._orders.now)
