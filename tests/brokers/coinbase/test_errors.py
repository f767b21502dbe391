"""What Coinbase's errors mean, row by row, and that every remedy is a line of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.brokers.coinbase.errors import REMEDIES, failure, of_order, of_preview, of_status
from bot.brokers.coinbase.words import CANCELS, ORDERS
from bot.domain.outcome import Meaning
from bot.domain.text import safe_text
from tests.brokers.coinbase.conftest import payload


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("INSUFFICIENT_FUND", Meaning.FUNDS),
        ("PREVIEW_INSUFFICIENT_FUND", Meaning.FUNDS),
        ("preview_insufficient_ledger_balance ", Meaning.FUNDS),
        ("PREVIEW_INVALID_BASE_SIZE_TOO_SMALL", Meaning.TOO_SMALL),
        ("PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL", Meaning.TOO_SMALL),
        ("INVALID_SIZE_PRECISION", Meaning.REJECTED),
        ("INVALID_ATTACHED_STOP_LOSS_PRICE_PRECISION", Meaning.REJECTED),
        ("PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE", Meaning.PRICE),
        ("LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_BUY", Meaning.PRICE),
        ("PREVIEW_INVALID_ATTACHED_TAKE_PROFIT_PRICE_OUT_OF_BOUNDS", Meaning.ATTACHED_PRICE),
        ("ATTACHED_STOP_LOSS_PRICE_OUT_OF_BOUNDS_ON_AGGRESSIVE_ORDER", Meaning.PRICE),
        ("INVALID_ATTACHED_TAKE_PROFIT_PRICE_EXCEEDS_MAX_DISTANCE_FROM_ORIGINATING_PRICE", Meaning.ATTACHED_PRICE),
        ("ORDER_ENTRY_DISABLED", Meaning.MARKET_CLOSED),
        ("TRADING_DISABLED", Meaning.MARKET_CLOSED),
        ("NOT_ALLOWED_BY_MARKET_STATE", Meaning.MARKET_CLOSED),
        ("PREVIEW_INVALID_NO_LIQUIDITY", Meaning.MARKET_CLOSED),
        ("PREVIEW_MISSING_PRODUCT_PRICE_BOOK", Meaning.MARKET_CLOSED),
        ("GEOFENCING_RESTRICTION", Meaning.RESTRICTED),
        ("INELIGIBLE_PAIR", Meaning.RESTRICTED),
        ("UNSUPPORTED_ORDER_CONFIGURATION", Meaning.UNSUPPORTED),
        ("PREVIEW_INVALID_ORDER_TYPE_FOR_ATTACHED", Meaning.ATTACHMENT),
        ("SINGLE_LEGGED_TPSL_NOT_ALLOWED", Meaning.ATTACHMENT),
        ("RATE_LIMIT_EXCEEDED", Meaning.RATE_LIMITED),
        ("RFQ_RATE_LIMITED", Meaning.RATE_LIMITED),
        ("TOO_MANY_OPEN_ORDERS", Meaning.BUSY),
        ("COMPLIANCE_PURCHASE_LIMIT_EXCEEDED", Meaning.BUSY),
        ("END_TIME_IS_IN_THE_PAST", Meaning.CLOCK),
        ("UNKNOWN_FAILURE_REASON", Meaning.UNKNOWN),
        ("COMMANDER_REJECTED_NEW_ORDER", Meaning.UNKNOWN),
        ("DUPLICATE_CLIENT_ORDER_ID", Meaning.UNKNOWN),
    ],
)
def test_the_meaning_of_an_orders_code(code: str, meaning: Meaning) -> None:
    error = of_order({"success": False, "error_response": {"error": code}})
    assert (error.meaning, error.unheard) == (meaning, False)


OLD = "UNKNOWN_FAILURE_REASON"


@pytest.mark.parametrize(
    ("error", "meaning", "unheard"),
    [
        ({"error": "INSUFFICIENT_FUND", "preview_failure_reason": "PREVIEW_INVALID_SIDE"}, Meaning.FUNDS, False),
        ({"error": "INSUFFICIENT_FUND", "preview_failure_reason": "X"}, Meaning.UNKNOWN, True),
        ({"error": OLD, "preview_failure_reason": "PREVIEW_INVALID_STOP_PRICE"}, Meaning.PRICE, False),
        (
            {
                "error": "",
                "preview_failure_reason": "UNKNOWN_PREVIEW_FAILURE_REASON",
                "new_order_failure_reason": "INVALID_SIDE",
            },
            Meaning.REJECTED,
            False,
        ),
        ({"error": OLD}, Meaning.UNKNOWN, False),
        ({"error": OLD, "message": "Insufficient balance in source account"}, Meaning.FUNDS, False),
        ({"error": "COMMANDER_REJECTED_NEW_ORDER", "message": "account is not available"}, Meaning.UNKNOWN, False),
        (
            {"error": "UNSUPPORTED_ORDER_CONFIGURATION", "message": "source is not enabled for trading"},
            Meaning.RESTRICTED,
            False,
        ),
        ({"error": "A_NEW_WORD", "message": "account is not available"}, Meaning.UNKNOWN, True),
        ({}, Meaning.UNKNOWN, True),
        (None, Meaning.UNKNOWN, True),
        ({"error": 7}, Meaning.UNKNOWN, True),
    ],
)
def test_a_failure_means_what_all_of_its_fields_say(error: Any, meaning: Meaning, unheard: bool) -> None:
    found = of_order({"success": False, "error_response": error})
    assert (found.meaning, found.unheard) == (meaning, unheard)


def test_a_failure_keeps_its_message() -> None:
    assert of_order(payload("order_refused")).text == "INSUFFICIENT_FUND Insufficient balance in source account"


def test_the_failure_of_old_answers_is_read() -> None:
    old = {"success": False, "failure_reason": "INVALID_SIDE", "order_id": ""}
    assert of_order(old).meaning is Meaning.REJECTED


@pytest.mark.parametrize(
    ("codes", "meaning"),
    [
        ([], None),
        (["PREVIEW_INSUFFICIENT_FUND"], Meaning.FUNDS),
        (["PREVIEW_INSUFFICIENT_FUND", "PREVIEW_MISSING_PRODUCT_PRICE_BOOK"], Meaning.MARKET_CLOSED),
        (["PREVIEW_INSUFFICIENT_FUND", "BRACKET_ORDER_NOT_SUPPORTED"], Meaning.ATTACHMENT),
        (["BRACKET_ORDER_NOT_SUPPORTED", "A_NEW_WORD"], Meaning.UNKNOWN),
    ],
)
def test_the_complaints_of_a_preview_are_read_together(codes: list[str], meaning: Meaning | None) -> None:
    found = of_preview(codes)
    assert (found and found.meaning) == meaning


@pytest.mark.parametrize(
    ("status", "body", "meaning", "remedy"),
    [
        (400, {"error": "INVALID_ARGUMENT", "message": "bad"}, Meaning.BUSY, ""),
        (401, "Unauthorized\n", Meaning.CREDENTIALS, "refused"),
        (401, "\n<html>log in</html>", Meaning.UNKNOWN, "unreachable"),
        (403, {"error": "PERMISSION_DENIED", "error_details": "Missing required scopes"}, Meaning.PERMISSION, "scopes"),
        (
            403,
            {"error": "PERMISSION_DENIED", "message": "User does not have access to portfolio"},
            Meaning.PERMISSION,
            "portfolio",
        ),
        (403, "Too many errors", Meaning.RATE_LIMITED, "throttled"),
        (429, "<html>slow down</html>", Meaning.RATE_LIMITED, "throttled"),
        (404, {"error": "NOT_FOUND"}, Meaning.GONE, ""),
        (404, {"error": "unknown", "error_details": "order with this orderID was not found"}, Meaning.GONE, ""),
        (404, {"error": "NOT_FOUND", "message": "Product NOPE-USD not supported"}, Meaning.MARKET_CLOSED, ""),
        (404, "<html>not found</html>", Meaning.UNKNOWN, ""),
        (400, "", Meaning.UNKNOWN, ""),
        (403, {"error": "PERMISSION_DENIED"}, Meaning.UNKNOWN, ""),
        (403, {"error": "PERMISSION_DENIED", "message": "missing  required scopes today"}, Meaning.UNKNOWN, ""),
        (401, {"error": "Unauthorized"}, Meaning.UNKNOWN, "unreachable"),
        (409, {"error": "CONFLICT"}, Meaning.UNKNOWN, ""),
        (422, "", Meaning.UNKNOWN, ""),
        (
            429,
            {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]},
            Meaning.RATE_LIMITED,
            "throttled",
        ),
        (500, {"error": "INTERNAL", "message": "internal error"}, Meaning.UNKNOWN, "unreachable"),
        (502, "<html>", Meaning.UNKNOWN, "unreachable"),
        (524, "", Meaning.UNKNOWN, "unreachable"),
    ],
)
def test_the_meaning_of_a_status(status: int, body: Any, meaning: Meaning, remedy: str) -> None:
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
    gone = {code for code, meaning in CANCELS.items() if meaning is Meaning.GONE}
    assert gone == {"UNKNOWN_CANCEL_ORDER", "DUPLICATE_CANCEL_REQUEST", "ORDER_IS_FULLY_FILLED"}


def test_every_remedy_is_one_line_of_its_own() -> None:
    assert len(set(REMEDIES.values())) == len(REMEDIES)
    assert all(line and "\n" not in line for line in REMEDIES.values())
    assert failure(Meaning.CLOCK, "x", "clock", seconds="40").remedy.count("40 s") == 1
    assert {row.remedy for row in ORDERS.values()} <= {"", *REMEDIES}
    assert len(ORDERS) > 100


@pytest.mark.parametrize("text", ["\x1b[31m", "a\nb", "\u202e", "x" * 999])
def test_texts_of_the_venue_are_safe_to_log(text: str) -> None:
    assert safe_text(text).isprintable()
    assert len(safe_text(text)) <= 250
