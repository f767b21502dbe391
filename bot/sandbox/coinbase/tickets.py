"""Converts an order configuration to a core ticket, checked in this order: shape, product, precision, size, price."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson

from bot.sandbox.coinbase.attached import AttachedReader, worse
from bot.sandbox.coinbase.configurations import Asked, read_configuration
from bot.sandbox.coinbase.errors import OrderRefused, invalid
from bot.sandbox.coinbase.products import FINE_STEP, QUOTE_MINIMUM, Product
from bot.sandbox.coinbase.words import moment
from bot.sandbox.core.instrument import floor_to, is_multiple
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import Kind, Side, Ticket, Tif

MAX_CLIENT_ID = 128
TIFS = {"ioc": Tif.IOC, "gtc": Tif.GTC, "gtd": Tif.GTD, "fok": Tif.FOK}
PAST_ENDS = {"in_the_past": "END_TIME_IS_IN_THE_PAST", "invalid": "INVALID_END_TIME"}
BANDS = {
    "band": "LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_{side}",
    "too_far": "PREVIEW_LIMIT_PRICE_TOO_FAR_FROM_MARKET",
    "breached": "PREVIEW_BREACHED_PRICE_LIMIT",
}
RISING = {"STOP_DIRECTION_STOP_UP": True, "STOP_DIRECTION_STOP_DOWN": False}


class TicketReader:
    """Parses orders of one product at one moment: `last` is the price of its last trade, `wall_ms` the venue's clock."""

    def __init__(self, product: Product, last: Decimal, wall_ms: int, switches: Switches) -> None:
        self._product = product
        self._last = last
        self._wall_ms = wall_ms
        self._switches = switches

    def read(self, body: dict[str, Any], account: str) -> Ticket:
        """The ticket of an order. Raises OrderRefused, or CoinbaseError if the request is no order at all."""
        asked = read_configuration(body.get("order_configuration"))
        side = _side(body.get("side"))
        self._check_product(asked)
        ticket = self._ticket(asked, side, account)
        self._check_end(ticket)
        attached = body.get("attached_order_configuration")
        if attached is not None:
            attached_reader = AttachedReader(self._product, self._last, self._switches)
            ticket.close = attached_reader.read(read_configuration(attached), asked, ticket)
        ticket.tags = {
            "key": asked.key,
            "configuration": orjson.dumps(asked.echo[asked.key]).decode(),
            **({} if attached is None else {"attached": orjson.dumps(attached).decode()}),
        }
        return ticket

    def check_price(self, price: Decimal) -> Decimal:
        if not is_multiple(price, self._product.tick):
            raise OrderRefused("INVALID_PRICE_PRECISION")
        return price

    def check_band(self, price: Decimal, side: Side) -> None:
        """Rejects a limit far from the market. The venue does not document the distance or the code."""
        width = self._last * self._switches.number("price_band_percent") / 100
        if width and abs(price - self._last) > width:
            raise OrderRefused(BANDS[self._switches.word("price_band_word")].format(side=side.value.upper()))

    def check_size(self, qty: Decimal, price: Decimal) -> Decimal:
        """A size, checked against the product's step and its limits at that price."""
        if not is_multiple(qty, self._product.lot):
            raise OrderRefused("INVALID_SIZE_PRECISION")
        if qty > self._product.base_max:
            raise OrderRefused("PREVIEW_INVALID_BASE_SIZE_TOO_LARGE")
        if qty < self._product.base_min or qty * price < self._product.least_cost:
            raise OrderRefused("PREVIEW_INVALID_BASE_SIZE_TOO_SMALL")
        return qty

    # ---- kinds of orders ----

    def _ticket(self, asked: Asked, side: Side, account: str) -> Ticket:
        ticket = Ticket(account, self._product.id, side, Kind.MARKET, tif=TIFS[asked.key[-3:]])
        if ticket.tif is Tif.GTD:
            ticket.expire_wall_ms = moment(asked.fields.get("end_time"), "end_time")
        readers = {"MARKET": self._market, "LIMIT": self._limit, "STOP_LIMIT": self._stop, "BRACKET": self._bracket}
        return readers[asked.kind](asked, ticket)

    def _market(self, asked: Asked, ticket: Ticket) -> Ticket:
        if asked.has("quote_size") == asked.has("base_size"):
            raise invalid("exactly one of quote_size and base_size is required")
        if asked.has("base_size"):
            return replace(ticket, qty=self.check_size(asked.number("base_size"), self._last))
        if ticket.side is Side.SELL:
            raise OrderRefused("UNSUPPORTED_ORDER_CONFIGURATION", "quote_size is for buys")
        finer = FINE_STEP if self._switches.on("quote_buys_finer_than_lot") else None
        return replace(ticket, budget=self._budget(asked.number("quote_size")), budget_lot=finer)

    def _budget(self, money: Decimal) -> Decimal:
        if not is_multiple(money, self._product.tick):
            raise OrderRefused("PREVIEW_INVALID_QUOTE_SIZE_PRECISION")
        if money < QUOTE_MINIMUM:
            raise OrderRefused("PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL")
        return money

    def _limit(self, asked: Asked, ticket: Ticket) -> Ticket:
        price = self.check_price(asked.number("limit_price"))
        self.check_band(price, ticket.side)
        if asked.has("base_size") or not asked.has("quote_size"):
            qty = asked.number("base_size")
        else:
            qty = floor_to(asked.number("quote_size") / price, self._product.lot)
        post_only = asked.fields.get("post_only") is True
        if post_only and ticket.tif is Tif.FOK:
            raise OrderRefused("POST_ONLY_NOT_ALLOWED_WITH_FOK")
        return replace(ticket, kind=Kind.LIMIT, qty=self.check_size(qty, price), price=price, post_only=post_only)

    def _stop(self, asked: Asked, ticket: Ticket) -> Ticket:
        """STOP_UP waits for a rise to the stop price, STOP_DOWN for a fall."""
        self._refuse_stops()
        if asked.fields.get("stop_direction") not in RISING:
            raise invalid("invalid stop_direction")
        rising = RISING[asked.fields["stop_direction"]]
        price, trigger = self.check_price(asked.number("limit_price")), self.check_price(asked.number("stop_price"))
        if rising and trigger <= self._last:
            raise OrderRefused("PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE")
        if not rising and trigger >= self._last:
            raise OrderRefused("PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE")
        is_stop = rising == (ticket.side is Side.BUY)
        if is_stop and not rising and price > trigger:
            raise OrderRefused("STOP_PRICE_BELOW_LIMIT_PRICE")
        if is_stop and rising and price < trigger:
            raise OrderRefused("STOP_PRICE_ABOVE_LIMIT_PRICE")
        return replace(
            ticket,
            kind=Kind.STOP_LIMIT if is_stop else Kind.TAKE_PROFIT_LIMIT,
            qty=self.check_size(asked.number("base_size"), price),
            price=price,
            trigger=trigger,
            holds=self._holds(ticket.side),
        )

    def _bracket(self, asked: Asked, ticket: Ticket) -> Ticket:
        self._refuse_stops()
        target, trigger = self._bracket_prices(asked)
        above, below = (target, trigger) if ticket.side is Side.SELL else (trigger, target)
        if ticket.side is Side.SELL and trigger >= self._last:
            raise OrderRefused("PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE")
        if ticket.side is Side.BUY and trigger <= self._last:
            raise OrderRefused("PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE")
        if not below < self._last < above:
            raise OrderRefused("PREVIEW_INVALID_LIMIT_PRICE")
        return replace(
            ticket,
            kind=Kind.BRACKET,
            qty=self.check_size(asked.number("base_size"), trigger),
            trigger=trigger,
            target=target,
            limit_offset=worse(trigger, ticket.side, self._product.tick),
            holds=self._holds(ticket.side),
        )

    def _bracket_prices(self, asked: Asked) -> tuple[Decimal, Decimal]:
        """Take-profit limit and stop trigger."""
        return self.check_price(asked.number("limit_price")), self.check_price(asked.number("stop_trigger_price"))

    # ---- rules ----

    def _holds(self, side: Side) -> bool:
        return side is Side.BUY or self._switches.on("stops_hold_base")

    def _refuse_stops(self) -> None:
        if self._switches.on("stops_refused_on_spot"):
            raise OrderRefused("UNSUPPORTED_ORDER_CONFIGURATION")

    def _check_product(self, asked: Asked) -> None:
        word = self._switches.word(f"market_refusal.{self._product.id}")
        if word:
            raise OrderRefused(word)
        if self._switches.word(f"quote.{self._product.id}") != "shown":
            raise OrderRefused("PREVIEW_MISSING_PRODUCT_PRICE_BOOK")
        status = self._switches.word(f"product_status.{self._product.id}")
        flag = self._switches.word(f"product_flag.{self._product.id}")
        if status != "online" or flag in {"is_disabled", "trading_disabled", "view_only", "auction_mode"}:
            disabled = self._switches.on("disabled_is_trading_disabled")
            raise OrderRefused("TRADING_DISABLED" if disabled else "UNTRADABLE_PRODUCT")
        if flag == "cancel_only" or (flag == "post_only" and asked.fields.get("post_only") is not True):
            raise OrderRefused("ORDER_ENTRY_DISABLED")
        if flag == "limit_only" and asked.kind == "MARKET":
            raise OrderRefused("UNSUPPORTED_ORDER_CONFIGURATION")

    def _check_end(self, ticket: Ticket) -> None:
        """An end time in the past is rejected, or the order expires as soon as it is placed."""
        end = ticket.expire_wall_ms
        word = self._switches.word("past_end_time")
        if end is not None and end <= self._wall_ms and word in PAST_ENDS:
            raise OrderRefused(PAST_ENDS[word])


def client_id_of(body: dict[str, Any]) -> str:
    text = body.get("client_order_id")
    if not isinstance(text, str) or not 1 <= len(text) <= MAX_CLIENT_ID:
        raise invalid("client_order_id is invalid")
    return text


def _side(text: object) -> Side:
    if text not in {"BUY", "SELL"}:
        raise OrderRefused("INVALID_SIDE")
    return Side(str(text).lower())
