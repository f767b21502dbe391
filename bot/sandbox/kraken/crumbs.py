"""Kraken's odd last units: orders that end 1e-8 short, and fills whose cost rounds to nothing.

To the core an order that ends short is cancelled, whatever status Kraken reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bot.sandbox.core.finish import Finish
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import ZERO, Order, Reason, Status

UNIT = Decimal("1e-8")


class Crumbs(Finish):
    """The last execution of an order may lose its last unit, or have a unit split off as a fill of its own."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches

    def pieces(self, order: Order, qty: Decimal) -> Sequence[Decimal]:
        if not order.working:
            return ()
        crumb = UNIT if self._switches.on("zero_cost_fills") else ZERO
        whole = qty - self._short() - crumb
        if qty < order.remaining or whole <= ZERO:
            return (qty,)
        return (whole, crumb) if crumb else (whole,)

    def ending(self, order: Order) -> tuple[Status, Reason | None] | None:
        if order.remaining <= ZERO or order.remaining > self._short():
            return super().ending(order)
        if not self._switches.on("short_end_is_canceled"):
            order.tags["status"] = "closed"
        return Status.CANCELED, Reason.INSIGNIFICANT

    def _short(self) -> Decimal:
        return UNIT if self._switches.on("ends_one_unit_short") else ZERO
