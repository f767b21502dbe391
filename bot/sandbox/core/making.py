"""Builds orders from tickets, tickets from attached terms and fills from executions. Decides nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from decimal import Decimal

from bot.sandbox.core.instrument import Instrument, floor_to
from bot.sandbox.core.positions import Position
from bot.sandbox.core.values import ZERO, Close, Fill, Kind, Order, Origin, Stp, Ticket


def order_of(ticket: Ticket, order_id: str, now_ms: int, sequence: int) -> Order:
    """The order of a ticket; an order has all fields of a ticket."""
    words = {item.name: getattr(ticket, item.name) for item in dataclasses.fields(ticket)}
    return Order(id=order_id, created_ms=now_ms, sequence=sequence, **words)


def fill_of(
    order: Order, instrument: Instrument, fill_id: str, price: Decimal, qty: Decimal, moment: int, *, maker: bool
) -> Fill:
    """One execution of an order, with its fee."""
    rate = order.maker_rate if maker else order.taker_rate
    cost = floor_to(price * qty, instrument.cost_step)
    fee_quote = floor_to(cost * rate, instrument.cost_step)
    fee_base = floor_to(qty * rate, instrument.base_step)
    return Fill(
        id=fill_id,
        order_id=order.id,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        kind=order.kind,
        qty=qty,
        price=price,
        cost=cost,
        fee=fee_base if order.fee_in_base else fee_quote,
        fee_asset=instrument.base if order.fee_in_base else order.paid_in or instrument.quote,
        fee_quote=fee_quote,
        time_ms=moment,
        maker=maker,
        sequence=0,
        origin=order.origin,
        client_id=order.client_id,
        of_position=order.leverage is not None,
    )


def attached(parent: Order, terms: Close, fills: Sequence[Fill], instrument: Instrument) -> Ticket:
    """The opposite order from a parent's close terms, sized to these fills."""
    qty = sum((fill.qty for fill in fills), ZERO)
    if terms.net:
        qty = instrument.lots(qty - sum((f.fee for f in fills if f.fee_asset == instrument.base), ZERO))
    return Ticket(
        account=parent.account,
        symbol=parent.symbol,
        side=parent.side.other,
        kind=terms.kind,
        qty=qty,
        price=terms.price,
        trigger=terms.trigger,
        trail=terms.trail,
        limit_offset=terms.limit_offset,
        target=terms.target,
        target_price=terms.target_price,
        holds=terms.holds,
        spawns=terms.spawns,
        leverage=parent.leverage,
        leg=parent.leg,
        isolated=parent.isolated,
        reduce_only=parent.leverage is not None,
        paid_in=parent.paid_in,
        stp=None if parent.stp is None else Stp.NEWEST,
        client_id=terms.client_id,
        origin=Origin.MANUAL if parent.origin is Origin.MANUAL else Origin.ATTACHED,
        parent_id=parent.id,
        tags=dict(terms.tags),
    )


def closing(position: Position) -> Ticket:
    """The market order with which the venue closes a position."""
    return Ticket(
        account=position.account,
        symbol=position.symbol,
        side=position.closing_side,
        kind=Kind.MARKET,
        qty=abs(position.qty),
        leverage=position.leverage,
        leg=position.leg,
        isolated=position.isolated,
        reduce_only=True,
        origin=Origin.MANUAL,
        tags={"category": "full_liquidation"},
    )


def spawned(order: Order, *, at_target: bool) -> Ticket:
    """The order that a triggered order sends: at its target or at its stop."""
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
