"""Kraken's records of orders, trades and ledger rows. Money and volumes are strings, times and counts are numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.sandbox.core.values import ZERO, Fill, Kind, Movement, Order, Reason, Status
from bot.sandbox.kraken.pairs import Pair, asset_of

ORDERTYPES = {
    Kind.MARKET: "market",
    Kind.LIMIT: "limit",
    Kind.STOP: "stop-loss",
    Kind.STOP_LIMIT: "stop-loss-limit",
    Kind.TAKE_PROFIT: "take-profit",
    Kind.TAKE_PROFIT_LIMIT: "take-profit-limit",
    Kind.TRAILING_STOP: "trailing-stop",
    Kind.TRAILING_STOP_LIMIT: "trailing-stop-limit",
}
STATUSES = {
    Status.OPEN: "open",
    Status.PARTIALLY_FILLED: "open",
    Status.FILLED: "closed",
    Status.CANCELED: "canceled",
    Status.EXPIRED: "expired",
    Status.REJECTED: "canceled",
}
REASONS = {
    Reason.USER: "User requested",
    Reason.REPLACED: "Order replaced",
    Reason.REMAINDER: "Immediate or cancel",
    Reason.EXPIRED: "Order expired",
    Reason.POST_ONLY: "Post only order",
    Reason.INSUFFICIENT_FUNDS: "Insufficient funds",
    Reason.REDUCED: "User requested",
    Reason.DEAD_MAN: "Cancel all orders after",
    Reason.INSIGNIFICANT: "Insignificant volume remaining",
}
POSITION_ID = "TKH2SE-M7IF5-CFI7LT"


def seconds(time_ms: int) -> float:
    return time_ms / 1000


def order_record(pair: Pair, order: Order, *, with_trades: bool) -> dict[str, Any]:
    """An order as OpenOrders, ClosedOrders and QueryOrders show it."""
    average = order.cost / order.filled if order.filled else ZERO
    record: dict[str, Any] = {
        "refid": order.parent_id,
        "userref": int(order.tags.get("userref", "0")),
        "status": order.tags.get("status") or STATUSES[order.status],
        "opentm": seconds(order.created_ms),
        "starttm": 0,
        "expiretm": 0 if order.expire_ms is None else seconds(order.expire_ms),
        "descr": description(pair, order),
        "vol": f"{order.qty if order.budget is None else order.budget:.8f}",
        "vol_exec": f"{order.filled:.8f}",
        "cost": _five(order.cost),
        "fee": _five(order.fee),
        "price": _five(average),
        "stopprice": _five(order.trigger) if order.trigger and order.triggered_ms else "0.00000",
        "limitprice": _five(order.price) if order.price and order.triggered_ms else "0.00000",
        "misc": _misc(order),
        "oflags": order.tags.get("oflags", "fciq"),
    }
    if order.client_id is not None:
        record["cl_ord_id"] = order.client_id
    if order.trigger is not None:
        record["trigger"] = "last"
    if order.closed_ms is not None:
        record["closetm"] = seconds(order.closed_ms)
        record["reason"] = None if order.reason is None else REASONS[order.reason]
    if with_trades and order.fill_ids:
        record["trades"] = list(order.fill_ids)
    return record


def untidy(record: dict[str, Any]) -> None:
    """The record in an odd form seen in the wild: `None` as a string, and a waiting stop's trigger only in `stopprice`."""
    terms = record["descr"]
    record["refid"] = record["refid"] or "None"
    if "trigger" in record and not Decimal(record["stopprice"]) and "trailing" not in terms["ordertype"]:
        record["stopprice"], record["price"], terms["price"] = terms["price"], "0", "0"


def odd(record: dict[str, Any], number: int) -> None:
    """The record in a form that no documentation describes, which old and foreign rows have had: `number` chooses which."""
    if "ordertxid" in record:
        record |= ({"vol": "0.00000000"}, {"ordertxid": None}, {"price": "0.00000"})[number % 3]
        return
    word = "untouched" if number % 2 else "pending_new"
    record |= {"trades": None, "status": word if record["status"] == "open" else record["status"]}
    if number % 3 == 0:
        record["vol"] = None


def description(pair: Pair, order: Order) -> dict[str, Any]:
    """The `descr` object; `price` and `price2` are the order's own, as strings."""
    return {
        "pair": pair.altname,
        "type": order.side.value,
        "ordertype": ORDERTYPES[order.kind],
        "price": order.tags.get("price", str(order.price or 0)),
        "price2": order.tags.get("price2", "0"),
        "leverage": "none",
        "order": order.tags.get("text")
        or f"{order.side} {order.qty:.8f} {pair.altname} @ {order.tags.get('terms', 'market')}",
        "close": order.tags.get("close", ""),
    }


def terms(ordertype: str, price: str, price2: str) -> str:
    """`limit 27500.0`, `stop loss 22000.0 -> limit 21000.0`, `market`."""
    words = ordertype.removesuffix("-limit").replace("-", " ") if ordertype != "limit" else "limit"
    text = words if ordertype == "market" else f"{words} {price}"
    return f"{text} -> limit {price2}" if ordertype.endswith("-limit") else text


def order_text(side: str, volume: Decimal, pair: Pair, ordertype: str, price: str, price2: str) -> str:
    """`buy 1.25000000 XBTUSD @ limit 27500.0`."""
    return f"{side} {volume:.8f} {pair.altname} @ {terms(ordertype, price, price2)}"


def trade_record(pair: Pair, fills: list[Fill]) -> dict[str, Any]:
    """One trade; several fills of one taker order at the same instant are shown as one."""
    first = fills[0]
    volume = sum((fill.qty for fill in fills), ZERO)
    cost = sum((fill.cost for fill in fills), ZERO)
    exact = first.price if len(fills) == 1 else sum((fill.qty * fill.price for fill in fills), ZERO) / volume
    return {
        "ordertxid": first.order_id,
        "postxid": POSITION_ID,
        "pair": pair.id,
        "time": seconds(first.time_ms),
        "type": first.side.value,
        "ordertype": ORDERTYPES[first.kind],
        "price": _five(exact),
        "cost": _five(cost),
        "fee": _five(sum((fill.fee_quote for fill in fills), ZERO)),
        "vol": f"{volume:.8f}",
        "margin": "0.00000",
        "leverage": "0",
        "misc": "",
        "trade_id": first.sequence,
        "maker": first.maker,
    }


def ledger_record(movement: Movement) -> dict[str, Any]:
    asset = asset_of(movement.asset)
    return {
        "refid": movement.ref,
        "time": seconds(movement.time_ms),
        "type": movement.kind,
        "subtype": "",
        "aclass": "currency",
        "asset": asset.id,
        "amount": f"{movement.amount:.{asset.decimals}f}",
        "fee": f"{movement.fee:.{asset.decimals}f}",
        "balance": f"{movement.balance:.{asset.decimals}f}",
    }


def _misc(order: Order) -> str:
    words = []
    if order.triggered_ms is not None:
        words.append("touched" if order.kind in {Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_LIMIT} else "stopped")
    if order.status is Status.CANCELED and order.filled:
        words.append("partial")
    if order.amended_ms is not None:
        words.append("amended")
    return ",".join(words)


def _five(value: Decimal) -> str:
    return f"{value:.5f}"
