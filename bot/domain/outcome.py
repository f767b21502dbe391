"""How a request ended: three values, never an exception, so that no caller can forget the third.

Each venue has one table from its errors to meanings; each meaning belongs to one class, and the engine's policy reads the
classes alone. What no table knows is `UNKNOWN`: it is asked about and never acted on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class ErrorClass(StrEnum):
    """How far a refusal reaches, and so what may follow from it."""

    PASSING = "passing"
    """Nothing happened, and the same request may be taken later."""
    MARKET = "market"
    """This market is closed to this account; the others are not."""
    ACCOUNT = "account"
    """The account or its key; only the owner can change that."""
    SHAPE = "shape"
    """This kind of order is not taken; another kind may be."""
    FINAL = "final"
    """Exactly this order is refused, and would be again."""
    UNKNOWN = "unknown"
    """Nobody wrote down what it means: ask, and act on nothing."""


class ErrorMeaning(StrEnum):
    """What an error of a venue means for us; each venue has one table from its errors to these."""

    BUSY = "busy"
    """Nothing happened; try again later."""
    REJECTED = "rejected"
    """The venue refused this request for good."""
    UNKNOWN = "unknown"
    """The request may have been carried out."""
    CREDENTIALS = "credentials"
    """Key, secret or passphrase are wrong: stop calling."""
    PERMISSION = "permission"
    """The key may not do this."""
    LOCKED_OUT = "locked_out"
    """The venue will not talk to us for a while: stop calling."""
    RATE_LIMITED = "rate_limited"
    """Too many requests; nothing happened."""
    NONCE = "nonce"
    """The nonce was not above the last one; nothing happened."""
    CLOCK = "clock"
    """Our clock and the venue's differ too much; nothing happened."""
    FUNDS = "funds"
    """Not enough free money or coins for this order at this moment."""
    PRICE = "price"
    """A price of this order is out of bounds at this moment: a nearer price, or another moment."""
    TOO_SMALL = "too_small"
    """Below the venue's minimum."""
    ATTACHED_PRICE = "attached_price"
    """A price of the stop or target that this order carries is out of bounds at this moment: it may go without."""
    MARKET_CLOSED = "market_closed"
    """The market takes no such order now (halted, cancel-only, post-only …)."""
    RESTRICTED = "restricted"
    """This market is closed to this account (residence, settings, an agreement that is missing); the others are not."""
    GONE = "gone"
    """The order is not there (any more): look it up before believing anything."""
    NO_WAY = "no_way"
    """The endpoint is not offered (to this account, now): no verdict on what it was asked, and another may do."""
    UNSUPPORTED = "unsupported"
    """The venue does not take this kind of order, or this kind of change, here."""
    ATTACHMENT = "attachment"
    """The venue refuses the stop or target that an order carries, not the order itself."""

    @property
    def error_class(self) -> ErrorClass:
        """What may follow from it."""
        return _CLASSES[self]


_CLASSES: Mapping[ErrorMeaning, ErrorClass] = MappingProxyType(
    {
        ErrorMeaning.BUSY: ErrorClass.PASSING,
        ErrorMeaning.LOCKED_OUT: ErrorClass.PASSING,
        ErrorMeaning.RATE_LIMITED: ErrorClass.PASSING,
        ErrorMeaning.NONCE: ErrorClass.PASSING,
        ErrorMeaning.CLOCK: ErrorClass.PASSING,
        ErrorMeaning.FUNDS: ErrorClass.PASSING,
        ErrorMeaning.PRICE: ErrorClass.PASSING,
        ErrorMeaning.ATTACHED_PRICE: ErrorClass.PASSING,
        ErrorMeaning.MARKET_CLOSED: ErrorClass.PASSING,
        ErrorMeaning.NO_WAY: ErrorClass.PASSING,
        ErrorMeaning.RESTRICTED: ErrorClass.MARKET,
        ErrorMeaning.CREDENTIALS: ErrorClass.ACCOUNT,
        ErrorMeaning.PERMISSION: ErrorClass.ACCOUNT,
        ErrorMeaning.UNSUPPORTED: ErrorClass.SHAPE,
        ErrorMeaning.ATTACHMENT: ErrorClass.SHAPE,
        ErrorMeaning.REJECTED: ErrorClass.FINAL,
        ErrorMeaning.TOO_SMALL: ErrorClass.FINAL,
        ErrorMeaning.UNKNOWN: ErrorClass.UNKNOWN,
        ErrorMeaning.GONE: ErrorClass.UNKNOWN,
    }
)

#: `ErrorMeaning` under its earlier name.
Meaning = ErrorMeaning


@dataclass(frozen=True, slots=True)
class Placed:
    """The venue took it under this id."""

    exchange_id: str


@dataclass(frozen=True, slots=True)
class NotPlaced:
    """The venue did not and will not act on it."""

    meaning: ErrorMeaning
    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been carried out: look for it, never repeat it blindly.

    `unheard`: the venue did answer, in words that no table knows.
    """

    reason: str
    unheard: bool = False


Outcome = Placed | NotPlaced | Unknown
