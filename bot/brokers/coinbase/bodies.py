"""Builds the body of Coinbase's Create Order from an intent. Pure: the same intent and rules give the same bytes.

Prices are rounded to the market's tick in the direction that neither loosens a stop nor pays more than intended.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.brokers.common.outcomes import Unsupported
from bot.domain.clock import iso
from bot.domain.instrument import Instrument, Ticker
from bot.domain.money import ONE, ceil_to, plain
from bot.domain.order import Intent, OrderType, Side, TimeInForce

#: How far beyond its trigger (a fraction) a stop may sell: the same as Coinbase allows for a bracket's stop.
STOP_ROOM = Decimal("0.05")


def order_body(intent: Intent, instrument: Instrument) -> dict[str, Any]:
    """The body of an order, without its client id. Raises `Unsupported`."""
    body: dict[str, Any] = {
        "product_id": intent.symbol,
        "side": intent.side.upper(),
        "order_configuration": _configuration(intent, instrument),
    }
    if intent.attached_stop is not None:
        if intent.attached_target is None or intent.side is not Side.BUY:
            raise Unsupported("Coinbase attaches stops only to buy orders, and only together with a target")
        body["attached_order_configuration"] = {
            "trigger_bracket_gtc": {
                "limit_price": plain(instrument.price(intent.attached_target)),
                "stop_trigger_price": plain(instrument.price_up(intent.attached_stop)),
            }
        }
    return body


def _configuration(intent: Intent, instrument: Instrument) -> dict[str, dict[str, Any]]:
    size = {"base_size": plain(intent.qty)}
    match intent.type, intent.tif:
        case OrderType.MARKET, _:
            return {"market_market_ioc": size}
        case OrderType.LIMIT, TimeInForce.IOC:
            return {"sor_limit_ioc": {**size, "limit_price": _limit(intent, instrument)}}
        case OrderType.LIMIT, TimeInForce.FOK:
            return {"limit_limit_fok": {**size, "limit_price": _limit(intent, instrument)}}
        case OrderType.LIMIT, TimeInForce.GTC:
            limit = {"limit_price": _limit(intent, instrument), "post_only": intent.post_only}
            return {"limit_limit_gtc": {**size, **limit}}
        case ((OrderType.STOP | OrderType.STOP_LIMIT), _):
            return {"stop_limit_stop_limit_gtc": {**size, **_stop(intent, instrument)}}
    raise Unsupported(f"Coinbase has no {intent.type} order with time in force {intent.tif}")


def _limit(intent: Intent, instrument: Instrument) -> str:
    """The limit price, rounded so that a purchase pays no more than intended and a sale yields no less."""
    price = intent.limit_price
    if price is None:
        raise Unsupported("a limit order needs a price")
    return plain(instrument.price_down(price) if intent.side is Side.BUY else instrument.price_up(price))


def _stop(intent: Intent, instrument: Instrument) -> dict[str, str]:
    """Trigger and limit of a stop. Without its own limit it gets one so far away that it fills like a market order.

    A sale's limit is never above its trigger (a purchase's never below): Coinbase refuses such a stop.
    """
    if intent.trigger_price is None:
        raise Unsupported("a stop needs a trigger")
    if intent.side is Side.SELL:
        trigger = instrument.price_up(intent.trigger_price)
        wished = intent.limit_price or trigger * (ONE - STOP_ROOM)
        limit = max(instrument.price_down(min(wished, trigger)), instrument.tick)
        direction = "STOP_DIRECTION_STOP_DOWN"
    else:
        trigger = instrument.price_down(intent.trigger_price)
        limit = instrument.price_up(max(intent.limit_price or trigger * (ONE + STOP_ROOM), trigger))
        direction = "STOP_DIRECTION_STOP_UP"
    return {"limit_price": plain(limit), "stop_price": plain(trigger), "stop_direction": direction}


def harmless_body(side: Side, distance: Decimal, instrument: Instrument, ticker: Ticker, until: int) -> dict[str, Any]:
    """An order that cannot trade: of the smallest size, `distance` (a fraction) away from the market, post-only, and good until
    wall time `until` (ms).
    """
    if side is Side.BUY:
        price = max(instrument.price_down(ticker.bid * (ONE - distance)), instrument.tick)
    else:
        price = instrument.price_up(ticker.ask * (ONE + distance))
    smallest = max(instrument.min_qty, instrument.min_cost / min(price, ticker.bid))
    shape = {
        "base_size": plain(ceil_to(smallest, instrument.lot)),
        "limit_price": plain(price),
        "end_time": iso(until),
        "post_only": True,
    }
    return {"product_id": instrument.symbol, "side": side.upper(), "order_configuration": {"limit_limit_gtd": shape}}
