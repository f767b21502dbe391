"""One venue's exchange: accepts tickets, matches them against the market and moves the money.

All calls happen under `lock`, one at a time. Each first brings the market up to date (`settle`), so that fills do not
depend on how often the exchange is asked. A rejection raises `Refused` and changes nothing. Knows no venue's field
names and never invents a price: every execution is at the market's book of its moment.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from decimal import Decimal

from bot.sandbox.core.accounts import Account
from bot.sandbox.core.execution import Execution, Refused
from bot.sandbox.core.fees import FeeTable, Tier
from bot.sandbox.core.funds import Funds
from bot.sandbox.core.habits import Habits
from bot.sandbox.core.ids import Ids
from bot.sandbox.core.instrument import Instrument
from bot.sandbox.core.making import order_of
from bot.sandbox.core.orders import Orders
from bot.sandbox.core.positions import Positions
from bot.sandbox.core.progress import Progress
from bot.sandbox.core.sources import Clock, Market
from bot.sandbox.core.state import State
from bot.sandbox.core.timeline import Event
from bot.sandbox.core.values import ZERO, Order, Reason, Status, Ticket


class Exchange:
    """The matching engine of one venue with the money of its accounts."""

    def __init__(
        self,
        *,
        clock: Clock,
        market: Market,
        instruments: Mapping[str, Instrument],
        fees: FeeTable,
        state: State,
        ids: Ids,
        seed: int,
    ) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.market = market
        self.instruments = dict(instruments)
        self.habits = Habits(fees)
        self.state = state
        self.positions = Positions(state)
        self.funds = Funds(state, self.instruments, ids, self.positions, lambda s: market.last(s, self.now))
        self.margin = self.funds.margin
        self._ids = ids
        self._orders = Orders(
            clock=clock,
            market=market,
            instruments=self.instruments,
            habits=self.habits,
            state=state,
            ids=ids,
            funds=self.funds,
            seed=seed,
        )
        self._execution = Execution(
            clock=clock,
            market=market,
            instruments=self.instruments,
            habits=self.habits,
            state=state,
            ids=ids,
            funds=self.funds,
            orders=self._orders,
        )
        self._progress = Progress(
            clock=clock,
            market=market,
            instruments=self.instruments,
            habits=self.habits,
            state=state,
            positions=self.positions,
            funds=self.funds,
            orders=self._orders,
            execution=self._execution,
        )

    # ---- calls of the wires ---------------------------------------------------------------------------------

    def settle(self) -> int:
        """Brings the exchange up to the market clock and returns that time."""
        return self._progress.settle()

    def commit(self) -> None:
        """Makes all changes since the last commit durable and records which positions are naked after them."""
        wall = self.clock.wall_ms()
        for symbol, why in self.state.touched.items():
            self._progress.look(symbol, wall, why)
        self.state.touched.clear()
        self.state.commit(wall)

    def check(self, ticket: Ticket) -> None:
        """Raises Refused when `place` would; changes nothing."""
        self._execution.plan(self._orders.make(ticket, "check"))

    def place(self, ticket: Ticket) -> Order:
        """Accepts an order and fills what the book offers now. The rest works, ends or waits for its trigger."""
        order = self._orders.make(ticket)
        slices = self._execution.plan(order)
        self._orders.admit(order)
        self._execution.begin(order, slices)
        return order

    def place_dead(self, ticket: Ticket, reason: Reason) -> Order:
        """Records an order that the venue accepts and cancels at once."""
        order = self._orders.make(ticket)
        self._orders.admit(order)
        self._orders.end(order, Status.CANCELED, reason)
        return order

    def cancel(self, order: Order, reason: Reason = Reason.USER) -> None:
        self._orders.end(order, Status.CANCELED, reason)

    def amend(
        self,
        order: Order,
        *,
        qty: Decimal | None = None,
        price: Decimal | None = None,
        trigger: Decimal | None = None,
        target: Decimal | None = None,
        target_price: Decimal | None = None,
        post_only: bool | None = None,
    ) -> None:
        """Changes a working order in place. `qty` is the new total; at or below the filled quantity it ends the order."""
        before = (order.qty, order.price, order.trigger, order.target, order.target_price, order.post_only)
        held = order.held
        self.funds.release(order)
        order.qty = order.qty if qty is None else qty
        order.price = order.price if price is None else price
        order.trigger = order.trigger if trigger is None else trigger
        order.target = order.target if target is None else target
        order.target_price = order.target_price if target_price is None else target_price
        order.post_only = order.post_only if post_only is None else post_only
        try:
            slices = [] if order.remaining <= ZERO else self._execution.plan(order)
        except Refused:
            order.qty, order.price, order.trigger, order.target, order.target_price, order.post_only = before
            order.held = held
            self.account(order).hold(order.held_asset, held)
            raise
        order.amended_ms, order.part_ms = self.now, None
        self._orders.note(order, Event.AMEND, "amend")
        if order.remaining <= ZERO:
            self._orders.end(order, Status.CANCELED, Reason.REDUCED)
        else:
            self._execution.begin(order, slices)

    def cancel_later(self, order: Order, wall_ms: int) -> None:
        """Accepts a cancel request that takes effect at a real time; until then the order keeps working."""
        order.cancel_wall_ms = wall_ms
        self.state.note_order(order, "cancel requested")

    def deposit(self, account: str, asset: str, amount: Decimal) -> None:
        """Deposits money; a negative amount withdraws it, as far as it is free."""
        who = self.state.account(account)
        if who.free(asset) + amount < ZERO:
            raise Refused(Reason.INSUFFICIENT_FUNDS)
        kind = "deposit" if amount >= ZERO else "withdrawal"
        self.funds.move(account, self._ids.movement(), kind, asset, amount, ZERO, self.now)

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Makes the coin's market jump and executes the orders that the jump reaches."""
        coin = self.instruments[symbol].base
        self.settle()
        self.market.jump(symbol, self.now, price)
        self.state.note("jumps", [[jumped, moment, str(to)] for jumped, moment, to in self.market.jumps()])
        for order in sorted(self.state.open.values(), key=lambda o: (not o.waiting, o.sequence)):
            if order.working and self.instruments[order.symbol].base == coin and self._execution.is_reached(order):
                self._execution.meet(order)
        for position in self.positions.all():
            last = self.market.last(position.symbol, self.now)
            if self.margin.dooms(position, last, last):
                self._execution.liquidate(position)

    def new_id(self) -> str:
        """A new id for something that is neither an order nor a ledger row, such as an amendment."""
        return self._ids.fill("", "")

    def note_rejection(self, client_id: str | None) -> None:
        """Records that a request for an order was rejected."""
        self.state.note_event(Event.REJECT, self.clock.wall_ms(), self.now, None, client_id)

    # ---- facts for the wires --------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The market time up to which everything has been settled."""
        return self._orders.now

    def account(self, order: Order | Ticket) -> Account:
        return self.state.account(order.account)

    def paying_asset(self, ticket: Ticket) -> str:
        """The asset an order pays with: the base for a sale, the quote for a purchase or a position."""
        return self.funds.pays_with(order_of(ticket, "", self.now, 0))

    def volume(self, account: str) -> Decimal:
        """The account's 30-day volume in USD."""
        return self._orders.volume(account)

    def tier(self, account: str) -> Tier:
        return self.habits.fees.tier(self.volume(account))
