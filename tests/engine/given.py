"""Values that the engine's pure tests share."""

from __future__ import annotations

from decimal import Decimal

from bot.domain.instrument import Instrument, Ticker
from bot.domain.order import OrderStatus, OrderType, Side, VenueOrder


def instrument(symbol: str = "BTC-USD", **changes: object) -> Instrument:
    base, quote = symbol.split("-")[:2]
    rules: dict[str, object] = {
        "tick": Decimal("0.1"),
        "lot": Decimal("0.01"),
        "min_qty": Decimal("0.05"),
        "min_cost": Decimal(5),
    }
    return Instrument(symbol=symbol, base=base, quote=quote, **(rules | changes))  # type: ignore[arg-type]


def stop(number: int, qty: Decimal, trigger: Decimal, filled: Decimal = Decimal(0)) -> VenueOrder:
    return VenueOrder(
        exchange_id=f"S{number}",
        symbol="BTC-USD",
        side=Side.SELL,
        type=OrderType.STOP,
        status=OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.OPEN,
        qty=qty + filled,
        filled_qty=filled,
        trigger_price=trigger,
    )


def ticker(bid: str = "100", ask: str = "100.1", turnover: str = "1000000") -> Ticker:
    return Ticker(Decimal(bid), Decimal(ask), Decimal(bid), Decimal(turnover))
