"""What the book answers when something is entered into it.

Owned by neither the engine nor the database: both speak of booked fills and of decisions that stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.fill import Fill
from bot.domain.money import ZERO
from bot.domain.order import OrderRecord
from bot.domain.position import Position

#: Why a position ended that no sale ended: its coins went away, or the owner gave it up.
TAKEN, GIVEN_UP = "coins left the account", "given up by the owner"


class AlreadyDecided(Exception):
    """The decision key stands in the database: this decision was made before, by some life of the daemon."""


@dataclass(frozen=True, slots=True)
class Booking:
    """What booking a fill did: the order after it, and the position after it (None where it belongs to none).

    `oversold` is how much of a closing fill (base units) no position or dust of ours stood for, `realised`
    what the fill earned, in dollars (of a fill that opens: its fee, lost).
    """

    fill: Fill
    order: OrderRecord
    position: Position | None
    oversold: Decimal = ZERO
    realised: Decimal = ZERO
