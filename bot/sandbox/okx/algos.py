"""OKX's algo orders: stops, take-profits, both in one, trigger orders and trailing stops.

They hold nothing. When one triggers it ends, and the order it stands for goes to the book or fails.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bot.sandbox.core.credentials import Credential
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.execution import Refused
from bot.sandbox.core.faults import FaultKind, Faults
from bot.sandbox.core.instrument import is_multiple
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import Kind, Order, Origin, Side, Status, Ticket
from bot.sandbox.core.views import View
from bot.sandbox.okx.errors import OkxError, Row, bad, missing, refused, row_of
from bot.sandbox.okx.legs import Legs, legs_of, limit_or_market, on_tick, trigger_types
from bot.sandbox.okx.listing import Listed, Listing
from bot.sandbox.okx.pages import page
from bot.sandbox.okx.render import algo_row, is_algo, updated_ms
from bot.sandbox.okx.tickets import TicketReader, client_id
from bot.sandbox.okx.words import Words

TYPES = ("conditional", "oco", "trigger", "move_order_stop")
MAX_CANCEL = 10
STATES = ("effective", "canceled", "order_failed")


class AlgoEndpoints:
    """Places, changes and shows algo orders."""

    def __init__(
        self, exchange: Exchange, listing: Listing, tickets: TicketReader, switches: Switches, faults: Faults
    ) -> None:
        self._exchange = exchange
        self._listing = listing
        self._tickets = tickets
        self._switches = switches
        self._faults = faults

    # ---- placing ----

    def place(self, who: Credential, words: Words) -> list[Row]:
        """Places one algo order. An error is in the row; for the envelope see the switch `algo_rejection_code_zero`."""
        own_id = words.get("algoClOrdId", words.get("clOrdId", ""))
        try:
            algo_id = self._place(who, words)
        except OkxError as error:
            if error.code == "50014":
                raise
            return [row_of(error, **_ids("", own_id), tag=words.get("tag", ""))]
        return [{**_ids(algo_id, own_id), "sCode": "0", "sMsg": "", "subCode": "", "tag": words.get("tag", "")}]

    def _place(self, who: Credential, words: Words) -> str:
        listed = self._tickets.admitted(words, who.account)
        ticket = self._ticket(who, words, listed)
        if ticket.client_id and any(o.client_id == ticket.client_id for o in self._mine(who)):
            raise OkxError("51065")
        fault = self._faults.take(FaultKind.REJECT_ORDER, "POST", "/api/v5/trade/order-algo")
        if fault is not None:
            raise OkxError(fault.body or "51008")
        try:
            return self._exchange.place(ticket).id
        except Refused as no:
            raise OkxError("51169") from no

    def _ticket(self, who: Credential, words: Words, listed: Listed) -> Ticket:
        order_type = words.one_of("ordType", TYPES)
        side = Side(words.one_of("side", ("buy", "sell")))
        self._check_words(words, listed, order_type, side)
        ticket = Ticket(
            account=who.account,
            symbol=listed.symbol,
            side=side,
            kind=Kind.STOP,
            fee_in_base=not listed.is_swap and side is Side.BUY,
            holds=False,
            spawns=True,
            paid_in=self._tickets.paid_in(words, listed),
            client_id=client_id(words, "algoClOrdId") or client_id(words, "clOrdId"),
            tags={**_tags(words), **trigger_types(words, listed)},
        )
        self._tickets.set_margin(ticket, words, listed)
        ticket.qty = self._size(words, listed, ticket)
        dollars = ticket.qty * self._last(listed.symbol)
        if not listed.is_swap and dollars > self._switches.number("max_market_usd"):
            raise OkxError("51275")
        if order_type == "trigger":
            self._as_trigger(ticket, words, listed)
        elif order_type == "move_order_stop":
            self._as_trailing(ticket, words, listed)
        else:
            self._as_legs(ticket, self._legs(words, listed, order_type))
        return ticket

    def _check_words(self, words: Words, listed: Listed, order_type: str, side: Side) -> None:
        """Checks for parameters that an algo order of this type must not have."""
        if order_type == "trigger" and words.flag("reduceOnly"):
            raise OkxError("51205")
        if "tgtCcy" not in words:
            return
        if order_type == "trigger":
            raise OkxError("51281")
        buys = order_type == "conditional" and side is Side.BUY and words.get("slOrdPx", words.get("tpOrdPx")) == "-1"
        if not listed.is_swap and not (buys and words["tgtCcy"] == "base_ccy"):
            raise bad("tgtCcy")

    def _size(self, words: Words, listed: Listed, ticket: Ticket) -> Decimal:
        """`closeFraction` means the whole position."""
        if "closeFraction" in words:
            self._check_fraction(words, listed, ticket)
            position = self._exchange.positions.find(ticket.account, listed.symbol, ticket.leg, ticket.isolated)
            if position is None:
                raise OkxError("51023")
            return abs(position.qty)
        words.need("sz")
        return self._checked_size(words, "sz", listed)

    def _check_fraction(self, words: Words, listed: Listed, ticket: Ticket) -> None:
        """Checks an order for a whole position: it closes at the market, and not in Portfolio margin."""
        if words["closeFraction"] != "1":
            raise bad("closeFraction")
        if not listed.is_swap:
            raise OkxError("51327")
        if self._tickets.portfolio(ticket.account):
            raise OkxError("51332")
        if not ticket.reduce_only:
            raise OkxError("51328")

    def _checked_size(self, words: Words, name: str, listed: Listed) -> Decimal:
        size = words.amount(name) or Decimal(0)
        if size < listed.min_size:
            raise OkxError("51020")
        if not is_multiple(size, listed.lot):
            raise OkxError("51121")
        return listed.qty(size)

    def _legs(self, words: Words, listed: Listed, order_type: str) -> Legs:
        """An oco needs both legs; a conditional with both uses only its stop."""
        if order_type == "oco":
            for name in ("tpTriggerPx", "slTriggerPx"):
                words.need(name)
            return legs_of(words, listed.tick)
        both = {"tpTriggerPx", "slTriggerPx"} <= words.keys()
        used = Words({k: v for k, v in words.items() if not (both and k.startswith("tp"))})
        return legs_of(used, listed.tick)

    def _as_legs(self, ticket: Ticket, legs: Legs) -> None:
        if self._switches.on("trigger_band_checked"):
            legs.check(ticket.side, self._last(ticket.symbol), against_order=False)
        ticket.kind, ticket.trigger, ticket.price = legs.kind, legs.trigger, legs.price
        ticket.target, ticket.target_price = legs.target, legs.target_price

    def _as_trigger(self, ticket: Ticket, words: Words, listed: Listed) -> None:
        """A trigger order, which fires when the price reaches it from its current side."""
        words.need("triggerPx")
        words.need("orderPx")
        ticket.trigger = on_tick(words, "triggerPx", listed.tick)
        ticket.price = limit_or_market(words, "orderPx", listed.tick)
        falls = (ticket.trigger or Decimal(0)) < self._last(ticket.symbol)
        if falls == (ticket.side is Side.SELL):
            ticket.kind = Kind.STOP if ticket.price is None else Kind.STOP_LIMIT
        else:
            ticket.kind = Kind.TAKE_PROFIT if ticket.price is None else Kind.TAKE_PROFIT_LIMIT

    def _as_trailing(self, ticket: Ticket, words: Words, listed: Listed) -> None:
        """A trailing stop: a fraction or a distance, active at once or from `activePx` on."""
        ratio, spread = words.amount("callbackRatio"), words.amount("callbackSpread")
        if (ratio is None) == (spread is None):
            raise refused("50015", "callbackRatio", "callbackSpread")
        if ratio is not None and not Decimal("0.001") <= ratio <= 1:
            raise OkxError("51257")
        ticket.kind = Kind.TRAILING_STOP
        ticket.trail, ticket.trail_ratio = spread, ratio
        active = on_tick(words, "activePx", listed.tick)
        last = self._last(ticket.symbol)
        reached = active is None or (active <= last if ticket.side is Side.SELL else active >= last)
        ticket.active = None if reached else active

    # ---- changing ----

    def cancel(self, who: Credential, items: list[Words]) -> list[Row]:
        if len(items) > MAX_CANCEL:
            raise refused("51111", MAX_CANCEL)
        return [self._row(who, words, self._cancel) for words in items]

    def amend(self, who: Credential, words: Words) -> list[Row]:
        return [{**self._row(who, words, self._amend), "reqId": words.get("reqId", "")}]

    def _row(self, who: Credential, words: Words, act: Callable[[Order, Words], None]) -> Row:
        own_id = words.get("algoClOrdId", "")
        try:
            self._listing.find(words.need("instId"))
            algo = self._working(who, words, "51400" if act == self._cancel else "51503")
            act(algo, words)
        except OkxError as error:
            return {**row_of(error, **_ids(words.get("algoId", ""), own_id)), "tag": ""}
        return {**_ids(algo.id, algo.client_id or ""), "sCode": "0", "sMsg": "", "subCode": "", "tag": ""}

    def _working(self, who: Credential, words: Words, gone: str) -> Order:
        algo = self._find(who, words)
        if algo is None or not algo.working:
            raise OkxError(gone)
        return algo

    def _cancel(self, algo: Order, _: Words) -> None:
        self._exchange.cancel(algo)

    def _amend(self, algo: Order, words: Words) -> None:
        """Amends size, triggers and order prices; the id stays."""
        if self._switches.on("algo_amend_refused"):
            raise OkxError(self._switches.word("algo_amend_code"))
        listed = self._listing.by_symbol[algo.symbol]
        size = self._checked_size(words, "newSz", listed) if "newSz" in words else None
        fresh = Words({_old_name(name): value for name, value in words.items() if name.startswith("new")})
        _check_types(algo, fresh)
        stop_name, price_name = _leg_names(algo)
        trigger, target = on_tick(fresh, stop_name, listed.tick), on_tick(fresh, "tpTriggerPx", listed.tick)
        price = on_tick(fresh, price_name, listed.tick) if fresh.get(price_name, "-1") != "-1" else None
        if algo.kind is not Kind.BRACKET:
            target = None
        if size is None and trigger is None and target is None and price is None:
            raise missing("newSz")
        self._check_amended(algo, trigger, target)
        if self._switches.on("amends_without_effect"):
            return
        self._exchange.amend(algo, qty=size, trigger=trigger, target=target, price=price)

    def _check_amended(self, algo: Order, trigger: Decimal | None, target: Decimal | None) -> None:
        if not self._switches.on("trigger_band_checked") or algo.tags.get("ordType") == "trigger":
            return
        legs = Legs(algo.kind, trigger or algo.trigger or Decimal(0), None, target or algo.target)
        legs.check(algo.side, self._last(algo.symbol), against_order=False)

    # ---- showing ----

    def one(self, who: Credential, words: Words) -> list[Row]:
        algo = self._find(who, words)
        if algo is None:
            raise OkxError("51603")
        return [self._shown(algo)]

    def pending(self, who: Credential, words: Words) -> list[Row]:
        wanted = words.need("ordType").split(",")
        if any(name not in (*TYPES, "iceberg", "twap", "chase", "smart_iceberg") for name in wanted):
            raise bad("ordType")
        alive = self._algos(View(self._exchange, who.account).open_orders(), words)
        chosen = [algo for algo in alive if algo.tags.get("ordType") in wanted]
        return self._page(chosen, words)

    def history(self, who: Credential, words: Words) -> list[Row]:
        """Ended algo orders of a type; the request must name a state or an id."""
        wanted = words.need("ordType").split(",")
        if "state" not in words and "algoId" not in words:
            raise refused("50015", "state", "algoId")
        state = words.one_of("state", ("", *STATES), "")
        every = self._algos(View(self._exchange, who.account).orders(), words)
        ended = [algo for algo in every if not algo.working and not self._is_hidden(algo)]
        rows = [algo for algo in ended if algo.tags.get("ordType") in wanted]
        return self._page([algo for algo in rows if state in {"", self._shown(algo)["state"]}], words)

    def _page(self, algos: list[Order], words: Words) -> list[Row]:
        newest_first = sorted(algos, key=lambda algo: int(algo.id), reverse=True)
        return [self._shown(algo) for algo in page(newest_first, lambda algo: int(algo.id), words)]

    def _algos(self, orders: list[Order], words: Words) -> list[Order]:
        """The algo orders that match the request."""
        return [
            order
            for order in orders
            if is_algo(order)
            and words.get("instId", order.symbol) == order.symbol
            and words.get("algoId", order.id) == order.id
            and words.get("instType", "") in {"", self._listing.by_symbol[order.symbol].kind}
        ]

    def _shown(self, algo: Order) -> Row:
        child = None if algo.working else self._child(algo)
        return algo_row(self._listing.by_symbol[algo.symbol], algo, child, self._last(algo.symbol))

    def _child(self, algo: Order) -> Order | None:
        """The order sent by a triggered algo order."""
        orders = reversed(self._exchange.state.orders.values())
        sent = (Origin.TRIGGERED, Origin.MANUAL)
        found = next((order for order in orders if order.parent_id == algo.id and order.origin in sent), None)
        age = self._exchange.now - (algo.triggered_ms or 0)
        return None if age < self._switches.number("fired_unnamed_ms") else found

    def _is_hidden(self, algo: Order) -> bool:
        """Whether it was cancelled too recently to be shown."""
        age = self._exchange.now - updated_ms(algo)
        return algo.status is Status.CANCELED and age < self._switches.number("canceled_hidden_ms")

    def _find(self, who: Credential, words: Words) -> Order | None:
        if "algoId" not in words and "algoClOrdId" not in words:
            raise refused("50015", "algoId", "algoClOrdId")
        wanted, own = words.get("algoId"), words.get("algoClOrdId")
        wall = self._exchange.clock.wall_ms()
        return next(
            (
                algo
                for algo in reversed(self._exchange.state.orders.values())
                if is_algo(algo)
                and algo.account == who.account
                and algo.visible_wall_ms <= wall
                and not self._is_hidden(algo)
                and (algo.id == wanted if wanted else algo.client_id == own)
            ),
            None,
        )

    def _mine(self, who: Credential) -> list[Order]:
        return [o for o in self._exchange.state.open.values() if o.account == who.account and is_algo(o)]

    def _last(self, symbol: str) -> Decimal:
        return self._exchange.market.last(symbol, self._exchange.now)


def _check_types(algo: Order, fresh: Words) -> None:
    """Rejects a change of the trigger type along with a new trigger price."""
    for name in ("slTriggerPxType", "tpTriggerPxType", "triggerPxType"):
        if fresh.get(name, shown := algo.tags.get(name, "last")) != shown:
            raise OkxError("51528")


def _leg_names(algo: Order) -> tuple[str, str]:
    """The names of this algo's trigger and order price in an amendment."""
    if algo.tags.get("ordType") == "trigger":
        return "triggerPx", "orderPx"
    leg = "tp" if algo.kind in {Kind.TAKE_PROFIT, Kind.TAKE_PROFIT_LIMIT} else "sl"
    return f"{leg}TriggerPx", f"{leg}OrdPx"


def _old_name(name: str) -> str:
    """The amended field: `newSlTriggerPx` is the new `slTriggerPx`; a trigger order's price is `newOrdPx`."""
    bare = name.removeprefix("new")
    return "orderPx" if bare == "OrdPx" else bare[:1].lower() + bare[1:]


def _ids(algo_id: str, own_id: str) -> dict[str, str]:
    return {"algoClOrdId": own_id, "algoId": algo_id, "clOrdId": own_id}


def _tags(words: Words) -> dict[str, str]:
    shown: dict[str, Any] = {"posSide": "net", "tdMode": "cash"}
    names = (
        "ordType",
        "tdMode",
        "posSide",
        "tag",
        "tgtCcy",
        "callbackRatio",
        "callbackSpread",
        "activePx",
        "closeFraction",
    )
    return {**shown, **{name: words[name] for name in names if name in words}}
