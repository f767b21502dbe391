"""How a request ended: one of three values, never an exception, so that no caller can forget the third.

Each exchange has one table from its errors to meanings. Each meaning belongs to one class, and the engine's policy depends only
on the classes. An error that no table lists is `UNKNOWN`: it leads to a question to the exchange, never to an action.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class ErrorClass(StrEnum):
    """How far a refusal reaches, which determines what may follow from it."""

    PASSING = "passing"
    """Nothing happened, and the same request may be accepted later."""
    MARKET = "market"
    """This market is closed to this account; the others are not."""
    ACCOUNT = "account"
    """The account or its key is the problem; only the owner can fix it."""
    SHAPE = "shape"
    """This kind of order is not accepted; another kind may be."""
    FINAL = "final"
    """This very order is refused, and would be refused again."""
    UNKNOWN = "unknown"
    """No table says what it means: ask the exchange and take no action."""


class ErrorMeaning(StrEnum):
    """What an exchange's error means for us."""

    BUSY = "busy"
    """Nothing happened; try again later."""
    REJECTED = "rejected"
    """The exchange refused this request for good."""
    UNKNOWN = "unknown"
    """The request may have been carried out."""
    CREDENTIALS = "credentials"
    """Key, secret or passphrase is wrong: stop calling."""
    PERMISSION = "permission"
    """The key lacks the permission."""
    LOCKED_OUT = "locked_out"
    """The exchange has locked us out for a while: stop calling."""
    RATE_LIMITED = "rate_limited"
    """Too many requests; nothing happened."""
    NONCE = "nonce"
    """The nonce was not above the last one; nothing happened."""
    CLOCK = "clock"
    """Our clock differs too much from the exchange's; nothing happened."""
    FUNDS = "funds"
    """Not enough free money or coins for this order now."""
    PRICE = "price"
    """A price of this order is out of bounds now: try a nearer price, or later."""
    TOO_SMALL = "too_small"
    """Below the exchange's minimum."""
    ATTACHED_PRICE = "attached_price"
    """A price of the attached stop or target is out of bounds now: the order may be accepted without it."""
    MARKET_CLOSED = "market_closed"
    """The market accepts no such order now (halted, cancel-only, post-only …)."""
    RESTRICTED = "restricted"
    """This market is closed to this account (residence, settings, a missing agreement); the others are not."""
    GONE = "gone"
    """The order does not exist (any more): look it up before drawing conclusions."""
    NO_WAY = "no_way"
    """The endpoint is not available (to this account, now). This says nothing about the request; another endpoint may work."""
    UNSUPPORTED = "unsupported"
    """The exchange does not accept this kind of order, or of change, here."""
    ATTACHMENT = "attachment"
    """The exchange refuses the attached stop or target, not the order itself."""

    @property
    def error_class(self) -> ErrorClass:
        """The class that it belongs to."""
        return _CLASSES[self]

    @property
    def concerns_market(self) -> bool:
        """Whether it concerns one market only, which is closed or not for this account."""
        return self is ErrorMeaning.MARKET_CLOSED or self.error_class is ErrorClass.MARKET


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

#: The earlier name of `ErrorMeaning`.
Meaning = ErrorMeaning


@dataclass(frozen=True, slots=True)
class Placed:
    """The exchange accepted it under this id."""

    exchange_id: str


@dataclass(frozen=True, slots=True)
class NotPlaced:
    """The exchange did not act on it and will not."""

    meaning: ErrorMeaning
    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been carried out: search for it, never repeat it blindly.

    `unheard`: the exchange did answer, but with an error that no table lists.
    """

    reason: str
    unheard: bool = False


Outcome = Placed | NotPlaced | Unknown
