"""What Coinbase's errors mean, row by row, and that every remedy is a line of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.brokers.coinbase.errors import (
    CANCELS,
    ORDERS,
    REMEDIES,
    failure,
    failure_code,
    of_status,
    order_row,
    safe_text,
)
from bot.domain.outcome import Meaning
from tests.brokers.coinbase.conftest import payload


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("INSUFFICIENT_FUND", Meaning.FUNDS),
        ("PREVIEW_INSUFFICIENT_FUND", Meaning.FUNDS),
        ("PREVIEW_INSUFFICIENT_LEDGER_BALANCE", Meaning.FUNDS),
        ("PREVIEW_INVALID_BASE_SIZE_TOO_SMALL", Meaning.TOO_SMALL),
        ("PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL", Meaning.TOO_SMALL),
        ("INVALID_SIZE_PRECISION", Meaning.REJECTED),
        ("PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE", Meaning.REJECTED),
        ("ORDER_ENTRY_DISABLED", Meaning.MARKET_CLOSED),
        ("PREVIEW_INVALID_NO_LIQUIDITY", Meaning.MARKET_CLOSED),
        ("GEOFENCING_RESTRICTION", Meaning.PERMISSION),
        ("UNSUPPORTED_ORDER_CONFIGURATION", Meaning.UNSUPPORTED),
        ("PREVIEW_INVALID_ORDER_TYPE_FOR_ATTACHED", Meaning.UNSUPPORTED),
        ("RATE_LIMIT_EXCEEDED", Meaning.RATE_LIMITED),
        ("UNKNOWN_FAILURE_REASON", Meaning.UNKNOWN),
        ("COMMANDER_REJECTED_NEW_ORDER", Meaning.UNKNOWN),
        ("A_CODE_OF_NEXT_YEAR", Meaning.REJECTED),
    ],
)
def test_the_meaning_of_an_orders_code(code: str, meaning: Meaning) -> None:
    assert order_row(code).meaning is meaning


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"error": "INSUFFICIENT_FUND", "preview_failure_reason": "X"}, "INSUFFICIENT_FUND"),
        (
            {"error": "UNKNOWN_FAILURE_REASON", "preview_failure_reason": "PREVIEW_INVALID_STOP_PRICE"},
            "PREVIEW_INVALID_STOP_PRICE",
        ),
        (
            {
                "error": "",
                "preview_failure_reason": "UNKNOWN_PREVIEW_FAILURE_REASON",
                "new_order_failure_reason": "INVALID_SIDE",
            },
            "INVALID_SIDE",
        ),
        ({"error": "UNKNOWN_FAILURE_REASON"}, "UNKNOWN_FAILURE_REASON"),
        ({}, "UNKNOWN_FAILURE_REASON"),
        (None, "UNKNOWN_FAILURE_REASON"),
        ({"error": 7}, "UNKNOWN_FAILURE_REASON"),
    ],
)
def test_the_code_of_a_failure_is_the_first_that_says_something(error: Any, code: str) -> None:
    assert failure_code({"success": False, "error_response": error})[0] == code


def test_a_failure_keeps_its_message() -> None:
    assert failure_code(payload("order_refused")) == ("INSUFFICIENT_FUND", "Insufficient balance in source account")


def test_the_failure_of_old_answers_is_read() -> None:
    assert failure_code({"success": False, "failure_reason": "INVALID_SIDE", "order_id": ""})[0] == "INVALID_SIDE"


@pytest.mark.parametrize(
    ("status", "body", "meaning", "remedy"),
    [
        (400, {"error": "INVALID_ARGUMENT", "message": "bad"}, Meaning.REJECTED, ""),
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
        (404, {"error": "NOT_FOUND"}, Meaning.GONE, ""),
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


@pytest.mark.parametrize("text", ["\x1b[31m", "a\nb", "\u202e", "x" * 999])
def test_texts_of_the_venue_are_safe_to_log(text: str) -> None:
    assert safe_text(text).isprintable()
    assert len(safe_text(text)) <= 250
