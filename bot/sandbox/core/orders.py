"""The orders of one venue, from acceptance to end, with the money they hold.

Knows the market time up to which everything is settled (`now`). Never decides the price of a trade.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random

from bot.sandbox.core.funds import Funds
from bot.sandbox.core.habits import Habits
from bot.sandbox.core.ids import Ids
from bot.sandbox.core.instrument import Instrument, floor_to
from bot.sandbox.core.making import attached, order_of
from bot.sandbox.core.sources import Clock, Market
from bot.sandbox.core.state import State
from bot.sandbox.core.timeline import Event
from bot.sandbox.core.values import TRAILING, ZERO, Fill, Order, Reason, Side, Status, Ticket, sure

HAND_LEVERAGE = Decimal(3)
"""Leverage of positions that the owner opens by hand."""


class Orders:
    """Creates, accepts and ends orders."""

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
        seed: int,
    ) -> None:
        self.now = clock.market_ms()
        self._clock = clock
        self._market = market
        self._instruments = instruments
        self._habits = habits
        self._state = state
        self._ids = ids
        self._funds = funds
        self._seed = seed
        self._sequence = max([o.sequence for o in state.orders.values()], default=0)

    def make(self, ticket: Ticket, order_id: str = "") -> Order:
        """The order of a ticket, not accepted yet."""
        order = order_of(ticket, order_id, self.now, self._sequence + 1)
        if order.leverage is None and self._instruments[order.symbol].contract is not None:
            order.leverage = HAND_LEVERAGE
        self.set_rates(order)
        self._start_trail(order)
        return order

    def admit(self, order: Order) -> None:
        """Marks the order as accepted by the venue."""
        self._sequence += 1
        order.id = order.id or self._ids.order()
        order.held_asset = self._funds.pays_with(order)
        order.parts_left = self.dice(order, 9).choice((1, 1, 1, 2, 3))
        self._note(order, Event.NEW, "new", order.created_ms)

    def end(self, order: Order, status: Status, reason: Reason | None = None, wall_ms: int | None = None) -> None:
        """Ends an order; `wall_ms` is its real time, now by default."""
        self._funds.release(order, self.clears_at(self._clock.wall_ms() if wall_ms is None else wall_ms))
        order.status, order.reason, order.closed_ms = status, reason, self.now
        if status is Status.FILLED:
            self._state.note_order(order, "entry" if order.side is Side.BUY else "fill")
        elif status is Status.EXPIRED:
            self.note(order, Event.EXPIRE, "expire")
        else:
            self.note(order, Event.CANCEL, "cancel")
        close = order.close
        if close is not None and close.at_end and order.filled > ZERO and order.filled >= close.min_qty:
            self.attach(order, [self._state.fills[fill_id] for fill_id in order.fill_ids])

    def attach(self, parent: Order, fills: Sequence[Fill]) -> None:
        """The opposite order from the parent's close terms, sized to these fills."""
        terms = sure(parent.close)
        ticket = attached(parent, terms, fills, self._instruments[parent.symbol])
        if ticket.qty <= ZERO:
            return
        order = self.make(ticket, terms.order_id or "")
        order.created_ms = fills[-1].time_ms
        order.visible_wall_ms = max(fill.visible_wall_ms for fill in fills)
        self.admit(order)
        self._funds.clearings.free_for_child(parent, order.held_asset)
        self._funds.hold(order)

    def wake(self, order: Order) -> None:
        """Activates a trailing order."""
        order.active, order.amended_ms = None, self.now
        self._start_trail(order)
        self._state.note_order(order, "trail")

    def set_rates(self, order: Order) -> None:
        """The current fees."""
        tier = self._instruments[order.symbol].tier or self._habits.fees.tier(self.volume(order.account))
        order.maker_rate, order.taker_rate = tier.maker, tier.taker

    def volume(self, account: str) -> Decimal:
        """The account's 30-day volume in USD."""
        self._state.account(account)
        return self._state.volumes[account].at(self.now)

    def clears_at(self, wall_ms: int) -> int | None:
        """When an amount released at a real time becomes free; None means at once."""
        delay_ms = self._habits.clears_after_ms()
        return wall_ms + delay_ms if delay_ms else None

    def note(self, order: Order, event: Event, why: str) -> None:
        """Records something that happens to an order now."""
        self._note(order, event, why, self.now)

    def _note(self, order: Order, event: Event, why: str, moment: int) -> None:
        self._state.note_order(order, why)
        self._state.note_event(event, self._clock.wall_ms(), moment, order.id, order.client_id)

    def dice(self, order: Order, turn: int) -> Random:
        """Randomness that is always the same for this turn of this order."""
        return Random(f"{self._seed}/{order.symbol}/{order.sequence}/{turn}")  # noqa: S311 - play money

    def _start_trail(self, order: Order) -> None:
        if order.kind not in TRAILING or order.active is not None or order.trigger is not None:
            return
        tick = self._instruments[order.symbol].tick
        last = self._market.last(order.symbol, self.now)
        trail = order.trail_at(last)
        order.trigger = floor_to(last - trail if order.side is Side.SELL else last + trail, tick)
