"""Conversion between exact money and the strategy's floats.

The only place for it: Decimal quantities become whole lots and back, exactly; Decimal prices become floats for the strategy, and
its floats become the decimals that they represent (see `grid`).
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from bot.domain.instrument import Instrument
from bot.domain.money import decimal
from bot.domain.position import Position
from bot.strategy.exits import Trade, breakeven
from bot.strategy.grid import rounded
from bot.strategy.sizing import Minimums, smallest_tradeable


def lots_of(qty: Decimal, lot: Decimal) -> int:
    """Whole lots in `qty`, rounded down, because a fraction of a lot cannot be traded."""
    return int((qty / lot).to_integral_value(ROUND_FLOOR))


def quantity(lots: int, lot: Decimal) -> Decimal:
    """The exact quantity of `lots`, in base units."""
    return lots * lot


def price_of(value: float) -> Decimal:
    """The exact price that a float of the strategy represents."""
    return decimal(repr(rounded(value)))


def minimums(instrument: Instrument) -> Minimums:
    """The exchange's minimums for the strategy, with the minimum quantity rounded up to a whole lot."""
    lots = int((instrument.min_qty / instrument.lot).to_integral_value(ROUND_CEILING))
    return Minimums(float(instrument.lot), lots, float(instrument.min_cost))


def trade_of(position: Position, instrument: Instrument) -> Trade:
    """An open position as the strategy sees it, rebuilt from the book alone.

    The held quantity is net of fees taken in the coin, so a leg need not leave room for one.
    """
    side, entry, fee = position.side.sign, float(position.entry_price), float(position.fee_rate)
    first_stop, tick = float(position.first_stop), float(instrument.tick)
    return Trade(
        side=side,
        entry=entry,
        stop=float(position.stop_price),
        r=rounded(float(position.r)),
        breakeven=breakeven(side, entry, fee, tick),
        initial=lots_of(position.initial_qty, instrument.lot),
        held=lots_of(position.qty, instrument.lot),
        smallest=smallest_tradeable(first_stop, 0.0, minimums(instrument)),
        stage=position.stage,
        tick=tick,
        decided_at=position.candle_close,
        kept=position.kept,
    )
