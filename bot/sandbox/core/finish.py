"""How a venue splits an order's executions, and how small a rest it treats as done.

The default is here; a venue that behaves differently supplies its own `Finish`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bot.sandbox.core.values import ZERO, Order, Reason, Status


class Finish:
    """Executions are not split, and an order ends when nothing of it is left."""

    def pieces(self, order: Order, qty: Decimal) -> Sequence[Decimal]:
        """The executions that `qty` at one price is split into; their sum may be less."""
        del order
        return (qty,)

    def ending(self, order: Order) -> tuple[Status, Reason | None] | None:
        """How the order ends after an execution; None while it keeps working."""
        return (Status.FILLED, None) if order.remaining <= ZERO else None
