"""Coinbase's orders: create, preview, cancel, edit.

The core trades. This module knows how a reused client id is answered, which orders can be changed and how rejections
look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from bot.sandbox.coinbase import errors
from bot.sandbox.coinbase.codes import NO_CANCEL_FAILURE, previewed
from bot.sandbox.coinbase.configurations import echoed
from bot.sandbox.coinbase.errors import OrderRefused, answer, invalid
from bot.sandbox.coinbase.ids import CoinbaseIds
from bot.sandbox.coinbase.portfolios import Portfolios
from bot.sandbox.coinbase.products import Listing
from bot.sandbox.coinbase.render import key_of, preview_record
from bot.sandbox.coinbase.tickets import TicketReader, client_id_of
from bot.sandbox.coinbase.words import decimal_of, rfc3339
from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.execution import Refused
from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.instrument import floor_to, plain
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import ZERO, Order, Origin, Reason, Side, Status, Ticket
from bot.sandbox.core.venue import Response

CREATE = "/api/v3/brokerage/orders"
REFUSALS = {Reason.INSUFFICIENT_FUNDS: "INSUFFICIENT_FUND", Reason.POST_ONLY: "INVALID_LIMIT_PRICE_POST_ONLY"}
EDITS_KEPT = 5
FAILED = "FAILED"
"""As the `body` of a rejecting fault: the order is accepted and fails afterwards."""
MONEY = Decimal("1e-8")


@dataclass(frozen=True)
class Edit:
    """An order's new price and total size."""

    order: Order
    price: Decimal
    size: Decimal


class EditRefused(Exception):
    """An edit answered with `success: false`; `preview` is the preview failure, if that is the reason."""

    def __init__(self, code: str, preview: str = "") -> None:
        super().__init__(code)
        self.row = {"edit_failure_reason": code, "preview_failure_reason": preview or errors.NO_PREVIEW_FAILURE}


class TradingEndpoints:
    """Places and changes orders. `wall_ms` is the venue's clock for `end_time`."""

    def __init__(
        self,
        exchange: Exchange,
        listing: Listing,
        switches: Switches,
        faults: Faults,
        portfolios: Portfolios,
        ids: CoinbaseIds,
        wall_ms: Callable[[], int],
    ) -> None:
        self._exchange = exchange
        self._listing = listing
        self._switches = switches
        self._faults = faults
        self._portfolios = portfolios
        self._ids = ids
        self._wall_ms = wall_ms
        self._by_client: dict[tuple[str, str], Order] = {
            (order.account, order.client_id): order
            for order in exchange.state.orders.values()
            if order.client_id is not None and order.origin is Origin.API
        }

    # ---- placing ----

    def create(self, who: Credential, body: dict[str, Any]) -> Response:
        """Places an order. A reused client id is answered with its first order, whatever else the request says."""
        client_id = client_id_of(body)
        self._portfolios.check(who.account, body.get("retail_portfolio_id"))
        try:
            known = self._known(who.account, client_id)
            order = self._place(who, body, client_id) if known is None else known
        except OrderRefused as refused:
            where = self._switches.word("refusal_code_in")
            return self.refuse(client_id, refused, body.get("order_configuration"), where)
        return answer(self._success(order, body))

    def refuse(self, client_id: str, refused: OrderRefused, configuration: object, where: str) -> Response:
        self._exchange.note_rejection(client_id)
        return errors.refusal(refused, configuration, where)

    def _known(self, account: str, client_id: str) -> Order | None:
        order = self._by_client.get((account, client_id))
        if order is None:
            return None
        age_ms = self._exchange.now - order.created_ms
        if age_ms >= self._switches.number("client_id_memory_seconds") * 1000:
            return None
        if self._switches.word("duplicate_client_id") == "refused":
            raise OrderRefused("DUPLICATE_CLIENT_ORDER_ID")
        return order

    def _place(self, who: Credential, body: dict[str, Any], client_id: str) -> Order:
        ticket = self._read(who, body)
        self._keep_real_time(ticket)
        ticket.client_id = client_id
        if ticket.close is not None:
            ticket.close.order_id = ticket.tags["attached_id"] = self._ids.order()
            ticket.close.client_id = self._child_client_id(client_id)
        self._check_cap(ticket)
        fault = self._faults.take(FaultKind.REJECT_ORDER, "POST", CREATE)
        if fault is not None and fault.body != FAILED and not self._switches.on("refused_orders_live"):
            raise OrderRefused(fault.body or "INSUFFICIENT_FUND")
        order = self._taken(ticket, fails=fault is not None and fault.body == FAILED)
        if self._switches.number("order_404_ms"):
            order.visible_wall_ms = self._exchange.clock.wall_ms() + self._switches.number("order_404_ms")
        self._by_client[who.account, client_id] = order
        if fault is not None and fault.body != FAILED:
            raise OrderRefused(fault.body or "COMMANDER_REJECTED_NEW_ORDER")
        return order

    def _child_client_id(self, parents: str) -> str | None:
        """The client id of an attached order, which the client has not named."""
        word = self._switches.word("child_client_id")
        return {"none": None, "venue": self._ids.order(), "parent": parents}[word]

    def _keep_real_time(self, ticket: Ticket) -> None:
        """Converts a time of the venue's clock, which may be wrong, to the real time that the core uses."""
        real = self._exchange.clock.wall_ms()
        ticket.tags["accepted"] = str(real)
        if ticket.expire_wall_ms is not None:
            ticket.expire_wall_ms -= self._wall_ms() - real

    def _taken(self, ticket: Ticket, *, fails: bool) -> Order:
        """Places the order in the book, or records one that is accepted for routing and fails afterwards."""
        if fails:
            return self._exchange.place_dead(ticket, Reason.INSUFFICIENT_FUNDS)
        if self._faults.take(FaultKind.PARTIAL_FILL, "POST", CREATE) is not None:
            lots = self._exchange.instruments[ticket.symbol].lots
            ticket.fill_at_most = lots(self._wanted(ticket) / 2)
        try:
            return self._exchange.place(ticket)
        except Refused as refused:
            raise OrderRefused(REFUSALS[refused.why]) from refused

    def _read(self, who: Credential, body: dict[str, Any]) -> Ticket:
        if not isinstance(body.get("product_id"), str):
            raise invalid("product_id is invalid")
        if body["product_id"] not in {product.id for product in self._listing.shown()}:
            raise OrderRefused("INVALID_PRODUCT_ID")
        return self._reader(body["product_id"]).read(body, who.account)

    def _reader(self, product_id: str) -> TicketReader:
        last = self._exchange.market.last(product_id, self._exchange.now)
        return TicketReader(self._listing.by_id[product_id], last, self._wall_ms(), self._switches)

    def _check_cap(self, ticket: Ticket) -> None:
        mine = (o for o in self._exchange.state.open.values() if o.account == ticket.account)
        if sum(order.symbol == ticket.symbol for order in mine) >= self._switches.number("open_order_cap"):
            raise OrderRefused("COMMANDER_REJECTED_NEW_ORDER", "too many open orders")

    def _wanted(self, ticket: Ticket) -> Decimal:
        """The size in base; a quote size is converted at the last price."""
        if ticket.budget is None:
            return ticket.qty
        return ticket.budget / self._exchange.market.last(ticket.symbol, self._exchange.now)

    def _success(self, order: Order, body: dict[str, Any]) -> dict[str, Any]:
        """The success response. It repeats the request's side and configuration, even if it found an older order."""
        legacy = self._switches.on("legacy_order_id")
        return {
            "success": True,
            **({"failure_reason": errors.SUCCESS, "order_id": order.id} if legacy else {}),
            "success_response": {
                "order_id": order.id,
                "product_id": body["product_id"],
                "side": body["side"],
                "client_order_id": order.client_id,
                "attached_order_id": order.tags.get("attached_id", ""),
            },
            "order_configuration": echoed(body["order_configuration"]),
        }

    # ---- previewing ----

    def preview(self, who: Credential, body: dict[str, Any]) -> dict[str, Any]:
        """What the order would cost, with every reason against it in `errs`."""
        self._portfolios.check(who.account, body.get("retail_portfolio_id"))
        try:
            ticket = self._read(who, body)
            self._exchange.check(ticket)
        except OrderRefused as refused:
            return self._previewed(None, who, [previewed(refused.code)])
        except Refused as refused:
            return self._previewed(ticket, who, [f"PREVIEW_{REFUSALS[refused.why]}"])
        return self._previewed(ticket, who, [])

    def _previewed(self, ticket: Ticket | None, who: Credential, errs: list[str]) -> dict[str, Any]:
        sizes = {} if ticket is None else self._sizes(ticket, who)
        return preview_record(sizes, errs, self._ids.order())

    def _sizes(self, ticket: Ticket, who: Credential) -> dict[str, str]:
        book = self._exchange.market.book(ticket.symbol, self._exchange.now, 1)
        bid, ask = book.bids[0][0], book.asks[0][0]
        price = ticket.price or (ask if ticket.side is Side.BUY else bid)
        rate = self._exchange.tier(who.account).taker
        cost = floor_to(ticket.qty * price if ticket.budget is None else ticket.budget / (1 + rate), MONEY)
        fee = floor_to(cost * rate, MONEY) if ticket.budget is None else ticket.budget - cost
        return {
            "order_total": plain(cost + fee if ticket.side is Side.BUY else cost - fee),
            "commission_total": plain(fee),
            "quote_size": plain(cost),
            "base_size": plain(floor_to(cost / price, MONEY)),
            "best_bid": plain(bid),
            "best_ask": plain(ask),
        }

    # ---- cancelling ----

    def cancel(self, who: Credential, body: dict[str, Any]) -> dict[str, Any]:
        """Cancels orders. Success means that the request was accepted: the order works until the cancel takes effect."""
        wanted = body.get("order_ids")
        if not isinstance(wanted, list) or not wanted:
            raise invalid("order_ids is required")
        return {"results": [self._cancel(who, str(order_id)) for order_id in wanted]}

    def _cancel(self, who: Credential, order_id: str) -> dict[str, Any]:
        order = self._mine(who, order_id)
        failure = _cancel_failure(order) or self._switches.word("cancel_refused") or None
        if order is not None and failure is None:
            delay_ms = self._switches.number("cancel_ms")
            if delay_ms:
                self._exchange.cancel_later(order, self._exchange.clock.wall_ms() + delay_ms)
            else:
                self._exchange.cancel(order)
        return {"success": failure is None, "failure_reason": failure or NO_CANCEL_FAILURE, "order_id": order_id}

    def _mine(self, who: Credential, order_id: str) -> Order | None:
        order = self._exchange.state.orders.get(order_id)
        return order if order is not None and order.account == who.account else None

    # ---- editing ----

    def edit(self, who: Credential, body: dict[str, Any]) -> dict[str, Any]:
        """Changes price and size of an open GTC limit order; its id stays."""
        try:
            edit = self._edit(who, body)
            self._exchange.amend(edit.order, qty=edit.size, price=edit.price)
        except EditRefused as refused:
            return {"success": False, "errors": [refused.row]}
        except Refused as refused:
            row = EditRefused("UNKNOWN_EDIT_ORDER_FAILURE_REASON", f"PREVIEW_{REFUSALS[refused.why]}").row
            return {"success": False, "errors": [row]}
        self._note_edit(edit)
        return {"success": True, "errors": []}

    def edit_preview(self, who: Credential, body: dict[str, Any]) -> dict[str, Any]:
        empty = dict.fromkeys(
            (
                "slippage",
                "order_total",
                "commission_total",
                "quote_size",
                "base_size",
                "best_bid",
                "average_filled_price",
            ),
            "",
        )
        try:
            edit = self._edit(who, body)
        except EditRefused as refused:
            return {"errors": [refused.row], **empty}
        ticket = Ticket(who.account, edit.order.symbol, edit.order.side, edit.order.kind, edit.size, price=edit.price)
        sizes = self._sizes(ticket, who)
        del sizes["best_ask"]
        return {"errors": [], **empty, **sizes}

    def _edit(self, who: Credential, body: dict[str, Any]) -> Edit:
        order = self._mine(who, str(body.get("order_id", "")))
        if order is None:
            raise EditRefused("ORDER_NOT_FOUND")
        if key_of(order) != "limit_limit_gtc":
            raise EditRefused("ONLY_LIMIT_ORDER_EDITS_SUPPORTED")
        if not order.working or order.cancel_wall_ms is not None:
            raise EditRefused("ONLY_OPEN_ORDERS_CAN_BE_EDITED")
        price = decimal_of(body["price"], "price") if body.get("price") else ZERO
        size = decimal_of(body["size"], "size") if body.get("size") else ZERO
        return self._checked(Edit(order, price, size))

    def _checked(self, edit: Edit) -> Edit:
        reader, order = self._reader(edit.order.symbol), edit.order
        if edit.price == ZERO:
            raise EditRefused("INVALID_EDITED_PRICE")
        if edit.size == ZERO:
            raise EditRefused("INVALID_EDITED_SIZE")
        if edit.size <= order.filled:
            raise EditRefused("CANNOT_EDIT_TO_BELOW_FILLED_SIZE")
        if (edit.price, edit.size) == (order.price, order.qty):
            raise EditRefused("EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST")
        try:
            reader.check_price(edit.price)
            reader.check_band(edit.price, order.side)
        except OrderRefused as refused:
            raise EditRefused("INVALID_EDITED_PRICE", previewed(refused.code)) from refused
        try:
            reader.check_size(edit.size, edit.price)
        except OrderRefused as refused:
            raise EditRefused("INVALID_EDITED_SIZE", previewed(refused.code)) from refused
        return edit

    def _note_edit(self, edit: Edit) -> None:
        row = {
            "price": plain(edit.price),
            "size": plain(edit.size),
            "replace_accept_timestamp": rfc3339(self._exchange.now),
        }
        edits = [*orjson.loads(edit.order.tags.get("edits", "[]")), row]
        edit.order.tags["edits"] = orjson.dumps(edits[-EDITS_KEPT:]).decode()
        self._exchange.state.note_order(edit.order, "amend")


def _cancel_failure(order: Order | None) -> str | None:
    """Why a cancel is rejected; None if it is accepted."""
    if order is None:
        return "UNKNOWN_CANCEL_ORDER"
    if order.status is Status.FILLED:
        return "ORDER_IS_FULLY_FILLED"
    if not order.working:
        return "UNKNOWN_CANCEL_ORDER"
    return None if order.cancel_wall_ms is None else "DUPLICATE_CANCEL_REQUEST"
