"""The passage of time at one venue: events of the market and of the real clock, each at its own moment.

Advances `orders.now`. Fills do not depend on how often this is called.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from bot.sandbox.core import matching
from bot.sandbox.core.execution import Execution
from bot.sandbox.core.funds import Funds
from bot.sandbox.core.habits import Habits
from bot.sandbox.core.instrument import Instrument
from bot.sandbox.core.meetings import Meetings
from bot.sandbox.core.orders import Orders
from bot.sandbox.core.positions import Position, Positions
from bot.sandbox.core.protection import look_at_cover
from bot.sandbox.core.sources import Clock, Market
from bot.sandbox.core.state import State
from bot.sandbox.core.values import TRAILING, Order, Reason, Status

TRAIL_STEP_MS = 5_000


class Progress:
    """The passage of time for the orders and positions of one venue."""

    def __init__(
        self,
        *,
        clock: Clock,
        market: Market,
        instruments: Mapping[str, Instrument],
        habits: Habits,
        state: State,
        positions: Positions,
        funds: Funds,
        orders: Orders,
        execution: Execution,
    ) -> None:
        self._clock = clock
        self._market = market
        self._instruments = instruments
        self._habits = habits
        self._state = state
        self._positions = positions
        self._funds = funds
        self._orders = orders
        self._execution = execution
        self._meetings = Meetings(state, market)
        self._caught_up_wall_ms = clock.wall_ms()

    def settle(self) -> int:
        """Brings the venue up to the market clock and returns that time."""
        now = self._clock.market_ms()
        self._catch_up()
        while self._orders.now < now:
            if not self._state.open and not self._positions.all():
                self._orders.now = now
                break
            stop = self._next_stop(now)
            self._run_to(stop)
            if stop % TRAIL_STEP_MS == 0:
                self._tighten()
            self._fund()
        return self._orders.now

    def look(self, symbol: str, wall_ms: int, why: str) -> None:
        """Records how much of a symbol's position is covered at a moment of the real clock."""
        instrument = self._instruments[symbol]
        clearing = self._funds.clearings.held(symbol, instrument.base)
        last = self._market.last(symbol, self._orders.now)
        look_at_cover(self._state, instrument, last, wall_ms, why, clearing)

    # ---- the real clock ----

    def _catch_up(self) -> None:
        """Handles what is due by the real clock, each at its own moment: requested cancels, deadlines, amounts to free."""
        wall = self._clock.wall_ms()
        clearings = self._funds.clearings
        while True:
            ending = min(self._state.open.values(), key=_ends_wall_ms, default=None)
            clearing = clearings.next(wall)
            ends = wall + 1 if ending is None else _ends_wall_ms(ending)
            if clearing is not None and clearing.due_wall_ms <= ends:
                clearings.free(clearing)
                self.look(clearing.symbol, max(clearing.due_wall_ms, self._caught_up_wall_ms), "released")
            elif ending is not None and ends <= wall:
                self._end(ending, max(int(ends), self._caught_up_wall_ms))
            else:
                break
        self._caught_up_wall_ms = wall

    def _end(self, order: Order, wall_ms: int) -> None:
        if order.cancel_wall_ms is not None and order.cancel_wall_ms <= wall_ms:
            self._orders.end(order, Status.CANCELED, Reason.USER, wall_ms)
        else:
            self._orders.end(order, Status.EXPIRED, Reason.EXPIRED, wall_ms)
        self.look(order.symbol, wall_ms, self._state.touched[order.symbol])

    # ---- the market's clock ----

    def _next_stop(self, now: int) -> int:
        """The next moment, at most `now`, at which trailing orders move or positions pay funding."""
        at = self._orders.now
        stops = [now]
        if any(order.kind in TRAILING and order.waiting for order in self._state.open.values()):
            stops.append((at // TRAIL_STEP_MS + 1) * TRAIL_STEP_MS)
        funding = self._habits.funding
        if funding is not None and funding.period_ms and self._positions.all():
            stops.append((at // funding.period_ms + 1) * funding.period_ms)
        return min(stops)

    def _run_to(self, stop: int) -> None:
        """Executes everything that happens in (now, stop], in order of time."""
        while True:
            moment, orders = self._meetings.next(self._orders.now, stop) or (stop, [])
            if doom := self._next_doom(moment):
                self._orders.now, position = doom
                self._execution.liquidate(position)
                continue
            self._orders.now = moment
            if not orders:
                return
            for order in orders:
                if order.working:
                    self._execution.meet(order)

    def _next_doom(self, stop: int) -> tuple[int, Position] | None:
        """The first moment in (now, stop] at which a position is liquidated."""
        found: list[tuple[int, Position]] = []
        for position in self._positions.all():
            if self._orders.now < stop and self._doomed(position, stop):
                moment = matching.first_moment(lambda t, p=position: self._doomed(p, t), self._orders.now, stop)  # type: ignore[misc]
                found.append((moment, position))
        return min(found, key=lambda doom: (doom[0], doom[1].number), default=None)

    def _doomed(self, position: Position, until: int) -> bool:
        low, high = self._market.extremes(position.symbol, self._orders.now, until)
        return self._funds.margin.dooms(position, low, high)

    def _fund(self) -> None:
        """At a funding time, every position pays or receives its share."""
        funding, moment = self._habits.funding, self._orders.now
        if funding is None or moment % funding.period_ms:
            return
        for position in self._positions.all():
            self._funds.margin.fund(position, funding.rate(position.symbol, moment), moment)

    def _tighten(self) -> None:
        """Moves trailing orders along the market's extremes of the last step."""
        moment = self._orders.now
        for order in self._state.open.values():
            if order.kind not in TRAILING or not order.waiting or order.active or order.since_ms >= moment:
                continue
            low, high = self._market.extremes(order.symbol, max(order.since_ms, moment - TRAIL_STEP_MS), moment)
            tightened = matching.trail_to(order, low, high, self._instruments[order.symbol].tick)
            if tightened is not None:
                order.trigger = tightened
                self._state.note_order(order, "trail")


def _ends_wall_ms(order: Order) -> float:
    """When the real clock ends an order: a requested cancel or its deadline."""
    moments = [moment for moment in (order.cancel_wall_ms, order.expire_wall_ms) if moment is not None]
    return min(moments, default=math.inf)
