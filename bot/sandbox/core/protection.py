"""Which coins bought by the API have no stop: compares what it bought with what resting orders would sell."""

from __future__ import annotations

from decimal import Decimal

from bot.sandbox.core.exposure import Protection
from bot.sandbox.core.instrument import Instrument
from bot.sandbox.core.state import State
from bot.sandbox.core.values import OURS, TAKES, ZERO, Order, Side


def look_at_cover(
    state: State, instrument: Instrument, last: Decimal, wall_ms: int, why: str, clearing: Decimal = ZERO
) -> None:
    """Records how much of a symbol's position is covered; `last` is its price, `clearing` what the venue still holds."""
    symbol = instrument.symbol
    bought = state.bought.get(symbol, ZERO)
    held, closing = abs(bought), Side.SELL if bought >= ZERO else Side.BUY
    ours = (o for o in state.open.values() if o.symbol == symbol and o.side is closing and _covers(o))
    covered = sum((order.remaining for order in ours), ZERO)
    cover = Protection.COVERED
    if _matters(held - covered, instrument, last):
        cover = Protection.NAKED if _matters(held - covered - clearing, instrument, last) else Protection.HELD_BY_VENUE
    exposure = state.symbol_exposure(symbol)
    if exposure.look(held, covered, cover, wall_ms, why, state.well_since_ms):
        state.note_exposure(symbol)


def _matters(lacking: Decimal, instrument: Instrument, last: Decimal) -> bool:
    """Whether the difference is more than rounding, and enough to be sold."""
    return lacking > instrument.lot and lacking >= instrument.min_qty and lacking * last >= instrument.min_cost


def _covers(order: Order) -> bool:
    """Whether this is a resting stop of the API, or a closing order of the API that already works."""
    return order.origin in OURS and not (order.waiting and order.kind in TAKES)
