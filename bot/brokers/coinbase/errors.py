"""What each of Coinbase's errors means: two tables to our words, and one remedy for each thing an owner can mend.

A failed order is HTTP 200 with `success: false`; its code stands in one of three fields (`failure_code`). Everything else is
an HTTP status with `{"error", "error_details", "message"}`, plain text or HTML. Source: the sheet of errors in Coinbase's
Advanced Trade reference (NewOrderFailureReason, PreviewFailureReason, CancelOrderFailureReason).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from bot.brokers.answers import safe_text
from bot.brokers.base import BrokerError
from bot.domain.clock import MINUTE, SECOND
from bot.domain.outcome import Meaning

VENUE = "coinbase"
#: How long (ms) to stay away after a refusal that names no time of its own.
PAUSE_MS = SECOND
EDGE_PAUSE_MS = MINUTE
_LONGEST_PAUSE_MS = 15 * MINUTE

#: What the owner can do, by the name of the trouble. The README's table says the same.
REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "name": "COINBASE_API_KEY is not the name of a key: it looks like organizations/…/apiKeys/… (or a UUID); copy 'name' "
        "from the key file that portal.cdp.coinbase.com gave you",
        "pem": "COINBASE_API_SECRET is not a private key: copy 'privateKey' from the key file, from -----BEGIN to "
        "END-----, line breaks written as \\n, or the base64 text of an Ed25519 key",
        "refused": "Coinbase does not accept this key: COINBASE_API_SECRET does not belong to COINBASE_API_KEY, or the key was "
        "deleted, or is not allowed from this IP address; copy both anew from one key file, or make a new key "
        "(type ECDSA) at portal.cdp.coinbase.com",
        "view": "this key may not read: switch on 'View' for it at portal.cdp.coinbase.com, or make a new key",
        "trade": "this key may not trade: switch on 'Trade' for it at portal.cdp.coinbase.com, or make a new key",
        "scopes": "this key lacks a permission: switch on 'View' and 'Trade' for it at portal.cdp.coinbase.com",
        "withdraw": "this key may withdraw money: switch off 'Transfer' for it at portal.cdp.coinbase.com, or set "
        "ALLOW_WITHDRAW_KEYS=true",
        "portfolio": "this key belongs to no portfolio that may be traded here: make a key for the portfolio that holds the "
        "money at portal.cdp.coinbase.com",
        "wallet": "there is no wallet for this market's currency in the key's portfolio, or it may not be traded in your region",
        "clock": "set this computer's clock (switch on NTP): it differs from Coinbase's by {seconds} s, so that every token "
        "would be refused",
        "throttled": "Coinbase wants fewer calls: nothing to do, NIJA goes on by itself; another program may use this key",
        "unreachable": "Coinbase cannot be reached or does not answer: check the network, and COINBASE_API_URL if you set it; "
        "NIJA tries again by itself",
        "tls": "Coinbase's certificate is not trusted: check this computer's clock, its root certificates and NIJA_CA_FILE",
        "url": "COINBASE_API_URL must begin with https://",
        "in_use": "another program on this host holds this key's file: stop it, or make a new API key for NIJA alone",
        "unfunded": "deposit USD or USDC at Coinbase; NIJA starts trading by itself",
    }
)


class Row(NamedTuple):
    """One code: what it means, and the name of its remedy ("" for none)."""

    meaning: Meaning
    remedy: str = ""


#: Codes of orders, without their prefix `PREVIEW_`. UNKNOWN: look whether there is an order before using another id.
ORDERS: Mapping[str, Row] = MappingProxyType(
    {
        "UNKNOWN_FAILURE_REASON": Row(Meaning.UNKNOWN),
        "UNKNOWN_PREVIEW_FAILURE_REASON": Row(Meaning.UNKNOWN),
        "COMMANDER_REJECTED_NEW_ORDER": Row(Meaning.UNKNOWN),
        "INSUFFICIENT_FUND": Row(Meaning.FUNDS),
        "INSUFFICIENT_FUNDS": Row(Meaning.FUNDS),
        "INVALID_LEDGER_BALANCE": Row(Meaning.FUNDS),
        "INSUFFICIENT_LEDGER_BALANCE": Row(Meaning.FUNDS),
        "INVALID_BASE_SIZE_TOO_SMALL": Row(Meaning.TOO_SMALL),
        "INVALID_QUOTE_SIZE_TOO_SMALL": Row(Meaning.TOO_SMALL),
        "INVALID_BASE_SIZE_TOO_LARGE": Row(Meaning.REJECTED),
        "INVALID_QUOTE_SIZE_TOO_LARGE": Row(Meaning.REJECTED),
        "INVALID_PRICE_TOO_LARGE": Row(Meaning.REJECTED),
        "INVALID_SIZE_PRECISION": Row(Meaning.REJECTED),
        "INVALID_PRICE_PRECISION": Row(Meaning.REJECTED),
        "INVALID_QUOTE_SIZE_PRECISION": Row(Meaning.REJECTED),
        "INVALID_SIDE": Row(Meaning.REJECTED),
        "INVALID_REQUEST": Row(Meaning.REJECTED),
        "INVALID_LIMIT_PRICE": Row(Meaning.REJECTED),
        "INVALID_LIMIT_PRICE_POST_ONLY": Row(Meaning.REJECTED),
        "INVALID_STOP_PRICE": Row(Meaning.REJECTED),
        "STOP_PRICE_ABOVE_LAST_TRADE_PRICE": Row(Meaning.REJECTED),
        "STOP_PRICE_BELOW_LAST_TRADE_PRICE": Row(Meaning.REJECTED),
        "LIMIT_PRICE_TOO_FAR_FROM_MARKET": Row(Meaning.REJECTED),
        "BREACHED_PRICE_LIMIT": Row(Meaning.REJECTED),
        "TOO_MANY_OPEN_ORDERS": Row(Meaning.REJECTED),
        "IN_LIQUIDATION": Row(Meaning.REJECTED),
        "INVALID_MARGIN_TYPE": Row(Meaning.REJECTED),
        "INVALID_LEVERAGE": Row(Meaning.REJECTED),
        "MISSING_COMMISSION_RATE": Row(Meaning.BUSY),
        "INVALID_COMMISSION_CONFIGURATION": Row(Meaning.BUSY),
        "MISSING_PRODUCT_PRICE_BOOK": Row(Meaning.MARKET_CLOSED),
        "INVALID_NO_LIQUIDITY": Row(Meaning.MARKET_CLOSED),
        "ORDER_ENTRY_DISABLED": Row(Meaning.MARKET_CLOSED),
        "UNTRADABLE_PRODUCT": Row(Meaning.MARKET_CLOSED),
        "INVALID_PRODUCT_ID": Row(Meaning.MARKET_CLOSED),
        "INVALID_FCM_TRADING_SESSION": Row(Meaning.MARKET_CLOSED),
        "INELIGIBLE_PAIR": Row(Meaning.MARKET_CLOSED, "wallet"),
        "GEOFENCING_RESTRICTION": Row(Meaning.PERMISSION, "wallet"),
        "RATE_LIMIT_EXCEEDED": Row(Meaning.RATE_LIMITED, "throttled"),
        "UNSUPPORTED_ORDER_CONFIGURATION": Row(Meaning.UNSUPPORTED),
        "INVALID_ORDER_CONFIG": Row(Meaning.UNSUPPORTED),
        "INVALID_ORDER_TYPE_FOR_ATTACHED": Row(Meaning.UNSUPPORTED),
        "INVALID_ORDER_SIDE_FOR_ATTACHED_TPSL": Row(Meaning.UNSUPPORTED),
        "QUOTE_SIZE_NOT_ALLOWED_FOR_BRACKET": Row(Meaning.UNSUPPORTED),
        "POST_ONLY_NOT_ALLOWED_WITH_FOK": Row(Meaning.UNSUPPORTED),
    }
)

#: Codes of a refused cancel. GONE: fetch the order and believe it.
CANCELS: Mapping[str, Meaning] = MappingProxyType(
    {
        "UNKNOWN_CANCEL_ORDER": Meaning.GONE,
        "DUPLICATE_CANCEL_REQUEST": Meaning.GONE,
        "ORDER_IS_FULLY_FILLED": Meaning.GONE,
        "ORDER_IS_BEING_REPLACED": Meaning.BUSY,
        "COMMANDER_REJECTED_CANCEL_ORDER": Meaning.UNKNOWN,
        "UNKNOWN_CANCEL_FAILURE_REASON": Meaning.UNKNOWN,
        "INVALID_CANCEL_REQUEST": Meaning.REJECTED,
        "INVALID_CANCEL_PRODUCT_ID": Meaning.REJECTED,
        "INVALID_CANCEL_FCM_TRADING_SESSION": Meaning.MARKET_CLOSED,
        "NOT_ALLOWED_TO_CANCEL": Meaning.REJECTED,
    }
)

#: HTTP statuses: what they mean for an order. The rest of 5xx, and what is not here, is UNKNOWN.
STATUSES: Mapping[int, Row] = MappingProxyType(
    {
        400: Row(Meaning.REJECTED),
        401: Row(Meaning.CREDENTIALS, "refused"),
        403: Row(Meaning.PERMISSION, "scopes"),
        404: Row(Meaning.GONE),
        429: Row(Meaning.RATE_LIMITED, "throttled"),
    }
)


def bare_code(code: str) -> str:
    """A code without the prefix that previews give it."""
    return code.removeprefix("PREVIEW_")


def order_row(code: str) -> Row:
    """What a code of an order means; `success: false` left no order, so a code nobody wrote down is a refusal."""
    return ORDERS.get(bare_code(code), Row(Meaning.REJECTED))


def failure_code(answer: Mapping[str, Any]) -> tuple[str, str]:
    """Code and message of a `success: false`: the first of its fields that says anything but UNKNOWN."""
    error = answer.get("error_response")
    row: Mapping[str, Any] = error if isinstance(error, dict) else {}
    named = [row.get(key) for key in ("error", "preview_failure_reason", "new_order_failure_reason")]
    codes = [safe_text(code) for code in (*named, answer.get("failure_reason")) if isinstance(code, str) and code]
    code = next((each for each in codes if "UNKNOWN" not in each), codes[0] if codes else "UNKNOWN_FAILURE_REASON")
    return code, safe_text(row.get("message") or row.get("error_details") or "")


def failure(meaning: Meaning, text: object, remedy: str = "", retry_after_ms: int = 0, **facts: str) -> BrokerError:
    """A `BrokerError` of this venue with the named remedy filled in."""
    line = REMEDIES[remedy].format(**facts) if facts else REMEDIES[remedy] if remedy else ""
    return BrokerError(VENUE, meaning, safe_text(text), remedy=line, retry_after_ms=retry_after_ms)


def of_status(status: int, body: str, retry_after: str | None = None) -> BrokerError:
    """What an HTTP answer other than 200 means. The edge refuses in plain text before anything is routed.

    Coinbase refuses a token in plain text too: a page of HTML with 401 comes from something in between and says nothing of our key.
    """
    row, said = STATUSES.get(status, Row(Meaning.UNKNOWN, "unreachable" if status >= 500 else "")), _said(body)
    text = f"HTTP {status} {said or body.strip()[:80]}".strip()
    if status == 401 and body.lstrip().startswith("<"):
        return failure(Meaning.UNKNOWN, text, "unreachable")
    if status == 403 and said is None:
        return failure(Meaning.RATE_LIMITED, text, "throttled", EDGE_PAUSE_MS)
    if status == 403 and said is not None and "portfolio" in said:
        return failure(Meaning.PERMISSION, text, "portfolio")
    if row.meaning is Meaning.RATE_LIMITED:
        return failure(row.meaning, text, row.remedy, _pause(retry_after))
    return failure(row.meaning, text, row.remedy)


def of_transport(error: Exception, *, sent: bool) -> BrokerError:
    """What a broken connection or an unreadable answer means: certain only when no byte of the request left."""
    text = f"{type(error).__name__}: {error}"
    if "CERTIFICATE_VERIFY_FAILED" in text and not sent:
        return failure(Meaning.BUSY, f"not sent: {text}", "tls")
    if not sent:
        return failure(Meaning.BUSY, f"not sent: {text}", "unreachable")
    return failure(Meaning.UNKNOWN, f"no usable answer: {text}", "unreachable")


def _said(body: str) -> str | None:
    """The error of a JSON body in one line; None when it is no such body."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return None
    rows = answer.get("errors")
    if isinstance(rows, list) and rows and isinstance(rows[0], dict):
        answer = {"error": rows[0].get("id"), "message": rows[0].get("message")}
    words = [str(answer[key]) for key in ("error", "message", "error_details") if answer.get(key)]
    return safe_text(" ".join(dict.fromkeys(words))) if words else ""


def _pause(retry_after: str | None) -> int:
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 6:
        return min(max(int(retry_after) * SECOND, PAUSE_MS), _LONGEST_PAUSE_MS)
    return PAUSE_MS
