"""The limits, and the losses that some of them are held against: what may not happen however good a signal looks.

They bind entries only: nothing here ever keeps a sale, a stop or a cancel from being sent. The gates ask for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.money import ZERO


@dataclass(frozen=True, slots=True)
class Limits:
    """The owner's bounds, per broker. Percentages of equity; dollars; `price_sanity_pct` and `max_spread_pct` of the price.

    `max_losses_in_a_row` closed positions of one symbol that all lost keep it out for `cooldown_ms` (market ms).
    """

    max_open_positions: int
    max_exposure_pct: Decimal
    max_order_usd: Decimal | None
    max_daily_loss_pct: Decimal
    max_drawdown_pct: Decimal
    max_orders_per_minute: int
    max_coin_exposure_pct: Decimal
    price_sanity_pct: Decimal
    max_spread_pct: Decimal
    max_losses_in_a_row: int
    cooldown_ms: int


@dataclass(frozen=True, slots=True)
class Losses:
    """What trading lost since 00:00 UTC and since its best moment, in percent (both >= 0)."""

    day_pct: Decimal = ZERO
    drawdown_pct: Decimal = ZERO
