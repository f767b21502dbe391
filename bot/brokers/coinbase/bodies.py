"""From an intent to the body of Coinbase's Create Order. Pure: the same intent and rules give the same bytes.

Prices go out on the market's grid, rounded to the side that neither loosens a stop nor pays more than was meant.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.brokers.common.outcomes import Unsupported
from bot.domain.clock import iso
from bot.domain.instrument import Instrument, Ticker
from bot.domain.money import ONE, ceil_to, plain
from bot.domain.order import Intent, OrderType, Side, TimeInForce

#: How far beyond its trigger a stop may sell: what Coinbase itself allows a bracket's stop.
STOP_ROOM = Decimal("0.05")


def order_body(intent: Intent, instrument: Instrument) -> dict[str, Any]:
    """The body of an order without its id. Raises `Unsupported`."""
    body: dict[str, Any] = {
        "product_id": intent.symbol,
        "side": intent.side.upper(),
        "order_configuration": _configuration(intent, instrument),
    }
    if intent.attached_stop is not None:
        if intent.attached_target is None or intent.side is not Side.BUY:
            raise Unsupported("Coinbase attaches a stop to buys only, and only together with a target")
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
    raise Unsupported(f"Coinbase has no {intent.type} order that is {intent.tif}")


def _limit(intent: Intent, instrument: Instrument) -> str:
    """The worst price of a limit order: a purchase pays no more than was meant, a sale brings no less."""
    price = intent.limit_price
    if price is None:
        raise Unsupported("a limit order needs a price")
    return plain(instrument.price_down(price) if intent.side is Side.BUY else instrument.price_up(price))


def _stop(intent: Intent, instrument: Instrument) -> dict[str, str]:
    """Trigger and limit of a stop; without a limit of its own one that fills like a market order.

    The limit never lies on the near side of the trigger: Coinbase refuses such a stop.
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
    """An order that cannot trade: the smallest there is, `distance` (a fraction) off the market, as a maker only, and over at
    wall time `until`.
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
