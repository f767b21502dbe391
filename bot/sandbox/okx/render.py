"""OKX's rows of orders, algo orders and fills. All values are strings; fees are negative when charged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeVar

from bot.sandbox.core.instrument import plain
from bot.sandbox.core.values import CONDITIONAL, ZERO, Fill, Kind, Order, Origin, Reason, Side, Status
from bot.sandbox.okx.ids import bill_id, trade_id
from bot.sandbox.okx.listing import Listed

Row = dict[str, Any]
T = TypeVar("T")
STATES = {
    Status.OPEN: "live",
    Status.PARTIALLY_FILLED: "partially_filled",
    Status.FILLED: "filled",
    Status.CANCELED: "canceled",
    Status.EXPIRED: "canceled",
    Status.REJECTED: "canceled",
}
SOURCES = {
    Reason.USER: ("1", "Order canceled by user"),
    Reason.POST_ONLY: ("31", "The post-only order will take liquidity in taker orders"),
    Reason.REMAINDER: ("14", "Order canceled: IOC order was partially canceled due to incompletely filled"),
    Reason.INSUFFICIENT_FUNDS: ("2", "Order canceled: Insufficient balance"),
    Reason.DEAD_MAN: ("20", "Cancel all after triggered"),
    Reason.LIQUIDATION: ("3", "Order canceled: Canceled due to liquidation"),
    Reason.REDUCE_ONLY: ("36", "Order canceled: position to reduce is gone"),
}
ALGO_REASONS = {
    Reason.TRIGGERED: "effective",
    Reason.INSUFFICIENT_FUNDS: "order_failed",
    Reason.REDUCE_ONLY: "order_failed",
}
#: Fields of orders and algo orders that stay empty here, and the fields of an algo order's legs.
ORDER_BLANKS = (
    "attachAlgoClOrdId", "ccy", "pxType", "pxUsd", "pxVol", "quickMgnType", "slOrdPx", "slTriggerPx",
    "slTriggerPxType", "stpId", "tpOrdPx", "tpTriggerPx", "tpTriggerPxType",
)  # fmt: skip
ALGO_BLANKS = (
    "ccy", "chaseType", "chaseVal", "isTradeBorrowMode", "maxChaseType", "maxChaseVal", "pxLimit", "pxSpread",
    "pxVar", "quickMgnType", "szLimit", "timeInterval",
)  # fmt: skip
LEGS = (
    "slOrdPx", "slTriggerPx", "slTriggerPxType", "tpOrdPx", "tpTriggerPx", "tpTriggerPxType",
)  # fmt: skip


def is_algo(order: Order) -> bool:
    return order.kind in CONDITIONAL


def updated_ms(order: Order) -> int:
    return max(order.closed_ms or 0, order.since_ms)


def order_state(order: Order) -> str:
    """The order's state. Amending it down to the filled size completes it."""
    if order.reason is Reason.REDUCED and order.filled > ZERO:
        return "filled"
    return STATES[order.status]


def order_row(listed: Listed, order: Order, fills: Sequence[Fill], algo_client_id: str) -> Row:
    """An order as trade/order and the order lists show it."""
    last = fills[-1] if fills else None
    average = listed_price(listed, order.cost / order.filled) if order.filled else ""
    source, reason = ("", "") if order.reason is None else SOURCES.get(order.reason, ("", ""))
    algo_id = order.parent_id or "" if order.origin is Origin.TRIGGERED else ""
    tags = order.tags
    return {
        **dict.fromkeys(ORDER_BLANKS, ""),
        "accFillSz": listed.size(order.filled),
        "algoClOrdId": algo_client_id,
        "algoId": algo_id,
        "attachAlgoOrds": attached(order),
        "avgPx": average,
        "cTime": str(order.created_ms),
        "cancelSource": source,
        "cancelSourceReason": reason,
        "category": tags.get("category", "normal"),
        "clOrdId": order.client_id or "",
        "fee": charged(sum((fill.fee for fill in fills), ZERO)),
        "feeCcy": fee_asset(listed, order),
        "fillPx": listed.price(last.price) if last else "",
        "fillSz": listed.size(last.qty) if last else "0",
        "fillTime": str(last.time_ms) if last else "",
        "instId": listed.symbol,
        "instType": listed.kind,
        "isTpLimit": "false",
        "lever": tags.get("lever", ""),
        "linkedAlgoOrd": {"algoId": algo_id},
        "ordId": order.id,
        "ordType": order_type(order),
        "pnl": plain(order.pnl),
        "posSide": tags.get("posSide", "net"),
        "px": "" if order.price is None else listed.price(order.price),
        "rebate": "0",
        "rebateCcy": money(listed, order) if listed.is_swap or order.side is Side.BUY else listed.base,
        "reduceOnly": "true" if order.reduce_only else "false",
        "side": order.side.value,
        "source": "7" if algo_id else "",
        "state": order_state(order),
        "stpMode": tags.get("stpMode", "cancel_maker"),
        "sz": shown_size(listed, order),
        "tag": tags.get("tag", ""),
        "tdMode": tags.get("tdMode", "cash"),
        "tgtCcy": tags.get("tgtCcy", ""),
        "tradeId": trade_id(last) if last else "",
        "tradeQuoteCcy": money(listed, order),
        "uTime": str(updated_ms(order)),
    }


def fill_row(listed: Listed, fill: Fill, order: Order) -> Row:
    """A fill as trade/fills shows it."""
    return {
        "billId": bill_id(fill),
        "clOrdId": fill.client_id or "",
        "execType": "M" if fill.maker else "T",
        "fee": charged(fill.fee),
        "feeCcy": fill.fee_asset,
        "feeRate": charged(order.maker_rate if fill.maker else order.taker_rate),
        "fillFwdPx": "",
        "fillIdxPx": listed.price(fill.price),
        "fillMarkPx": listed.price(fill.price) if listed.is_swap else "",
        "fillMarkVol": "",
        "fillPnl": plain(fill.pnl),
        "fillPx": listed.price(fill.price),
        "fillPxUsd": "",
        "fillPxVol": "",
        "fillSz": listed.size(fill.qty),
        "fillTime": str(fill.time_ms),
        "instId": listed.symbol,
        "instType": listed.kind,
        "ordId": fill.order_id,
        "posSide": order.tags.get("posSide", "net"),
        "side": fill.side.value,
        "subType": "1" if fill.side is Side.BUY else "2",
        "tag": order.tags.get("tag", ""),
        "tradeId": trade_id(fill),
        "tradeQuoteCcy": money(listed, order),
        "ts": str(fill.time_ms),
    }


def odd(row: Row, number: int) -> Row:
    """Cells that no documentation describes, as old and foreign rows may have: `number` chooses which."""
    if "tradeId" in row and "fillIdxPx" in row:
        return ({"fillSz": "0"}, {"fillPx": ""}, {"side": ""})[number % 3]
    return ({"sz": "-"}, {"side": None}, {"attachAlgoOrds": "none"})[number % 3]


def algo_row(listed: Listed, algo: Order, child: Order | None, last: Decimal) -> Row:
    """An algo order; once it has triggered, `child` is the order it sent."""
    state = "live" if algo.working else ALGO_REASONS.get(algo.reason or Reason.USER, "canceled")
    is_legs = algo.tags.get("ordType") in {"conditional", "oco"}
    profits = algo.kind in PROFITS or (child is not None and child.tags.get("hit") == "target")
    side = "" if child is None or not is_legs else "tp" if profits else "sl"
    return {
        **dict.fromkeys(ALGO_BLANKS, ""),
        **(_legs(listed, algo) if is_legs else dict.fromkeys(LEGS, "")),
        "activePx": algo.tags.get("activePx", ""),
        "actualPx": "" if child is None or child.price is None else listed.price(child.price),
        "actualSide": side,
        "actualSz": "0" if child is None else listed.size(child.qty),
        "algoClOrdId": algo.client_id or "",
        "algoId": algo.id,
        "amendPxOnTriggerType": "0",
        "attachAlgoOrds": [],
        "cTime": str(algo.created_ms),
        "callbackRatio": algo.tags.get("callbackRatio", ""),
        "callbackSpread": algo.tags.get("callbackSpread", ""),
        "clOrdId": algo.client_id or "",
        "closeFraction": algo.tags.get("closeFraction", ""),
        "failCode": "51008" if state == "order_failed" else "",
        "instId": listed.symbol,
        "instType": listed.kind,
        "last": listed.price(last),
        "lever": algo.tags.get("lever", ""),
        "linkedOrd": {"ordId": algo.parent_id or ""},
        "moveTriggerPx": _if(algo.tags.get("ordType") == "move_order_stop", _text(listed, algo.trigger)) or "",
        "ordId": "" if child is None else child.id,
        "ordIdList": [] if child is None else [child.id],
        "ordPx": "" if is_legs else _limit(listed, algo.price),
        "ordType": algo.tags.get("ordType", "conditional"),
        "posSide": algo.tags.get("posSide", "net"),
        "reduceOnly": "true" if algo.reduce_only else "false",
        "side": algo.side.value,
        "state": state,
        "sz": listed.size(algo.qty),
        "tag": algo.tags.get("tag", ""),
        "tdMode": algo.tags.get("tdMode", "cash"),
        "tgtCcy": algo.tags.get("tgtCcy", ""),
        "tradeQuoteCcy": money(listed, algo),
        "triggerPx": _text(listed, algo.trigger) if algo.tags.get("ordType") == "trigger" else "",
        "triggerPxType": algo.tags.get("triggerPxType", "last") if algo.tags.get("ordType") == "trigger" else "",
        "triggerTime": "" if algo.triggered_ms is None else str(algo.triggered_ms),
        "uTime": str(updated_ms(algo)),
    }


def _legs(listed: Listed, algo: Order) -> Row:
    """The prices of an algo order's two legs; a missing leg is empty."""
    profit = algo.target if algo.kind is Kind.BRACKET else _if(algo.kind in PROFITS, algo.trigger)
    stop = None if algo.kind in PROFITS else algo.trigger
    return {
        "slOrdPx": "" if stop is None else _limit(listed, algo.price),
        "slTriggerPx": _text(listed, stop),
        "slTriggerPxType": "" if stop is None else algo.tags.get("slTriggerPxType", "last"),
        "tpOrdPx": "" if profit is None else _limit(listed, _profit_price(algo)),
        "tpTriggerPx": _text(listed, profit),
        "tpTriggerPxType": "" if profit is None else algo.tags.get("tpTriggerPxType", "last"),
    }


PROFITS = frozenset({Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_LIMIT})


def attached(order: Order) -> list[Row]:
    """The attached terms as requested."""
    blank = dict.fromkeys(
        (
            "amendPxOnTriggerType", "attachAlgoClOrdId", "attachAlgoId", "failCode", "failReason", "slOrdPx",
            "slTriggerPx", "slTriggerPxType", "sz", "tpOrdKind", "tpOrdPx", "tpTriggerPx", "tpTriggerPxType",
        ),
        "",
    )  # fmt: skip
    return [{**blank, **item} for item in json.loads(order.tags.get("attached", "[]"))]


def order_type(order: Order) -> str:
    """The order's type; a triggered order is a plain one, whatever the type of its algo order."""
    if order.origin is Origin.TRIGGERED or "ordType" not in order.tags:
        return "market" if order.price is None else "limit"
    return order.tags["ordType"]


def shown_size(listed: Listed, order: Order) -> str:
    """The order's size; a quote-sized order keeps it in quote."""
    if order.budget is not None:
        return plain(order.budget)
    return listed.size(order.qty)


def fee_asset(listed: Listed, order: Order) -> str:
    return listed.base if order.fee_in_base else money(listed, order)


def money(listed: Listed, order: Order) -> str:
    """The currency in which an order is paid."""
    return order.paid_in or listed.quote


def listed_price(listed: Listed, value: Decimal) -> str:
    """An average price, with more digits than the tick."""
    return plain(value.quantize(listed.tick / 10_000_000_000).normalize()) if value else "0"


def charged(fee: Decimal) -> str:
    """A fee with OKX's sign; zero is 0, not -0."""
    return plain(-fee) if fee else "0"


def _profit_price(algo: Order) -> Decimal | None:
    return algo.target_price if algo.kind is Kind.BRACKET else algo.price


def _limit(listed: Listed, price: Decimal | None) -> str:
    return "-1" if price is None else listed.price(price)


def _text(listed: Listed, price: Decimal | None) -> str:
    return "" if price is None else listed.price(price)


def _if(condition: bool, value: T | None) -> T | None:
    return value if condition else None
