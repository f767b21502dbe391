"""What Kraken's errors mean: one table from its texts to our meanings, and one remedy for each problem the owner can fix.

Whole texts are compared (docs.kraken.com, guide "API error messages"). Case and blanks after colons may vary; details may vary
only where a row has a pattern. An error outside the table is UNKNOWN: the request may have been carried out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from bot.brokers.base import BrokerError
from bot.brokers.common.answers import plain_words
from bot.brokers.common.failures import Failures, mildest, usual_remedies
from bot.domain.clock import MINUTE
from bot.domain.outcome import ErrorMeaning

VENUE = "kraken"
LOCKOUT_MS = 15 * MINUTE
#: The key lacks a permission, or it has them all and one market is closed to the account (tokenised assets).
DENIED = "EGeneral:Permission denied"

#: What the owner can do, by the name of the problem. docs/operations.md lists the same texts.
REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        **usual_remedies("Kraken", "KRAKEN_API_URL"),
        "key": "KRAKEN_API_KEY is not a key Kraken knows (deleted, mistyped, or not allowed from this IP address): "
        "copy it again from Kraken > Settings > API, or create a new key",
        "secret": "KRAKEN_API_SECRET does not belong to KRAKEN_API_KEY: copy the private key again, or create a new key without "
        "two-factor authentication",
        "permission": "switch on {missing} for this key on Kraken > Settings > API",
        "withdraw": "this key may withdraw money: switch off 'Withdraw' (Funds permissions) for it on Kraken > Settings > API, "
        "or set ALLOW_WITHDRAW_KEYS=true",
        "unlisted": "Kraken did not say what this key may do, so it is not used: create a new key",
        "period": "this key shows orders of a limited time only, so NIJA might place one twice: remove its query start and end date "
        "on Kraken > Settings > API, or create a new key",
        "nonce": "another program uses this key, or used it with larger nonces: create an API key that only NIJA uses",
        "lockout": "Kraken locked this account's API for about 15 minutes after failed logins: check key and secret; "
        "NIJA keeps retrying",
        "throttled": "Kraken wants fewer calls: nothing to do, NIJA slows down; another program may be using this key or "
        "account, or KRAKEN_TIER may be above the account's level",
        "maintenance": "Kraken is in maintenance: nothing to do, NIJA keeps retrying",
        "locked": "Kraken locked this account: see the messages on kraken.com or ask its support",
        "agreement": "Kraken asks for its trading agreement although NIJA sends trading_agreement=agree with every order: ask "
        "Kraken's support what this account lacks",
        "residence": "Kraken does not offer this market where you live: nothing to do, NIJA trades the others; "
        "PAIRS_DENY excludes it for good",
        "closed": "Kraken does not offer this market to your account although the key may trade: nothing to do, NIJA trades the "
        "others; PAIRS_DENY excludes it for good",
        "canada": "Kraken limits how much of this coin residents of Canada may buy: nothing to do, NIJA trades the others",
        "account": "log in to kraken.com: the account needs your attention there",
        "unfunded": "deposit USD or USDT at Kraken; NIJA then starts trading",
    }
)
failure = Failures(VENUE, "Kraken", REMEDIES, MappingProxyType({"missing": "the right permissions"}))


class Row(NamedTuple):
    """One error of Kraken: its text, what it means, and the name of its remedy ("" for none).

    `pattern` is for a text whose details vary: the whole text, in lower case, must match it.
    """

    text: str
    meaning: ErrorMeaning
    remedy: str = ""
    pattern: str = ""


#: UNKNOWN: a request may have been carried out (a query merely failed). GONE: look the order up.
TABLE: tuple[Row, ...] = (
    Row("EAPI:Invalid key", ErrorMeaning.CREDENTIALS, "key"),
    Row("EAPI:Invalid signature", ErrorMeaning.CREDENTIALS, "secret"),
    Row("EAPI:Invalid nonce", ErrorMeaning.NONCE, "nonce"),
    Row("EAPI:Rate limit exceeded", ErrorMeaning.RATE_LIMITED, "throttled"),
    Row("EAPI:Feature disabled", ErrorMeaning.NO_WAY),
    Row("EAPI:Bad request", ErrorMeaning.REJECTED),
    Row(DENIED, ErrorMeaning.PERMISSION, "permission"),
    Row("EGeneral:Invalid arguments", ErrorMeaning.REJECTED),
    Row("EGeneral:Invalid arguments:volume", ErrorMeaning.REJECTED),
    Row("EGeneral:Invalid arguments:price", ErrorMeaning.REJECTED),
    Row(
        "EGeneral:Invalid arguments:no_mpp order option is only available when ordertype = market",
        ErrorMeaning.REJECTED,
    ),
    Row(
        "EGeneral:Invalid arguments:stptype",
        ErrorMeaning.REJECTED,
        pattern=r"egeneral:invalid arguments:.*(stp|self.trade).*",
    ),
    Row("EGeneral:Invalid arguments:ordertype", ErrorMeaning.UNSUPPORTED),
    Row("EGeneral:Invalid arguments:close", ErrorMeaning.ATTACHMENT),
    Row("EGeneral:Invalid arguments:deadline", ErrorMeaning.CLOCK),
    Row("EGeneral:Invalid arguments:volume minimum not met", ErrorMeaning.TOO_SMALL),
    Row("EGeneral:Invalid arguments:Index unavailable", ErrorMeaning.MARKET_CLOSED),
    Row("EGeneral:Unknown method", ErrorMeaning.NO_WAY),
    Row("EGeneral:Temporary lockout", ErrorMeaning.LOCKED_OUT, "lockout"),
    Row("EGeneral:Too many requests", ErrorMeaning.RATE_LIMITED, "throttled"),
    Row("EGeneral:Internal error", ErrorMeaning.UNKNOWN, pattern=r"egeneral:internal error(:.+)?"),
    Row("EAuth:Failed", ErrorMeaning.CREDENTIALS, "account"),
    Row("EAuth:Account temporary disabled", ErrorMeaning.CREDENTIALS, "account"),
    Row("EAuth:Account unconfirmed", ErrorMeaning.CREDENTIALS, "account"),
    Row("EAuth:Rate limit exceeded", ErrorMeaning.RATE_LIMITED, "throttled"),
    Row("EAuth:Too many requests", ErrorMeaning.RATE_LIMITED, "throttled"),
    Row("EAccount:Invalid permissions", ErrorMeaning.PERMISSION, "account"),
    # One coin in one place of residence: "BTC trading restricted for NL.", "… for US:TX".
    Row(
        "EAccount:Invalid permissions:trading restricted",
        ErrorMeaning.RESTRICTED,
        "residence",
        r"eaccount:invalid permissions:[^\s:]+ trading restricted for [a-z]{2}([:-][a-z0-9]{1,3})?\.?",
    ),
    Row("ESession:Invalid session", ErrorMeaning.BUSY),
    Row("EService:Unavailable", ErrorMeaning.UNKNOWN, "maintenance"),
    Row("EService:Busy", ErrorMeaning.UNKNOWN),
    Row("EService:Timeout", ErrorMeaning.UNKNOWN),
    Row("EService:Deadline elapsed", ErrorMeaning.UNKNOWN),
    Row("EService:Throttled", ErrorMeaning.RATE_LIMITED, "throttled", pattern=r"eservice:throttled:[0-9]{1,20}"),
    Row(
        "EService:Market in cancel_only mode",
        ErrorMeaning.MARKET_CLOSED,
        pattern=r"eservice:market in (cancel|post|limit|reduce)_only( mode)?",
    ),
    Row("EDatabase:Internal error", ErrorMeaning.UNKNOWN),
    Row("EQuery:Unknown asset", ErrorMeaning.REJECTED),
    Row("EQuery:Unknown asset pair", ErrorMeaning.MARKET_CLOSED),
    Row("EQuery:Invalid asset pair", ErrorMeaning.MARKET_CLOSED),
    Row("Price(s) not found", ErrorMeaning.MARKET_CLOSED),
    Row("Symbol(s) not found", ErrorMeaning.MARKET_CLOSED),
    Row("EOrder:Insufficient funds", ErrorMeaning.FUNDS),
    Row("EOrder:Insufficient margin", ErrorMeaning.FUNDS),
    Row("EOrder:Insufficient initial margin", ErrorMeaning.FUNDS),
    Row("EOrder:Margin allowance exceeded", ErrorMeaning.FUNDS),
    Row("EOrder:Margin level too low", ErrorMeaning.FUNDS),
    Row("EOrder:Margin position size exceeded", ErrorMeaning.FUNDS),
    Row("EOrder:Order minimum not met", ErrorMeaning.TOO_SMALL),
    Row("EOrder:Cost minimum not met", ErrorMeaning.TOO_SMALL),
    Row("EOrder:Tick size check failed", ErrorMeaning.REJECTED),
    Row("EOrder:Invalid price", ErrorMeaning.PRICE),
    Row("EOrder:Invalid price:Invalid price argument", ErrorMeaning.REJECTED),
    Row("EOrder:Invalid price:Invalid secondary price argument", ErrorMeaning.REJECTED),
    Row(
        "EOrder:Invalid price:decimals",
        ErrorMeaning.REJECTED,
        pattern=r"eorder:invalid price:\S+ price can only be specified up to [0-9]{1,2} decimals\.?",
    ),
    Row("EOrder:Post only order", ErrorMeaning.PRICE),
    Row("EOrder:Invalid order", ErrorMeaning.GONE),
    Row("EOrder:Unknown order", ErrorMeaning.GONE),
    Row("EOrder:Unknown order action.", ErrorMeaning.REJECTED),
    Row("EOrder:Cancel pending", ErrorMeaning.GONE),
    Row("EOrder:Order not editable", ErrorMeaning.GONE),
    Row("EOrder:Not enough leaves qty", ErrorMeaning.GONE),
    Row("EOrder:Order cancelled", ErrorMeaning.GONE, pattern=r"eorder:order cancelled(:.+)?"),
    Row("EOrder:No amendable parameters specified", ErrorMeaning.GONE),
    Row("EOrder:Rate limit exceeded", ErrorMeaning.RATE_LIMITED, "throttled"),
    Row("EOrder:Domain rate limit exceeded", ErrorMeaning.RATE_LIMITED, "throttled"),
    Row("EOrder:Orders limit exceeded", ErrorMeaning.BUSY),
    Row("EOrder:Scheduled orders limit exceeded", ErrorMeaning.BUSY),
    Row("EOrder:Positions limit exceeded", ErrorMeaning.BUSY),
    Row("EOrder:Cannot open position", ErrorMeaning.BUSY),
    Row("EOrder:Cannot open opposing position", ErrorMeaning.BUSY),
    Row("EOrder:Reduce only:No position exists", ErrorMeaning.REJECTED),
    Row("EOrder:Reduce only:Position is closed", ErrorMeaning.REJECTED),
    Row("EOrder:Reduce only:Non-PC", ErrorMeaning.REJECTED),
    Row("EOrder:Reduce only:Non-ECP", ErrorMeaning.REJECTED),
    Row("EOrder:Unknown position", ErrorMeaning.REJECTED),
    Row("EOrder:Trading agreement required", ErrorMeaning.PERMISSION, "agreement"),
    Row("ETrade:Locked", ErrorMeaning.PERMISSION, "locked"),
    Row("ETrade:User Locked", ErrorMeaning.PERMISSION, "locked"),
    Row("ETrade:Invalid request", ErrorMeaning.REJECTED),
    Row("EFunding:Unknown withdraw key", ErrorMeaning.REJECTED),
    Row("EFunding:Invalid amount", ErrorMeaning.REJECTED),
    Row("EFunding:Unknown asset", ErrorMeaning.REJECTED),
    Row("EFunding:No funding method", ErrorMeaning.REJECTED),
    Row("EFunding:Max fee exceeded", ErrorMeaning.REJECTED),
    Row("EFunding:Too many addresses", ErrorMeaning.REJECTED),
    Row("EBM:limit exceeded:CAL", ErrorMeaning.RESTRICTED, "canada"),
)
_BY_TEXT: Mapping[str, Row] = MappingProxyType({plain_words(row.text): row for row in TABLE if not row.pattern})
_BY_PATTERN = tuple((re.compile(row.pattern), row) for row in TABLE if row.pattern)


def row_of(text: str) -> Row | None:
    """The table's row for one of Kraken's error texts; None if the table lacks it."""
    words = plain_words(text)
    return _BY_TEXT.get(words) or next((row for pattern, row in _BY_PATTERN if pattern.fullmatch(words)), None)


def explain(texts: Sequence[str], now: int) -> BrokerError:
    """The `BrokerError` for an answer's `error` list; UNKNOWN if the table lacks any of them. `now` is wall ms."""
    row, text = mildest((row_of(text), text) for text in texts)
    if row is None:
        return failure(ErrorMeaning.UNKNOWN, ", ".join(texts), unheard=True)
    return failure(row.meaning, ", ".join(texts), row.remedy, _retry_after(row, text, now))


def _retry_after(row: Row, text: str, now: int) -> int:
    """How long (ms) Kraken must not be called: 15 minutes for a lockout, or until the Unix time that `Throttled` names."""
    if row.meaning is ErrorMeaning.LOCKED_OUT:
        return LOCKOUT_MS
    until = text.rsplit(":", 1)[-1].strip()
    if row.text == "EService:Throttled" and len(until) < 12:
        return max(0, min(int(until) * 1000 - now, LOCKOUT_MS))
    return 0
