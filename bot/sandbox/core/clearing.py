"""Amounts that the venue still holds after an order has released them, or after a fill has brought them in.

A venue that clears asynchronously reports CANCELLED or FILLED first and frees the money some real time later. Until
then the amount counts as held and no order can use it. Owns these rows and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.sandbox.core.records import from_record
from bot.sandbox.core.state import State
from bot.sandbox.core.values import OURS, ZERO, Order


@dataclass
class Clearing:
    """One amount on hold until `due_wall_ms`. `order_id` is the order it comes from; `ours` if that is an API order."""

    number: int
    account: str
    symbol: str
    order_id: str
    asset: str
    amount: Decimal
    due_wall_ms: int
    ours: bool


class Clearings:
    """All amounts of a venue that are not free yet. Their accounts count them as held."""

    def __init__(self, state: State) -> None:
        self._state = state
        rows = [from_record(Clearing, row) for _, row in state.rows("clearing/")]
        self._rows = {row.number: row for row in sorted(rows, key=lambda row: row.number)}
        self._last = max(self._rows, default=0)

    def keep(self, order: Order, asset: str, amount: Decimal, due_wall_ms: int) -> None:
        """Records an amount that the account already holds."""
        if amount <= ZERO:
            return
        self._last += 1
        ours = order.origin in OURS
        row = Clearing(self._last, order.account, order.symbol, order.id, asset, amount, due_wall_ms, ours)
        self._rows[row.number] = row
        self._state.note_clearing(row.number, row.account, row)

    def rows(self) -> list[Clearing]:
        """All of them, oldest first."""
        return list(self._rows.values())

    def next(self, wall_ms: int) -> Clearing | None:
        """The amount that is due first, if any is due by `wall_ms`."""
        due = (row for row in self._rows.values() if row.due_wall_ms <= wall_ms)
        return min(due, key=lambda row: (row.due_wall_ms, row.number), default=None)

    def free(self, row: Clearing) -> None:
        del self._rows[row.number]
        self._state.account(row.account).hold(row.asset, -row.amount)
        self._state.note_clearing(row.number, row.account, None)

    def free_for_child(self, order: Order, asset: str) -> None:
        """Frees the proceeds of an order: the order attached to it takes the coins over at once."""
        for row in [row for row in self.rows() if (row.order_id, row.asset) == (order.id, asset)]:
            self.free(row)

    def held(self, symbol: str, asset: str) -> Decimal:
        """The amount of an asset that the venue holds from API orders of a symbol."""
        rows = (row for row in self._rows.values() if row.ours and (row.symbol, row.asset) == (symbol, asset))
        return sum((row.amount for row in rows), ZERO)
