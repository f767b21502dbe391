"""Kraken's orders: add, batch, amend, edit, cancel, and the dead man's switch.

The core makes the changes. This module knows Kraken's rules about what may be changed and how it answers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.execution import Refused
from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.instrument import is_multiple
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import CONDITIONAL, Kind, Order, Reason, Side, Ticket
from bot.sandbox.kraken import errors, render
from bot.sandbox.kraken.earn import AutoEarn
from bot.sandbox.kraken.errors import KrakenError, invalid
from bot.sandbox.kraken.limits import AMEND, CANCEL, EDIT, Limits, age_cost
from bot.sandbox.kraken.pairs import Listing, Pair
from bot.sandbox.kraken.residence import check_agreement, check_market
from bot.sandbox.kraken.tickets import TicketReader, check_volume, deadline_ms
from bot.sandbox.kraken.words import Words

BATCH = range(2, 16)
MAX_BATCH_CANCEL = 50
MAX_DEAD_MAN_S = 86_400
REFUSALS = {Reason.INSUFFICIENT_FUNDS: errors.INSUFFICIENT_FUNDS, Reason.POST_ONLY: errors.POST_ONLY}
PATH = "/0/private/"


class TradingEndpoints:
    """Places and changes orders. `wall_ms` is the venue's clock for deadlines."""

    def __init__(
        self,
        exchange: Exchange,
        listing: Listing,
        switches: Switches,
        faults: Faults,
        limits: Limits,
        earn: AutoEarn,
        wall_ms: Callable[[], int],
    ) -> None:
        self._exchange = exchange
        self._listing = listing
        self._switches = switches
        self._faults = faults
        self._limits = limits
        self._earn = earn
        self._wall_ms = wall_ms
        self._dead_man: dict[str, int] = {}

    # ---- placing ----

    def add_order(self, who: Credential, words: Words) -> dict[str, Any]:
        pair = self._listing.find(words.need("pair"))
        self._limits.charge_engine(who.account, pair.symbol, Decimal(1))
        ticket = self._read(who, words, pair)
        check_agreement(self._switches, words, words.get("trading_agreement", ""))
        self._check_deadline(words)
        if self._is_dry(words):
            self._would_take(ticket)
            return {"descr": _descr(ticket)}
        return {"descr": _descr(ticket), "txid": [self._place(ticket, "AddOrder").id]}

    def add_order_batch(self, who: Credential, words: Words) -> dict[str, Any]:
        """Places a batch. All orders are checked before the first is placed; funds are checked one by one."""
        pair = self._listing.find(words.need("pair"))
        orders = words.orders()
        if len(orders) not in BATCH:
            raise invalid("orders")
        self._limits.charge_engine(who.account, pair.symbol, 1 + Decimal(len(orders)) / 2)
        tickets = [self._read(who, order, pair) for order in orders]
        for order in orders:
            check_agreement(self._switches, order, words.get("trading_agreement", ""))
        self._check_deadline(words)
        if self._is_dry(words):
            return {"orders": [{"descr": _descr(ticket)} for ticket in tickets]}
        return {"orders": [self._place_one(ticket) for ticket in tickets]}

    def _place_one(self, ticket: Ticket) -> dict[str, Any]:
        try:
            return {"descr": _descr(ticket), "txid": self._place(ticket, "AddOrderBatch").id}
        except KrakenError as error:
            return {"error": error.text}

    def _read(self, who: Credential, words: Words, pair: Pair) -> Ticket:
        check_market(self._switches, pair)
        ticket = self._reader(pair).read(words, who.account)
        mine = [order for order in self._exchange.state.open.values() if order.account == who.account]
        if ticket.client_id is not None and any(order.client_id == ticket.client_id for order in mine):
            raise invalid("cl_ord_id is in use")
        if sum(order.symbol == pair.symbol for order in mine) >= self._switches.number("order_cap_per_pair"):
            raise KrakenError(errors.ORDERS_LIMIT)
        return ticket

    def _reader(self, pair: Pair) -> TicketReader:
        now = self._exchange.now
        return TicketReader(pair, self._exchange.market.last(pair.symbol, now), now, self._switches)

    def _would_take(self, ticket: Ticket) -> None:
        self._draw(ticket)
        try:
            self._exchange.check(ticket)
        except Refused as refused:
            raise KrakenError(REFUSALS[refused.why]) from refused

    def _draw(self, ticket: Ticket) -> None:
        if ticket.side is Side.SELL:
            self._earn.draw(ticket.account, self._listing.by_symbol[ticket.symbol].base.name)

    def _place(self, ticket: Ticket, method: str) -> Order:
        self._draw(ticket)
        fault = self._faults.take(FaultKind.REJECT_ORDER, "POST", PATH + method)
        if fault is not None:
            raise KrakenError(fault.body or errors.INSUFFICIENT_FUNDS)
        if self._faults.take(FaultKind.PARTIAL_FILL, "POST", PATH + method) is not None:
            lots = self._exchange.instruments[ticket.symbol].lots
            ticket.fill_at_most = lots((ticket.qty or ticket.budget or Decimal(0)) / 2)
        try:
            return self._exchange.place(ticket)
        except Refused as refused:
            if refused.why is Reason.POST_ONLY and not self._switches.on("post_only_rejects"):
                return self._exchange.place_dead(ticket, Reason.POST_ONLY)
            raise KrakenError(REFUSALS[refused.why]) from refused

    def _is_dry(self, words: Words) -> bool:
        """Whether `validate` requests a check only. In the past, any value did."""
        if self._switches.on("validate_any_is_true"):
            return "validate" in words
        return words.flag("validate")

    def _check_deadline(self, words: Words) -> None:
        deadline = deadline_ms(words.get("deadline", ""), self._wall_ms())
        if deadline is not None and self._wall_ms() > deadline:
            raise KrakenError(errors.DEADLINE_ELAPSED)

    # ---- changing ----

    def amend_order(self, who: Credential, words: Words) -> dict[str, Any]:
        """Amends price or total volume in place; the id stays."""
        order = self._one(who, words)
        pair = self._listing.by_symbol[order.symbol]
        self._charge_change(order, 1, AMEND)
        self._check_deadline(words)
        qty = words.number("order_qty")
        if qty is not None:
            check_volume(qty, "order_qty")
            if not is_multiple(qty, pair.lot):
                raise invalid("order_qty")
        reader = self._reader(pair)
        price = reader.price_of(words["limit_price"], order.side, "limit_price") if words.get("limit_price") else None
        trigger = (
            reader.price_of(words["trigger_price"], order.side, "trigger_price") if words.get("trigger_price") else None
        )
        _check_amendable(order, price, trigger)
        post_only = True if words.flag("post_only") else None
        if not _changes(order, qty, price, trigger, post_only):
            if self._switches.on("amend_without_change_is_error"):
                raise KrakenError(errors.NOTHING_TO_AMEND)
            return {"amend_id": ""}
        if qty is not None and qty > order.filled:
            reader.check_size(qty, price or order.price or trigger or order.trigger or Decimal(0))
        if not self._switches.on("amends_without_effect"):
            self._amend(order, pair, qty, price, trigger, post_only)
        return {"amend_id": self._exchange.new_id()}

    def _amend(
        self,
        order: Order,
        pair: Pair,
        qty: Decimal | None,
        price: Decimal | None,
        trigger: Decimal | None,
        post_only: bool | None,
    ) -> None:
        try:
            self._exchange.amend(order, qty=qty, price=price, trigger=trigger, post_only=post_only)
        except Refused as refused:
            raise KrakenError(REFUSALS[refused.why]) from refused
        first = order.trigger if order.kind in CONDITIONAL else order.price
        if first is not None and order.trail is None:
            order.tags["price"] = pair.price(first)
        if order.kind in CONDITIONAL and order.price is not None and order.limit_offset is None:
            order.tags["price2"] = pair.price(order.price)
        shown = (order.tags.get("price", "0"), order.tags.get("price2", "0"))
        order.tags["text"] = render.order_text(order.side.value, order.qty, pair, render.ORDERTYPES[order.kind], *shown)
        self._exchange.state.note_order(order, "amend")

    def edit_order(self, who: Credential, words: Words) -> dict[str, Any]:
        """The older EditOrder: cancels and places a new order under a new id; fills stay with the old order."""
        pair = self._listing.find(words.need("pair"))
        order = self._only(self._by_txid_or_userref(who, words.need("txid")))
        if order.triggered_ms is not None or order.close is not None or order.client_id is not None:
            raise KrakenError(errors.INVALID_ORDER)
        volume = words.number("volume") or order.qty
        if volume < order.filled:
            raise KrakenError(errors.INVALID_ORDER)
        self._charge_change(order, 1, EDIT)
        self._check_deadline(words)
        ticket = self._read(who, _edited(words, order, volume - order.filled), pair)
        if self._is_dry(words):
            return {"descr": _descr(ticket), "status": "ok", "originaltxid": order.id}
        self._exchange.cancel(order, Reason.REPLACED)
        fresh = self._place(ticket, "EditOrder")
        answer = {
            "status": "ok",
            "txid": fresh.id,
            "originaltxid": order.id,
            "orders_cancelled": 1,
            "volume": f"{fresh.qty:.8f}",
            "descr": _descr(ticket),
        }
        shown = {name: ticket.tags[name] for name in ("price", "price2") if ticket.tags.get(name, "0") != "0"}
        refs = {"newuserref": words["userref"]} if words.get("userref") else {}
        old = {"olduserref": order.tags["userref"]} if "userref" in order.tags else {}
        return {**answer, **shown, **refs, **old}

    # ---- cancelling ----

    def cancel_order(self, who: Credential, words: Words) -> dict[str, Any]:
        found = (
            self._by_client_id(who, words["cl_ord_id"])
            if words.get("cl_ord_id")
            else self._by_txid_or_userref(who, words.need("txid"))
        )
        if not found:
            raise KrakenError(errors.UNKNOWN_ORDER)
        return {"count": self._cancel(found, Reason.USER)}

    def cancel_order_batch(self, who: Credential, words: Words) -> dict[str, Any]:
        asked, clients = words.texts("orders"), words.texts("cl_ord_ids")
        if not 1 <= len(asked) + len(clients) <= MAX_BATCH_CANCEL:
            raise invalid("orders")
        found = [order for text in asked for order in self._by_txid_or_userref(who, text)]
        found += [order for text in clients for order in self._by_client_id(who, text)]
        return {"count": self._cancel(found, Reason.USER)}

    def cancel_all(self, who: Credential, _: Words) -> dict[str, Any]:
        mine = [order for order in self._exchange.state.open.values() if order.account == who.account]
        for order in mine:
            self._exchange.cancel(order)
        return {"count": len(mine)}

    def cancel_all_after(self, who: Credential, words: Words) -> dict[str, Any]:
        """Arms the account's dead man's switch (0 disarms it); it runs on the wall clock."""
        timeout = words.integer("timeout", -1)
        if not 0 <= timeout <= MAX_DEAD_MAN_S:
            raise invalid("timeout")
        now = self._wall_ms()
        self._dead_man.pop(who.account, None)
        if timeout:
            self._dead_man[who.account] = now + timeout * 1000
        return {"currentTime": _rfc3339(now), "triggerTime": _rfc3339(now + timeout * 1000) if timeout else "0"}

    def watch_dead_men(self) -> None:
        """Cancels all orders of accounts whose switch was not refreshed in time."""
        now = self._wall_ms()
        for account in [name for name, moment in self._dead_man.items() if moment <= now]:
            del self._dead_man[account]
            for order in [o for o in self._exchange.state.open.values() if o.account == account]:
                self._exchange.cancel(order, Reason.DEAD_MAN)

    # ---- finding ----

    def _one(self, who: Credential, words: Words) -> Order:
        if bool(words.get("txid")) == bool(words.get("cl_ord_id")):
            raise invalid("txid or cl_ord_id")
        if words.get("cl_ord_id"):
            return self._only(self._by_client_id(who, words["cl_ord_id"]))
        order = self._exchange.state.open.get(words["txid"])
        return self._only([order] if order is not None and order.account == who.account else [])

    def _only(self, found: list[Order]) -> Order:
        if not found:
            raise KrakenError(errors.UNKNOWN_ORDER)
        if len(found) > 1:
            raise KrakenError(errors.INVALID_ORDER)
        return found[0]

    def _by_txid_or_userref(self, who: Credential, text: str) -> list[Order]:
        mine = [order for order in self._exchange.state.open.values() if order.account == who.account]
        return [o for o in mine if o.id == text or (text != "0" and o.tags.get("userref") == text)]

    def _by_client_id(self, who: Credential, text: str) -> list[Order]:
        mine = self._exchange.state.open.values()
        return [order for order in mine if order.account == who.account and order.client_id == text]

    def _cancel(self, orders: list[Order], reason: Reason) -> int:
        unique = {order.id: order for order in orders}
        for order in unique.values():
            self._charge_change(order, 0, CANCEL)
        for order in unique.values():
            self._exchange.cancel(order, reason)
        return len(unique)

    def _charge_change(self, order: Order, fixed: int, table: tuple[tuple[int, int], ...]) -> None:
        age = self._exchange.now - max(order.created_ms, order.amended_ms or 0)
        self._limits.charge_engine(order.account, order.symbol, Decimal(fixed + age_cost(table, age)))


def _descr(ticket: Ticket) -> dict[str, str]:
    close = {"close": ticket.tags["close"]} if "close" in ticket.tags else {}
    return {"order": ticket.tags["text"], **close}


def _changes(
    order: Order, qty: Decimal | None, price: Decimal | None, trigger: Decimal | None, post_only: bool | None
) -> bool:
    """Whether an amend would change anything."""
    asked = ((qty, order.qty), (price, order.price), (trigger, order.trigger), (post_only, order.post_only))
    return any(new is not None and new != old for new, old in asked)


def _check_amendable(order: Order, price: Decimal | None, trigger: Decimal | None) -> None:
    """Checks the amend: a price needs a limit order, a trigger price an order that has not triggered."""
    if price is not None and order.price is None:
        raise invalid("limit_price")
    if trigger is not None and not order.waiting:
        raise invalid("trigger_price")
    if order.kind is Kind.MARKET:
        raise KrakenError(errors.INVALID_ORDER)


def _edited(words: Words, order: Order, volume: Decimal) -> Words:
    """The replacement order's parameters; the old order's where the edit names none."""
    flags = order.tags.get("oflags", "fciq").split(",")
    if "post" in words.get("oflags", "") and "post" not in flags:
        flags.append("post")
    fresh = Words(
        type=order.side.value,
        ordertype=render.ORDERTYPES[order.kind],
        volume=f"{volume:f}",
        price=words.get("price") or order.tags.get("price", "0"),
        price2=words.get("price2") or order.tags.get("price2", "0"),
        oflags=",".join(flags),
    )
    if words.get("userref"):
        fresh["userref"] = words["userref"]
    return fresh


def _rfc3339(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
