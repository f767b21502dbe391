"""Coinbase's lists of orders and fills: newest first, in pages with opaque cursors.

Times in filters are market times, like those of the orders. Read-only.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeVar

from bot.sandbox.coinbase.errors import invalid, not_found
from bot.sandbox.coinbase.foreign import ORDER_ID, foreign_order, is_asked_for
from bot.sandbox.coinbase.ids import trade_id
from bot.sandbox.coinbase.portfolios import Portfolios
from bot.sandbox.coinbase.products import Listing
from bot.sandbox.coinbase.render import (
    SHAPES,
    STATUSES,
    changed_ms,
    fill_record,
    key_of,
    order_record,
    status_of,
)
from bot.sandbox.coinbase.words import Query, rfc3339
from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import Fill, Order, Origin
from bot.sandbox.core.views import View

ORDERS_PAGE = 1000
#: The figures of an order without fills.
NO_FILLS = {
    **dict.fromkeys(("completion_percentage", "filled_size", "average_filled_price", "filled_value"), "0"),
    **dict.fromkeys(("number_of_fills", "total_fees", "total_value_after_fees"), "0"),
    "settled": False,
}
FILLS_PAGE = 1000
ADVANCED = "RETAIL_ADVANCED"
"""The order source that a list shows by default."""
ANY_PRODUCT = "UNKNOWN_PRODUCT_TYPE"
T = TypeVar("T", Order, Fill)


class Span:
    """A time range from one parameter (inclusive) to the other (exclusive); either may be absent."""

    def __init__(self, query: Query, start: str, end: str) -> None:
        self.begin, self._until = query.moment(start) or 0, query.moment(end)

    def holds(self, time_ms: int) -> bool:
        return time_ms >= self.begin and (self._until is None or time_ms < self._until)


class HistoryEndpoints:
    """Answers an account's requests about its orders and fills."""

    def __init__(self, exchange: Exchange, listing: Listing, switches: Switches, portfolios: Portfolios) -> None:
        self._exchange = exchange
        self._listing = listing
        self._switches = switches
        self._portfolios = portfolios

    # ---- orders ----

    def order(self, who: Credential, order_id: str) -> dict[str, Any]:
        if order_id == ORDER_ID and self._switches.on("foreign_product_rows"):
            return {"order": foreign_order(self._portfolios.identity(who.account))}
        order = View(self._exchange, who.account).order(order_id)
        if order is None:
            raise not_found("order with this orderID was not found")
        return {"order": self._record(order, who.account)}

    def orders(self, who: Credential, query: Query) -> dict[str, Any]:
        self._portfolios.check(who.account, query.get("retail_portfolio_id"))
        wanted = self._wanted_statuses(query)
        unproven = self._switches.on("proof_token_required") and not query.get("proof_token")
        found = self._found(who, query, wanted)
        limit = query.number("limit", self._switches.number("orders_default_limit"), ORDERS_PAGE)
        page, cursor = _page(found, query.get("cursor"), limit)
        rows = [self._record(order, who.account) for order in page]
        if self._switches.on("foreign_product_rows") and is_asked_for(query):
            rows.append(foreign_order(self._portfolios.identity(who.account)))
        if unproven and not self._switches.on("proof_token_shows_rows"):
            rows, cursor = [], ""
        return {
            "orders": rows,
            "sequence": "0",
            "has_next": bool(cursor),
            "cursor": cursor,
            "proof_token_required": unproven,
        }

    def _found(self, who: Credential, query: Query, wanted: set[str]) -> list[Order]:
        """The orders of a query, in the order it asks for."""
        span = Span(query, "start_date", "end_date")
        view = View(self._exchange, who.account)
        mine = view.open_orders() if wanted == {"OPEN"} else view.orders(span.begin)
        found = [order for order in mine if span.holds(order.created_ms) and self._fits(order, query)]
        found = [order for order in found if not wanted or self._status(order) in wanted]
        return sorted(found, key=_sort_key(query.get("sort_by")), reverse=True)

    def _fits(self, order: Order, query: Query) -> bool:
        """Whether an order passes all filters of a query except status and time."""
        has = {
            ("order_ids",): {order.id},
            ("product_ids", "product_id"): {order.symbol, self._product(order.symbol)},
            ("order_types", "order_type"): {SHAPES[key_of(order)][0]},
            ("time_in_forces",): {SHAPES[key_of(order)][1]},
            ("order_side",): {order.side.value.upper()},
            ("product_type",): {"SPOT", ANY_PRODUCT},
            ("asset_filters",): set(order.symbol.split("-")),
        }
        sources = query.many("order_placement_source") or [ADVANCED]
        asked = all(not (wanted := query.many(*names)) or values & set(wanted) for names, values in has.items())
        return asked and self._source(order) in sources

    def _source(self, order: Order | Fill) -> str:
        """Where an order was placed; the owner trades by hand in the simple app or on the advanced page."""
        simple = order.origin is Origin.MANUAL and not self._switches.on("hand_orders_advanced")
        return "RETAIL_SIMPLE" if simple else ADVANCED

    def _product(self, symbol: str) -> str:
        """The product under which an order is reported: its own, or that of its book."""
        canonical = self._switches.on("usdc_orders_canonical")
        return self._listing.by_id[symbol].book if canonical else symbol

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
        identity, product = self._portfolios.identity(account), self._product(order.symbol)
        record = order_record(order, self._status(order), identity, product, self._source(order))
        last = self._exchange.state.fills[order.fill_ids[-1]] if order.fill_ids else None
        if last is not None and self._lags(last):
            return record | NO_FILLS
        filled = last.time_ms if last is not None else None
        record["last_update_time"] = rfc3339(max(changed_ms(order), filled or 0))
        if filled is not None:
            record["last_fill_time"] = rfc3339(filled)
        return record

    # ---- fills ----

    def fills(self, who: Credential, query: Query) -> dict[str, Any]:
        """A page of fills. There is no has_next: the last page has no cursor, or one for an empty page."""
        self._portfolios.check(who.account, query.get("retail_portfolio_id"))
        span = Span(query, "start_sequence_timestamp", "end_sequence_timestamp")
        mine = (fill for fill in View(self._exchange, who.account).fills(span.begin) if self._shown(fill))
        found = [fill for fill in mine if span.holds(fill.time_ms) and self._asked(fill, query)]
        found.sort(key=(lambda fill: (fill.price, fill.sequence)) if query.get("sort_by") == "PRICE" else _newest)
        found.reverse()
        limit = query.number("limit", self._switches.number("fills_default_limit"), FILLS_PAGE)
        page, cursor = _page(found, query.get("cursor"), limit)
        if page and not cursor and self._switches.on("fills_cursor_always"):
            cursor = _cursor(page[-1])
        return {"fills": [self._fill(fill, who.account) for fill in page], "cursor": cursor}

    def _shown(self, fill: Fill) -> bool:
        """Whether a fill is listed: it may appear later than the order's status implies, and one of the simple app never does."""
        if self._source(fill) != ADVANCED:
            return False
        lag_ms = self._switches.number("fills_lag_ms")
        is_late = lag_ms and fill.visible_wall_ms + lag_ms > self._exchange.clock.wall_ms()
        return not is_late and not self._lags(fill)

    def _lags(self, fill: Fill) -> bool:
        """Whether a fill is so young that neither the figures nor the list of fills show it yet."""
        return self._exchange.now - fill.time_ms < self._switches.number("figures_lag_ms")

    def _fill(self, fill: Fill, account: str) -> dict[str, Any]:
        order = self._exchange.state.orders[fill.order_id]
        in_quote = order.budget is not None and self._switches.on("quote_fills_in_quote")
        return fill_record(fill, self._portfolios.identity(account), in_quote, self._product(fill.symbol))

    def _asked(self, fill: Fill, query: Query) -> bool:
        filters = (
            (query.many("order_ids", "order_id"), {fill.order_id}),
            (query.many("trade_ids"), {trade_id(fill.id)}),
            (query.many("product_ids", "product_id"), {fill.symbol, self._product(fill.symbol)}),
        )
        return all(not asked or actual & set(asked) for asked, actual in filters)


def _newest(row: Order | Fill) -> tuple[int, int]:
    return (row.created_ms if isinstance(row, Order) else row.time_ms, row.sequence)


def _sort_key(name: str) -> Any:
    """Coinbase's sort orders of a list; each can be reversed."""
    if name == "LIMIT_PRICE":
        return lambda order: (order.price or 0, order.sequence)
    if name == "LAST_UPDATE_TIME":
        return lambda order: (changed_ms(order), *_newest(order))
    if name == "LAST_FILL_TIME":
        return lambda order: (order.tags.get("last_fill", ""), *_newest(order))
    return _newest


def _cursor(row: Order | Fill) -> str:
    return base64.b64encode(f"v1+{row.id}?".encode()).decode()


def _page(rows: list[T], cursor: str, limit: int) -> tuple[list[T], str]:
    """The rows after the cursor, and the cursor of the next page (empty at the end)."""
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
