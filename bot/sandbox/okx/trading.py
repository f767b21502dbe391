"""OKX's orders: place, amend and cancel (single or batch), close a position, and the dead man's switch.

The core makes the changes. This module knows OKX's rules about what may be changed and how each row answers.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.execution import Refused
from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.instrument import is_multiple
from bot.sandbox.core.making import order_of
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import ZERO, Kind, Order, Reason, Status, Ticket
from bot.sandbox.okx.errors import INSUFFICIENT, OkxError, Row, bad, refused, row_of
from bot.sandbox.okx.legs import on_tick
from bot.sandbox.okx.listing import Listing
from bot.sandbox.okx.render import is_algo
from bot.sandbox.okx.tickets import TicketReader
from bot.sandbox.okx.words import Words

PATH = "/api/v5/trade/"
MAX_BATCH = 20
DEAD_MAN_S = range(10, 121)
REFUSALS = {Reason.INSUFFICIENT_FUNDS: INSUFFICIENT, Reason.REDUCE_ONLY: "51169"}


class TradingEndpoints:
    """Places and changes normal orders. `wall_ms` is the venue's clock."""

    def __init__(
        self,
        exchange: Exchange,
        listing: Listing,
        tickets: TicketReader,
        switches: Switches,
        faults: Faults,
        wall_ms: Callable[[], int],
    ) -> None:
        self._exchange = exchange
        self._listing = listing
        self._tickets = tickets
        self._switches = switches
        self._faults = faults
        self._wall_ms = wall_ms
        self._dead_man: dict[tuple[str, str], int] = {}

    # ---- placing ----

    def place(self, who: Credential, items: list[Words]) -> list[Row]:
        """Places orders, one row each; a rejected one does not stop the others."""
        return self._each(items, lambda words: self._place_one(who, words))

    def precheck(self, who: Credential, words: Words) -> list[Row]:
        """Checks whether an order would be accepted (not in spot mode); changes nothing."""
        self._tickets.check_precheck(who.account)
        ticket = self._tickets.read(words, who.account)
        self._would_take(ticket)
        blank = ("adjEq", "adjEqChg", "availBal", "availBalChg", "imr", "imrChg", "liab", "liabChg", "liabChgCcy",
                 "liqPx", "liqPxDiff", "liqPxDiffRatio", "mgnRatio", "mgnRatioChg", "mmr", "mmrChg", "posBal",
                 "posBalChg", "type")  # fmt: skip
        return [dict.fromkeys(blank, "")]

    def close_position(self, who: Credential, words: Words) -> list[Row]:
        """Closes a position with a market order of its full size; the response has no order id."""
        listed = self._tickets.listed(words)
        mode = words.one_of("mgnMode", ("cross", "isolated"))
        order = Words({"instId": listed.symbol, "tdMode": mode, "ordType": "market", "sz": "1", "side": "buy"})
        if "posSide" in words:
            order["posSide"] = words["posSide"]
        position = self._exchange.positions.find(
            who.account, listed.symbol, self._tickets.leg(order, who.account), mode == "isolated"
        )
        if position is None:
            raise OkxError("51023")
        closing = self._pending_closers(who, listed.symbol)
        if closing and not words.flag("autoCxl"):
            raise OkxError("51115")
        for pending in closing:
            self._exchange.cancel(pending)
        order.update(side=position.closing_side.value, sz=listed.size(abs(position.qty)))
        if not self._tickets.portfolio(who.account):
            order["reduceOnly"] = "true"
        order.update({name: words[name] for name in ("clOrdId", "tag") if name in words})
        row = self._place_one(who, order)
        return [{"instId": listed.symbol, "posSide": words.get("posSide", "net"), "clOrdId": row["clOrdId"],
                 "tag": row["tag"]}]  # fmt: skip

    def _pending_closers(self, who: Credential, symbol: str) -> list[Order]:
        return [o for o in self._mine(who) if o.symbol == symbol and o.reduce_only and not is_algo(o)]

    def _place_one(self, who: Credential, words: Words) -> Row:
        ticket = self._checked(who, words)
        fault = self._faults.take(FaultKind.REJECT_ORDER, "POST", f"{PATH}order")
        if fault is not None:
            raise _armed(fault.body)
        if self._faults.take(FaultKind.PARTIAL_FILL, "POST", f"{PATH}order") is not None:
            instrument = self._exchange.instruments[ticket.symbol]
            last = self._exchange.market.last(ticket.symbol, self._exchange.now)
            ticket.fill_at_most = instrument.lots((ticket.qty or (ticket.budget or ZERO) / last) / 2)
        order = self._take(ticket)
        return self._placed(order.id, words)

    def _checked(self, who: Credential, words: Words) -> Ticket:
        ticket = self._tickets.read(words, who.account)
        mine = self._mine(who)
        known = self._exchange.state.orders.values() if self._switches.on("client_id_unique_forever") else mine
        if ticket.client_id and any(o.client_id == ticket.client_id and o.account == who.account for o in known):
            raise OkxError("51016")
        plain_orders = [order for order in mine if not is_algo(order)]
        if len(plain_orders) >= self._switches.number("orders_per_account"):
            raise OkxError("51102")
        most = self._switches.number("orders_per_instrument")
        if sum(order.symbol == ticket.symbol for order in plain_orders) >= most:
            raise refused("51174", ticket.symbol, most)
        return ticket

    def _take(self, ticket: Ticket) -> Order:
        """A post-only order that would take liquidity is accepted and cancelled, not rejected."""
        try:
            return self._exchange.place(ticket)
        except Refused as no:
            if no.why is Reason.POST_ONLY:
                return self._exchange.place_dead(ticket, Reason.POST_ONLY)
            raise self._refusal(ticket, no) from no

    def _would_take(self, ticket: Ticket) -> None:
        try:
            self._exchange.check(ticket)
        except Refused as no:
            if no.why is not Reason.POST_ONLY:
                raise self._refusal(ticket, no) from no

    def _refusal(self, ticket: Ticket, no: Refused) -> OkxError:
        if no.why is Reason.REDUCE_ONLY:
            position = self._exchange.positions.met_by(order_of(ticket, "", 0, 0))
            return OkxError("51169" if position is None or position.closing_side is not ticket.side else "51112")
        asset = self._exchange.paying_asset(ticket)
        free = self._exchange.account(ticket).free(asset)
        if ticket.budget is not None:
            return OkxError("51131" if free > ZERO else "51127")
        if ticket.leverage is not None:
            return OkxError(INSUFFICIENT, f"Order failed. Insufficient {asset} margin in account", subcode="1001")
        return refused(INSUFFICIENT, asset)

    def _placed(self, order_id: str, words: Words) -> Row:
        return {
            "clOrdId": words.get("clOrdId", ""),
            "ordId": order_id,
            "sCode": "0",
            "sMsg": "Order placed" if order_id else "",
            "subCode": "",
            "tag": words.get("tag", ""),
            "ts": str(self._exchange.now),
        }

    # ---- changing ----

    def amend(self, who: Credential, items: list[Words]) -> list[Row]:
        return self._each(items, lambda words: self._amend_one(who, words))

    def _amend_one(self, who: Credential, words: Words) -> Row:
        """Amends total size or price in place; with `cxlOnFail` the order is cancelled if that fails."""
        order = self._found(who, words, gone=("51503", "51509", "51510"))
        try:
            self._change(order, words)
        except OkxError:
            if words.flag("cxlOnFail"):
                self._exchange.cancel(order)
            raise
        row = self._placed(order.id, words)
        return {**row, "clOrdId": order.client_id or "", "reqId": words.get("reqId", ""), "sMsg": ""}

    def _change(self, order: Order, words: Words) -> None:
        if order.kind is Kind.MARKET:
            raise OkxError("51506")
        listed = self._listing.by_symbol[order.symbol]
        size, price = words.amount("newSz"), on_tick(words, "newPx", listed.tick)
        if size is None and price is None:
            raise refused("50015", "newSz", "newPx")
        if size is not None and not is_multiple(size, listed.lot):
            raise OkxError("51121")
        if size is not None and size < listed.min_size:
            raise OkxError("51020")
        self._exchange_amend(order, None if size is None else listed.qty(size), price)

    def _exchange_amend(self, order: Order, qty: Decimal | None, price: Decimal | None) -> None:
        try:
            self._exchange.amend(order, qty=qty, price=price)
        except Refused as no:
            raise OkxError("51511" if no.why is Reason.POST_ONLY else "51502") from no

    # ---- cancelling ----

    def cancel(self, who: Credential, items: list[Words]) -> list[Row]:
        return self._each(items, lambda words: self._cancel_one(who, words))

    def _cancel_one(self, who: Credential, words: Words) -> Row:
        order = self._found(who, words, gone=("51400", "51400", "51400"))
        self._exchange.cancel(order)
        row = self._placed(order.id, words)
        del row["tag"]
        return {**row, "clOrdId": order.client_id or "", "sMsg": ""}

    def cancel_all_after(self, who: Credential, words: Words) -> list[Row]:
        """Arms the switch of a tag (0 disarms it); it runs on the wall clock and does not affect algo orders."""
        words.need("timeOut")
        timeout, tag = words.integer("timeOut") or 0, words.get("tag", "")
        if timeout and timeout not in DEAD_MAN_S:
            raise bad("timeOut")
        now = self._wall_ms()
        self._dead_man.pop((who.account, tag), None)
        if timeout:
            self._dead_man[who.account, tag] = now + timeout * 1000
        return [{"triggerTime": str(now + timeout * 1000) if timeout else "0", "tag": tag, "ts": str(now)}]

    def watch_dead_men(self) -> None:
        """Cancels the orders of switches that were not refreshed in time."""
        now = self._wall_ms()
        for account, tag in [key for key, moment in self._dead_man.items() if moment <= now]:
            del self._dead_man[account, tag]
            for order in list(self._exchange.state.open.values()):
                spared = is_algo(order) and not self._switches.on("cancel_after_covers_algos")
                if order.account == account and not spared and (not tag or order.tags.get("tag") == tag):
                    self._exchange.cancel(order, Reason.DEAD_MAN)

    # ---- parts ----

    def _each(self, items: list[Words], act: Callable[[Words], Row]) -> list[Row]:
        """Handles one item after the other; an error becomes the item's row."""
        if len(items) > MAX_BATCH:
            raise refused("51111", MAX_BATCH)
        rows = []
        for words in items:
            try:
                rows.append(act(words))
            except OkxError as error:
                if error.code == "50014" and len(items) == 1:
                    raise
                ids = {"clOrdId": words.get("clOrdId", ""), "ordId": words.get("ordId", "")}
                rows.append(row_of(error, **ids, tag=words.get("tag", ""), ts=str(self._exchange.now)))
        return rows

    def _mine(self, who: Credential) -> list[Order]:
        return [order for order in self._exchange.state.open.values() if order.account == who.account]

    def _found(self, who: Credential, words: Words, gone: tuple[str, str, str]) -> Order:
        """The working order of a request; `gone` has the codes for unknown, cancelled and filled ones."""
        listed = self._listing.find(words.need("instId"))
        order = self.find(who, words, listed.symbol)
        if order is None or order.symbol != listed.symbol:
            raise OkxError(gone[0])
        if not order.working:
            raise OkxError(gone[2] if order.status is Status.FILLED else gone[1])
        return order

    def find(self, who: Credential, words: Words, symbol: str) -> Order | None:
        """The order by ordId, or else the newest with the clOrdId."""
        orders = self._exchange.state.orders
        if "ordId" in words:
            order = orders.get(words["ordId"])
            return None if order is None or is_algo(order) or order.account != who.account else order
        if "clOrdId" not in words:
            raise OkxError("51003")
        wanted = words["clOrdId"]
        return next(
            (
                order
                for order in reversed(orders.values())
                if order.client_id == wanted
                and order.account == who.account
                and order.symbol == symbol
                and not is_algo(order)
            ),
            None,
        )


def _armed(body: str | None) -> OkxError:
    """The error that a fault requests: a code, by default the one for insufficient funds."""
    code = body or INSUFFICIENT
    return refused(code, "USDT") if code == INSUFFICIENT else OkxError(code)
