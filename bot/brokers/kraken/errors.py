"""What each of Kraken's errors means: one table from its texts to our words, and one remedy for each thing an owner can mend.

Texts are matched by prefix, the longest first (docs.kraken.com, guide "API error messages"; details vary after the colon).
Whatever the table does not know may have been carried out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from bot.brokers.answers import safe_text
from bot.brokers.base import BrokerError
from bot.domain.clock import MINUTE
from bot.domain.outcome import Meaning

VENUE = "kraken"
LOCKOUT_MS = 15 * MINUTE

#: What the owner can do, by the name of the trouble. The README's table says the same.
REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "key": "KRAKEN_API_KEY is not a key Kraken knows (deleted, mistyped, or not allowed from this IP address): "
        "copy it anew from Kraken > Settings > API, or make a new key",
        "secret": "KRAKEN_API_SECRET does not belong to KRAKEN_API_KEY: copy the private key anew, or make a new key",
        "permission": "switch on {missing} for this key on Kraken > Settings > API",
        "withdraw": "this key may withdraw money: switch off 'Withdraw' (Funds permissions) for it on Kraken > Settings > API, "
        "or set ALLOW_WITHDRAW_KEYS=true",
        "unlisted": "Kraken did not say what this key may do, so it is not used: make a new key",
        "nonce": "another program uses this key, or used it with larger nonces: make a new API key for NIJA alone",
        "clock": "set this computer's clock (switch on NTP): it differs from Kraken's by {seconds} s",
        "lockout": "Kraken locked this account's API for about 15 minutes after failed logins: check key and secret; "
        "NIJA asks again by itself",
        "throttled": "Kraken wants fewer calls: nothing to do, NIJA goes on by itself; other programs may use this account's keys",
        "maintenance": "Kraken is in maintenance: nothing to do, NIJA asks again by itself",
        "unreachable": "Kraken cannot be reached or does not answer: check the network, and KRAKEN_API_URL if you set it; "
        "NIJA tries again by itself",
        "tls": "Kraken's certificate is not trusted: check this computer's clock, its root certificates and NIJA_CA_FILE",
        "in_use": "another program on this host is using this key right now: stop it, or make a new API key for NIJA alone",
        "locked": "Kraken locked this account: see the messages on kraken.com or ask its support",
        "agreement": "accept the trading agreement on kraken.com once",
        "account": "log in to kraken.com: the account needs your attention there",
        "unfunded": "deposit USD or USDT at Kraken; NIJA starts trading by itself",
    }
)


class Row(NamedTuple):
    """One error of Kraken: its prefix, what it means, and the name of its remedy ("" for none)."""

    prefix: str
    meaning: Meaning
    remedy: str = ""


#: UNKNOWN: an order may have been carried out (a read has only failed).
TABLE: tuple[Row, ...] = (
    Row("EAPI:Invalid key", Meaning.CREDENTIALS, "key"),
    Row("EAPI:Invalid signature", Meaning.CREDENTIALS, "secret"),
    Row("EAPI:Invalid nonce", Meaning.NONCE, "nonce"),
    Row("EAPI:Rate limit exceeded", Meaning.RATE_LIMITED, "throttled"),
    Row("EAPI:Feature disabled", Meaning.UNSUPPORTED),
    Row("EAPI:Bad request", Meaning.REJECTED),
    Row("EGeneral:Permission denied", Meaning.PERMISSION, "permission"),
    Row("EGeneral:Invalid arguments", Meaning.REJECTED),
    Row("EGeneral:Invalid arguments:deadline", Meaning.CLOCK),
    Row("EGeneral:Invalid arguments:volume minimum not met", Meaning.TOO_SMALL),
    Row("EGeneral:Unknown method", Meaning.UNSUPPORTED),
    Row("EGeneral:Temporary lockout", Meaning.LOCKED_OUT, "lockout"),
    Row("EGeneral:Too many requests", Meaning.RATE_LIMITED, "throttled"),
    Row("EGeneral:Internal error", Meaning.UNKNOWN),
    Row("EAuth:Rate limit exceeded", Meaning.RATE_LIMITED, "throttled"),
    Row("EAuth:Too many requests", Meaning.RATE_LIMITED, "throttled"),
    Row("EAuth:", Meaning.CREDENTIALS, "account"),
    Row("EAccount:Invalid permissions", Meaning.PERMISSION, "account"),
    Row("ESession:Invalid session", Meaning.BUSY),
    Row("EService:Unavailable", Meaning.UNKNOWN, "maintenance"),
    Row("EService:Busy", Meaning.UNKNOWN),
    Row("EService:Timeout", Meaning.UNKNOWN),
    Row("EService:Deadline elapsed", Meaning.UNKNOWN),
    Row("EService:Throttled", Meaning.RATE_LIMITED, "throttled"),
    Row("EService:Market in ", Meaning.MARKET_CLOSED),
    Row("EDatabase:Internal error", Meaning.UNKNOWN),
    Row("EQuery:Unknown asset", Meaning.REJECTED),
    Row("EQuery:Invalid asset pair", Meaning.REJECTED),
    Row("EOrder:Insufficient funds", Meaning.FUNDS),
    Row("EOrder:Insufficient margin", Meaning.FUNDS),
    Row("EOrder:Margin", Meaning.FUNDS),
    Row("EOrder:Order minimum not met", Meaning.TOO_SMALL),
    Row("EOrder:Cost minimum not met", Meaning.TOO_SMALL),
    Row("EOrder:Tick size check failed", Meaning.REJECTED),
    Row("EOrder:Invalid price", Meaning.REJECTED),
    Row("EOrder:Invalid order", Meaning.GONE),
    Row("EOrder:Unknown order", Meaning.GONE),
    Row("EOrder:Post only order", Meaning.REJECTED),
    Row("EOrder:Rate limit exceeded", Meaning.RATE_LIMITED, "throttled"),
    Row("EOrder:Domain rate limit exceeded", Meaning.RATE_LIMITED, "throttled"),
    Row("EOrder:Orders limit exceeded", Meaning.REJECTED),
    Row("EOrder:Scheduled orders limit exceeded", Meaning.REJECTED),
    Row("EOrder:Positions limit exceeded", Meaning.REJECTED),
    Row("EOrder:Cannot open", Meaning.REJECTED),
    Row("EOrder:Reduce only", Meaning.REJECTED),
    Row("EOrder:Unknown position", Meaning.REJECTED),
    Row("EOrder:Trading agreement required", Meaning.PERMISSION, "agreement"),
    Row("ETrade:Locked", Meaning.PERMISSION, "locked"),
    Row("ETrade:User Locked", Meaning.PERMISSION, "locked"),
    Row("ETrade:Invalid request", Meaning.REJECTED),
    Row("EFunding:", Meaning.REJECTED),
    Row("EBM:limit exceeded", Meaning.REJECTED),
)
_BY_LENGTH = tuple(sorted(TABLE, key=lambda row: -len(row.prefix)))


def meaning_of(text: str) -> Row:
    """The table's row for one of Kraken's error texts; UNKNOWN for a text nobody wrote down."""
    plain = text.replace("EService: ", "EService:")
    for row in _BY_LENGTH:
        if plain.startswith(row.prefix):
            return row
    return Row(text, Meaning.UNKNOWN)


def explain(texts: Sequence[str], now: int) -> BrokerError:
    """The error that an answer's `error` list amounts to: when in doubt among several, UNKNOWN. `now` is wall ms."""
    rows = [meaning_of(text) for text in texts]
    row = next((each for each in rows if each.meaning is Meaning.UNKNOWN), rows[0])
    return failure(row.meaning, ", ".join(texts), row.remedy, _retry_after(row, texts[rows.index(row)], now))


def failure(meaning: Meaning, text: object, remedy: str = "", retry_after_ms: int = 0, **facts: str) -> BrokerError:
    """A `BrokerError` of this venue with the named remedy filled in."""
    facts = {"missing": "the right permissions", **facts}
    line = REMEDIES[remedy].format(**facts) if remedy else ""
    return BrokerError(VENUE, meaning, safe_text(text), remedy=line, retry_after_ms=retry_after_ms)


def _retry_after(row: Row, text: str, now: int) -> int:
    """How long Kraken wants to be left alone: the lockout's quarter of an hour, or `Throttled`'s Unix time."""
    if row.meaning is Meaning.LOCKED_OUT:
        return LOCKOUT_MS
    until = text.rsplit(":", 1)[-1].strip()
    if row.prefix == "EService:Throttled" and until.isascii() and until.isdigit() and len(until) < 12:
        return max(0, min(int(until) * 1000 - now, LOCKOUT_MS))
    return 0


def of_transport(error: Exception, *, sent: bool) -> BrokerError:
    """What a broken connection or an unreadable answer means: certain only when no byte of the request left."""
    if not sent:
        remedy = "tls" if "CERTIFICATE_VERIFY_FAILED" in str(error) else "unreachable"
        return failure(Meaning.BUSY, f"not sent: {type(error).__name__}: {error}", remedy)
    return failure(Meaning.UNKNOWN, f"no usable answer: {type(error).__name__}: {error}", "unreachable")
