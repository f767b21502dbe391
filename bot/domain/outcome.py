"""How a request ended: three values, never an exception, so that no caller can forget the third."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Meaning(StrEnum):
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
    """Not enough money for this order."""
    TOO_SMALL = "too_small"
    """Below the venue's minimum."""
    MARKET_CLOSED = "market_closed"
    """The market takes no such order now (halted, cancel-only, post-only …)."""
    GONE = "gone"
    """The order is not there (any more): look it up before believing anything."""
    UNSUPPORTED = "unsupported"
    """The venue does not know this kind of order here."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The venue took it under this id."""

    exchange_id: str


@dataclass(frozen=True, slots=True)
class NotPlaced:
    """The venue did not and will not act on it."""

    meaning: Meaning
    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been carried out: hunt it, never repeat it blindly."""

    reason: str


Outcome = Placed | NotPlaced | Unknown
