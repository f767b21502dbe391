"""One listed instrument: its rules and the rounding that follows from them.

Steps are Decimals such as 0.01. Never reads the market and knows no venue's own names.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from bot.sandbox.core.fees import Tier
from bot.sandbox.core.values import ZERO


@dataclass(frozen=True)
class Instrument:
    """A listed pair. `cost_step` is the smallest quote amount that an account can hold.

    `wallet_step` is the smallest base amount that an account keeps, where it keeps fewer decimals than orders have.
    `contract` is the base amount of one contract where positions are traded instead of coins (a perpetual swap).
    `tier` sets fees for this instrument, whatever the account's volume.
    """

    symbol: str
    tick: Decimal
    lot: Decimal
    min_qty: Decimal
    min_cost: Decimal
    cost_step: Decimal
    base_step: Decimal
    wallet_step: Decimal | None = None
    max_qty: Decimal | None = None
    contract: Decimal | None = None
    tier: Tier | None = None

    @property
    def base(self) -> str:
        return self.symbol.split("-")[0]

    @property
    def quote(self) -> str:
        return self.symbol.split("-")[1]

    def lots(self, qty: Decimal) -> Decimal:
        """`qty` rounded down to whole lots."""
        return floor_to(qty, self.lot)


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """`value` rounded towards zero to a multiple of `step`, written with the step's decimals."""
    return (value / step).to_integral_value(ROUND_DOWN) * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """`value` rounded away from zero to a multiple of `step`."""
    return (value / step).to_integral_value(ROUND_UP) * step


def is_multiple(value: Decimal, step: Decimal) -> bool:
    return value % step == ZERO


def plain(value: Decimal) -> str:
    """Decimal text without an exponent and without trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
