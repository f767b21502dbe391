"""How a venue executes and ends an order: in which pieces, and at what rest it is done.

The plain way is here; a venue with habits of its own brings another `Finish`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bot.sandbox.core.values import ZERO, Order, Reason, Status


class Finish:
    """Whole executions, and an order ends when nothing of it is left."""

    def pieces(self, order: Order, qty: Decimal) -> Sequence[Decimal]:
        """The executions that `qty` at one price becomes; their sum may be less."""
        del order
        return (qty,)

    def ending(self, order: Order) -> tuple[Status, Reason | None] | None:
        """How the order ends after an execution; None while it goes on."""
        return (Status.FILLED, None) if order.remaining <= ZERO else None
