"""Positions in contracts: what each account is long or short, at which price and with which margin.

Quantities are in base units and negative for shorts. Only `Margin` changes a position.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.sandbox.core.records import from_record
from bot.sandbox.core.state import State
from bot.sandbox.core.values import ZERO, Leg, Order, Side


@dataclass
class Position:
    """One position. `margin` is the quote amount it locks; `fees` and `funding` are positive when received."""

    number: int
    account: str
    symbol: str
    leg: Leg
    isolated: bool
    leverage: Decimal
    opened_ms: int
    changed_ms: int = 0
    qty: Decimal = ZERO
    entry: Decimal = ZERO
    margin: Decimal = ZERO
    pnl: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    last_fill: str = ""

    @property
    def closing_side(self) -> Side:
        return Side.SELL if self.qty > ZERO else Side.BUY

    def upl(self, price: Decimal) -> Decimal:
        """The profit that closing it at `price` would realise."""
        return self.qty * (price - self.entry)

    @property
    def key(self) -> str:
        return f"{self.account}/{self.symbol}/{self.leg.value}/{'isolated' if self.isolated else 'cross'}"


class Positions:
    """All open positions of a venue."""

    def __init__(self, state: State) -> None:
        self._state = state
        rows = [from_record(Position, row) for _, row in state.rows("position/")]
        self._open = {row.key: row for row in sorted(rows, key=lambda row: row.number) if row.qty}
        self._last = max((row.number for row in rows), default=2_900_000_000_000_000_000)

    def all(self) -> list[Position]:
        return list(self._open.values())

    def of(self, account: str) -> list[Position]:
        return [position for position in self._open.values() if position.account == account]

    def find(self, account: str, symbol: str, leg: Leg, isolated: bool) -> Position | None:
        return next(
            (
                p
                for p in self._open.values()
                if (p.account, p.symbol, p.leg, p.isolated) == (account, symbol, leg, isolated)
            ),
            None,
        )

    def met_by(self, order: Order) -> Position | None:
        """The position that an order trades."""
        return self.find(order.account, order.symbol, order.leg, order.isolated)

    def fresh(self, order: Order, time_ms: int) -> Position:
        self._last += 4096
        leverage = order.leverage if order.leverage is not None else Decimal(1)
        return Position(self._last, order.account, order.symbol, order.leg, order.isolated, leverage, time_ms)

    def note(self, position: Position) -> None:
        """Saves a changed position with the next commit; a closed one is deleted."""
        if position.qty:
            self._open[position.key] = position
        else:
            self._open.pop(position.key, None)
        self._state.note_position(position.key, position.account, position)
