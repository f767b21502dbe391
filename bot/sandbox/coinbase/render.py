"""Orders and fills in Coinbase's JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson

from bot.sandbox.coinbase.ids import trade_id
from bot.sandbox.coinbase.words import rfc3339
from bot.sandbox.core.instrument import floor_to, plain
from bot.sandbox.core.values import ZERO, Fill, Kind, Order, Reason, Status

SHAPES = {
    "market_market_ioc": ("MARKET", "IMMEDIATE_OR_CANCEL"),
    "sor_limit_ioc": ("LIMIT", "IMMEDIATE_OR_CANCEL"),
    "limit_limit_gtc": ("LIMIT", "GOOD_UNTIL_CANCELLED"),
    "limit_limit_gtd": ("LIMIT", "GOOD_UNTIL_DATE_TIME"),
    "limit_limit_fok": ("LIMIT", "FILL_OR_KILL"),
    "stop_limit_stop_limit_gtc": ("STOP_LIMIT", "GOOD_UNTIL_CANCELLED"),
    "stop_limit_stop_limit_gtd": ("STOP_LIMIT", "GOOD_UNTIL_DATE_TIME"),
    "trigger_bracket_gtc": ("BRACKET", "GOOD_UNTIL_CANCELLED"),
    "trigger_bracket_gtd": ("BRACKET", "GOOD_UNTIL_DATE_TIME"),
}
"""Order type and time in force by configuration."""
BY_HAND = "market_market_ioc"
ENDED = {Status.FILLED: "FILLED", Status.EXPIRED: "EXPIRED", Status.CANCELED: "CANCELLED"}
STATUSES = frozenset(
    {*ENDED.values(), "OPEN", "PENDING", "QUEUED", "CANCEL_QUEUED", "EDIT_QUEUED", "FAILED", "UNKNOWN_ORDER_STATUS"}
)
LONG = Decimal("1e-16")


def key_of(order: Order) -> str:
    return order.tags.get("key", BY_HAND)


def status_of(order: Order, wall_ms: int, pending_ms: int) -> str:
    """The order's status. There is none for partly filled; an order without coins at its trigger is FAILED."""
    if order.reason is Reason.INSUFFICIENT_FUNDS:
        return "FAILED"
    if order.status in ENDED:
        return ENDED[order.status]
    if order.cancel_wall_ms is not None:
        return "CANCEL_QUEUED"
    return "PENDING" if wall_ms < int(order.tags.get("accepted", "0")) + pending_ms else "OPEN"


def configuration_of(order: Order) -> dict[str, Any]:
    """The requested configuration with the current sizes and prices."""
    key = key_of(order)
    asked: dict[str, Any] = orjson.loads(order.tags.get("configuration", "{}"))
    if "base_size" in asked or order.budget is None:
        asked["base_size"] = order.tags.get("shown_size", plain(order.qty))
    if key.startswith("limit_limit") and order.price is not None:
        asked["limit_price"] = plain(order.price)
    return {key: asked}


def order_record(order: Order, status: str, identity: dict[str, str], product: str, source: str) -> dict[str, Any]:
    """One order; `identity` holds user_id and retail_portfolio_id, `source` says where it was placed."""
    order_type, time_in_force = SHAPES[key_of(order)]
    sign = 1 if order.side.value == "buy" else -1
    done = status in {"FILLED", "CANCELLED", "EXPIRED", "FAILED"}
    return {
        "order_id": order.id,
        "product_id": product,
        "user_id": identity["user_id"],
        "order_configuration": configuration_of(order),
        "side": order.side.value.upper(),
        "client_order_id": order.client_id or "",
        "status": status,
        "time_in_force": time_in_force,
        "created_time": rfc3339(order.created_ms),
        "completion_percentage": _completion(order),
        "filled_size": plain(order.filled),
        "average_filled_price": plain(floor_to(order.cost / order.filled, LONG)) if order.filled else "0",
        "fee": "",
        "number_of_fills": str(len(order.fill_ids)),
        "filled_value": plain(order.cost),
        "pending_cancel": status == "CANCEL_QUEUED",
        "size_in_quote": order.budget is not None,
        "total_fees": plain(order.fee),
        "size_inclusive_of_fees": order.budget is not None,
        "total_value_after_fees": plain(order.cost + sign * order.fee),
        "trigger_status": _trigger_status(order),
        "order_type": order_type,
        "reject_reason": "REJECT_REASON_INSUFFICIENT_FUNDS" if status == "FAILED" else "REJECT_REASON_UNSPECIFIED",
        "settled": done,
        "product_type": "SPOT",
        "reject_message": "",
        "cancel_message": "User requested cancel" if order.reason is Reason.USER else "",
        "order_placement_source": source,
        "outstanding_hold_amount": plain(order.held),
        "is_liquidation": False,
        "last_fill_time": order.tags.get("last_fill"),
        "edit_history": orjson.loads(order.tags.get("edits", "[]")),
        "leverage": "",
        "margin_type": "UNKNOWN_MARGIN_TYPE",
        "retail_portfolio_id": identity["retail_portfolio_id"],
        "originating_order_id": order.parent_id or "",
        "attached_order_id": order.tags.get("attached_id", ""),
        "attached_order_configuration": orjson.loads(order.tags.get("attached", "null")),
        "current_pending_replace": None,
        "commission_detail_total": _commission(order.fee),
        **_workable(order),
        "product_details": None,
        "prediction_side": "PREDICTION_SIDE_UNKNOWN",
        "displayed_order_config": "UNKNOWN_DISPLAYED_ORDER_CONFIG",
        "cost_basis_method": "COST_BASIS_METHOD_UNSPECIFIED",
    }


def changed_ms(order: Order) -> int:
    """The market time of an order's last change other than a fill."""
    return max(order.since_ms, order.closed_ms or 0)


def _workable(order: Order) -> dict[str, str]:
    """For an attached order: the size its parent bought, and that as a percentage of the ordered size."""
    if order.parent_id is None:
        return {"workable_size": "", "workable_size_completion_pct": ""}
    whole = Decimal(order.tags.get("shown_size", order.qty))
    return {"workable_size": plain(order.qty), "workable_size_completion_pct": f"{order.qty * 100 / whole:.2f}"}


def _commission(fee: Decimal) -> dict[str, str]:
    return {
        "total_commission": plain(fee),
        "gst_commission": "",
        "withholding_commission": "",
        "client_commission": plain(fee),
        "venue_commission": "",
        "regulatory_commission": "",
        "clearing_commission": "",
    }


def fill_record(fill: Fill, identity: dict[str, str], in_quote: bool, product: str) -> dict[str, Any]:
    """One fill; with `in_quote` its size is in quote, as for market buys sized in quote."""
    moment = rfc3339(fill.time_ms)
    return {
        "entry_id": fill.id,
        "trade_id": trade_id(fill.id),
        "order_id": fill.order_id,
        "trade_time": moment,
        "trade_type": "FILL",
        "price": plain(fill.price),
        "size": plain(fill.cost if in_quote else fill.qty),
        "commission": plain(fill.fee_quote),
        "product_id": product,
        "sequence_timestamp": moment,
        "liquidity_indicator": "MAKER" if fill.maker else "TAKER",
        "size_in_quote": in_quote,
        "user_id": identity["user_id"],
        "side": fill.side.value.upper(),
        "retail_portfolio_id": identity["retail_portfolio_id"],
        "fillSource": "FILL_SOURCE_CLOB",
        "commission_detail_total": _commission(fill.fee_quote),
    }


def preview_record(sizes: dict[str, str], errs: list[str], preview_id: str) -> dict[str, Any]:
    """What an order would cost; unknown without sizes."""
    costs = ("order_total", "commission_total", "quote_size", "base_size", "best_bid", "best_ask")
    return {
        **dict.fromkeys(costs, "0"),
        **sizes,
        "errs": errs,
        "warning": [],
        "is_max": False,
        **dict.fromkeys(("order_margin_total", "leverage", "long_leverage", "short_leverage", "slippage"), "0"),
        "preview_id": preview_id,
        "current_liquidation_buffer": "0",
        **dict.fromkeys(("projected_liquidation_buffer", "max_leverage"), ""),
        "pnl_configuration": None,
    }


def _completion(order: Order) -> str:
    whole = order.budget if order.budget is not None else order.qty
    part = order.cost + order.fee if order.budget is not None else order.filled
    if whole <= ZERO or (order.status is Status.FILLED):
        return "100.00" if order.status is Status.FILLED else "0"
    return f"{part * 100 / whole:.2f}"


def _trigger_status(order: Order) -> str:
    """The trigger status; a bracket that filled at its target was never triggered."""
    if order.kind in {Kind.MARKET, Kind.LIMIT}:
        return "INVALID_ORDER_TYPE"
    took_profit = order.target is not None and order.price == order.target
    return "STOP_PENDING" if order.triggered_ms is None or took_profit else "STOP_TRIGGERED"
