"""Parses Kraken's private answers: orders, fills, balances, fees, the key's permissions. Pure.

Numbers come as text and become Decimal here; unknown keys are ignored. A row that cannot be read raises `BadAnswer`, unless the
caller excuses it because it cannot be ours: a list with one of our orders missing would be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from bot.brokers.common import answers
from bot.brokers.common.answers import (
    BadAnswer,
    ExcusedCoin,
    about,
    by_age,
    holding,
    no_coin_excused,
    number,
    oldest_first,
    one_coin,
    sequence,
    side,
    sound_fill,
    sound_order,
    text,
)
from bot.brokers.kraken.names import Names
from bot.domain.fill import Fill
from bot.domain.instrument import DOLLARS, Balance, FeeRate
from bot.domain.money import HUNDRED, ZERO
from bot.domain.order import STOPS, OrderStatus, OrderType, VenueOrder
from bot.domain.text import safe_text


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """`value` as a JSON object. Some servers send an empty list for an empty object."""
    return answers.mapping({} if value == [] else value, what)


def millis(row: Mapping[str, Any], key: str) -> int:
    """A time in a row: Kraken's (fractional) Unix seconds as milliseconds, 0 if unset."""
    return int(number(row, key, ZERO) * 1000)


# -- rows that cannot be ours -------------------------------------------------------------------------------------
T = TypeVar("T")
Excused = Callable[[str, Mapping[str, Any], str], bool]
"""Decides whether to leave out a row that cannot be read: gets its id, the row, and the reason."""


def nothing_excused(name: str, row: Mapping[str, Any], reason: str) -> bool:  # noqa: ARG001
    """Every row must be readable."""
    return False


def _read(rows: Mapping[str, Any], parse: Callable[[str, object], T], excused: Excused) -> list[T]:
    found: list[T] = []
    for name, row in rows.items():
        try:
            found.append(parse(name, row))
        except BadAnswer as error:
            if not excused(name, row if isinstance(row, dict) else {}, str(error)):
                raise
    return found


# -- orders -------------------------------------------------------------------------------------------------------
_TYPES = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "iceberg": OrderType.LIMIT,
    "stop-loss": OrderType.STOP,
    "stop-loss-limit": OrderType.STOP_LIMIT,
    "stop-limit": OrderType.STOP_LIMIT,
    "take-profit": OrderType.TAKE_PROFIT,
    "take-profit-limit": OrderType.TAKE_PROFIT,
    "trailing-stop": OrderType.TRAILING_STOP,
    "trailing-stop-limit": OrderType.TRAILING_STOP,
    "settle-position": OrderType.MARKET,
}
_TRIGGERED = {"stopped", "touched"}
_ENDED = ("closed", "canceled", "expired")
#: Kraken closes an order that lacks no more than this, "Insignificant volume remaining".
INSIGNIFICANT = Decimal("0.00000002")
#: `descr.close` of an order that was sent with a stop: "close position @ stop loss 22000.0", sometimes with "-> limit 21000.0".
_CLOSE = re.compile(r"close position @ stop loss (\d+(?:\.\d+)?)(?: |$)", re.ASCII)


def order_type(word: str) -> OrderType:
    """Our type for an `ordertype` (dashes in OpenOrders, maybe blanks in TradesHistory). Unknown ones get the closest type."""
    word = word.replace(" ", "-")
    if word in _TYPES:
        return _TYPES[word]
    if "stop" in word:
        return OrderType.STOP
    return OrderType.TAKE_PROFIT if "profit" in word else OrderType.LIMIT


def order_status(word: str, qty: Decimal, filled: Decimal) -> OrderStatus:
    """Our status. Kraken says `open` also for partly filled orders, `canceled` also for orders that traded, and `closed` only for
    filled ones, even if `vol_exec` still lags (see `lag`). An order with an unknown status counts as live.
    """
    if word not in _ENDED:
        return OrderStatus.PARTIALLY_FILLED if filled > 0 else OrderStatus.OPEN
    if qty > 0 and (word == "closed" or filled >= qty):
        return OrderStatus.FILLED
    return OrderStatus.EXPIRED if word == "expired" else OrderStatus.CANCELED


def order(txid: str, row: object, names: Names) -> VenueOrder:
    """One entry of OpenOrders, ClosedOrders or QueryOrders."""
    with about("order", txid):
        return sound_order(_order(txid, mapping(row, "order"), names))


def _order(txid: str, row: Mapping[str, Any], names: Names) -> VenueOrder:
    descr = mapping(row.get("descr"), "descr")
    kind, filled = order_type(text(descr, "ordertype")), number(row, "vol_exec")
    in_quote = "viqc" in text(row, "oflags").split(",") and text(row, "status") == "closed"
    qty = filled if in_quote else number(row, "vol")
    price, second = _price(descr, "price"), _price(descr, "price2")
    stop_like = kind not in (OrderType.MARKET, OrderType.LIMIT)
    parent = parent_of(row)
    return VenueOrder(
        exchange_id=safe_text(txid),
        symbol=names.symbol(text(descr, "pair")),
        side=side(descr, "type"),
        type=kind,
        status=order_status(text(row, "status"), qty, filled),
        qty=qty,
        filled_qty=filled,
        avg_price=_average(row, filled),
        client_id=None if parent else text(row, "cl_ord_id") or None,  # a child may carry its parent's id
        parent_id=parent,
        limit_price=second if stop_like else price,
        trigger_price=(price or _price(row, "stopprice")) if stop_like else None,
        created_at=millis(row, "opentm"),
        triggered=kind in STOPS and bool(_TRIGGERED & set(text(row, "misc").split(","))),
        reason=text(row, "reason"),
        attached_stop=_attached_stop(descr),
        fill_ids=tuple(safe_text(each) for each in sequence(row.get("trades") or [], "trades")),
    )


def parent_of(row: Mapping[str, Any]) -> str | None:
    """The order that spawned this one. Kraken has been seen to send "None" if there is none."""
    parent = text(row, "refid")
    return parent if parent and parent != "None" else None


def _attached_stop(descr: Mapping[str, Any]) -> Decimal | None:
    found = _CLOSE.match(text(descr, "close"))
    return answers.exact(found.group(1), "close") if found else None


def _price(row: Mapping[str, Any], key: str) -> Decimal | None:
    """A price of `descr`; None for 0 (unset) and for offsets such as "+50.0000%"."""
    value = text(row, key)
    if value[:1] in ("+", "-", "#") or value.endswith("%"):
        return None
    return number(row, key, ZERO) or None


def _average(row: Mapping[str, Any], filled: Decimal) -> Decimal | None:
    if not filled:
        return None
    return number(row, "price", ZERO) or number(row, "cost", ZERO) / filled or None


def orders(rows: object, names: Names, excused: Excused = nothing_excused) -> list[VenueOrder]:
    """A map of orders, oldest first."""
    return by_age(_read(mapping(rows, "orders"), lambda txid, row: order(txid, row, names), excused))


# -- fills --------------------------------------------------------------------------------------------------------
def fill(trade_id: str, row: object, names: Names) -> Fill:
    """One entry of TradesHistory or QueryTrades. The fee is in the quote, because our orders carry `fciq`."""
    with about("trade", trade_id):
        return sound_fill(_fill(trade_id, mapping(row, "trade"), names))


def _fill(trade_id: str, row: Mapping[str, Any], names: Names) -> Fill:
    symbol = names.symbol(text(row, "pair"))
    quote = symbol.rsplit("-", 1)[-1]
    fee, at = number(row, "fee"), millis(row, "time")
    if not text(row, "ordertxid") or not at:
        raise BadAnswer("no order or no time")
    return Fill(
        fill_id=safe_text(trade_id),
        exchange_order_id=text(row, "ordertxid"),
        symbol=symbol,
        side=side(row, "type"),
        qty=number(row, "vol"),
        price=number(row, "price"),
        fee=fee,
        fee_asset=quote,
        time=at,
        fee_usd=fee if quote in DOLLARS else ZERO,
    )


def fills(rows: object, names: Names, excused: Excused = nothing_excused) -> list[Fill]:
    """A map of trades, oldest first."""
    return oldest_first(_read(mapping(rows, "trades"), lambda trade_id, row: fill(trade_id, row, names), excused))


# -- money --------------------------------------------------------------------------------------------------------
def balances(rows: object, names: Names, excused: ExcusedCoin = no_coin_excused) -> dict[str, Balance]:
    """BalanceEx: free = balance + credit - credit_used - hold_trade. Dotted assets cannot be traded."""
    found: dict[str, Balance] = {}
    for name, value in mapping(rows, "balances").items():
        if "." in name:
            continue
        with one_coin(names.asset(name), excused):
            row = mapping(value, name)
            held = holding(row, "hold_trade", ZERO)
            free = holding(row, "balance") + holding(row, "credit", ZERO) - holding(row, "credit_used", ZERO) - held
            before = found.get(names.asset(name), Balance(ZERO))
            found[names.asset(name)] = Balance(before.free + max(free, ZERO), before.held + held)
    return found


def pockets(rows: object, names: Names, excused: ExcusedCoin = no_coin_excused) -> dict[str, Decimal]:
    """BalanceEx: the amounts in dotted assets (`.F .S .M .B .P .HOLD .T`), by the coin's common name."""
    found: dict[str, Decimal] = {}
    for name, value in mapping(rows, "balances").items():
        coin = names.coin_of_dotted(name)
        with one_coin(coin, excused):
            amount = holding(mapping(value, name), "balance") if "." in name else ZERO
            if amount:
                found[coin] = found.get(coin, ZERO) + amount
    return found


def allocations(result: object, names: Names, excused: ExcusedCoin = no_coin_excused) -> dict[str, Decimal]:
    """Earn/Allocations: the amounts in Kraken's Earn strategies, vaults included, by the coin's common name."""
    found: dict[str, Decimal] = {}
    for item in sequence(mapping(result, "allocations").get("items") or [], "items"):
        row = mapping(item, "allocation")
        total = mapping(mapping(row.get("amount_allocated"), "amount").get("total"), "total")
        coin = names.coin_of_dotted(text(row, "native_asset"))
        with one_coin(coin, excused):
            if amount := holding(total, "native"):
                found[coin] = found.get(coin, ZERO) + amount
    return found


def fee_rates(result: object, names: Names) -> dict[str, FeeRate]:
    """TradeVolume with `pair`: percent per pair. A pair without a maker schedule pays the taker fee as maker too."""
    rows = mapping(result, "volume")
    taker, maker = mapping(rows.get("fees", {}), "fees"), mapping(rows.get("fees_maker", {}), "fees_maker")
    found: dict[str, FeeRate] = {}
    for pair, row in taker.items():
        pays = number(mapping(row, pair), "fee") / HUNDRED
        found[names.symbol(pair)] = FeeRate(
            maker=number(mapping(maker[pair], pair), "fee") / HUNDRED if pair in maker else pays, taker=pays
        )
    return found


# -- the key ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class KeyInfo:
    """GetApiKeyInfo. `permissions` is None if Kraken does not say. Times are in Unix ms: `valid_until` is 0 for no expiry; the key
    shows only orders and trades from `query_from` to `query_to`, 0 for no limit.
    """

    permissions: frozenset[str] | None
    ip_allowlist: tuple[str, ...]
    valid_until: int
    query_from: int = 0
    query_to: int = 0


def key_info(result: object) -> KeyInfo:
    """The key's permissions, in both spellings that have been seen (`ipAllowlist`, `ip_allowlist`)."""
    row = {name.replace("_", "").lower(): value for name, value in mapping(result, "key").items()}
    rights, allowed = row.get("permissions"), row.get("ipallowlist")
    return KeyInfo(
        permissions=frozenset(safe_text(right) for right in rights) if isinstance(rights, list) else None,
        ip_allowlist=tuple(safe_text(each) for each in allowed) if isinstance(allowed, list) else (),
        valid_until=millis(row, "validuntil"),
        query_from=millis(row, "queryfrom"),
        query_to=millis(row, "queryto"),
    )
