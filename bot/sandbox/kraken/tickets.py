"""Converts AddOrder's parameters to a core ticket, checked in Kraken's order: arguments, then the pair's rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from bot.sandbox.core.instrument import floor_to, is_multiple
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import CONDITIONAL, LIMITED, TRAILING, ZERO, Close, Kind, Side, Stp, Ticket, Tif
from bot.sandbox.kraken import errors, render
from bot.sandbox.kraken.errors import KrakenError, invalid
from bot.sandbox.kraken.pairs import Pair
from bot.sandbox.kraken.words import Words

KINDS = {text: kind for kind, text in render.ORDERTYPES.items()}
FLAGS = frozenset({"post", "fcib", "fciq", "nompp", "viqc"})
CLIENT_ID = re.compile(
    r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}|[\x21-\x7e]{1,18}", re.ASCII
)
MIN_GTD_MS = 5_000
MAX_DEADLINE_MS = 60_000
INT32 = 2**31


@dataclass(frozen=True)
class Prices:
    """An order type's absolute `price` and `price2`. `trail` and `offset` are for trailing types only."""

    price: Decimal | None = None
    trigger: Decimal | None = None
    trail: Decimal | None = None
    offset: Decimal | None = None
    first: str = "0"
    second: str = "0"


class TicketReader:
    """Parses orders for one account and pair at one moment (`now_ms` market time, `last` the market's price)."""

    def __init__(self, pair: Pair, last: Decimal, now_ms: int, switches: Switches) -> None:
        self._pair = pair
        self._last = last
        self._now_ms = now_ms
        self._switches = switches

    def read(self, words: Words, account: str) -> Ticket:
        """The ticket of an order; raises KrakenError."""
        side, kind = _side(words), _kind(words.need("ordertype"))
        volume = _volume(words)
        flags = self._flags(words, side, kind)
        prices = self._prices(words, side, kind)
        tif, expire_ms = self._life(words, kind)
        close = self._close(words, side, flags)
        _refuse_margin(words)
        ticket = Ticket(
            account=account,
            symbol=self._pair.symbol,
            side=side,
            kind=kind,
            qty=ZERO if "viqc" in flags else volume,
            budget=volume if "viqc" in flags else None,
            price=prices.price,
            trigger=prices.trigger,
            trail=prices.trail,
            limit_offset=prices.offset,
            tif=tif,
            expire_ms=expire_ms,
            post_only="post" in flags,
            fee_in_base="fcib" in flags,
            holds=kind not in CONDITIONAL or self._switches.on("stop_holds_base") or side is Side.BUY,
            stp=self._stp(words, kind),
            close=close,
            client_id=_client_id(words),
            tags=self._tags(words, side, volume, prices, flags),
        )
        self._check_pair(ticket)
        return ticket

    def price_of(self, text: str, side: Side, name: str) -> Decimal:
        """The absolute price of `123`, `+5`, `-1%` or `#2` (away from the market), on the pair's tick."""
        price = self._relative(text, side, name)
        if price <= ZERO:
            which = "secondary price" if "price2" in name else "price"
            raise KrakenError(f"{errors.INVALID_PRICE}:Invalid {which} argument")
        if not is_multiple(price, self._pair.tick):
            raise KrakenError(self._off_tick())
        return price

    def _off_tick(self) -> str:
        if not self._switches.on("price_decimals_named"):
            return errors.TICK_SIZE
        most = f"price can only be specified up to {self._pair.price_decimals} decimals."
        return f"{errors.INVALID_PRICE}:{self._pair.altname} {most}"

    def _relative(self, text: str, side: Side, name: str) -> Decimal:
        if text[:1] not in "+-#" and not text.endswith("%"):
            return _number(text, name)
        distance = self._distance(text.lstrip("+-#"), name)
        falls = text[0] == "-" or (text[0] == "#" and side is Side.BUY)
        return floor_to(self._last - distance if falls else self._last + distance, self._pair.tick)

    def _distance(self, text: str, name: str) -> Decimal:
        if text.endswith("%"):
            return floor_to(self._last * _number(text[:-1], name) / 100, self._pair.tick)
        return _number(text, name)

    def _prices(self, words: Words, side: Side, kind: Kind, prefix: str = "") -> Prices:
        first, second = _key(prefix, "price"), _key(prefix, "price2")
        if kind is Kind.MARKET:
            return Prices()
        text = words.need(first)
        if kind in TRAILING:
            return self._trailing(words, kind, text, second)
        if kind is Kind.LIMIT:
            price = self.price_of(text, side, first)
            return Prices(price=price, first=self._pair.price(price))
        trigger = self.price_of(text, side, first)
        limit = self.price_of(words.need(second), side, second) if kind in LIMITED else None
        return Prices(
            price=limit,
            trigger=trigger,
            first=self._pair.price(trigger),
            second="0" if limit is None else self._pair.price(limit),
        )

    def _trailing(self, words: Words, kind: Kind, text: str, second: str) -> Prices:
        """Parses a trailing type: `price` must be "+X" or "+X%"; the limit type's `price2` is a distance from the trigger."""
        if not text.startswith("+"):
            raise invalid("price")
        trail = self._distance(text[1:], "price")
        if trail <= ZERO:
            raise invalid("price")
        shown = f"+{_number(text[1:].rstrip('%'), 'price'):.4f}%" if text.endswith("%") else f"+{text[1:]}"
        if kind is Kind.TRAILING_STOP:
            return Prices(trail=trail, first=shown)
        offset = words.need(second)
        if offset[0] not in "+-":
            raise invalid("price2")
        distance = self._distance(offset[1:], "price2")
        return Prices(trail=trail, offset=-distance if offset[0] == "-" else distance, first=shown, second=offset)

    def _close(self, words: Words, side: Side, flags: set[str]) -> Close | None:
        """The terms of `close[…]`: one opposite order per fill, sized to the fill."""
        if "close[ordertype]" not in words:
            return None
        if self._switches.on("close_refused_on_spot"):
            raise invalid("close")
        kind = _kind(words["close[ordertype]"])
        if kind is Kind.MARKET:
            raise invalid("close[ordertype]")
        prices = self._prices(words, side.other, kind, "close")
        dropped = self._switches.on("close_below_ordermin_dropped")
        tags = {"oflags": ",".join(sorted(flags - {"post", "viqc"})), "price": prices.first, "price2": prices.second}
        tags["terms"] = render.terms(render.ORDERTYPES[kind], prices.first, prices.second)
        inherits = self._switches.on("close_carries_parent_ids")
        if inherits and words.get("userref", "") not in {"", "0"}:
            tags["userref"] = str(_userref(words))
        return Close(
            kind=kind,
            price=prices.price,
            trigger=prices.trigger,
            trail=prices.trail,
            limit_offset=prices.offset,
            min_qty=self._pair.order_min if dropped else ZERO,
            holds=kind not in CONDITIONAL or self._switches.on("stop_holds_base"),
            client_id=_client_id(words) if inherits else None,
            tags=tags,
        )

    def _flags(self, words: Words, side: Side, kind: Kind) -> set[str]:
        flags = {flag.strip() for flag in words.get("oflags", "").split(",")} - {""}
        if not flags <= FLAGS or {"fcib", "fciq"} <= flags:
            raise invalid("oflags")
        if "post" in flags and kind is not Kind.LIMIT:
            raise invalid("post only is for limit orders")
        if "viqc" in flags and (kind is not Kind.MARKET or side is not Side.BUY):
            raise invalid("oflags")
        if not flags & {"fcib", "fciq"}:
            in_base = side is Side.SELL and self._switches.on("fcib_default_on_sell")
            flags.add("fcib" if in_base else "fciq")
        return flags

    def _stp(self, words: Words, kind: Kind) -> Stp:
        """What happens if the order meets one of its own account. The documentation does not limit it to some order types."""
        text = words.get("stptype", "")
        refused = {"no": False, "triggered": kind in CONDITIONAL, "all": True}[self._switches.word("stptype_refused")]
        if text and (refused or text.removeprefix("cancel-") not in set(Stp) or not text.startswith("cancel-")):
            raise invalid("stptype")
        return Stp(text.removeprefix("cancel-")) if text else Stp.NEWEST

    def _life(self, words: Words, kind: Kind) -> tuple[Tif, int | None]:
        if words.get("starttm", "0") not in {"", "0"}:
            raise invalid("starttm")
        tif = words.get("timeinforce", "") or "GTC"
        if tif not in {"GTC", "IOC", "GTD", "FOK"} or (tif in {"IOC", "FOK"} and kind is not Kind.LIMIT):
            raise invalid("timeinforce")
        expiry = words.get("expiretm", "0") or "0"
        if expiry == "0":
            if tif == "GTD":
                raise invalid("expiretm")
            return Tif(tif), None
        offset = expiry.startswith("+")
        expire_ms = int(_number(expiry.lstrip("+"), "expiretm") * 1000) + (self._now_ms if offset else 0)
        if expire_ms < self._now_ms + MIN_GTD_MS:
            raise invalid("expiretm")
        return Tif(tif), expire_ms

    def _tags(self, words: Words, side: Side, volume: Decimal, prices: Prices, flags: set[str]) -> dict[str, str]:
        """The parts of the request that Kraken returns."""
        kind = words["ordertype"]
        tags = {
            "text": render.order_text(side.value, volume, self._pair, kind, prices.first, prices.second),
            "price": prices.first,
            "price2": prices.second,
            "oflags": ",".join(sorted(flags, key=lambda flag: (flag.startswith("fc"), flag))),
        }
        if words.get("userref", "") not in {"", "0"}:
            tags["userref"] = str(_userref(words))
        if "close[ordertype]" in words:
            close = self._prices(words, side.other, _kind(words["close[ordertype]"]), "close")
            tags["close"] = f"close position @ {render.terms(words['close[ordertype]'], close.first, close.second)}"
        return tags

    def _check_pair(self, ticket: Ticket) -> None:
        """Checks the pair's status, then its minimums. A conditional order's cost is taken at its trigger."""
        check_status(self._switches.word(f"pair_status.{self._pair.symbol}"), ticket)
        check_status(self._switches.word("system_status"), ticket)
        if not is_multiple(ticket.qty, self._pair.lot):
            raise invalid("volume")
        price = ticket.price or ticket.trigger or self._last
        qty = ticket.qty if ticket.budget is None else ticket.budget / self._last
        self.check_size(qty, price)

    def check_size(self, qty: Decimal, price: Decimal) -> None:
        if qty < self._pair.order_min:
            if self._switches.on("volume_minimum_is_argument"):
                raise invalid("volume minimum not met")
            raise KrakenError(errors.ORDER_MINIMUM)
        if qty * price < self._pair.cost_min:
            raise KrakenError(errors.COST_MINIMUM)


def check_status(status: str, ticket: Ticket) -> None:
    """Rejects what the pair, or the whole venue, does not accept in its current mode."""
    refused = {
        "online": False,
        "post_only": not ticket.post_only,
        "limit_only": ticket.kind is not Kind.LIMIT,
        "reduce_only": ticket.side is Side.BUY,
    }
    if status == "maintenance":
        raise KrakenError(errors.UNAVAILABLE)
    if refused.get(status, True):
        raise KrakenError(f"EService:Market in {status} mode")


def deadline_ms(text: str, wall_ms: int) -> int | None:
    """The wall time after which the engine must not execute the request; at most 60 s ahead."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid("deadline") from error
    if moment.tzinfo is None:
        raise invalid("deadline")
    found = int(moment.timestamp() * 1000)
    if found > wall_ms + MAX_DEADLINE_MS:
        raise invalid("deadline")
    return found


def check_volume(volume: Decimal, name: str) -> Decimal:
    """A volume above zero with at most eight decimals."""
    if volume <= ZERO or not is_multiple(volume, Decimal("1e-8")):
        raise invalid(name)
    return volume


def _key(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


def _side(words: Words) -> Side:
    text = words.need("type")
    if text not in {"buy", "sell"}:
        raise invalid("type")
    return Side(text)


def _kind(text: str) -> Kind:
    if text not in KINDS:
        raise invalid("ordertype")
    return KINDS[text]


def _volume(words: Words) -> Decimal:
    volume = words.number("volume")
    if volume is None:
        raise invalid("volume")
    return check_volume(volume, "volume")


def _refuse_margin(words: Words) -> None:
    if words.get("leverage", "none") not in {"", "none", "0", "1", "1:1"}:
        raise KrakenError(errors.MARGIN)
    if words.flag("reduce_only"):
        raise KrakenError(errors.REDUCE_ONLY)


def _client_id(words: Words) -> str | None:
    text = words.get("cl_ord_id", "")
    if not text:
        return None
    if words.get("userref", "") not in {"", "0"}:
        raise invalid("userref and cl_ord_id are exclusive")
    if CLIENT_ID.fullmatch(text) is None:
        raise invalid("cl_ord_id")
    return text


def _userref(words: Words) -> int:
    userref = words.integer("userref", 0)
    if not -INT32 <= userref < INT32:
        raise invalid("userref")
    return userref


def _number(text: str, name: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise invalid(name) from error
    if not value.is_finite() or value < ZERO:
        raise invalid(name)
    return value
