"""An account's orders, order history and fills, for as long as OKX keeps them. Read-only.

A cancelled order without fills is kept for 2 hours, all others for 7 days (in the archive, 3 months). Fills are kept
for 3 days in one list and for 3 months in the other. All of this is market time.
"""

from __future__ import annotations

from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import ZERO, Fill, Order, Origin, Status
from bot.sandbox.core.views import View
from bot.sandbox.okx.errors import OkxError, Row, bad
from bot.sandbox.okx.ids import bill_id
from bot.sandbox.okx.listing import Listing
from bot.sandbox.okx.pages import between, page
from bot.sandbox.okx.public import KINDS
from bot.sandbox.okx.render import fill_row, is_algo, odd, order_row, order_state, order_type, updated_ms
from bot.sandbox.okx.words import Words

HOUR_MS = 3_600_000
UNFILLED_MS = 2 * HOUR_MS
HISTORY_MS = 7 * 24 * HOUR_MS
FILLS_MS = 3 * 24 * HOUR_MS
ARCHIVE_MS = 90 * 24 * HOUR_MS
#: The figures of an order without fills.
NO_FILLS = {"accFillSz": "0", "avgPx": "", "fee": "0", "fillPx": "", "fillSz": "0", "fillTime": "", "tradeId": ""}
ENDED = ("canceled", "filled", "mmp_canceled")


class Books:
    """Answers requests about orders and fills."""

    def __init__(self, exchange: Exchange, listing: Listing, switches: Switches) -> None:
        self._exchange = exchange
        self._listing = listing
        self._switches = switches

    def order(self, who: Credential, words: Words) -> list[Row]:
        """One order by ordId, or else the newest with the clOrdId."""
        listed = self._listing.find(words.need("instId"))
        if "ordId" not in words and "clOrdId" not in words:
            raise OkxError("51003")
        view = View(self._exchange, who.account)
        named = view.order(words["ordId"]) if "ordId" in words else None
        for order in [named] if named is not None else reversed(view.orders()):
            meant = order.id == words["ordId"] if "ordId" in words else order.client_id == words["clOrdId"]
            if meant and order.symbol == listed.symbol and not is_algo(order) and self._remembered(order, ARCHIVE_MS):
                return [self._row(view, order)]
        raise OkxError("51603")

    def pending(self, who: Credential, words: Words) -> list[Row]:
        view = View(self._exchange, who.account)
        state = words.one_of("state", ("", "live", "partially_filled"), "")
        chosen = [o for o in view.open_orders() if self._asked(o, words) and state in {"", order_state(o)}]
        return self._page(view, chosen, words)

    def history(self, who: Credential, words: Words) -> list[Row]:
        return self._ended(who, words, HISTORY_MS)

    def archive(self, who: Credential, words: Words) -> list[Row]:
        """The archive; it never contains cancelled orders without fills."""
        return self._ended(who, words, ARCHIVE_MS)

    def fills(self, who: Credential, words: Words) -> list[Row]:
        return self._fills(who, words, FILLS_MS)

    def fills_history(self, who: Credential, words: Words) -> list[Row]:
        words.one_of("instType", KINDS)
        return self._fills(who, words, ARCHIVE_MS)

    def _ended(self, who: Credential, words: Words, memory_ms: int) -> list[Row]:
        words.one_of("instType", KINDS)
        state = words.one_of("state", ("", *ENDED), "")
        view = View(self._exchange, who.account)
        chosen = [
            order
            for order in view.orders()
            if not order.working
            and self._asked(order, words)
            and self._remembered(order, memory_ms)
            and (memory_ms == HISTORY_MS or order.filled > ZERO)
            and state in {"", order_state(order)}
            and between(order.created_ms, words)
        ]
        return self._page(view, chosen, words)

    def _fills(self, who: Credential, words: Words, memory_ms: int) -> list[Row]:
        view, oldest = View(self._exchange, who.account), self._exchange.now - memory_ms
        chosen = [
            fill
            for fill in reversed(view.fills(max(oldest, words.integer("begin") or 0)))
            if between(fill.time_ms, words)
            and not self._lags(fill)
            and words.get("instId", fill.symbol) == fill.symbol
            and words.get("ordId", fill.order_id) == fill.order_id
            and words.get("instType", "") in {"", self._listing.by_symbol[fill.symbol].kind}
        ]
        return [self._fill(fill) for fill in page(chosen, lambda fill: int(bill_id(fill)), words)]

    def _fill(self, fill: Fill) -> Row:
        order = self._exchange.state.orders[fill.order_id]
        row = fill_row(self._listing.by_symbol[fill.symbol], fill, order)
        return row | odd(row, fill.sequence) if self._is_odd(order) else row

    def _page(self, view: View, orders: list[Order], words: Words) -> list[Row]:
        newest_first = sorted(orders, key=lambda order: int(order.id), reverse=True)
        return [self._row(view, order) for order in page(newest_first, lambda order: int(order.id), words)]

    def _row(self, view: View, order: Order) -> Row:
        parent = self._exchange.state.orders.get(order.parent_id or "")
        algo_client_id = parent.client_id or "" if parent and order.origin is Origin.TRIGGERED else ""
        fills = view.fills_of(order)
        row = order_row(self._listing.by_symbol[order.symbol], order, fills, algo_client_id)
        if self._is_odd(order):
            row |= odd(row, order.sequence)
        return row | NO_FILLS if fills and self._lags(fills[-1]) else row

    def _is_odd(self, order: Order) -> bool:
        """Whether an order's rows are odd: one made by hand, so without a client id and without a parent."""
        by_hand = order.client_id is None and order.parent_id is None
        return by_hand and self._switches.on("odd_foreign_rows")

    def _lags(self, fill: Fill) -> bool:
        """Whether a fill is so young that the figures do not show it yet."""
        return self._exchange.now - fill.time_ms < self._switches.number("figures_lag_ms")

    def _asked(self, order: Order, words: Words) -> bool:
        """Whether an order is a normal one, of the kind that the request names."""
        listed = self._listing.by_symbol[order.symbol]
        kind = words.get("instType", "")
        if kind and kind not in KINDS:
            raise bad("instType")
        types = words.names("ordType")
        return (
            not is_algo(order)
            and kind in {"", listed.kind}
            and words.get("instId", order.symbol) == order.symbol
            and words.get("instFamily", listed.family) == listed.family
            and (not types or order_type(order) in types)
        )

    def _remembered(self, order: Order, memory_ms: int) -> bool:
        age = self._exchange.now - updated_ms(order)
        if order.working:
            return True
        unfilled = order.status is not Status.FILLED and order.filled == ZERO
        return age <= (UNFILLED_MS if unfilled else memory_ms)
