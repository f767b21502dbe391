"""The bracket attached to an entry: its fields, its prices and the order it becomes.

It has no size of its own: its order protects what the entry bought.
"""

from __future__ import annotations

from decimal import Decimal

import orjson

from bot.sandbox.coinbase.configurations import Asked
from bot.sandbox.coinbase.errors import OrderRefused
from bot.sandbox.coinbase.products import QUOTE_MINIMUM, Product
from bot.sandbox.core.instrument import ceil_to, floor_to, is_multiple, plain
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import Close, Kind, Side, Ticket, Tif

CARRIED = "trigger_bracket_gtc"
WORSE = Decimal("0.05")
"""A bracket's triggered stop is a limit order, this much worse than its trigger."""
WRONG_TYPE = "PREVIEW_INVALID_ORDER_TYPE_FOR_ATTACHED"
LEGS = {"limit_price": "TAKE_PROFIT", "stop_trigger_price": "STOP_LOSS"}
"""The fields of a bracket, and their names in error codes."""


def worse(trigger: Decimal, side: Side, tick: Decimal) -> Decimal:
    """The distance of a triggered stop's limit from its trigger."""
    distance = floor_to(trigger * WORSE, tick)
    return -distance if side is Side.SELL else distance


class AttachedReader:
    """Parses attached brackets of one product at one moment; `last` is the price of its last trade."""

    def __init__(self, product: Product, last: Decimal, switches: Switches) -> None:
        self._product = product
        self._last = last
        self._switches = switches

    def read(self, attached: Asked, parent: Asked, ticket: Ticket) -> Close:
        """The terms of the order spawned by the entry; raises OrderRefused."""
        self._check_shape(attached, parent, ticket)
        target, trigger = (self._price(attached, field) for field in LEGS)
        self._check_prices(target, trigger, ticket.price or self._last)
        dropped = self._switches.on("attached_below_minimum_dropped")
        shown = {"shown_size": plain(ticket.qty)} if self._sized_by_order(ticket) else {}
        return Close(
            kind=Kind.BRACKET,
            trigger=trigger,
            target=target,
            limit_offset=worse(trigger, Side.SELL, self._product.tick),
            min_qty=ceil_to(QUOTE_MINIMUM / trigger, self._product.lot) if dropped else Decimal(0),
            holds=self._switches.on("stops_hold_base"),
            at_end=True,
            tags={"key": attached.key, "configuration": orjson.dumps(attached.fields).decode(), **shown},
        )

    def _sized_by_order(self, ticket: Ticket) -> bool:
        """Whether the child shows its parent's ordered size instead of the size bought."""
        return self._switches.on("attached_sized_by_order") and ticket.budget is None

    def _check_shape(self, attached: Asked, parent: Asked, ticket: Ticket) -> None:
        if self._switches.on("attached_refused") or self._switches.on("stops_refused_on_spot"):
            raise OrderRefused(WRONG_TYPE)
        if attached.key != CARRIED or parent.kind not in {"MARKET", "LIMIT"}:
            raise OrderRefused(WRONG_TYPE)
        if parent.kind == "LIMIT" and ticket.tif in {Tif.IOC, Tif.FOK} and self._switches.on("attached_refused_on_ioc"):
            raise OrderRefused(WRONG_TYPE)
        if ticket.side is not Side.BUY:
            raise OrderRefused("PREVIEW_INVALID_ORDER_SIDE_FOR_ATTACHED_TPSL")
        if attached.has("base_size") or attached.has("quote_size"):
            raise OrderRefused("ATTACHED_ORDER_SIZE_MUST_BE_NIL")
        if not all(attached.has(field) for field in LEGS):
            raise OrderRefused("SINGLE_LEGGED_TPSL_NOT_ALLOWED")

    def _price(self, attached: Asked, field: str) -> Decimal:
        """One leg's price, checked for the tick and for bounds that move with the market."""
        price, leg = attached.number(field), LEGS[field]
        if not is_multiple(price, self._product.tick):
            raise OrderRefused(f"INVALID_ATTACHED_{leg}_PRICE_PRECISION")
        width = Decimal(self._switches.number("attached_bounds_percent")) / 100
        if width and abs(price - self._last) > self._last * width:
            raise OrderRefused(f"INVALID_ATTACHED_{leg}_PRICE_OUT_OF_BOUNDS")
        return price

    def _check_prices(self, target: Decimal, trigger: Decimal, entry: Decimal) -> None:
        if target <= entry:
            raise OrderRefused("INVALID_ATTACHED_TAKE_PROFIT_PRICE_TOO_LOW")
        if trigger >= min(entry, self._last):
            raise OrderRefused("INVALID_ATTACHED_STOP_LOSS_PRICE_TOO_HIGH")
