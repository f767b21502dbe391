"""Builds the bodies of OKX's order requests from our intents. Pure.

Sizes are sent in OKX's units: base units on spot, contracts on swaps. A market order on spot always names its unit, and that OKX must
not reduce it (`banAmend`): otherwise no refusal would show that coins are missing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from bot.brokers.common.outcomes import Unsupported, needed
from bot.brokers.okx.parse import stop_id
from bot.domain.instrument import Instrument, Kind
from bot.domain.money import plain
from bot.domain.order import Intent, OrderType, Side, TimeInForce

_AT_MARKET = "-1"
_ALGOS = frozenset(
    {OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT, OrderType.BRACKET, OrderType.TRAILING_STOP}
)
_LIFE = {TimeInForce.GTC: "limit", TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok"}


class Terms(NamedTuple):
    """How an account trades a market: its rules, the trade mode (cash, cross, isolated), and whether long and short positions
    exist side by side (`hedged`), in which case every order must name its position."""

    instrument: Instrument
    mode: str
    hedged: bool = False


def is_algo(intent: Intent) -> bool:
    """Whether it must be sent as an algo order, like every order with its own trigger."""
    return intent.type in _ALGOS


def wire_size(qty: Decimal, instrument: Instrument) -> str:
    """A base quantity in OKX's units."""
    return plain(qty / instrument.unit)


def order_fields(intent: Intent, terms: Terms) -> dict[str, Any]:
    """trade/order's body. Raises `Unsupported`."""
    fields: dict[str, Any] = {
        **_common(intent, terms),
        "ordType": _kind(intent),
        "clOrdId": intent.client_id,
    }
    if intent.type is OrderType.LIMIT:
        fields["px"] = needed(intent.limit_price, "limit price")
    elif terms.instrument.kind is Kind.SPOT:
        fields |= {"tgtCcy": "base_ccy", "banAmend": True}
    attached = _attached(intent, terms)
    return fields | ({"attachAlgoOrds": [attached]} if attached else {})


def algo_fields(intent: Intent, terms: Terms) -> dict[str, Any]:
    """trade/order-algo's body: conditional (stop or target), oco (both) or move_order_stop (trailing). Raises `Unsupported`."""
    fields: dict[str, Any] = {**_common(intent, terms), "algoClOrdId": intent.client_id}
    if intent.type is OrderType.TRAILING_STOP:
        return fields | {"ordType": "move_order_stop"} | _trail(intent)
    if intent.type is OrderType.BRACKET:
        both = _stop(intent.trigger_price, None, terms) | _target(intent.attached_target, terms)
        return fields | {"ordType": "oco"} | both
    if intent.type is OrderType.TAKE_PROFIT:
        return fields | {"ordType": "conditional"} | _target(intent.trigger_price, terms)
    limit = intent.limit_price if intent.type is OrderType.STOP_LIMIT else None
    return fields | {"ordType": "conditional"} | _stop(intent.trigger_price, limit, terms)


def _common(intent: Intent, terms: Terms) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "instId": intent.symbol,
        "tdMode": terms.mode,
        "side": intent.side.value,
        "sz": wire_size(intent.qty, terms.instrument),
    }
    if terms.instrument.kind is Kind.SPOT:
        return fields | _paid_in(intent, terms.instrument)
    if terms.hedged:
        return fields | {"posSide": _position_side(intent)}
    return fields | ({"reduceOnly": True} if intent.reduce_only or is_algo(intent) else {})


def _position_side(intent: Intent) -> str:
    """Which of the two positions the order opens or closes."""
    closes = intent.reduce_only or is_algo(intent)
    return "long" if (intent.side is Side.BUY) is not closes else "short"


def _paid_in(intent: Intent, instrument: Instrument) -> dict[str, Any]:
    """The currency to pay in, if OKX lists several for the pair; without it, OKX uses the pair's quote.

    A currency that is no longer listed is replaced by the quote, so that a sale never fails because of it.
    """
    listed = instrument.paid_in
    if not listed:
        return {}
    wished = (intent.pay_in, instrument.quote, listed[0])
    return {"tradeQuoteCcy": next(one for one in wished if one in listed)}


def _kind(intent: Intent) -> str:
    if intent.type is OrderType.MARKET:
        return "market"
    if intent.post_only:
        return "post_only"
    if intent.tif not in _LIFE:
        raise Unsupported(f"OKX has no {intent.tif} orders")
    return _LIFE[intent.tif]


def _attached(intent: Intent, terms: Terms) -> dict[str, str]:
    """The stop and target that OKX creates when the order fills, with a client id derived from the order's."""
    if intent.attached_stop is None and intent.attached_target is None:
        return {}
    if intent.type is OrderType.MARKET and terms.instrument.kind is Kind.SPOT:
        raise Unsupported("OKX attaches nothing to a spot market order sized in the coin")
    fields = {"attachAlgoClOrdId": stop_id(intent.client_id)}
    if intent.attached_stop is not None:
        fields |= _stop(intent.attached_stop, None, terms)
    if intent.attached_target is not None:
        fields |= _target(intent.attached_target, terms)
    return fields


def _stop(trigger: Decimal | None, limit: Decimal | None, terms: Terms) -> dict[str, str]:
    return {
        "slTriggerPx": needed(trigger, "trigger price"),
        "slOrdPx": _AT_MARKET if limit is None else plain(limit),
        "slTriggerPxType": _trigger_type(terms),
    }


def _target(trigger: Decimal | None, terms: Terms) -> dict[str, str]:
    return {
        "tpTriggerPx": needed(trigger, "target price"),
        "tpOrdPx": _AT_MARKET,
        "tpTriggerPxType": _trigger_type(terms),
    }


def _trigger_type(terms: Terms) -> str:
    """Spot stops can only use the last price. A contract is liquidated by its mark price, so its stop uses that."""
    return "last" if terms.instrument.kind is Kind.SPOT else "mark"


def _trail(intent: Intent) -> dict[str, str]:
    fields = {"callbackRatio": needed(intent.trail, "trail")}
    return fields | ({"activePx": plain(intent.trigger_price)} if intent.trigger_price is not None else {})
