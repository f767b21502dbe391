"""Coinbase's orders and fills to read back: newest first, page by page with opaque cursors.

Times in filters are those of the market clock, as the orders themselves show them. Changes nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, TypeVar

from bot.sandbox.coinbase.errors import invalid, not_found
from bot.sandbox.coinbase.ids import trade_id
from bot.sandbox.coinbase.portfolios import Portfolios
from bot.sandbox.coinbase.render import (
    SHAPES,
    STATUSES,
    fill_record,
    key_of,
    order_record,
    status_of,
)
from bot.sandbox.coinbase.words import Query, rfc3339
from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import Fill, Order
from bot.sandbox.core.views import View

ORDERS_PAGE = 1000
FILLS_PAGE = 1000
T = TypeVar("T", Order, Fill)


class Span:
    """The times from one parameter's on and before the other's; either may be absent."""

    def __init__(self, query: Query, start: str, end: str) -> None:
        self.begin, self._until = query.moment(start) or 0, query.moment(end)

    def holds(self, time_ms: int) -> bool:
        return time_ms >= self.begin and (self._until is None or time_ms < self._until)


class HistoryDesk:
    """Answers what an account asks about its orders and fills."""

    def __init__(self, exchange: Exchange, switches: Switches, portfolios: Portfolios) -> None:
        self._exchange = exchange
        self._switches = switches
        self._portfolios = portfolios

    # ---- orders ----

    def order(self, who: Credential, order_id: str) -> dict[str, Any]:
        order = View(self._exchange, who.account).order(order_id)
        if order is None:
            raise not_found("order with this orderID was not found")
        return {"order": self._record(order, who.account)}

    def orders(self, who: Credential, query: Query) -> dict[str, Any]:
        self._portfolios.check(who.account, query.get("retail_portfolio_id"))
        wanted = self._wanted_statuses(query)
        span = Span(query, "start_date", "end_date")
        view, asked_for = View(self._exchange, who.account), _filter(query)
        mine = view.open_orders() if wanted == {"OPEN"} else view.orders(span.begin)
        found = [order for order in mine if span.holds(order.created_ms) and asked_for(order)]
        found = [order for order in found if not wanted or self._status(order) in wanted]
        found.sort(key=_sort_key(query.get("sort_by")), reverse=True)
        limit = query.number("limit", self._switches.number("orders_default_limit"), ORDERS_PAGE)
        page, cursor = _page(found, query.get("cursor"), limit)
        return {
            "orders": [self._record(order, who.account) for order in page],
            "sequence": "0",
            "has_next": bool(cursor),
            "cursor": cursor,
        }

    def _wanted_statuses(self, query: Query) -> set[str]:
        wanted = set(query.many("order_status"))
        if not wanted <= STATUSES:
            raise invalid("invalid order_status")
        if self._switches.on("open_filter_alone") and "OPEN" in wanted and len(wanted) > 1:
            raise invalid("OPEN cannot be combined with other statuses")
        return wanted

    def _status(self, order: Order) -> str:
        return status_of(order, self._exchange.clock.wall_ms(), self._switches.number("pending_ms"))

    def _record(self, order: Order, account: str) -> dict[str, Any]:
        record = order_record(order, self._status(order), self._portfolios.identity(account))
        if order.fill_ids:
            record["last_fill_time"] = rfc3339(self._exchange.state.fills[order.fill_ids[-1]].time_ms)
        return record

    # ---- fills ----

    def fills(self, who: Credential, query: Query) -> dict[str, Any]:
        """There is no has_next: the last page has no cursor, or one that leads nowhere."""
        self._portfolios.check(who.account, query.get("retail_portfolio_id"))
        span = Span(query, "start_sequence_timestamp", "end_sequence_timestamp")
        mine = (fill for fill in View(self._exchange, who.account).fills(span.begin) if self._shown(fill))
        found = [fill for fill in mine if span.holds(fill.time_ms) and _fits(fill, query)]
        found.sort(key=(lambda fill: (fill.price, fill.sequence)) if query.get("sort_by") == "PRICE" else _newest)
        found.reverse()
        limit = query.number("limit", self._switches.number("fills_default_limit"), FILLS_PAGE)
        page, cursor = _page(found, query.get("cursor"), limit)
        if page and not cursor and self._switches.on("fills_cursor_always"):
            cursor = _cursor(page[-1])
        return {"fills": [self._fill(fill, who.account) for fill in page], "cursor": cursor}

    def _shown(self, fill: Fill) -> bool:
        """Fills can come later than the order's status says."""
        lag_ms = self._switches.number("fills_lag_ms")
        return not lag_ms or fill.visible_wall_ms + lag_ms <= self._exchange.clock.wall_ms()

    def _fill(self, fill: Fill, account: str) -> dict[str, Any]:
        order = self._exchange.state.orders[fill.order_id]
        in_quote = order.budget is not None and self._switches.on("quote_fills_in_quote")
        return fill_record(fill, self._portfolios.identity(account), in_quote)


#: The filters of a list of orders but those of status and time: under which names each is asked, and what an order has there.
_FILTERS: tuple[tuple[tuple[str, ...], Callable[[Order], set[str]]], ...] = (
    (("order_ids",), lambda order: {order.id}),
    (("product_ids", "product_id"), lambda order: {order.symbol}),
    (("order_types", "order_type"), lambda order: {SHAPES[key_of(order)][0]}),
    (("time_in_forces",), lambda order: {SHAPES[key_of(order)][1]}),
    (("order_side",), lambda order: {order.side.value.upper()}),
    (("product_type",), lambda _: {"SPOT", "UNKNOWN_PRODUCT_TYPE"}),
    (("asset_filters",), lambda order: set(order.symbol.split("-"))),
    (
        ("order_placement_source",),
        lambda order: {"RETAIL_SIMPLE" if order.origin.value == "manual" else "RETAIL_ADVANCED"},
    ),
)


def _filter(query: Query) -> Callable[[Order], bool]:
    """Whether an order meets all of `_FILTERS` that a query asks for."""
    asked = [(set(values), has) for names, has in _FILTERS if (values := query.many(*names))]
    return lambda order: all(wanted & has(order) for wanted, has in asked)


def _fits(fill: Fill, query: Query) -> bool:
    filters = (
        (query.many("order_ids", "order_id"), fill.order_id),
        (query.many("trade_ids"), trade_id(fill.id)),
        (query.many("product_ids", "product_id"), fill.symbol),
    )
    return all(not asked or actual in asked for asked, actual in filters)


def _newest(row: Order | Fill) -> tuple[int, int]:
    return (row.created_ms if isinstance(row, Order) else row.time_ms, row.sequence)


def _sort_key(name: str) -> Any:
    """Coinbase's orders of a list, each to be reversed."""
    if name == "LIMIT_PRICE":
        return lambda order: (order.price or 0, order.sequence)
    if name == "LAST_FILL_TIME":
        return lambda order: (order.tags.get("last_fill", ""), *_newest(order))
    return _newest


def _cursor(row: Order | Fill) -> str:
    return base64.b64encode(f"v1+{row.id}?".encode()).decode()


def _page(rows: list[T], cursor: str, limit: int) -> tuple[list[T], str]:
    """The rows after the cursor's, and the cursor to the next page, empty at the end."""
    start = 0
    if cursor:
        last = _decoded(cursor)
        start = next((n + 1 for n, row in enumerate(rows) if row.id == last), len(rows))
    page = rows[start : start + limit]
    return page, _cursor(page[-1]) if page and start + limit < len(rows) else ""


def _decoded(cursor: str) -> str:
    try:
        return base64.b64decode(cursor, validate=True).decode().removeprefix("v1+").removesuffix("?")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise invalid("invalid cursor") from error
