"""Converts order parameters to a core ticket, checked in OKX's order: instrument, mode, parameters, sizes, price."""

from __future__ import annotations

import json
import re
from decimal import Decimal

from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.instrument import floor_to, is_multiple
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import ZERO, Close, Kind, Leg, Side, Ticket, Tif
from bot.sandbox.okx.errors import OkxError, bad, refused
from bot.sandbox.okx.legs import legs_of, trigger_types
from bot.sandbox.okx.listing import Listed, Listing
from bot.sandbox.okx.public import PublicEndpoints
from bot.sandbox.okx.settings import AccountSettings, Settings
from bot.sandbox.okx.words import Words

SPOT_TYPES = ("market", "limit", "post_only", "fok", "ioc")
SWAP_TYPES = (*SPOT_TYPES, "optimal_limit_ioc")
LIFE = {"fok": Tif.FOK, "ioc": Tif.IOC, "optimal_limit_ioc": Tif.IOC}
ID = re.compile(r"[A-Za-z0-9]{1,32}", re.ASCII)
TAG = re.compile(r"[A-Za-z0-9]{1,16}", re.ASCII)
ATTACHED = (
    "slTriggerPx", "slOrdPx", "slTriggerPxType", "tpTriggerPx", "tpOrdPx", "tpTriggerPxType", "attachAlgoClOrdId",
)  # fmt: skip
MULTI_CURRENCY = frozenset({"3", "4"})
POST_ONLY_TAKEN = "54012"
CLOSING_TAKEN = frozenset({"54031", "54094"})
FROZEN = Decimal("1.05")
"""Market buys are sized with a price 5 % higher, so that the money suffices."""


class TicketReader:
    """Parses orders; the exchange's `now` is their time."""

    def __init__(
        self, exchange: Exchange, listing: Listing, public: PublicEndpoints, switches: Switches, settings: Settings
    ) -> None:
        self._exchange = exchange
        self._listing = listing
        self._public = public
        self._switches = switches
        self._settings = settings

    def read(self, words: Words, account: str) -> Ticket:
        """The ticket of an order; raises OkxError."""
        listed = self.admitted(words, account)
        own = self._settings.of(account)
        side = Side(words.one_of("side", ("buy", "sell")))
        order_type = words.one_of("ordType", SWAP_TYPES if listed.is_swap else SPOT_TYPES)
        ticket = Ticket(
            account=account,
            symbol=listed.symbol,
            side=side,
            kind=Kind.MARKET if order_type == "market" else Kind.LIMIT,
            price=self._price(words, listed, side, order_type),
            tif=LIFE.get(order_type, Tif.GTC),
            post_only=order_type == "post_only",
            fee_in_base=not listed.is_swap and side is Side.BUY and own.fee_type == "0",
            paid_in=self.paid_in(words, listed),
            client_id=client_id(words, "clOrdId"),
            tags=self._tags(words, listed, side, order_type),
        )
        self.set_margin(ticket, words, listed)
        self._size(ticket, words, listed)
        ticket.close = self._close(words, listed, ticket)
        return ticket

    def listed(self, words: Words) -> Listed:
        """The instrument of an order, if it is trading."""
        listed = self._listing.find(words.get("instId") or words.need("instId"))
        state = self._switches.word(f"state.{listed.symbol}")
        if state != "live":
            raise OkxError("51021" if state == "preopen" else "51022")
        return listed

    def admitted(self, words: Words, account: str) -> Listed:
        """The instrument of an order or stop, if this account may place it there now, in this mode."""
        listed, own = self.listed(words), self._settings.of(account)
        for code in (self._switches.word("orders_refused"), self._switches.word(f"refused.{listed.symbol}")):
            if code and not _spared(code, words, own):
                raise OkxError(code)
        if len(listed.payable) > 1 and self._switches.on("usdc_activation_needed") and not own.usdc_active:
            raise OkxError("54109")
        self._check_mode(words, listed, own)
        return listed

    def paid_in(self, words: Words, listed: Listed) -> str:
        """The currency in which a pair's order is paid: `tradeQuoteCcy`, by default the pair's quote."""
        if listed.is_swap:
            return ""
        if "tradeQuoteCcy" not in words and not self._switches.on("trade_quote_required"):
            return listed.quote
        if words.get("tradeQuoteCcy") not in listed.payable:
            raise bad("tradeQuoteCcy")
        return words["tradeQuoteCcy"]

    def set_margin(self, ticket: Ticket, words: Words, listed: Listed) -> None:
        """The ticket fields for a position."""
        if not listed.is_swap:
            if words.flag("reduceOnly"):
                raise OkxError("51139")
            return
        own = self._settings.of(ticket.account)
        if words.flag("reduceOnly") and own.is_portfolio:
            raise OkxError("51205")
        ticket.leg = self._leg(words, own)
        ticket.isolated = words["tdMode"] == "isolated"
        ticket.leverage = own.leverage_of(listed.symbol, words["tdMode"], ticket.leg)
        ticket.reduce_only = words.flag("reduceOnly") if not own.hedged else _closes(ticket)
        ticket.tags["lever"] = str(ticket.leverage)

    # ---- modes ----

    def check_precheck(self, account: str) -> None:
        """Checks the account mode: only the two with margin across currencies have this endpoint."""
        if self._settings.of(account).level not in MULTI_CURRENCY:
            raise OkxError(self._switches.word("precheck_elsewhere"))

    def portfolio(self, account: str) -> bool:
        return self._settings.of(account).is_portfolio

    def _check_mode(self, words: Words, listed: Listed, own: AccountSettings) -> None:
        mode = words.one_of("tdMode", ("cash", "cross", "isolated"))
        if not listed.is_swap:
            if words.get("posSide", "net") != "net":
                raise bad("posSide")
            self._check_spot(mode, own)
        elif own.level == "1":
            raise OkxError("51010")
        elif mode == "cash":
            raise bad("tdMode")
        elif mode == "isolated" and (own.level in MULTI_CURRENCY or not self._switches.on("isolated_swaps")):
            raise OkxError("50072")

    def _check_spot(self, mode: str, own: AccountSettings) -> None:
        """The trade mode: cash in the simple modes, cross in the others. Isolated is margin, which this account lacks."""
        multi = own.level in MULTI_CURRENCY
        if mode == "cash" and multi and not self._switches.on("cash_in_multi_currency"):
            raise bad("tdMode")
        if mode != "cash" and not (mode == "cross" and multi):
            raise OkxError("51010")

    def leg(self, words: Words, account: str) -> Leg:
        """The position that an order of this account trades."""
        return self._leg(words, self._settings.of(account))

    def _leg(self, words: Words, own: AccountSettings) -> Leg:
        allowed = ("long", "short") if own.hedged else ("net",)
        text = words.get("posSide", "" if own.hedged else "net")
        if text not in allowed:
            raise bad("posSide")
        return Leg(text)

    # ---- price and size ----

    def _price(self, words: Words, listed: Listed, side: Side, order_type: str) -> Decimal | None:
        if order_type == "market":
            return None
        most, least = self._public.band(listed, self._exchange.now)
        edge: Decimal = floor_to(most if side is Side.BUY else least, listed.tick)
        if order_type == "optimal_limit_ioc":
            return edge
        price = self._on_tick(words, listed)
        if price is None or (price <= most if side is Side.BUY else price >= least):
            return price
        if words.one_of("pxAmendType", ("0", "1"), "0") == "1":
            return edge
        raise refused("51006", listed.price(most), listed.price(least))

    def _on_tick(self, words: Words, listed: Listed) -> Decimal | None:
        """A price on the tick. A switch decides about a price between ticks: an error code, or rounding down."""
        words.need("px")
        price, rule = words.amount("px"), self._switches.word("price_off_tick")
        if price is None or is_multiple(price, listed.tick):
            return price
        if rule == "round":
            return floor_to(price, listed.tick)
        raise bad("px") if rule == "51000" else OkxError(rule)

    def _size(self, ticket: Ticket, words: Words, listed: Listed) -> None:
        """Sets quantity or budget; a quote-sized order is checked by what it would trade now."""
        words.need("sz")
        size = words.amount("sz") or ZERO
        last = self._exchange.market.last(listed.symbol, self._exchange.now)
        if ticket.tags["tgtCcy"] == "quote_ccy":
            self._check_size(size / last, listed)
            if ticket.side is Side.BUY:
                ticket.budget = size
                return
            ticket.qty = floor_to(size / last, listed.lot)
        else:
            self._check_size(size, listed)
            if not is_multiple(size, listed.lot):
                raise OkxError("51121")
            ticket.qty = listed.qty(size)
        if ticket.kind is Kind.MARKET:
            self._fit(ticket, words, last)

    def _check_size(self, size: Decimal, listed: Listed) -> None:
        if size < listed.min_size:
            raise OkxError("51020")
        price = self._exchange.market.last(listed.symbol, self._exchange.now)
        if listed.qty(size) * price > self._switches.number("max_market_usd") * 20:
            raise OkxError("51005")

    def _fit(self, ticket: Ticket, words: Words, last: Decimal) -> None:
        """Cuts a market order to the balance, unless `banAmend` is set: one sized in the other currency, or by a switch any sale."""
        if ticket.qty * last > self._switches.number("max_market_usd"):
            raise OkxError("51202", "Market order amount exceeds the maximum amount.")
        usual = ticket.tags["tgtCcy"] == ("base_ccy" if ticket.side is Side.SELL else "quote_ccy")
        fits = usual and not (ticket.side is Side.SELL and self._switches.on("market_sells_reduced"))
        if ticket.leverage is not None or fits or words.flag("banAmend"):
            return
        account = self._exchange.account(ticket)
        instrument = self._exchange.instruments[ticket.symbol]
        most = account.free(instrument.base)
        if ticket.side is Side.BUY:
            free = account.free(ticket.paid_in or instrument.quote)
            most = free / last if free >= ticket.qty * last * FROZEN else free / (last * FROZEN)
        if ZERO < most < ticket.qty:
            ticket.qty = instrument.lots(most)

    # ---- attached orders and tags ----

    def _close(self, words: Words, listed: Listed, ticket: Ticket) -> Close | None:
        """The terms of attachAlgoOrds: one order for the whole parent, created when the parent has filled."""
        items = words.nested.get("attachAlgoOrds") or ([words] if words.keys() & {"slTriggerPx", "tpTriggerPx"} else [])
        if not items:
            return None
        if len(items) > 1 or (items[0] is not words and "sz" in items[0]):
            raise OkxError("51076")
        if self._switches.on("attached_refused_on_spot") and not listed.is_swap:
            raise bad("attachAlgoOrds")
        default = "base_ccy" if ticket.side is Side.SELL else "quote_ccy"
        if ticket.kind is Kind.MARKET and not listed.is_swap and ticket.tags["tgtCcy"] != default:
            raise bad("attachAlgoOrds")
        terms = legs_of(items[0], listed.tick)
        types = trigger_types(items[0], listed)
        if self._switches.on("trigger_band_checked"):
            last = self._exchange.market.last(listed.symbol, self._exchange.now)
            terms.check(ticket.side.other, ticket.price or last, against_order=True)
        mine = {name: items[0][name] for name in ATTACHED if name in items[0]}
        ticket.tags["attached"] = json.dumps([mine])
        algo_type = "oco" if terms.target is not None else "conditional"
        own_tags = {"ordType": algo_type, "tdMode": ticket.tags["tdMode"], "posSide": ticket.tags["posSide"]}
        return Close(
            kind=terms.kind,
            price=terms.price,
            trigger=terms.trigger,
            target=terms.target,
            target_price=terms.target_price,
            holds=False,
            spawns=True,
            at_end=self._switches.word("attached_when") == "end",
            net=self._switches.word("attached_size") == "net",
            client_id=client_id(items[0], "attachAlgoClOrdId"),
            tags={**own_tags, **types, "lever": ticket.tags.get("lever", ""), "attachedAlgo": "1"},
        )

    def _tags(self, words: Words, listed: Listed, side: Side, order_type: str) -> dict[str, str]:
        """The parts of the request that OKX returns."""
        tag = words.get("tag", "")
        if tag and TAG.fullmatch(tag) is None:
            raise bad("tag")
        target = ""
        if order_type == "market" and not listed.is_swap:
            default = "base_ccy" if side is Side.SELL else "quote_ccy"
            target = words.one_of("tgtCcy", ("base_ccy", "quote_ccy"), default)
        return {
            "ordType": order_type,
            "tdMode": words["tdMode"],
            "posSide": words.get("posSide", "net"),
            "sz": words.get("sz", ""),
            "px": words.get("px", "") if order_type != "market" else "",
            "tgtCcy": target,
            "tag": tag,
            "reduceOnly": words.get("reduceOnly", "false").lower(),
            "stpMode": words.get("stpMode", "cancel_maker"),
        }


def client_id(words: Words, name: str) -> str | None:
    """A client-supplied id; raises 51000."""
    text = words.get(name)
    if text is not None and ID.fullmatch(text) is None:
        raise bad(name)
    return text


def _spared(code: str, words: Words, own: AccountSettings) -> bool:
    """Whether a market that rejects orders with `code` accepts this one anyway."""
    if code == POST_ONLY_TAKEN:
        return words.get("ordType") == "post_only"
    if own.hedged:
        closes = (words.get("posSide"), words.get("side")) in {("long", "sell"), ("short", "buy")}
    else:
        closes = words.flag("reduceOnly")
    return code in CLOSING_TAKEN and closes


def _closes(ticket: Ticket) -> bool:
    """In hedge mode, an order against its leg can only reduce it."""
    return (ticket.leg is Leg.LONG) == (ticket.side is Side.SELL)
