"""What orders cost and hold, and every movement of money. Nothing else changes an account.

A hold is what the working rest of an order would cost at its own price, plus the taker fee where that is paid in
quote. Never decides what trades.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from bot.sandbox.core.accounts import apply_movement
from bot.sandbox.core.clearing import Clearings
from bot.sandbox.core.ids import Ids
from bot.sandbox.core.instrument import Instrument, ceil_to, floor_to
from bot.sandbox.core.margin import Margin
from bot.sandbox.core.matching import Level
from bot.sandbox.core.positions import Positions
from bot.sandbox.core.state import State
from bot.sandbox.core.values import ZERO, Fill, Movement, Order, Side


class Funds:
    """The money side of the orders of one venue."""

    def __init__(
        self,
        state: State,
        instruments: Mapping[str, Instrument],
        ids: Ids,
        positions: Positions,
        price_of: Callable[[str], Decimal],
    ) -> None:
        self._state = state
        self._instruments = instruments
        self._ids = ids
        self.clearings = Clearings(state)
        self.margin = Margin(state, self._instruments, positions, price_of, self.move)

    def free(self, order: Order) -> Decimal:
        """What the account has free of the asset that the order pays with."""
        if order.leverage is not None:
            return self.margin.free(order)
        return self._state.account(order.account).free(self.pays_with(order))

    def pays_with(self, order: Order) -> str:
        """The asset an order pays with."""
        instrument = self._instruments[order.symbol]
        sold = order.side is Side.SELL and order.leverage is None
        return instrument.base if sold else order.paid_in or instrument.quote

    def paid_rate(self, order: Order) -> Decimal:
        """The fee that is added to the cost in quote."""
        return ZERO if order.fee_in_base else order.taker_rate

    def need(self, order: Order, slices: list[Level]) -> Decimal:
        """What the order needs of the asset it pays with: executions at their prices, the rest as it will be held."""
        if order.waiting and not order.holds:
            return ZERO
        if order.leverage is not None:
            return self.margin.need(order, slices)
        taken = sum((qty for _, qty in slices), ZERO)
        rest = order.remaining - taken
        if order.side is Side.SELL:
            return self._sold(order, order.remaining)
        step = self._instruments[order.symbol].cost_step
        rate = 1 + self.paid_rate(order)
        now = sum((ceil_to(price * qty * rate, step) for price, qty in slices), ZERO)
        price = self._worst_price(order)
        if rest <= ZERO or price is None:
            return now
        return now + ceil_to(rest * price * rate, step)

    def _sold(self, order: Order, qty: Decimal) -> Decimal:
        """The base that a sale of `qty` needs, including its fee where that is taken in base."""
        rate = order.taker_rate if order.fee_in_base else ZERO
        return ceil_to(qty * (1 + rate), self._instruments[order.symbol].base_step)

    def _worst_price(self, order: Order) -> Decimal | None:
        return order.price if order.price is not None else order.trigger

    def hold(self, order: Order) -> None:
        """Holds what the working rest of an order needs, but no more than is free."""
        if order.waiting and not order.holds:
            return
        account = self._state.account(order.account)
        amount = min(self.need(order, []), account.free(order.held_asset))
        account.hold(order.held_asset, amount)
        order.held = amount

    def release(self, order: Order, due_wall_ms: int | None = None) -> None:
        """Releases what the order holds, at once or at a moment of the real clock."""
        asset = order.held_asset or self.pays_with(order)
        if due_wall_ms is None:
            self._state.account(order.account).hold(asset, -order.held)
        else:
            self.clearings.keep(order, asset, order.held, due_wall_ms)
        order.held = ZERO

    def pay(self, order: Order, fill: Fill, due_wall_ms: int | None = None) -> None:
        """Books a ledger row for each asset that moves, the incoming one first, with the fee in the asset it is taken in.

        With `due_wall_ms`, incoming amounts are on hold until then.
        """
        if order.leverage is not None:
            self.margin.settle(order, fill)
            return
        instrument = self._instruments[fill.symbol]
        quote = order.paid_in or instrument.quote
        sign = 1 if fill.side is Side.BUY else -1
        base = _kept(order, fill, instrument) if sign == 1 else -fill.qty
        rows = [(instrument.base, base), (quote, -sign * fill.cost)]
        for asset, amount in rows if sign == 1 else reversed(rows):
            fee = fill.fee if asset == fill.fee_asset else ZERO
            if amount == fee == ZERO:
                continue
            self.move(fill.account, fill.id, "trade", asset, amount, fee, fill.time_ms, fill.visible_wall_ms)
            if amount > ZERO and due_wall_ms is not None:
                self._state.account(fill.account).hold(asset, amount - fee)
                self.clearings.keep(order, asset, amount - fee, due_wall_ms)

    def move(
        self,
        account: str,
        ref: str,
        kind: str,
        asset: str,
        amount: Decimal,
        fee: Decimal,
        time_ms: int,
        visible_wall_ms: int = 0,
    ) -> None:
        """One row of the account's ledger."""
        row = Movement(self._ids.movement(), account, ref, kind, asset, amount, fee, ZERO, time_ms, visible_wall_ms)
        self._state.note_movement(apply_movement(self._state.account(account), row))


def _kept(order: Order, fill: Fill, instrument: Instrument) -> Decimal:
    """The base that the latest fill of a purchase brings: all of it, or where the account keeps fewer decimals, what brings the
    whole order to a multiple of its step.
    """
    step = instrument.wallet_step
    if step is None:
        return fill.qty
    return floor_to(order.filled, step) - floor_to(order.filled - fill.qty, step)
