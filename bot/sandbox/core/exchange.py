"""One venue's exchange: takes tickets, matches them against the market, moves the money.

All calls happen under `lock`, one at a time. Before anything else the market is brought up to date (`settle`), so
what an order meets does not depend on how often somebody looked. Refusals are `Refused`; nothing is changed by them.
Never knows a venue's words, and never invents a price: every execution is at the market's book of its moment.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from random import Random

from bot.sandbox.core import matching
from bot.sandbox.core.accounts import Account
from bot.sandbox.core.cover import look_at_cover
from bot.sandbox.core.fees import FeeTable, Tier
from bot.sandbox.core.finish import Finish
from bot.sandbox.core.funds import Funds
from bot.sandbox.core.ids import Ids
from bot.sandbox.core.instrument import Instrument, floor_to
from bot.sandbox.core.making import attached, closing, fill_of, order_of
from bot.sandbox.core.matching import Level
from bot.sandbox.core.meetings import Meetings
from bot.sandbox.core.positions import Position, Positions
from bot.sandbox.core.sources import Clock, Funding, Market
from bot.sandbox.core.state import State
from bot.sandbox.core.timeline import Event
from bot.sandbox.core.values import (
    CONDITIONAL,
    TRAILING,
    ZERO,
    Fill,
    Kind,
    Order,
    Origin,
    Reason,
    Side,
    Status,
    Ticket,
    Tif,
    sure,
)

TRAIL_STEP_MS = 5_000
DEPTHS = (25, 500)
HAND_LEVERAGE = Decimal(3)
"""Of positions that the owner opens by hand."""
MS_NS = 1_000_000


class Refused(Exception):
    """The exchange does not take the order; `why` says so in the core's terms."""

    def __init__(self, why: Reason) -> None:
        super().__init__(why.value)
        self.why = why


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
        self.fees = fees
        self.state = state
        self.hidden_seconds: Callable[[], float] = lambda: 0.0
        self.cuts_triggered: Callable[[], bool] = lambda: False
        self.clears_after_ms: Callable[[], int] = lambda: 0
        self.positions = Positions(state)
        self.funds = Funds(state, self.instruments, ids, self.positions, lambda s: market.last(s, self._now))
        self.margin = self.funds.margin
        self._clearings = self.funds.clearings
        self.funding: Funding | None = None
        self.finish = Finish()
        self._meetings = Meetings(state, market)
        self._ids = ids
        self._seed = seed
        self._sequence = max([o.sequence for o in state.orders.values()], default=0)
        self._fill_sequence = max([f.sequence for f in state.fills.values()], default=0)
        self._now = clock.market_ms()
        self._caught_up_wall_ms = clock.wall_ms()

    # ---- what a wire asks for -------------------------------------------------------------------------------

    def settle(self) -> int:
        """Brings the exchange up to the market clock and returns that time."""
        now = self.clock.market_ms()
        self._catch_up()
        while self._now < now:
            if not self.state.open and not self.positions.all():
                self._now = now
                break
            stop = min(now, (self._now // TRAIL_STEP_MS + 1) * TRAIL_STEP_MS) if self._trails() else now
            stop = min(stop, self._next_funding(stop))
            self._run_to(stop)
            if stop % TRAIL_STEP_MS == 0:
                self._tighten(stop)
            self._fund(stop)
        return self._now

    def commit(self) -> None:
        """Makes all changes since the last commit durable and notes what is naked after them."""
        wall = self.clock.wall_ms()
        for symbol, why in self.state.touched.items():
            self._look(symbol, wall, why)
        self.state.touched.clear()
        self.state.commit(wall)

    def check(self, ticket: Ticket) -> None:
        """Raises Refused when `place` would; changes nothing."""
        self._plan(self._order_of(ticket, "check"), self._now)

    def place(self, ticket: Ticket) -> Order:
        """Takes an order: fills what the book gives now, lets the rest work, end or wait for its trigger."""
        order = self._order_of(ticket, "")
        slices = self._plan(order, self._now)
        self._admit(order)
        if order.kind in CONDITIONAL:
            self.funds.hold(order)
            if self._reached_now(order):
                self._fire(order, self._now)
        else:
            self._take(order, slices, self._now)
        return order

    def place_dead(self, ticket: Ticket, reason: Reason) -> Order:
        """Books an order that the venue accepts and cancels in the same breath."""
        order = self._order_of(ticket, "")
        self._admit(order)
        self._end(order, Status.CANCELED, reason, self._now)
        return order

    def cancel(self, order: Order, reason: Reason = Reason.USER) -> None:
        self._end(order, Status.CANCELED, reason, self._now)

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
        """Changes a working order in place (`qty` is the new total); below what is filled the rest is canceled."""
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
            slices = [] if order.remaining <= ZERO else self._plan(order, self._now)
        except Refused:
            order.qty, order.price, order.trigger, order.target, order.target_price, order.post_only = before
            order.held = held
            self.account(order).hold(order.held_asset, held)
            raise
        order.amended_ms, order.part_ms = self._now, None
        self._note(order, Event.AMEND, "amend", self._now)
        if order.remaining <= ZERO:
            self._end(order, Status.CANCELED, Reason.REDUCED, self._now)
        elif order.waiting:
            self.funds.hold(order)
            if self._reached_now(order):
                self._fire(order, self._now)
        else:
            self._take(order, slices, self._now)

    def deposit(self, account: str, asset: str, amount: Decimal) -> None:
        """Money comes in (or with a negative amount goes out, as far as it is free)."""
        who = self.state.account(account)
        if who.free(asset) + amount < ZERO:
            raise Refused(Reason.INSUFFICIENT_FUNDS)
        kind = "deposit" if amount >= ZERO else "withdrawal"
        self.funds.move(account, self._ids.movement(), kind, asset, amount, ZERO, self._now)

    def set_price(self, symbol: str, price: Decimal) -> None:
        """The market of the coin jumps; what that reaches happens at once."""
        coin = self.instruments[symbol].base
        self.settle()
        self.market.jump(symbol, self._now, price)
        self.state.note("jumps", [[jumped, moment, str(to)] for jumped, moment, to in self.market.jumps()])
        for order in sorted(self.state.open.values(), key=lambda o: (not o.waiting, o.sequence)):
            if order.working and self.instruments[order.symbol].base == coin and self._reached_now(order):
                self._meet(order, self._now)
        for position in self.positions.all():
            last = self.market.last(position.symbol, self._now)
            if self.margin.dooms(position, last, last):
                self._liquidate(position, self._now)

    def new_id(self) -> str:
        """A fresh identity for something that is neither order nor ledger row (an amendment, say)."""
        return self._ids.fill("", "")

    def note_rejection(self, client_id: str | None) -> None:
        """A request for an order was refused."""
        self.state.note_event(Event.REJECT, self.clock.wall_ms(), self._now, None, client_id)

    # ---- facts for the wires --------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The market time up to which everything is settled."""
        return self._now

    def account(self, order: Order | Ticket) -> Account:
        return self.state.account(order.account)

    def paying_asset(self, ticket: Ticket) -> str:
        """What an order gives away: base of a sale, quote of a purchase, quote for positions."""
        return self.funds.pays_with(order_of(ticket, "", self._now, 0))

    def volume(self, account: str) -> Decimal:
        """The account's 30-day volume in USD."""
        self.state.account(account)
        return self.state.volumes[account].at(self._now)

    def tier(self, account: str) -> Tier:
        return self.fees.tier(self.volume(account))

    def cancel_later(self, order: Order, wall_ms: int) -> None:
        """Takes a cancel request that takes effect at a real time; until then the order works on."""
        order.cancel_wall_ms = wall_ms
        self.state.note_order(order, "cancel requested")

    # ---- time passes ----------------------------------------------------------------------------------------

    def _trails(self) -> bool:
        return any(order.kind in TRAILING and order.waiting for order in self.state.open.values())

    def _catch_up(self) -> None:
        """Does what is due by the real clock, each at its own moment: requested cancels, deadlines, amounts to free."""
        wall = self.clock.wall_ms()
        while True:
            ending = min(self.state.open.values(), key=_ends_wall_ms, default=None)
            clearing = self._clearings.next(wall)
            ends = wall + 1 if ending is None else _ends_wall_ms(ending)
            if clearing is not None and clearing.due_wall_ms <= ends:
                self._clearings.free(clearing)
                self._look(clearing.symbol, max(clearing.due_wall_ms, self._caught_up_wall_ms), "released")
            elif ending is not None and ends <= wall:
                self._end_by_wall_clock(ending, max(int(ends), self._caught_up_wall_ms))
            else:
                break
        self._caught_up_wall_ms = wall

    def _end_by_wall_clock(self, order: Order, wall_ms: int) -> None:
        if order.cancel_wall_ms is not None and order.cancel_wall_ms <= wall_ms:
            self._end(order, Status.CANCELED, Reason.USER, self._now, wall_ms)
        else:
            self._end(order, Status.EXPIRED, Reason.EXPIRED, self._now, wall_ms)
        self._look(order.symbol, wall_ms, self.state.touched[order.symbol])

    def _look(self, symbol: str, wall_ms: int, why: str) -> None:
        """Notes what of a symbol's position is covered at a moment of the real clock."""
        instrument = self.instruments[symbol]
        clearing = self._clearings.held(symbol, instrument.base)
        look_at_cover(self.state, instrument, self.market.last(symbol, self._now), wall_ms, why, clearing)

    def _clears(self, wall_ms: int) -> int | None:
        """When what is let go at a real time becomes free; None: at once."""
        delay_ms = self.clears_after_ms()
        return wall_ms + delay_ms if delay_ms else None

    def _run_to(self, stop: int) -> None:
        """Executes everything that happens in (now, stop], in the order of its moments."""
        while True:
            moment, orders = self._meetings.next(self._now, stop) or (stop, [])
            if doom := self._next_doom(moment):
                self._now, position = doom
                self._liquidate(position, self._now)
                continue
            self._now = moment
            if not orders:
                return
            for order in orders:
                if order.working:
                    self._meet(order, moment)

    def _next_doom(self, stop: int) -> tuple[int, Position] | None:
        """The first moment in (now, stop] at which a position is liquidated."""
        found: list[tuple[int, Position]] = []
        for position in self.positions.all():
            if self._now < stop and self._doomed(position, stop):
                moment = matching.first_moment(lambda t, p=position: self._doomed(p, t), self._now, stop)  # type: ignore[misc]
                found.append((moment, position))
        return min(found, key=lambda doom: (doom[0], doom[1].number), default=None)

    def _doomed(self, position: Position, until: int) -> bool:
        low, high = self.market.extremes(position.symbol, self._now, until)
        return self.margin.dooms(position, low, high)

    def _liquidate(self, position: Position, moment: int) -> None:
        """The venue cancels what rests on a position and closes it at the market."""
        for order in list(self.state.open.values()):
            if (order.account, order.symbol, order.leg) == (position.account, position.symbol, position.leg):
                self._end(order, Status.CANCELED, Reason.LIQUIDATION, moment)
        order = self._order_of(closing(position), "")
        self._admit(order)
        self._take(order, self._slices(order, moment), moment)

    def _next_funding(self, stop: int) -> int:
        period = 0 if self.funding is None or not self.positions.all() else self.funding.period_ms
        return (self._now // period + 1) * period if period else stop

    def _fund(self, moment: int) -> None:
        """At a funding time every position pays or gets its share."""
        if self.funding is None or moment % self.funding.period_ms:
            return
        for position in self.positions.all():
            self.margin.fund(position, self.funding.rate(position.symbol, moment), moment)

    def _meet(self, order: Order, moment: int) -> None:
        if order.expire_ms is not None and order.expire_ms <= moment:
            self._end(order, Status.EXPIRED, Reason.EXPIRED, moment)
        elif order.active is not None:
            self._wake(order, moment)
        elif order.waiting:
            self._fire(order, moment)
        else:
            self._fill_resting(order, moment)

    def _tighten(self, moment: int) -> None:
        for order in self.state.open.values():
            if order.kind not in TRAILING or not order.waiting or order.active or order.since_ms >= moment:
                continue
            low, high = self.market.extremes(order.symbol, max(order.since_ms, moment - TRAIL_STEP_MS), moment)
            tightened = matching.trail_to(order, low, high, self.instruments[order.symbol].tick)
            if tightened is not None:
                order.trigger = tightened
                self.state.note_order(order, "trail")

    def _wake(self, order: Order, moment: int) -> None:
        """A trailing order begins to trail."""
        order.active, order.amended_ms = None, moment
        self._start_trail(order)
        self.state.note_order(order, "trail")

    def _reached_now(self, order: Order) -> bool:
        last = self.market.last(order.symbol, self._now)
        return matching.reached(order, last, last)

    # ---- executions -----------------------------------------------------------------------------------------

    def _fire(self, order: Order, moment: int) -> None:
        """A conditional order is triggered and meets the book of that moment, whatever the price has become."""
        if order.active is not None:
            self._wake(order, moment)
            return
        self.funds.release(order)
        order.triggered_ms = moment
        if order.spawns:
            self._spawn(order, moment)
            return
        if self._takes_profit(order, moment):
            order.price = order.target
            self.state.note_order(order, "target")
            self._fill_resting(order, moment)
            return
        if order.limit_offset is not None:
            order.price = sure(order.trigger) + order.limit_offset
        self._set_rates(order)
        self._note(order, Event.TRIGGER, "trigger", moment)
        try:
            slices = self._plan(order, moment)
        except Refused as refused:
            self._end(order, Status.CANCELED, refused.why, moment)
        else:
            self._take(order, slices, moment)

    def _takes_profit(self, order: Order, moment: int) -> bool:
        """Whether the market has come to the limit order that a bracket with a limited stop keeps at its target."""
        last = self.market.last(order.symbol, moment)
        return order.kind is Kind.BRACKET and order.limit_offset is not None and matching.at_target(order, last, last)

    def _spawn(self, order: Order, moment: int) -> None:
        """A triggered order ends and the order it stands for goes to the book, or fails for want of coins."""
        self._note(order, Event.TRIGGER, "trigger", moment)
        child = self._order_of(self._spawned(order), "")
        try:
            slices = self._plan_spawned(child, moment)
        except Refused as refused:
            self._end(order, Status.CANCELED, refused.why, moment)
            return
        self._end(order, Status.CANCELED, Reason.TRIGGERED, moment)
        self._admit(child)
        self._take(child, slices, moment)

    def _spawned(self, order: Order) -> Ticket:
        last = self.market.last(order.symbol, self._now)
        at_target = matching.at_target(order, last, last)
        price = order.target_price if at_target else order.price
        return Ticket(
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            kind=Kind.MARKET if price is None else Kind.LIMIT,
            qty=order.qty,
            price=price,
            fee_in_base=order.fee_in_base,
            leverage=order.leverage,
            leg=order.leg,
            isolated=order.isolated,
            reduce_only=order.reduce_only,
            paid_in=order.paid_in,
            origin=Origin.MANUAL if order.origin is Origin.MANUAL else Origin.TRIGGERED,
            parent_id=order.id,
            tags={**order.tags, "hit": "target" if at_target else "trigger"},
        )

    def _plan_spawned(self, order: Order, moment: int) -> list[Level]:
        """What the book gives it; where the venue does so, a sale of more coins than there are sells what is there."""
        instrument = self.instruments[order.symbol]
        if order.reduce_only:
            order.qty = min(order.qty, self.margin.closable(order))
        elif self.cuts_triggered() and order.side is Side.SELL and order.leverage is None:
            order.qty = min(order.qty, instrument.lots(self.account(order).free(instrument.base)))
        if order.qty < instrument.min_qty:
            raise Refused(Reason.INSUFFICIENT_FUNDS)
        return self._plan(order, moment)

    def _take(self, order: Order, slices: list[Level], moment: int) -> None:
        """Executes `slices` as taker, then lets the rest work or ends it."""
        for price, qty in slices:
            self._execute(order, price, qty, moment, maker=False)
        if not order.working:
            return
        if order.price is None or order.tif in {Tif.IOC, Tif.FOK}:
            self._end(order, Status.CANCELED, Reason.REMAINDER, moment)
            return
        self.funds.hold(order)
        self.state.note_order(order, "entry" if order.filled and order.side is Side.BUY else "rest")

    def _fill_resting(self, order: Order, moment: int) -> None:
        """The market came to a resting order: it fills in up to three parts, a few seconds apart."""
        instrument = self.instruments[order.symbol]
        part = instrument.lots(order.remaining / 2) if order.parts_left > 1 else order.remaining
        part = part if part > ZERO else order.remaining
        self.funds.release(order)
        if order.reduce_only and self.margin.exceeds(order):
            self._end(order, Status.CANCELED, Reason.REDUCE_ONLY, moment)
            return
        if self.funds.need(order, []) > self.funds.free(order):
            self._end(order, Status.CANCELED, Reason.INSUFFICIENT_FUNDS, moment)
            return
        order.parts_left -= 1
        order.part_ms = moment + self._dice(order, order.parts_left).randint(500, 8_000)
        self._execute(order, sure(order.price), part, moment, maker=True)
        if order.working:
            self.funds.hold(order)

    def _execute(self, order: Order, price: Decimal, qty: Decimal, moment: int, *, maker: bool) -> None:
        for piece in self.finish.pieces(order, qty):
            self._trade(order, price, piece, moment, maker=maker)

    def _trade(self, order: Order, price: Decimal, qty: Decimal, moment: int, *, maker: bool) -> None:
        """One execution: the money moves, the order grows, and its attached terms become an order."""
        fill = self._new_fill(order, price, qty, moment, maker=maker)
        order.filled += qty
        order.cost += fill.cost
        order.fee += fill.fee_quote
        order.fill_ids.append(fill.id)
        self.funds.pay(order, fill, self._clears(max(self.clock.wall_ms(), fill.visible_wall_ms)))
        self.state.note_fill(fill)
        order.status = Status.PARTIALLY_FILLED
        self._note(order, Event.FILL, "entry" if order.side is Side.BUY else "fill", moment)
        ending = self.finish.ending(order)
        if ending is not None:
            self._end(order, *ending, moment)
        if order.close is not None and not order.close.at_end and qty >= order.close.min_qty:
            self._attach(order, [fill])

    def _new_fill(self, order: Order, price: Decimal, qty: Decimal, moment: int, *, maker: bool) -> Fill:
        fill_id = self._ids.fill(order.symbol, order.id)
        fill = fill_of(order, self.instruments[order.symbol], fill_id, price, qty, moment, maker=maker)
        self._fill_sequence += 1
        fill.sequence = self._fill_sequence
        delay = self.hidden_seconds()
        fill.visible_wall_ms = self.clock.wall_ms() + int(delay * 1000) if delay > 0 else 0
        return fill

    def _attach(self, parent: Order, fills: Sequence[Fill]) -> None:
        """The opposite order of the parent's close terms, of the size of these fills."""
        terms = sure(parent.close)
        ticket = attached(parent, terms, fills, self.instruments[parent.symbol])
        if ticket.qty <= ZERO:
            return
        order = self._order_of(ticket, terms.order_id or "")
        order.created_ms = fills[-1].time_ms
        order.visible_wall_ms = max(fill.visible_wall_ms for fill in fills)
        self._admit(order)
        self._clearings.free_for_child(parent, order.held_asset)
        self.funds.hold(order)

    # ---- orders ---------------------------------------------------------------------------------------------

    def _order_of(self, ticket: Ticket, order_id: str) -> Order:
        order = order_of(ticket, order_id, self._now, self._sequence + 1)
        if order.leverage is None and self.instruments[order.symbol].contract is not None:
            order.leverage = HAND_LEVERAGE
        self._set_rates(order)
        self._start_trail(order)
        return order

    def _set_rates(self, order: Order) -> None:
        tier = self.instruments[order.symbol].tier or self.tier(order.account)
        order.maker_rate, order.taker_rate = tier.maker, tier.taker

    def _start_trail(self, order: Order) -> None:
        if order.kind not in TRAILING or order.active is not None or order.trigger is not None:
            return
        tick = self.instruments[order.symbol].tick
        last = self.market.last(order.symbol, self._now)
        trail = order.trail_at(last)
        order.trigger = floor_to(last - trail if order.side is Side.SELL else last + trail, tick)

    def _admit(self, order: Order) -> None:
        self._sequence += 1
        order.id = order.id or self._ids.order()
        order.held_asset = self.funds.pays_with(order)
        order.parts_left = self._dice(order, 9).choice((1, 1, 1, 2, 3))
        self._note(order, Event.NEW, "new", order.created_ms)

    def _end(
        self, order: Order, status: Status, reason: Reason | None, moment: int, wall_ms: int | None = None
    ) -> None:
        """Ends an order at a market time; `wall_ms` is its real time, now by default."""
        self.funds.release(order, self._clears(self.clock.wall_ms() if wall_ms is None else wall_ms))
        order.status, order.reason, order.closed_ms = status, reason, moment
        if status is Status.FILLED:
            self.state.note_order(order, "entry" if order.side is Side.BUY else "fill")
        elif status is Status.EXPIRED:
            self._note(order, Event.EXPIRE, "expire", moment)
        else:
            self._note(order, Event.CANCEL, "cancel", moment)
        close = order.close
        if close is not None and close.at_end and order.filled > ZERO and order.filled >= close.min_qty:
            self._attach(order, [self.state.fills[fill_id] for fill_id in order.fill_ids])

    def _note(self, order: Order, event: Event, why: str, moment: int) -> None:
        self.state.note_order(order, why)
        self.state.note_event(event, self.clock.wall_ms(), moment, order.id, order.client_id)

    def _dice(self, order: Order, turn: int) -> Random:
        return Random(f"{self._seed}/{order.symbol}/{order.sequence}/{turn}")  # noqa: S311 - play money

    # ---- funds ----------------------------------------------------------------------------------------------

    def _plan(self, order: Order, moment: int) -> list[Level]:
        """What the book gives the order at once; Refused when it may not take that or cannot pay for all of it."""
        slices = [] if order.waiting else self._slices(order, moment)
        if slices and order.post_only:
            raise Refused(Reason.POST_ONLY)
        if order.reduce_only and not order.waiting and self.margin.exceeds(order):
            raise Refused(Reason.REDUCE_ONLY)
        if order.budget is not None:
            order.qty = sum((qty for _, qty in slices), ZERO)
        if order.tif is Tif.FOK and sum((qty for _, qty in slices), ZERO) < order.remaining:
            slices = []
        if self.funds.need(order, slices) > self.funds.free(order):
            raise Refused(Reason.INSUFFICIENT_FUNDS)
        return slices

    def _slices(self, order: Order, moment: int) -> list[Level]:
        instrument = self.instruments[order.symbol]
        wanted = order.remaining if order.budget is None else order.budget / self.market.last(order.symbol, moment)
        dice = self._dice(order, len(order.fill_ids))
        slices: list[Level] = []
        for depth in DEPTHS:
            book = self.market.book(order.symbol, moment, depth)
            levels = list(book.asks if order.side is Side.BUY else book.bids)
            levels = matching.thinned(levels, wanted, instrument, dice)
            if order.budget is not None:
                step = order.budget_lot or instrument.lot
                slices = matching.walk_budget(levels, order.budget, self.funds.paid_rate(order), step)
                break
            slices = matching.walk(levels, order.side, order.remaining, order.price, instrument.lot)
            if sum((qty for _, qty in slices), ZERO) >= order.remaining or order.price is not None:
                break
        if order.fill_at_most is not None:
            slices = matching.walk(slices, order.side, order.fill_at_most, None, instrument.lot)
        return slices


def _ends_wall_ms(order: Order) -> float:
    """When the real clock ends an order: by a requested cancel or by its deadline."""
    moments = [moment for moment in (order.cancel_wall_ms, order.expire_wall_ms) if moment is not None]
    return min(moments, default=math.inf)
