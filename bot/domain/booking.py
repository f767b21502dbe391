"""What the book returns when a fill or a decision is recorded.

These types belong to neither the engine nor the database, because both use them.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.fill import Fill
from bot.domain.money import ONE, ZERO
from bot.domain.order import OrderRecord
from bot.domain.position import Position

#: Why coins were sold that were ours, if the exchange shows nothing else.
BY_HAND = "sold by its owner by hand"
#: Why a position ended without a sale: its coins left the account, or the owner gave it up.
TAKEN, GIVEN_UP = "coins left the account", "given up by the owner"
#: Name of the stored state of a database that is older than what happened since, until the owner resumes.
OLDER_BOOK = "older_book"
#: What its owner is told.
RESUME_OLDER = (
    "no new entries until `nija resume`: later orders and fills come from the exchange, but your later commands are missing, and"
    " the commands that waited in it were cancelled"
)
#: Why the rest of a position was written off: it was too small to sell and is now dust.
DUST = "dust"


@dataclass(frozen=True, slots=True)
class Worth:
    """The value of coins that leave a position without a sale: the current price, and the price of its quote in dollars."""

    price: Decimal
    quote_usd: Decimal = ONE


class AlreadyDecided(Exception):
    """The decision key is already in the database: some run of the daemon has made this decision before."""


@dataclass(frozen=True, slots=True)
class Booking:
    """The effect of booking a fill: the order and the position after it (None if the fill belongs to no position).

    `oversold` is the part of a closing fill (base units) that neither a position nor dust of ours accounts for. `realised` is
    what the fill earned in dollars; for an opening fill that is its fee, as a loss. `restates` is True when the coins sold had
    already been written off at a value.
    """

    fill: Fill
    order: OrderRecord
    position: Position | None
    oversold: Decimal = ZERO
    realised: Decimal = ZERO
    restates: bool = False
