"""What Coinbase's errors mean: they are looked up in `words`, and each problem the owner can fix has one remedy.

A failed order is HTTP 200 with `success: false` and its code in one of four fields (`of_order`). Everything else is an HTTP
status with `{"error", "error_details", "message"}`, plain text or HTML (`of_status`). An error that `words` lacks is UNKNOWN
and `unheard`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from bot.brokers.base import BrokerError
from bot.brokers.coinbase.words import CANCELS, MESSAGES, NOTHING, ORDERS, REFUSALS, Row, bare
from bot.brokers.common.answers import plain_words
from bot.brokers.common.capability_probe import OF_THE_MOMENT
from bot.brokers.common.failures import Failures, usual_remedies
from bot.domain.clock import MINUTE, SECOND
from bot.domain.outcome import ErrorClass, ErrorMeaning
from bot.domain.text import safe_text

VENUE = "coinbase"
#: How long (ms) to pause after a refusal that names no time.
PAUSE_MS = SECOND
EDGE_PAUSE_MS = MINUTE
_LONGEST_PAUSE_MS = 15 * MINUTE

#: What the owner can do, by the name of the problem. docs/operations.md lists the same texts.
REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        **usual_remedies("Coinbase", "COINBASE_API_URL"),
        "name": "COINBASE_API_KEY is not the name of a key, which looks like organizations/…/apiKeys/… (or a UUID): copy 'name' "
        "from the key file of portal.cdp.coinbase.com",
        "pem": "COINBASE_API_SECRET is not a private key: copy 'privateKey' from the key file, from -----BEGIN to "
        "END-----, line breaks written as \\n, or the base64 text of an Ed25519 key",
        "refused": "Coinbase does not accept this key: COINBASE_API_SECRET does not belong to COINBASE_API_KEY, or the key was "
        "deleted, or is not allowed from this IP address; copy both again from one key file, or create a new key "
        "(type ECDSA) at portal.cdp.coinbase.com",
        "view": "this key may not read: switch on 'View' for it at portal.cdp.coinbase.com, or create a new key",
        "trade": "this key may not trade: switch on 'Trade' for it at portal.cdp.coinbase.com, or create a new key",
        "scopes": "this key lacks a permission: switch on 'View' and 'Trade' for it at portal.cdp.coinbase.com",
        "withdraw": "this key may withdraw money: switch off 'Transfer' for it at portal.cdp.coinbase.com, or set "
        "ALLOW_WITHDRAW_KEYS=true",
        "portfolio": "this key belongs to no portfolio that may be traded here: create a key for the portfolio that holds the "
        "money at portal.cdp.coinbase.com",
        "wallet": "there is no wallet for this market's currency in the key's portfolio, or it may not be traded in your region",
        "limits": "this account has reached a limit on purchases: see Settings > Account limits on coinbase.com",
        "proof": "Coinbase shows this account's orders only after a second factor: confirm it on coinbase.com or in its app; "
        "NIJA keeps retrying",
        "clock": "set this computer's clock (switch on NTP): it differs from Coinbase's by {seconds} s, so every token would be "
        "refused",
        "throttled": "Coinbase wants fewer calls: nothing to do, NIJA slows down; another program may be using this key",
        "url": "COINBASE_API_URL must begin with https://",
        "in_use": "another program on this host is using this key's file: stop it, or create an API key that only NIJA uses",
        "unfunded": "deposit USD or USDC at Coinbase; NIJA then starts trading",
    }
)
failure = Failures(VENUE, "Coinbase", REMEDIES)


# -- errors inside an answer ----------------------------------------------------------------------------------------
def of_order(answer: Mapping[str, Any]) -> BrokerError:
    """The error for `success: false`. Its code is the first of the fields that says anything. If any field has a code that the
    table lacks, the whole answer is `unheard`.
    """
    error = answer.get("error_response")
    details: Mapping[str, Any] = error if isinstance(error, dict) else {}
    named = [details.get(key) for key in ("error", "preview_failure_reason", "new_order_failure_reason")]
    codes = [code for code in (*named, answer.get("failure_reason")) if isinstance(code, str) and code.strip()]
    said = [code for code in codes if not bare(code).startswith(NOTHING)]
    message = safe_text(details.get("message") or details.get("error_details") or "")
    text = f"{safe_text(next(iter(said or codes), 'no reason'))} {message}".strip()
    wanted = said or codes
    known = [row for code in wanted if (row := ORDERS.get(bare(code))) is not None]
    if not wanted or len(known) < len(wanted):
        return failure(ErrorMeaning.UNKNOWN, text, unheard=True)
    row = (
        known[0] if said and known[0].meaning is ErrorMeaning.UNKNOWN else MESSAGES.get(plain_words(message), known[0])
    )
    return failure(row.meaning, text, row.remedy)


def of_preview(codes: Iterable[object]) -> BrokerError | None:
    """The error for all complaints of a preview; None if there are none. UNKNOWN counts most, then complaints about the order's
    shape; those about the funds and prices of the moment count least.
    """
    named = [str(code) for code in codes]
    if not named:
        return None
    known = sorted((ORDERS[code] for code in map(bare, named) if code in ORDERS), key=_weight)
    text = ", ".join(named)
    if len(known) < len(named):
        return failure(ErrorMeaning.UNKNOWN, text, unheard=True)
    return failure(known[0].meaning, text, known[0].remedy)


def _weight(row: Row) -> int:
    if row.meaning is ErrorMeaning.UNKNOWN:
        return 0
    if row.meaning.error_class is ErrorClass.SHAPE:
        return 1
    return 3 if row.meaning in OF_THE_MOMENT else 2


def of_cancel(reason: str) -> BrokerError:
    """The error for a refused cancel."""
    meaning = CANCELS.get(plain_words(reason).upper())
    return failure(meaning or ErrorMeaning.UNKNOWN, reason or "no reason", unheard=meaning is None)


# -- HTTP errors ------------------------------------------------------------------------------------------------------
def of_status(status: int, body: str, retry_after: str | None = None) -> BrokerError:
    """The error for an HTTP status other than 200. Coinbase's edge refuses in plain text, before it forwards anything.

    Coinbase refuses a token in plain text too. Any other 401 comes from a proxy and says nothing about our key.
    """
    said = _said(body)
    words = " ".join(dict.fromkeys(word for one in said or () for word in one if word))
    text = f"HTTP {status} {words or body.strip()[:80]}".strip()
    if status == 401:
        if plain_words(body) == "unauthorized":
            return failure(ErrorMeaning.CREDENTIALS, text, "refused")
        return failure(ErrorMeaning.UNKNOWN, text, "unreachable", unheard=True)
    if status == 429:
        return failure(ErrorMeaning.RATE_LIMITED, text, "throttled", _pause(retry_after))
    if status == 403 and said is None:
        return failure(ErrorMeaning.RATE_LIMITED, text, "throttled", EDGE_PAUSE_MS)
    if status >= 500:
        return failure(ErrorMeaning.UNKNOWN, text, "unreachable")
    rows = [_refusal(status, one) for one in said or ()]
    if not rows or (row := rows[0]) is None or None in rows:
        return failure(ErrorMeaning.UNKNOWN, text, unheard=True)
    return failure(row.meaning, text, row.remedy)


def _refusal(status: int, said: tuple[str, ...]) -> Row | None:
    """The row for an error and its texts. A known text counts more than a row that accepts any text."""
    error, details = plain_words(said[0]), [plain_words(detail) for detail in said[1:] if detail]
    for known in REFUSALS:
        if (known.status, known.error) != (status, error):
            continue
        pattern = known.detail
        if pattern is None and (more := next((MESSAGES[one] for one in details if one in MESSAGES), None)):
            return more
        if pattern is None or (details and all(re.fullmatch(pattern, detail) for detail in details)):
            return known.row
    return None


def _said(body: str) -> list[tuple[str, ...]] | None:
    """The errors in a JSON body, each with its texts; None if the body is not a JSON object."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return []
    rows = answer.get("errors")
    if isinstance(rows, list) and rows:
        return [_texts(row, "id", "message") if isinstance(row, dict) else (safe_text(row),) for row in rows]
    return [_texts(answer, "error", "message", "error_details")]


def _texts(row: Mapping[str, Any], *keys: str) -> tuple[str, ...]:
    return tuple(safe_text(row.get(key) or "") for key in keys)


def _pause(retry_after: str | None) -> int:
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 6:
        return min(max(int(retry_after) * SECOND, PAUSE_MS), _LONGEST_PAUSE_MS)
    return PAUSE_MS
