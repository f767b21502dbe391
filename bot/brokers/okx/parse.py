"""Parses OKX's private answers: orders, algo orders, fills, balances, fees, the account's settings. Pure.

A row that cannot be read raises `BadAnswer`, unless the caller excuses it because it cannot be ours: a list with one of our orders
missing would be wrong. Options and unlisted contracts (unknown to `Units`) are left out on purpose: NIJA never trades them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
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
    sequence,
    side,
    sound_fill,
    sound_order,
    text,
)
from bot.brokers.okx.answers import Units, millis, set_price, sized
from bot.brokers.okx.parse_swaps import SwapPosition as SwapPosition  # noqa: PLC0414 - also imported from here
from bot.brokers.okx.parse_swaps import positions as positions  # noqa: PLC0414
from bot.domain.fill import Fill
from bot.domain.instrument import DOLLARS, Balance, FeeRate
from bot.domain.money import ZERO
from bot.domain.order import OrderStatus, OrderType, Side, VenueOrder

#: The ordId of the entry that an attached stop (by its algoClOrdId and instId) belongs to; None if there is none.
Parents = Callable[[str, str], str | None]

_STOP_MARK = slice(5, 13)


def stop_id(client_id: str) -> str:
    """The client id of the stop attached to an entry: the entry's id with its time in upper case, so still ours and still 18
    characters. OKX copies it from `attachAlgoClOrdId` to the stop's `algoClOrdId`, the only link between the two."""
    return client_id[:5] + client_id[_STOP_MARK].upper() + client_id[13:]


def entry_id(stop: str) -> str | None:
    """The client id of the entry from which a stop's client id was derived; None for any other id."""
    plain = stop[:5] + stop[_STOP_MARK].lower() + stop[13:]
    return plain if plain != stop and stop_id(plain) == stop else None


# -- rows that cannot be ours -----------------------------------------------------------------------------------------
T = TypeVar("T")
Excused = Callable[[Mapping[str, Any], str], bool]
"""Decides whether to leave out a row that cannot be read: gets the row and the reason."""


def nothing_excused(row: Mapping[str, Any], reason: str) -> bool:  # noqa: ARG001
    """Every row must be readable."""
    return False


def _read(
    rows: Iterable[object], units: Units, parse: Callable[[Mapping[str, Any], Decimal], T], excused: Excused
) -> list[T]:
    found: list[T] = []
    for row, unit in sized(rows, units):
        try:
            found.append(parse(row, unit))
        except BadAnswer as error:
            if not excused(row, str(error)):
                raise
    return found


# -- orders -----------------------------------------------------------------------------------------------------------
_TYPES = {"market": OrderType.MARKET, "optimal_limit_ioc": OrderType.MARKET}
#: An order in a state that is not listed here may be alive, so it counts as open. The other rows stay valid.
_STATES = {
    "live": OrderStatus.OPEN,
    "partially_filled": OrderStatus.PARTIALLY_FILLED,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "mmp_canceled": OrderStatus.CANCELED,
}


_LEGS = {"long": Side.BUY, "short": Side.SELL}
#: Orders that OKX made itself, by `category` (GET /trade/orders-history). They have no client id.
_BY_OKX = {
    "full_liquidation": "liquidated by OKX",
    "partial_liquidation": "partly liquidated by OKX",
    "adl": "closed by OKX to cover the losses of others (auto-deleveraging)",
    "delivery": "settled by OKX",
}


def order(row: Mapping[str, Any], unit: Decimal) -> VenueOrder:
    """One order row. `accFillSz` is in base units (or contracts) even if `sz` is in the quote.

    An order created by a triggered algo order has that algo order as its parent.
    """
    with about("order", text(row, "ordId")):
        return sound_order(_order(row, unit))


def _order(row: Mapping[str, Any], unit: Decimal) -> VenueOrder:
    state = text(row, "state")
    if not state:
        raise BadAnswer("no state")
    filled = number(row, "accFillSz", ZERO) * unit
    status = _STATES.get(state, OrderStatus.OPEN)
    qty = filled if text(row, "tgtCcy") == "quote_ccy" else number(row, "sz", ZERO) * unit
    return VenueOrder(
        exchange_id=text(row, "ordId"),
        symbol=text(row, "instId"),
        side=side(row),
        type=_TYPES.get(text(row, "ordType"), OrderType.LIMIT),
        status=OrderStatus.PARTIALLY_FILLED if status is OrderStatus.OPEN and filled > 0 else status,
        qty=qty,
        filled_qty=filled,
        avg_price=set_price(row, "avgPx", "fillPx") if filled else None,
        client_id=text(row, "clOrdId") or None,
        parent_id=text(row, "algoId") or None,
        limit_price=set_price(row, "px"),
        created_at=millis(row, "cTime"),
        reason=_why(row),
        attached_stop=_attached_stop(row),
        reduce_only=_is_closing(row),
        pay_in=text(row, "tradeQuoteCcy") or None,
        by_venue=_BY_OKX.get(text(row, "category"), ""),
        leg=_LEGS.get(text(row, "posSide")),
    )


def _is_closing(row: Mapping[str, Any]) -> bool:
    """Whether the order can only close a position: by its flag, or in long/short mode by selling the long or buying the short."""
    return text(row, "reduceOnly") == "true" or (text(row, "posSide"), text(row, "side")) in {
        ("long", "sell"),
        ("short", "buy"),
    }


def _attached_stop(row: Mapping[str, Any]) -> Decimal | None:
    """The trigger of the stop in `attachAlgoOrds`; without one, that field is "", null or an empty list."""
    terms = (mapping(each, "attachAlgoOrds") for each in sequence(row.get("attachAlgoOrds") or [], "attachAlgoOrds"))
    prices = (set_price(each, "slTriggerPx") for each in terms)
    return next((price for price in prices if price is not None), None)


def _why(row: Mapping[str, Any]) -> str:
    """Why OKX ended an order: its text, or else its code."""
    words = text(row, "cancelSourceReason")
    return words or (f"cancelSource {text(row, 'cancelSource')}" if text(row, "cancelSource") else "")


# -- algo orders --------------------------------------------------------------------------------------------------------
_ALGO_TYPES = {
    "oco": OrderType.BRACKET,
    "move_order_stop": OrderType.TRAILING_STOP,
    "trigger": OrderType.STOP,
}
_ALGO_STATES = {
    "live": OrderStatus.OPEN,
    "pause": OrderStatus.OPEN,
    "partially_effective": OrderStatus.OPEN,
    "effective": OrderStatus.CANCELED,
    "partially_failed": OrderStatus.CANCELED,
    "canceled": OrderStatus.CANCELED,
    "order_failed": OrderStatus.REJECTED,
}
_FIRED = frozenset({"effective", "partially_effective", "partially_failed"})


def algo(row: Mapping[str, Any], unit: Decimal, parent: str | None) -> VenueOrder:
    """One algo order row. It never fills: once triggered it has ended, and the orders it created (`children`) trade. As long as OKX
    does not name these, it is not known what it has sold, and it counts as open.
    """
    with about("algo order", text(row, "algoId")):
        return sound_order(_algo(row, unit, parent))


def _algo(row: Mapping[str, Any], unit: Decimal, parent: str | None) -> VenueOrder:
    state = text(row, "state")
    if not state:
        raise BadAnswer("no state")
    status, fired, children = _ALGO_STATES.get(state, OrderStatus.OPEN), state in _FIRED, _children(row)
    if fired and not children:
        status = OrderStatus.OPEN
    return VenueOrder(
        exchange_id=text(row, "algoId"),
        symbol=text(row, "instId"),
        side=side(row),
        type=_algo_type(row),
        status=status,
        qty=number(row, "sz", ZERO) * unit,
        client_id=text(row, "algoClOrdId") or None,
        parent_id=parent,
        limit_price=set_price(row, "slOrdPx", "tpOrdPx", "ordPx"),
        trigger_price=set_price(row, "slTriggerPx", "tpTriggerPx", "triggerPx", "moveTriggerPx", "activePx"),
        created_at=millis(row, "cTime"),
        triggered=fired,
        reason="triggered" if fired else _failure(row, status),
        children=children,
        pay_in=text(row, "tradeQuoteCcy") or None,
    )


def _algo_type(row: Mapping[str, Any]) -> OrderType:
    word = text(row, "ordType")
    if word in _ALGO_TYPES:
        return _ALGO_TYPES[word]
    if word != "conditional":
        return OrderType.LIMIT  # twap, iceberg, chase: foreign types that do not protect
    if not set_price(row, "slTriggerPx"):
        return OrderType.TAKE_PROFIT
    return OrderType.STOP_LIMIT if set_price(row, "slOrdPx") else OrderType.STOP


def _children(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The orders it created: `ordIdList`, in older answers only `ordId`."""
    listed = [str(each) for each in sequence(row.get("ordIdList") or [], "ordIdList") if each]
    alone = text(row, "ordId")
    return tuple(listed or ([alone] if alone and alone != "0" else []))


def _failure(row: Mapping[str, Any], status: OrderStatus) -> str:
    return f"failed when it triggered: {text(row, 'failCode')}" if status is OrderStatus.REJECTED else ""


def orders(rows: Iterable[object], units: Units, excused: Excused = nothing_excused) -> list[VenueOrder]:
    """Order rows, oldest first."""
    return by_age(_read(rows, units, order, excused))


def algos(
    rows: Iterable[object], units: Units, parents: Parents, excused: Excused = nothing_excused
) -> list[VenueOrder]:
    """Algo order rows, oldest first."""

    def parse(row: Mapping[str, Any], unit: Decimal) -> VenueOrder:
        return algo(row, unit, parents(text(row, "algoClOrdId"), text(row, "instId")))

    return by_age(_read(rows, units, parse, excused))


# -- fills ----------------------------------------------------------------------------------------------------------------
def fill(row: Mapping[str, Any], unit: Decimal) -> Fill:
    """One fill row. OKX's fee is negative if we paid it, in `feeCcy`: the coin bought, or the quote."""
    with about("fill", text(row, "tradeId")):
        return sound_fill(_fill(row, unit))


def _fill(row: Mapping[str, Any], unit: Decimal) -> Fill:
    symbol, order_id, trade = text(row, "instId"), text(row, "ordId"), text(row, "tradeId")
    at = millis(row, "fillTime", "ts")
    if not order_id or not trade or not at:
        raise BadAnswer("no order, no trade or no time")
    price, fee, asset = number(row, "fillPx"), -number(row, "fee", ZERO), text(row, "feeCcy")
    return Fill(
        fill_id=f"{symbol}:{order_id}:{trade}",
        exchange_order_id=order_id,
        symbol=symbol,
        side=side(row),
        qty=number(row, "fillSz") * unit,
        price=price,
        fee=fee,
        fee_asset=asset,
        time=at,
        client_id=text(row, "clOrdId") or None,
        fee_usd=_in_dollars(symbol, fee, asset, price),
    )


def _in_dollars(symbol: str, fee: Decimal, asset: str, price: Decimal) -> Decimal:
    base, quote = symbol.split("-")[:2]
    if asset in DOLLARS:
        return fee
    return fee * price if asset == base and quote in DOLLARS else ZERO


def fills(rows: Iterable[object], units: Units, excused: Excused = nothing_excused) -> list[Fill]:
    """Fill rows, oldest first."""
    return oldest_first(_read(rows, units, fill, excused))


# -- money ----------------------------------------------------------------------------------------------------------------
def balances(rows: list[Any], *, margin: bool, excused: ExcusedCoin = no_coin_excused) -> dict[str, Balance]:
    """account/balance by coin: free is `availBal`, held is `frozenBal`.

    With swaps enabled (`margin`), the free part of a quote is what can serve as margin (`availEq`), and free plus held is its
    cash balance, without the unrealised profit of open positions.
    """
    found: dict[str, Balance] = {}
    for each in rows:
        for detail in sequence(mapping(each, "balance").get("details") or [], "details"):
            row = mapping(detail, "details")
            asset = text(row, "ccy")
            in_margin = margin and asset in DOLLARS and text(row, "availEq") and text(row, "cashBal")
            with one_coin(asset, excused):
                found[asset] = _margin(row) if in_margin else _spot(row)
    return found


def _spot(row: Mapping[str, Any]) -> Balance:
    return Balance(max(holding(row, "availBal", ZERO), ZERO), max(holding(row, "frozenBal", ZERO), ZERO))


def _margin(row: Mapping[str, Any]) -> Balance:
    cash = max(holding(row, "cashBal"), ZERO)
    free = min(max(holding(row, "availEq"), ZERO), cash)
    return Balance(free, cash - free)


def pockets(rows: list[Any], key: str = "bal", excused: ExcusedCoin = no_coin_excused) -> dict[str, Decimal]:
    """asset/balances or finance/savings/balance: amounts that orders cannot use."""
    found: dict[str, Decimal] = {}
    for row in (mapping(each, "asset") for each in rows):
        with one_coin(text(row, "ccy"), excused):
            found[text(row, "ccy")] = holding(row, key, ZERO)
    return {asset: amount for asset, amount in found.items() if amount > 0}


@dataclass(frozen=True, slots=True)
class Rates:
    """trade-fee of one instrument type: the rates of its `groups`, and those outside any group, by quote."""

    groups: Mapping[str, FeeRate]
    usual: FeeRate
    by_quote: Mapping[str, FeeRate]

    def of(self, group: str, quote: str) -> FeeRate:
        return self.groups.get(group) or self.by_quote.get(quote) or self.usual


def rates(row: Mapping[str, Any]) -> Rates:
    """trade-fee: negative rates are paid by us. The flat fields are the older scheme, still filled in."""
    groups = {
        text(each, "groupId"): _rate(each, "maker", "taker")
        for each in (mapping(one, "feeGroup") for one in sequence(row.get("feeGroup") or [], "feeGroup"))
    }
    by_quote = {
        quote: _rate(row, f"maker{suffix}", f"taker{suffix}")
        for quote, suffix in (("USDT", "U"), ("USDC", "USDC"))
        if text(row, f"taker{suffix}")
    }
    if not text(row, "taker"):
        usual = next(iter([*by_quote.values(), *groups.values()]), None)
        if usual is None:
            raise BadAnswer("trade-fee without a fee")
        return Rates(groups, usual, by_quote)
    return Rates(groups, _rate(row, "maker", "taker"), by_quote)


def _rate(row: Mapping[str, Any], maker: str, taker: str) -> FeeRate:
    pays = number(row, taker)
    return FeeRate(maker=-number(row, maker, pays), taker=-pays)


# -- the account ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Settings:
    """account/config. `permissions` and `ips` are None if OKX does not say. `level` is acctLv (1 Spot, 2 Futures,
    3 multi-currency, 4 portfolio margin), `hedged` is long/short mode, `fee_in_quote` is feeType 1."""

    uid: str
    permissions: frozenset[str] | None
    ips: str | None
    level: str
    hedged: bool
    fee_in_quote: bool
    may_borrow: bool


def settings(row: Mapping[str, Any]) -> Settings:
    """The one row of account/config."""
    words = text(row, "perm").replace(" ", "")
    return Settings(
        uid=text(row, "uid"),
        permissions=frozenset(words.split(",")) if words else None,
        ips=text(row, "ip") if row.get("ip") is not None else None,
        level=text(row, "acctLv"),
        hedged=text(row, "posMode") == "long_short_mode",
        fee_in_quote=text(row, "feeType") == "1",
        may_borrow=row.get("autoLoan") is True or row.get("enableSpotBorrow") is True,
    )
