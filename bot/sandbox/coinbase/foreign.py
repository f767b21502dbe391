"""An order of another product in a spot trader's list: an event contract, which has no side."""

from __future__ import annotations

from typing import Any

from bot.sandbox.coinbase.words import Query, rfc3339

ORDER_ID = "0b3e5a10-6d5c-4c2e-9f43-3c1d2f7e8a90"
STATUS, CREATED_MS = "OPEN", 1_760_000_000_000
PRODUCT = "EVENT-CONTRACT-26NOV"
_HAS = {
    "product_type": {"UNKNOWN_PRODUCT_TYPE"},
    "order_status": {STATUS},
    "order_ids": {ORDER_ID},
    "product_ids": {PRODUCT},
    "product_id": {PRODUCT},
    "order_types": {"LIMIT"},
    "order_side": set[str](),
    "asset_filters": set[str](),
    "time_in_forces": {"GOOD_UNTIL_CANCELLED"},
    "order_placement_source": {"RETAIL_ADVANCED"},
}


def is_asked_for(query: Query) -> bool:
    """Whether the first page of a list shows it."""
    if query.get("cursor") or (query.moment("start_date") or 0) > CREATED_MS:
        return False
    return all(not asked or has & set(asked) for name, has in _HAS.items() for asked in [query.many(name)])


def foreign_order(identity: dict[str, str]) -> dict[str, Any]:
    """The row; fields that do not apply to a product without a side are empty."""
    created, zeros = rfc3339(CREATED_MS), ("completion_percentage", "filled_size", "average_filled_price")
    empty = ("fee", "reject_message", "cancel_message", "leverage", "originating_order_id", "attached_order_id")
    return {
        "order_id": ORDER_ID,
        "product_id": PRODUCT,
        "order_configuration": {"limit_limit_gtc": {"base_size": "10", "limit_price": "0.42", "post_only": False}},
        "side": "",
        "client_order_id": "",
        "status": STATUS,
        "time_in_force": "GOOD_UNTIL_CANCELLED",
        "created_time": created,
        **dict.fromkeys((*zeros, "number_of_fills", "filled_value", "total_fees", "total_value_after_fees"), "0"),
        **dict.fromkeys(
            ("pending_cancel", "size_in_quote", "size_inclusive_of_fees", "settled", "is_liquidation"), False
        ),
        **dict.fromkeys(empty, ""),
        "trigger_status": "UNKNOWN_TRIGGER_STATUS",
        "order_type": "LIMIT",
        "reject_reason": "REJECT_REASON_UNSPECIFIED",
        "product_type": "UNKNOWN_PRODUCT_TYPE",
        "order_placement_source": "RETAIL_ADVANCED",
        "outstanding_hold_amount": "4.2",
        "last_fill_time": None,
        "edit_history": [],
        "margin_type": "UNKNOWN_MARGIN_TYPE",
        **identity,
        "attached_order_configuration": None,
        "prediction_side": "PREDICTION_SIDE_YES",
        "last_update_time": created,
    }
