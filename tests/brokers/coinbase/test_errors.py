"""What Coinbase's errors mean, row by row, and that every remedy is a single line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.brokers.coinbase.errors import REMEDIES, failure, of_order, of_preview, of_status
from bot.brokers.coinbase.words import CANCELS, ORDERS
from bot.domain.outcome import ErrorMeaning
from bot.domain.text import safe_text
from tests.brokers.coinbase.conftest import payload


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("INSUFFICIENT_FUND", ErrorMeaning.FUNDS),
        ("PREVIEW_INSUFFICIENT_FUND", ErrorMeaning.FUNDS),
        ("preview_insufficient_ledger_balance ", ErrorMeaning.FUNDS),
        ("PREVIEW_INVALID_BASE_SIZE_TOO_SMALL", ErrorMeaning.TOO_SMALL),
        ("PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL", ErrorMeaning.TOO_SMALL),
        ("INVALID_SIZE_PRECISION", ErrorMeaning.REJECTED),
        ("INVALID_ATTACHED_STOP_LOSS_PRICE_PRECISION", ErrorMeaning.REJECTED),
        ("PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE", ErrorMeaning.PRICE),
        ("LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_BUY", ErrorMeaning.PRICE),
        ("PREVIEW_INVALID_ATTACHED_TAKE_PROFIT_PRICE_OUT_OF_BOUNDS", ErrorMeaning.ATTACHED_PRICE),
        ("ATTACHED_STOP_LOSS_PRICE_OUT_OF_BOUNDS_ON_AGGRESSIVE_ORDER", ErrorMeaning.PRICE),
        ("INVALID_ATTACHED_TAKE_PROFIT_PRICE_EXCEEDS_MAX_DISTANCE_FROM_ORIGINATING_PRICE", ErrorMeaning.ATTACHED_PRICE),
        ("ORDER_ENTRY_DISABLED", ErrorMeaning.MARKET_CLOSED),
        ("TRADING_DISABLED", ErrorMeaning.MARKET_CLOSED),
        ("NOT_ALLOWED_BY_MARKET_STATE", ErrorMeaning.MARKET_CLOSED),
        ("PREVIEW_INVALID_NO_LIQUIDITY", ErrorMeaning.MARKET_CLOSED),
        ("PREVIEW_MISSING_PRODUCT_PRICE_BOOK", ErrorMeaning.MARKET_CLOSED),
        ("GEOFENCING_RESTRICTION", ErrorMeaning.RESTRICTED),
        ("INELIGIBLE_PAIR", ErrorMeaning.RESTRICTED),
        ("UNSUPPORTED_ORDER_CONFIGURATION", ErrorMeaning.UNSUPPORTED),
        ("PREVIEW_INVALID_ORDER_TYPE_FOR_ATTACHED", ErrorMeaning.ATTACHMENT),
        ("SINGLE_LEGGED_TPSL_NOT_ALLOWED", ErrorMeaning.ATTACHMENT),
        ("RATE_LIMIT_EXCEEDED", ErrorMeaning.RATE_LIMITED),
        ("RFQ_RATE_LIMITED", ErrorMeaning.RATE_LIMITED),
        ("TOO_MANY_OPEN_ORDERS", ErrorMeaning.BUSY),
        ("COMPLIANCE_PURCHASE_LIMIT_EXCEEDED", ErrorMeaning.BUSY),
        ("END_TIME_IS_IN_THE_PAST", ErrorMeaning.CLOCK),
        ("UNKNOWN_FAILURE_REASON", ErrorMeaning.UNKNOWN),
        ("COMMANDER_REJECTED_NEW_ORDER", ErrorMeaning.UNKNOWN),
        ("DUPLICATE_CLIENT_ORDER_ID", ErrorMeaning.UNKNOWN),
    ],
)
def test_the_meaning_of_an_orders_code(code: str, meaning: ErrorMeaning) -> None:
    error = of_order({"success": False, "error_response": {"error": code}})
    assert (error.meaning, error.unheard) == (meaning, False)


OLD = "UNKNOWN_FAILURE_REASON"


@pytest.mark.parametrize(
    ("error", "meaning", "unheard"),
    [
        ({"error": "INSUFFICIENT_FUND", "preview_failure_reason": "PREVIEW_INVALID_SIDE"}, ErrorMeaning.FUNDS, False),
        ({"error": "INSUFFICIENT_FUND", "preview_failure_reason": "X"}, ErrorMeaning.UNKNOWN, True),
        ({"error": OLD, "preview_failure_reason": "PREVIEW_INVALID_STOP_PRICE"}, ErrorMeaning.PRICE, False),
        (
            {
                "error": "",
                "preview_failure_reason": "UNKNOWN_PREVIEW_FAILURE_REASON",
                "new_order_failure_reason": "INVALID_SIDE",
            },
            ErrorMeaning.REJECTED,
            False,
        ),
        ({"error": OLD}, ErrorMeaning.UNKNOWN, False),
        ({"error": OLD, "message": "Insufficient balance in source account"}, ErrorMeaning.FUNDS, False),
        ({"error": "COMMANDER_REJECTED_NEW_ORDER", "message": "account is not available"}, ErrorMeaning.UNKNOWN, False),
        (
            {"error": "UNSUPPORTED_ORDER_CONFIGURATION", "message": "source is not enabled for trading"},
            ErrorMeaning.RESTRICTED,
            False,
        ),
        ({"error": "A_NEW_WORD", "message": "account is not available"}, ErrorMeaning.UNKNOWN, True),
        ({}, ErrorMeaning.UNKNOWN, True),
        (None, ErrorMeaning.UNKNOWN, True),
        ({"error": 7}, ErrorMeaning.UNKNOWN, True),
    ],
)
def test_a_failure_means_what_all_of_its_fields_say(error: Any, meaning: ErrorMeaning, unheard: bool) -> None:
    found = of_order({"success": False, "error_response": error})
    assert (found.meaning, found.unheard) == (meaning, unheard)


def test_a_failure_keeps_its_message() -> None:
    assert of_order(payload("order_refused")).text == "INSUFFICIENT_FUND Insufficient balance in source account"


def test_the_failure_of_old_answers_is_read() -> None:
    old = {"success": False, "failure_reason": "INVALID_SIDE", "order_id": ""}
    assert of_order(old).meaning is ErrorMeaning.REJECTED


@pytest.mark.parametrize(
    ("codes", "meaning"),
    [
        ([], None),
        (["PREVIEW_INSUFFICIENT_FUND"], ErrorMeaning.FUNDS),
        (["PREVIEW_INSUFFICIENT_FUND", "PREVIEW_MISSING_PRODUCT_PRICE_BOOK"], ErrorMeaning.MARKET_CLOSED),
        (["PREVIEW_INSUFFICIENT_FUND", "BRACKET_ORDER_NOT_SUPPORTED"], ErrorMeaning.ATTACHMENT),
        (["BRACKET_ORDER_NOT_SUPPORTED", "A_NEW_WORD"], ErrorMeaning.UNKNOWN),
    ],
)
def test_the_complaints_of_a_preview_are_read_together(codes: list[str], meaning: ErrorMeaning | None) -> None:
    found = of_preview(codes)
    assert (found and found.meaning) == meaning


@pytest.mark.parametrize(
    ("status", "body", "meaning", "remedy"),
    [
        (400, {"error": "INVALID_ARGUMENT", "message": "bad"}, ErrorMeaning.BUSY, ""),
        (401, "Unauthorized\n", ErrorMeaning.CREDENTIALS, "refused"),
        (401, "\n<html>log in</html>", ErrorMeaning.UNKNOWN, "unreachable"),
        (
            403,
            {"error": "PERMISSION_DENIED", "error_details": "Missing required scopes"},
            ErrorMeaning.PERMISSION,
            "scopes",
        ),
        (
            403,
            {"error": "PERMISSION_DENIED", "message": "User does not have access to portfolio"},
            ErrorMeaning.PERMISSION,
            "portfolio",
        ),
        (403, {"error": "unknown", "error_details": "Missing required scopes"}, ErrorMeaning.PERMISSION, "scopes"),
        *(
            (status, {"error": error, "message": words}, ErrorMeaning.RESTRICTED, "wallet")
            for status, error, words in (
                (403, "PERMISSION_DENIED", "User is not allowed to convert crypto"),
                (400, "INVALID_ARGUMENT", "target is not enabled for trading"),
            )
        ),
        (403, "Too many errors", ErrorMeaning.RATE_LIMITED, "throttled"),
        (429, "<html>slow down</html>", ErrorMeaning.RATE_LIMITED, "throttled"),
        (404, {"error": "NOT_FOUND"}, ErrorMeaning.GONE, ""),
        (404, {"error": "unknown", "error_details": "order with this orderID was not found"}, ErrorMeaning.GONE, ""),
        (404, {"error": "NOT_FOUND", "message": "Product NOPE-USD not supported"}, ErrorMeaning.MARKET_CLOSED, ""),
        (404, "<html>not found</html>", ErrorMeaning.UNKNOWN, ""),
        (400, "", ErrorMeaning.UNKNOWN, ""),
        (403, {"error": "PERMISSION_DENIED"}, ErrorMeaning.UNKNOWN, ""),
        (403, {"error": "PERMISSION_DENIED", "message": "missing  required scopes today"}, ErrorMeaning.UNKNOWN, ""),
        (401, {"error": "Unauthorized"}, ErrorMeaning.UNKNOWN, "unreachable"),
        (409, {"error": "CONFLICT"}, ErrorMeaning.UNKNOWN, ""),
        (422, "", ErrorMeaning.UNKNOWN, ""),
        (
            429,
            {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]},
            ErrorMeaning.RATE_LIMITED,
            "throttled",
        ),
        (500, {"error": "INTERNAL", "message": "internal error"}, ErrorMeaning.UNKNOWN, "unreachable"),
        (502, "<html>", ErrorMeaning.UNKNOWN, "unreachable"),
        (524, "", ErrorMeaning.UNKNOWN, "unreachable"),
    ],
)
def test_the_meaning_of_a_status(status: int, body: Any, meaning: ErrorMeaning, remedy: str) -> None:
    error = of_status(status, body if isinstance(body, str) else json.dumps(body))
    assert error.meaning is meaning
    assert error.remedy == (REMEDIES[remedy] if remedy else "")


@pytest.mark.parametrize(
    ("said", "pause"),
    [(None, 1000), ("7", 7000), ("0", 1000), ("soon", 1000), ("99999", 900_000), ("-5", 1000), ("٣", 1000)],
)
def test_the_pause_after_too_many_requests(said: str | None, pause: int) -> None:
    assert of_status(429, "", said).retry_after_ms == pause


def test_the_edge_wants_a_minute() -> None:
    assert of_status(403, "Too many errors").retry_after_ms == 60_000


def test_a_cancel_of_what_is_not_there_means_look_it_up() -> None:
    gone = {code for code, meaning in CANCELS.items() if meaning is ErrorMeaning.GONE}
    assert gone == {"UNKNOWN_CANCEL_ORDER", "DUPLICATE_CANCEL_REQUEST", "ORDER_IS_FULLY_FILLED"}


def test_every_remedy_is_one_line_of_its_own() -> None:
    assert len(set(REMEDIES.values())) == len(REMEDIES)
    assert all(line and "\n" not in line for line in REMEDIES.values())
    assert failure(ErrorMeaning.CLOCK, "x", "clock", seconds="40").remedy.count("40 s") == 1
    assert {row.remedy for row in ORDERS.values()} <= {"", *REMEDIES}
    assert len(ORDERS) > 100


@pytest.mark.parametrize("text", ["\x1b[31m", "a\nb", "\u202e", "x" * 999])
def test_texts_of_the_venue_are_safe_to_log(text: str) -> None:
    assert safe_text(text).isprintable()
    assert len(safe_text(text)) <= 250
