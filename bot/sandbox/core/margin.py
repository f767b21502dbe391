"""The money of positions: margin of orders, profit and loss of fills, funding, liquidation prices.

All amounts are in the quote. A loss is never larger than the account's balance: the venue's insurance pays the rest.
A position's margin is held on the account like an order's money. Never decides what trades.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from bot.sandbox.core.accounts import Account
from bot.sandbox.core.instrument import Instrument, ceil_to, floor_to
from bot.sandbox.core.matching import Level
from bot.sandbox.core.positions import Position, Positions
from bot.sandbox.core.state import State
from bot.sandbox.core.values import ZERO, Fill, Leg, Order, Side, sure

Pay = Callable[[str, str, str, str, Decimal, Decimal, int, int], None]
"""Books one movement: account, ref, kind, asset, amount, fee, market time, and the wall time it becomes visible."""


class Margin:
    """The money of one venue's positions; `price_of` gives the current mark price."""

    maintenance = Decimal("0.004")

    def __init__(
        self,
        state: State,
        instruments: Mapping[str, Instrument],
        positions: Positions,
        price_of: Callable[[str], Decimal],
        pay: Pay,
    ) -> None:
        self._state = state
        self._instruments = instruments
        self._positions = positions
        self._price_of = price_of
        self._pay = pay

    # ---- orders ----

    def need(self, order: Order, slices: list[Level]) -> Decimal:
        """The margin for what an order would open, plus the taker fee for all of it."""
        step = self._instruments[order.symbol].cost_step
        taken = sum((qty for _, qty in slices), ZERO)
        rest = order.remaining - taken
        price = order.price if order.price is not None else order.trigger
        cost = sum((price * qty for price, qty in slices), ZERO)
        cost += rest * price if rest > ZERO and price is not None else ZERO
        opening = ZERO if order.remaining <= ZERO else self._opening(order) / order.remaining
        return ceil_to(cost * (opening / sure(order.leverage) + order.taker_rate), step)

    def free(self, order: Order) -> Decimal:
        """What is left for margin: free money less the unrealised losses of cross positions."""
        account = self._state.account(order.account)
        quote = self._instruments[order.symbol].quote
        losses = sum((min(ZERO, p.upl(self._price_of(p.symbol))) for p in self._cross(order.account)), ZERO)
        return max(ZERO, account.free(quote) + losses)

    def exceeds(self, order: Order) -> bool:
        """Whether a reduce-only order would do more than close its position."""
        position = self._positions.met_by(order)
        return position is None or position.closing_side is not order.side or order.remaining > abs(position.qty)

    def closable(self, order: Order) -> Decimal:
        """The part of its position that an order can close."""
        position = self._positions.met_by(order)
        return ZERO if position is None or position.closing_side is not order.side else abs(position.qty)

    def _opening(self, order: Order) -> Decimal:
        return max(ZERO, order.remaining - self.closable(order))

    # ---- fills ----

    def settle(self, order: Order, fill: Fill) -> None:
        """Applies a fill: closes the opposite position, opens the rest, and books profit and fee."""
        position = self._positions.met_by(order) or self._positions.fresh(order, fill.time_ms)
        closed = min(fill.qty, self.closable(order))
        fill.pnl = self._close(position, fill, closed)
        self._book(position, fill)
        self._open(position, fill, fill.qty - closed)
        position.changed_ms, position.last_fill = fill.time_ms, fill.id
        order.pnl += fill.pnl
        self._positions.note(position)

    def _close(self, position: Position, fill: Fill, qty: Decimal) -> Decimal:
        """Reduces the position by `qty` and its share of the margin; returns the realised profit."""
        if qty == ZERO:
            return ZERO
        sign = 1 if position.qty > ZERO else -1
        step = self._instruments[position.symbol].cost_step
        share = (
            position.margin if qty == abs(position.qty) else floor_to(position.margin * qty / abs(position.qty), step)
        )
        self._lock(position, -share)
        pnl = floor_to(sign * qty * (fill.price - position.entry), step)
        position.qty -= sign * qty
        return max(pnl, fill.fee - self._purse(position, share))

    def _book(self, position: Position, fill: Fill) -> None:
        quote = self._instruments[position.symbol].quote
        self._pay(fill.account, fill.id, "trade", quote, fill.pnl, fill.fee, fill.time_ms, fill.visible_wall_ms)
        position.pnl += fill.pnl
        position.fees -= fill.fee

    def _open(self, position: Position, fill: Fill, qty: Decimal) -> None:
        if qty == ZERO:
            return
        signed = qty if fill.side is Side.BUY else -qty
        position.entry = (position.qty * position.entry + signed * fill.price) / (position.qty + signed)
        position.qty += signed
        wanted = ceil_to(qty * fill.price / position.leverage, self._instruments[position.symbol].cost_step)
        self._lock(position, min(wanted, self._account(position).free(self._quote(position))))

    # ---- time ----

    def fund(self, position: Position, rate: Decimal, moment: int) -> None:
        """Books funding: longs pay shorts `rate` of the notional, or receive it if `rate` is negative."""
        step = self._instruments[position.symbol].cost_step
        due = floor_to(-position.qty * self._price_of(position.symbol) * rate, step)
        amount = max(due, -self._account(position).free(self._quote(position)))
        self._pay(position.account, position.key, "funding", self._quote(position), amount, ZERO, moment, 0)
        position.funding += amount
        self._positions.note(position)

    def liquidation_price(self, position: Position) -> Decimal | None:
        """The price at which the position's collateral falls to the maintenance margin; None if no price does that."""
        size = abs(position.qty)
        backing = position.margin
        if not position.isolated:
            others = [p for p in self._cross(position.account) if p is not position]
            backing += self._account(position).free(self._quote(position))
            backing += sum((p.upl(self._price_of(p.symbol)) for p in others), ZERO)
        if position.qty > ZERO:
            price = (size * position.entry - backing) / (size * (1 - self.maintenance))
        else:
            price = (size * position.entry + backing) / (size * (1 + self.maintenance))
        return price if price > ZERO else None

    def dooms(self, position: Position, low: Decimal, high: Decimal) -> bool:
        """Whether prices between `low` and `high` reach the liquidation price."""
        price = self.liquidation_price(position)
        if price is None or not position.qty:
            return False
        return low <= price if position.qty > ZERO else high >= price

    def lever(self, account: str, symbol: str, leg: Leg, isolated: bool, leverage: Decimal) -> bool:
        """Changes the leverage of open positions; False if the account cannot provide the margin."""
        legs = {leg} if isolated else set(Leg)
        found = [
            p for p in self._positions.of(account) if p.symbol == symbol and p.isolated == isolated and p.leg in legs
        ]
        return all(self._lever(position, leverage) for position in found)

    def _lever(self, position: Position, leverage: Decimal) -> bool:
        step = self._instruments[position.symbol].cost_step
        change = ceil_to(abs(position.qty) * position.entry / leverage, step) - position.margin
        if change > self._account(position).free(self._quote(position)):
            return False
        self._lock(position, change)
        position.leverage = leverage
        self._positions.note(position)
        return True

    # ---- parts ----

    def _cross(self, account: str) -> list[Position]:
        return [position for position in self._positions.of(account) if not position.isolated]

    def _purse(self, position: Position, share: Decimal) -> Decimal:
        """The largest possible loss: an isolated position's own margin, otherwise all free money."""
        return share if position.isolated else self._account(position).free(self._quote(position))

    def _lock(self, position: Position, change: Decimal) -> None:
        self._account(position).hold(self._quote(position), change)
        position.margin += change

    def _account(self, position: Position) -> Account:
        return self._state.account(position.account)

    def _quote(self, position: Position) -> str:
        return self._instruments[position.symbol].quote
