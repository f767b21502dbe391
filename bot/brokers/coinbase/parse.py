"""Parses Coinbase's private answers: orders, fills, balances, fees, the key's permissions. Pure.

Numbers come as text and become Decimal here; unknown keys are ignored. A row that cannot be read raises `BadAnswer`: a list
with one of our orders missing would be wrong. `stranger` and `strange_fill` detect rows that cannot be ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, TypeVar

from bot.brokers.common.answers import (
    BadAnswer,
    ExcusedCoin,
    about,
    by_age,
    holding,
    mapping,
    no_coin_excused,
    number,
    oldest_first,
    one_coin,
    side,
    sound_fill,
    sound_order,
    text,
)
from bot.domain.clock import parse_iso
from bot.domain.fill import Fill
from bot.domain.ids import is_ours
from bot.domain.instrument import DOLLARS, Balance, FeeRate
from bot.domain.money import ZERO
from bot.domain.order import OrderStatus, OrderType, VenueOrder

#: The precision of sizes computed from the quote: as many places as Coinbase shows.
_FINEST = Decimal("1E-15")
#: Times have up to nine decimals of a second; a datetime takes only six.
_FRACTION = re.compile(r"(\.\d{6})\d+")


def millis(row: Mapping[str, Any], key: str) -> int:
    """A time in a row (RFC 3339) in milliseconds, 0 if unset."""
    value = text(row, key)
    if not value:
        return 0
    try:
        return parse_iso(_FRACTION.sub(r"\1", value))
    except (ValueError, OverflowError) as error:
        raise BadAnswer(f"{key}: no time {value[:40]!r}") from error


# -- rows that cannot be ours -------------------------------------------------------------------------------------
T = TypeVar("T")
Excused = Callable[[Mapping[str, Any], str, bool], bool]
"""Decides whether to leave out a row: gets the row, the reason, and whether its kind makes it certain that it is not ours."""


def nothing_excused(row: Mapping[str, Any], reason: str, strange: bool) -> bool:  # noqa: ARG001
    """Leave out a row only if it is certain that it is not ours."""
    return strange


def _read(
    rows: Iterable[object],
    parse: Callable[[object], T],
    strange: Callable[[Mapping[str, Any]], str],
    excused: Excused,
) -> list[T]:
    """The parsed rows, without those left out. Any other row that cannot be read raises."""
    found: list[T] = []
    for value in rows:
        row = mapping(value, "row")
        if reason := strange(row):
            excused(row, reason, True)
            continue
        try:
            found.append(parse(row))
        except BadAnswer as error:
            if not excused(row, str(error), False):
                raise
    return found


# -- orders -------------------------------------------------------------------------------------------------------
_TYPES = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "STOP": OrderType.STOP,
    "STOP_LIMIT": OrderType.STOP,
    "BRACKET": OrderType.BRACKET,
    "TAKE_PROFIT_STOP_LOSS": OrderType.BRACKET,
    "LIQUIDATION": OrderType.MARKET,
}
#: The same by the beginning of an order's configuration, for an order whose type Coinbase does not name.
_SHAPES = {"market_": OrderType.MARKET, "stop_limit_": OrderType.STOP, "trigger_bracket_": OrderType.BRACKET}
_ENDED = {
    "FILLED": OrderStatus.FILLED,
    "CANCELLED": OrderStatus.CANCELED,
    "EXPIRED": OrderStatus.EXPIRED,
    "FAILED": OrderStatus.REJECTED,
}
#: The product type of our own orders; it may be missing. A fill without a known one may be ours too.
_SPOT, _NOT_SAID = ("SPOT", ""), "UNKNOWN_PRODUCT_TYPE"
GTD = "GOOD_UNTIL_DATE_TIME"


def order_status(word: str, filled: Decimal) -> OrderStatus:
    """Our status. Coinbase has no status for partly filled orders. An order with an unknown status counts as live."""
    if word not in _ENDED:
        return OrderStatus.PARTIALLY_FILLED if filled > 0 else OrderStatus.OPEN
    if word == "FAILED" and filled > 0:
        return OrderStatus.CANCELED
    return _ENDED[word]


def order(value: object) -> VenueOrder:
    """One order of the history, in any state."""
    row = mapping(value, "order")
    with about("order", text(row, "order_id")):
        return sound_order(_order(row))


def _order(row: Mapping[str, Any]) -> VenueOrder:
    """One order. We did not send an order that another one spawned, so an id of our form there is its parent's and is ignored."""
    shape = configuration(row)
    parent = text(row, "originating_order_id") or None
    named_by = text(row, "client_order_id") or None
    filled = number(row, "filled_size", ZERO)
    status = order_status(text(row, "status"), filled)
    average = number(row, "average_filled_price", ZERO)
    return VenueOrder(
        exchange_id=named(row, "order_id"),
        symbol=named(row, "product_id"),
        side=side(row),
        type=_TYPES.get(text(row, "order_type")) or _shape(row),
        status=status,
        qty=number(shape, "base_size", filled),
        filled_qty=filled,
        avg_price=average if filled > 0 and average > 0 else None,
        client_id=None if parent and is_ours(named_by) else named_by,
        parent_id=parent,
        limit_price=number(shape, "limit_price", ZERO) or None,
        trigger_price=number(shape, "stop_price", ZERO) or number(shape, "stop_trigger_price", ZERO) or None,
        created_at=millis(row, "created_time"),
        triggered=text(row, "trigger_status") == "STOP_TRIGGERED",
        reason=_reason(row),
        attached_stop=number(configuration(row, "attached_order_configuration"), "stop_trigger_price", ZERO) or None,
    )


def configuration(row: Mapping[str, Any], key: str = "order_configuration") -> Mapping[str, Any]:
    """The value under the single key of an order's configuration; empty for kinds that have none."""
    outer = row.get(key)
    inner = next(iter(outer.values()), None) if isinstance(outer, dict) else None
    return inner if isinstance(inner, dict) else {}


def _shape(row: Mapping[str, Any]) -> OrderType:
    outer = row.get("order_configuration")
    key = next(iter(outer), "") if isinstance(outer, dict) else ""
    return next((kind for start, kind in _SHAPES.items() if key.startswith(start)), OrderType.LIMIT)


def is_burnt(value: object) -> bool:
    """Whether this order only used up an id: none of our other orders is good-til-date."""
    row = mapping(value, "order")
    return text(row, "time_in_force") == GTD or "end_time" in configuration(row)


def named(row: Mapping[str, Any], key: str) -> str:
    """A text that must be present."""
    value = text(row, key)
    if not value:
        raise BadAnswer(f"{key} is missing")
    return value


def _reason(row: Mapping[str, Any]) -> str:
    """Why an order ended, if Coinbase says so."""
    words = [text(row, key) for key in ("reject_reason", "reject_message", "cancel_message")]
    return ": ".join(word for word in dict.fromkeys(words) if word and word != "REJECT_REASON_UNSPECIFIED")


def orders(rows: Iterable[object], excused: Excused = nothing_excused) -> list[VenueOrder]:
    """Orders, oldest first, each once: pages overlap when new orders shift older ones."""
    return by_age({each.exchange_id: each for each in _read(rows, order, stranger, excused)}.values())


def may_be_ours(row: Mapping[str, Any]) -> bool:
    """Whether an order row has a client id of our form, or was spawned by another order."""
    return is_ours(text(row, "client_order_id")) or bool(text(row, "originating_order_id"))


def stranger(row: Mapping[str, Any]) -> str:
    """Why an order cannot be ours, "" if it may be: we trade spot only."""
    kind = text(row, "product_type")
    return "" if kind in _SPOT or may_be_ours(row) else f"an order of another kind of product ({kind})"


def kind_of(row: Mapping[str, Any]) -> str:
    """The name of a row that is left out, for the log."""
    kind = text(row, "product_type")
    return text(row, "product_id")[:40] if kind in _SPOT else kind[:40]


# -- fills --------------------------------------------------------------------------------------------------------
def fill(value: object) -> Fill | None:
    """One fill, with its `entry_id` as id; None for a row that is not an execution (reversal, correction).

    With `size_in_quote` the size is in quote units and is divided by the price. The commission is taken in the quote.
    """
    row = mapping(value, "fill")
    with about("fill", text(row, "entry_id")):
        return sound_fill(_fill(row)) if text(row, "trade_type") in ("FILL", "SYNTHETIC", "") else None


def _fill(row: Mapping[str, Any]) -> Fill:
    symbol = named(row, "product_id")
    quote = symbol.rsplit("-", 1)[-1]
    size, price, fee = number(row, "size"), number(row, "price"), number(row, "commission", ZERO)
    if price <= 0 or size <= 0 or not (at := millis(row, "trade_time")):
        raise BadAnswer("no price, no size or no time")
    if row.get("size_in_quote") is True:
        size = (size / price).quantize(_FINEST, ROUND_HALF_EVEN).normalize()
    return Fill(
        fill_id=named(row, "entry_id"),
        exchange_order_id=named(row, "order_id"),
        symbol=symbol,
        side=side(row),
        qty=size,
        price=price,
        fee=fee,
        fee_asset=quote,
        time=at,
        fee_usd=fee if quote in DOLLARS else ZERO,
    )


def moved(one: Fill, symbol: str) -> Fill:
    """A fill under another name of its product, which is paid in another kind of dollars."""
    return one if one.symbol == symbol else replace(one, symbol=symbol, fee_asset=symbol.rsplit("-", 1)[-1])


def strange_fill(row: Mapping[str, Any]) -> str:
    """Why a fill cannot be ours, "" if it may be: we trade for dollars only."""
    kind, product = text(row, "product_type"), text(row, "product_id")
    if kind not in (*_SPOT, _NOT_SAID):
        return f"a fill of another kind of product ({kind})"
    return "" if not product or product.rsplit("-", 1)[-1] in DOLLARS else "a fill that was not paid in dollars"


def fills(rows: Iterable[object], excused: Excused = nothing_excused) -> list[Fill]:
    """Executions, oldest first, each once: pages overlap when new fills shift older ones."""
    found = {each.fill_id: each for each in _read(rows, fill, strange_fill, excused) if each is not None}
    return oldest_first(found.values())


# -- money --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Wallet:
    """One account row. `ours`: in the key's portfolio, active and ready, so that orders can use it."""

    asset: str
    held: Balance
    ours: bool


def wallet(value: object, portfolio: str) -> Wallet:
    """One account. Its total is the available balance plus what orders hold. A missing type or platform means the usual one."""
    row = mapping(value, "account")
    of = text(row, "retail_portfolio_id")
    plain_kind = text(row, "type").removeprefix("ACCOUNT_TYPE_") in ("CRYPTO", "FIAT", "UNSPECIFIED", "")
    spot = text(row, "platform").removeprefix("ACCOUNT_PLATFORM_") in ("CONSUMER", "UNSPECIFIED", "")
    usable = row.get("active") is not False and row.get("ready") is not False and text(row, "deleted_at") == ""
    return Wallet(
        asset=named(row, "currency"),
        held=Balance(_amount(row, "available_balance"), _amount(row, "hold")),
        ours=plain_kind and spot and usable and of in (portfolio, ""),
    )


def wallets(rows: Iterable[object], portfolio: str, excused: ExcusedCoin = no_coin_excused) -> list[Wallet]:
    """All accounts, without those of coins whose balance cannot be read and that are `excused`."""
    found = []
    for row in rows:
        with one_coin(named(mapping(row, "account"), "currency"), excused):
            found.append(wallet(row, portfolio))
    return found


def _amount(row: Mapping[str, Any], key: str) -> Decimal:
    value = row.get(key)
    return ZERO if value is None else holding(mapping(value, key), "value", ZERO)


def balances(wallets: Iterable[Wallet]) -> dict[str, Balance]:
    """Balances that orders can use, by asset; several wallets of one asset are added up."""
    found: dict[str, Balance] = {}
    for one in wallets:
        if one.ours and one.held.total:
            before = found.get(one.asset, Balance(ZERO))
            found[one.asset] = Balance(before.free + one.held.free, before.held + one.held.held)
    return found


def pockets(wallets: Iterable[Wallet]) -> dict[str, Decimal]:
    """Balances in vaults, in other portfolios or in wallets that are not ready, by asset."""
    found: dict[str, Decimal] = {}
    for one in wallets:
        if not one.ours and one.held.total:
            found[one.asset] = found.get(one.asset, ZERO) + one.held.total
    return found


def fee_rate(answer: Mapping[str, Any]) -> FeeRate:
    """The fee rates in the transaction summary, as fractions of the value traded."""
    tier = mapping(answer.get("fee_tier"), "fee_tier")
    return FeeRate(maker=number(tier, "maker_fee_rate"), taker=number(tier, "taker_fee_rate"))


# -- the key ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class KeyInfo:
    """The key's permissions, and the one portfolio it belongs to ("" if Coinbase names none)."""

    permissions: frozenset[str]
    portfolio: str


def key_info(answer: Mapping[str, Any]) -> KeyInfo:
    """The key's permissions: `view`, `trade`, `transfer`."""
    words = ("view", "trade", "transfer")
    return KeyInfo(
        permissions=frozenset(word for word in words if answer.get(f"can_{word}") is True),
        portfolio=text(answer, "portfolio_uuid"),
    )
