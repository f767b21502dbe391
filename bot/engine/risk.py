"""Risk limits, and the losses that some of them are checked against.

They restrict entries only: nothing here ever prevents a sale, a stop or a cancel. The gates apply them.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.money import ZERO


@dataclass(frozen=True, slots=True)
class Limits:
    """The owner's limits per broker: percentages of equity, or dollars; `price_sanity_pct` and `max_spread_pct` are percentages
    of the price.

    After `max_losses_in_a_row` losing positions in a row, a symbol is barred for `cooldown_ms` (market ms).
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
    """What trading lost since 00:00 UTC and since its peak, in percent (both >= 0)."""

    day_pct: Decimal = ZERO
    drawdown_pct: Decimal = ZERO
