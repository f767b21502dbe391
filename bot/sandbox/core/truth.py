"""The true state of a venue, as the control API's ledger shows it."""

from __future__ import annotations

from typing import Any

from bot.sandbox.core.instrument import plain
from bot.sandbox.core.positions import Position
from bot.sandbox.core.times import iso
from bot.sandbox.core.values import ZERO, Fill, Kind, Order
from bot.sandbox.core.venue import Venue

TYPES = {Kind.TAKE_PROFIT_LIMIT: "take-profit", Kind.TRAILING_STOP_LIMIT: "trailing-stop"}


def ledger(venue: Venue) -> dict[str, Any]:
    """Orders, fills, balances, positions, and counts of requests and errors. Nothing is hidden here."""
    state = venue.exchange.state
    return {
        "orders": [_order(order) for order in state.orders.values()],
        "fills": [_fill(fill) for fill in state.fills.values()],
        "balances": _balances(venue, "main"),
        "accounts": {name: _balances(venue, name) for name in state.accounts},
        "positions": [_position(position) for position in venue.exchange.positions.all()],
        "requests": dict(venue.tally.requests),
        "rejected": dict(venue.tally.rejected),
    }


def _balances(venue: Venue, account: str) -> dict[str, dict[str, str]]:
    held = venue.exchange.state.account(account).snapshot()
    return {asset: {"free": plain(total - on_hold), "held": plain(on_hold)} for asset, (total, on_hold) in held.items()}


def _position(position: Position) -> dict[str, Any]:
    return {
        "symbol": position.symbol,
        "side": "long" if position.qty > ZERO else "short",
        "leg": position.leg.value,
        "qty": plain(abs(position.qty)),
        "entry_price": plain(position.entry),
        "margin": plain(position.margin),
        "isolated": position.isolated,
        "leverage": plain(position.leverage),
        "realized": plain(position.pnl + position.fees + position.funding),
        "account": position.account,
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "client_id": order.client_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "type": TYPES.get(order.kind, order.kind.value),
        "qty": plain(order.qty),
        "filled": plain(order.filled),
        "status": order.status.value,
        "reason": None if order.reason is None else order.reason.value,
        "origin": order.origin.value,
        "parent_id": order.parent_id,
        "account": order.account,
    }


def _fill(fill: Fill) -> dict[str, Any]:
    return {
        "id": fill.id,
        "order_id": fill.order_id,
        "client_id": fill.client_id,
        "symbol": fill.symbol,
        "side": fill.side.value,
        "qty": plain(fill.qty),
        "price": plain(fill.price),
        "fee": plain(fill.fee),
        "fee_asset": fill.fee_asset,
        "time": iso(fill.time_ms),
        "account": fill.account,
    }
