"""Coinbase's error codes and texts, and what they mean. Any other is UNKNOWN.

Source: Coinbase's Advanced Trade reference (NewOrderFailureReason, PreviewFailureReason, CancelOrderFailureReason, and HTTP
answers other than 200) and the messages that its users have seen. Whole texts are compared, ignoring case.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from bot.brokers.common.answers import plain_words
from bot.domain.outcome import ErrorMeaning


class Row(NamedTuple):
    """One error: what it means, and the name of its remedy ("" for none)."""

    meaning: ErrorMeaning
    remedy: str = ""


class Refusal(NamedTuple):
    """An HTTP answer other than 200, by its `error` and the text that must come with it.

    `detail` is a pattern for the whole text, or None if the text varies and `error` alone counts.
    """

    status: int
    error: str
    detail: str | None
    row: Row


def bare(code: object) -> str:
    """An order's code as it is in the table: most codes exist with and without the prefix `PREVIEW_`."""
    return plain_words(code).removeprefix("preview_").upper()


#: The prefix of values that mean "not specified" in a field for a code.
NOTHING = "UNKNOWN_"

_PASSING: Mapping[ErrorMeaning, str] = {
    ErrorMeaning.FUNDS: """
        INSUFFICIENT_FUND INSUFFICIENT_FUNDS INVALID_LEDGER_BALANCE INSUFFICIENT_LEDGER_BALANCE
        INSUFFICIENT_FUNDS_FOR_FUTURES""",
    ErrorMeaning.PRICE: """
        INVALID_LIMIT_PRICE INVALID_LIMIT_PRICE_POST_ONLY INVALID_STOP_PRICE INVALID_PRICE_TOO_LARGE
        STOP_PRICE_ABOVE_LAST_TRADE_PRICE STOP_PRICE_BELOW_LAST_TRADE_PRICE STOP_PRICE_ABOVE_LIMIT_PRICE
        STOP_PRICE_BELOW_LIMIT_PRICE STOP_TRIGGER_PRICE_OUT_OF_BOUNDS LIMIT_PRICE_TOO_FAR_FROM_MARKET
        BREACHED_PRICE_LIMIT LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_BUY LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_SELL""",
    # Our only brackets are attached ones.
    ErrorMeaning.ATTACHED_PRICE: """
        BRACKET_LIMIT_PRICE_OUT_OF_BOUNDS INVALID_BRACKET_LIMIT_PRICE INVALID_BRACKET_PRICES
        INVALID_BRACKET_STOP_TRIGGER_PRICE
        INVALID_ATTACHED_TAKE_PROFIT_PRICE_EXCEEDS_MAX_DISTANCE_FROM_ORIGINATING_PRICE""",
    ErrorMeaning.MARKET_CLOSED: """
        ORDER_ENTRY_DISABLED TRADING_DISABLED UNTRADABLE_PRODUCT PRODUCT_TRADING_HALTED NOT_ALLOWED_BY_MARKET_STATE
        INVALID_NO_LIQUIDITY MISSING_PRODUCT_PRICE_BOOK MISSING_MARKET_TRADE_DATA INVALID_PRODUCT_ID
        INVALID_FCM_TRADING_SESSION MARKET_ORDERS_PROHIBITED_DURING_NON_CORE_SESSION CLOSE_ONLY_FAILURE""",
    ErrorMeaning.BUSY: """
        MISSING_COMMISSION_RATE INVALID_COMMISSION_CONFIGURATION TOO_MANY_OPEN_ORDERS OPEN_BRACKET_ORDERS
        ORDER_IS_PENDING_CANCEL IN_LIQUIDATION BREACHED_RISK_LIMIT RISK_PROXY_FAILURE INVALID_MARGIN_HEALTH
        INTRADAY_MARGIN_NOT_READY UNTRADABLE_FCM_ACCOUNT_STATUS""",
    ErrorMeaning.CLOCK: "END_TIME_IS_IN_THE_PAST END_TIME_TOO_FAR_IN_FUTURE INVALID_END_TIME",
    ErrorMeaning.RATE_LIMITED: "RATE_LIMIT_EXCEEDED RFQ_RATE_LIMITED",
}
_OF_THE_ORDER: Mapping[ErrorMeaning, str] = {
    ErrorMeaning.UNSUPPORTED: """
        UNSUPPORTED_ORDER_CONFIGURATION INVALID_ORDER_CONFIG INVALID_BRACKET_ORDER_SIDE FOK_DISABLED
        POST_ONLY_NOT_ALLOWED_WITH_FOK QUOTE_ORDERS_NOT_ALLOWED_FOR_PRODUCT REPLACE_NOT_SUPPORTED""",
    ErrorMeaning.ATTACHMENT: """
        INVALID_ORDER_TYPE_FOR_ATTACHED INVALID_ORDER_SIDE_FOR_ATTACHED_TPSL ATTACHED_ORDERS_ONLY_ALLOWED_ON_MARKET_LIMIT
        ATTACHED_ORDER_SIZE_MUST_BE_NIL SINGLE_LEGGED_TPSL_NOT_ALLOWED BRACKET_ORDER_NOT_SUPPORTED
        QUOTE_SIZE_NOT_ALLOWED_FOR_BRACKET""",
    ErrorMeaning.TOO_SMALL: """
        INVALID_BASE_SIZE_TOO_SMALL INVALID_QUOTE_SIZE_TOO_SMALL INVALID_ATTACHED_TAKE_PROFIT_SIZE_BELOW_MIN""",
    ErrorMeaning.REJECTED: """
        INVALID_BASE_SIZE_TOO_LARGE INVALID_QUOTE_SIZE_TOO_LARGE INVALID_SIZE_PRECISION INVALID_PRICE_PRECISION
        INVALID_QUOTE_SIZE_PRECISION INVALID_STOP_PRICE_PRECISION INVALID_LIMIT_PRICE_PRECISION
        INVALID_STOP_TRIGGER_PRICE_PRECISION INVALID_BRACKET_LIMIT_PRICE_PRECISION INVALID_SIDE INVALID_REQUEST
        INVALID_MARGIN_TYPE INVALID_LEVERAGE NON_NUMERIC_ORDER_SIZE GTD_ORDERS_MUST_HAVE_END_TIME
        PRICE_NOT_ALLOWED_FOR_MARKET_ORDERS ATTACHED_ORDER_MUST_HAVE_POSITIVE_PRICES
        FRACTIONAL_ORDERS_NOT_ALLOWED_FOR_PRODUCT""",
    # An order with this id may exist, or have triggered: the sender looks it up.
    ErrorMeaning.UNKNOWN: """
        UNKNOWN_FAILURE_REASON UNKNOWN_PREVIEW_FAILURE_REASON COMMANDER_REJECTED_NEW_ORDER DUPLICATE_CLIENT_ORDER_ID
        STOP_ALREADY_TRIGGERED STOP_TRIGGERED""",
}
#: Errors about the attached legs. A target can be omitted; a stop out of bounds means the market has reached it: no entry.
_ATTACHED_LEGS = {
    f"{invalid}ATTACHED_{leg}_PRICE": meaning
    for invalid in ("", "INVALID_")
    for leg, meaning in (("TAKE_PROFIT", ErrorMeaning.ATTACHED_PRICE), ("STOP_LOSS", ErrorMeaning.PRICE))
}
_BOUNDS = ("", "_OUT_OF_BOUNDS", "_OUT_OF_BOUNDS_ON_AGGRESSIVE_ORDER", "_TOO_HIGH", "_TOO_LOW")

#: Codes of orders, without the prefix `PREVIEW_`.
ORDERS: Mapping[str, Row] = MappingProxyType(
    {
        **{
            word: Row(meaning)
            for words in (_PASSING, _OF_THE_ORDER)
            for meaning, text in words.items()
            for word in text.split()
        },
        **{leg + bound: Row(meaning) for leg, meaning in _ATTACHED_LEGS.items() for bound in _BOUNDS},
        **{f"{leg}_PRECISION": Row(ErrorMeaning.REJECTED) for leg in _ATTACHED_LEGS},
        "COMPLIANCE_PURCHASE_LIMIT_EXCEEDED": Row(ErrorMeaning.BUSY, "limits"),
        "INELIGIBLE_PAIR": Row(ErrorMeaning.RESTRICTED, "wallet"),
        "GEOFENCING_RESTRICTION": Row(ErrorMeaning.RESTRICTED, "wallet"),
        "INVALID_UNSUPPORTED_INSTRUMENT": Row(ErrorMeaning.RESTRICTED, "wallet"),
        "ASSET_BALANCE_INCREASE_REJECT": Row(ErrorMeaning.RESTRICTED, "wallet"),
    }
)

#: Messages that say more than the code beside them.
MESSAGES: Mapping[str, Row] = MappingProxyType(
    {
        "insufficient balance in source account": Row(ErrorMeaning.FUNDS),
        "source is not enabled for trading": Row(ErrorMeaning.RESTRICTED, "wallet"),
        "target is not enabled for trading": Row(ErrorMeaning.RESTRICTED, "wallet"),
        "user is not allowed to convert crypto": Row(ErrorMeaning.RESTRICTED, "wallet"),
        "account is not available": Row(ErrorMeaning.RESTRICTED, "wallet"),
    }
)

#: Codes of a refused cancel. GONE: look the order up and trust that.
CANCELS: Mapping[str, ErrorMeaning] = MappingProxyType(
    {
        "UNKNOWN_CANCEL_ORDER": ErrorMeaning.GONE,
        "DUPLICATE_CANCEL_REQUEST": ErrorMeaning.GONE,
        "ORDER_IS_FULLY_FILLED": ErrorMeaning.GONE,
        "ORDER_IS_BEING_REPLACED": ErrorMeaning.BUSY,
        "COMMANDER_REJECTED_CANCEL_ORDER": ErrorMeaning.UNKNOWN,
        "UNKNOWN_CANCEL_FAILURE_REASON": ErrorMeaning.UNKNOWN,
        "INVALID_CANCEL_REQUEST": ErrorMeaning.REJECTED,
        "INVALID_CANCEL_PRODUCT_ID": ErrorMeaning.REJECTED,
        "INVALID_CANCEL_FCM_TRADING_SESSION": ErrorMeaning.MARKET_CLOSED,
        "NOT_ALLOWED_TO_CANCEL": ErrorMeaning.REJECTED,
    }
)

#: HTTP answers. 429 and 5xx are recognised by status, 401 and the edge's 403 by their plain text: see `errors`.
REFUSALS: tuple[Refusal, ...] = (
    # Nothing was placed, but the text may say anything: BUSY, so that an unknown text never leads to a sale.
    Refusal(400, "invalid_argument", None, Row(ErrorMeaning.BUSY)),
    Refusal(403, "permission_denied", "missing required scopes", Row(ErrorMeaning.PERMISSION, "scopes")),
    Refusal(403, "unknown", "missing required scopes", Row(ErrorMeaning.PERMISSION, "scopes")),
    Refusal(403, "permission_denied", "user is not allowed to convert crypto", Row(ErrorMeaning.RESTRICTED, "wallet")),
    Refusal(
        403, "permission_denied", "user does not have access to portfolio", Row(ErrorMeaning.PERMISSION, "portfolio")
    ),
    Refusal(404, "not_found", r"product [a-z0-9.-]{1,40} not supported", Row(ErrorMeaning.MARKET_CLOSED)),
    Refusal(404, "not_found", None, Row(ErrorMeaning.GONE)),
    Refusal(404, "unknown", "order with this orderid was not found", Row(ErrorMeaning.GONE)),
)
