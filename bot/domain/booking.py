"""What the book answers when something is entered into it.

Owned by neither the engine nor the database: both speak of booked fills and of decisions that stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.fill import Fill
from bot.domain.money import ONE, ZERO
from bot.domain.order import OrderRecord
from bot.domain.position import Position

#: Why a position ended that no sale ended: its coins went away, or the owner gave it up.
TAKEN, GIVEN_UP = "coins left the account", "given up by the owner"
#: Why what was left of a position was written off: it was too small to be sold, and is dust now.
DUST = "dust"


@dataclass(frozen=True, slots=True)
class Worth:
    """What coins that leave a position without a sale are valued at: the price of the moment, and its quote in dollars."""

    price: Decimal
    quote_usd: Decimal = ONE


class AlreadyDecided(Exception):
    """The decision key stands in the database: this decision was made before, by some run of the daemon."""


@dataclass(frozen=True, slots=True)
class Booking:
    """What booking a fill did: the order after it, and the position after it (None where it belongs to none).

    `oversold` is how much of a closing fill (base units) no position or dust of ours stood for, `realised`
    what the fill earned, in dollars (of a fill that opens: its fee, lost). `restates`: what it sold had been written off,
    and valued, before.
    """

    fill: Fill
    order: OrderRecord
    position: Position | None
    oversold: Decimal = ZERO
    realised: Decimal = ZERO
    restates: bool = False
