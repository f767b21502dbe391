"""Every error that Kraken documents, and what it means for us."""

from __future__ import annotations

import pytest

from bot.brokers.answers import safe_text
from bot.brokers.kraken.errors import LOCKOUT_MS, REMEDIES, TABLE, explain, failure, meaning_of
from bot.domain.outcome import Meaning

NOW = 1_800_000_000_000

CASES = {
    "EAPI:Invalid key": Meaning.CREDENTIALS,
    "EAPI:Invalid signature": Meaning.CREDENTIALS,
    "EAPI:Invalid nonce": Meaning.NONCE,
    "EAPI:Rate limit exceeded": Meaning.RATE_LIMITED,
    "EAPI:Feature disabled": Meaning.UNSUPPORTED,
    "EAPI:Bad request": Meaning.REJECTED,
    "EGeneral:Permission denied": Meaning.PERMISSION,
    "EGeneral:Invalid arguments": Meaning.REJECTED,
    "EGeneral:Invalid arguments:ordertype": Meaning.REJECTED,
    "EGeneral:Invalid arguments:Index unavailable": Meaning.REJECTED,
    "EGeneral:Invalid arguments:volume": Meaning.REJECTED,
    "EGeneral:Invalid arguments:volume minimum not met": Meaning.TOO_SMALL,
    "EGeneral:Invalid arguments:deadline": Meaning.CLOCK,
    "EGeneral:Unknown method": Meaning.UNSUPPORTED,
    "EGeneral:Temporary lockout": Meaning.LOCKED_OUT,
    "EGeneral:Too many requests": Meaning.RATE_LIMITED,
    "EGeneral:Internal error": Meaning.UNKNOWN,
    "EGeneral:Internal error:1234": Meaning.UNKNOWN,
    "EAuth:Failed": Meaning.CREDENTIALS,
    "EAuth:Account temporary disabled": Meaning.CREDENTIALS,
    "EAuth:Account unconfirmed": Meaning.CREDENTIALS,
    "EAuth:Rate limit exceeded": Meaning.RATE_LIMITED,
    "EAuth:Too many requests": Meaning.RATE_LIMITED,
    "EAccount:Invalid permissions": Meaning.PERMISSION,
    "ESession:Invalid session": Meaning.BUSY,
    "EService:Unavailable": Meaning.UNKNOWN,
    "EService:Busy": Meaning.UNKNOWN,
    "EService:Timeout": Meaning.UNKNOWN,
    "EService:Deadline elapsed": Meaning.UNKNOWN,
    "EService:Throttled: 1800000030": Meaning.RATE_LIMITED,
    "EService: Throttled: 1800000030": Meaning.RATE_LIMITED,
    "EService:Market in cancel_only mode": Meaning.MARKET_CLOSED,
    "EService:Market in post_only mode": Meaning.MARKET_CLOSED,
    "EService:Market in limit_only mode": Meaning.MARKET_CLOSED,
    "EDatabase:Internal error": Meaning.UNKNOWN,
    "EQuery:Unknown asset": Meaning.REJECTED,
    "EQuery:Unknown asset pair": Meaning.REJECTED,
    "EQuery:Invalid asset pair": Meaning.REJECTED,
    "EOrder:Insufficient funds": Meaning.FUNDS,
    "EOrder:Order minimum not met": Meaning.TOO_SMALL,
    "EOrder:Cost minimum not met": Meaning.TOO_SMALL,
    "EOrder:Tick size check failed": Meaning.REJECTED,
    "EOrder:Invalid price:Invalid price argument": Meaning.REJECTED,
    "EOrder:Invalid order": Meaning.GONE,
    "EOrder:Unknown order": Meaning.GONE,
    "EOrder:Post only order": Meaning.REJECTED,
    "EOrder:Rate limit exceeded": Meaning.RATE_LIMITED,
    "EOrder:Domain rate limit exceeded": Meaning.RATE_LIMITED,
    "EOrder:Orders limit exceeded": Meaning.REJECTED,
    "EOrder:Scheduled orders limit exceeded": Meaning.REJECTED,
    "EOrder:Positions limit exceeded": Meaning.REJECTED,
    "EOrder:Cannot open position": Meaning.REJECTED,
    "EOrder:Cannot open opposing position": Meaning.REJECTED,
    "EOrder:Margin allowance exceeded": Meaning.FUNDS,
    "EOrder:Margin level too low": Meaning.FUNDS,
    "EOrder:Insufficient margin": Meaning.FUNDS,
    "EOrder:Margin position size exceeded": Meaning.FUNDS,
    "EOrder:Reduce only:No position exists": Meaning.REJECTED,
    "EOrder:Unknown position": Meaning.REJECTED,
    "EOrder:Trading agreement required": Meaning.PERMISSION,
    "ETrade:Locked": Meaning.PERMISSION,
    "ETrade:User Locked": Meaning.PERMISSION,
    "ETrade:Invalid request": Meaning.REJECTED,
    "EFunding:Unknown withdraw key": Meaning.REJECTED,
    "EBM:limit exceeded:CAL": Meaning.REJECTED,
}


@pytest.mark.parametrize(("text", "meaning"), CASES.items())
def test_what_a_documented_error_means(text: str, meaning: Meaning) -> None:
    assert explain([text], NOW).meaning is meaning


def test_every_row_of_the_table_is_in_the_cases_above() -> None:
    used = {meaning_of(text).prefix for text in CASES}
    assert {row.prefix for row in TABLE} == used


@pytest.mark.parametrize(
    "text", ["", "EOrder:", "EOrder:Something new", "hello", "EService:Who knows", "eorder:insufficient funds"]
)
def test_an_error_that_nobody_wrote_down_may_have_been_carried_out(text: str) -> None:
    assert explain([text], NOW).meaning is Meaning.UNKNOWN


def test_among_several_errors_the_doubtful_one_counts() -> None:
    assert explain(["EOrder:Insufficient funds", "EService:Timeout"], NOW).meaning is Meaning.UNKNOWN
    assert explain(["EOrder:Insufficient funds", "EOrder:Invalid price"], NOW).meaning is Meaning.FUNDS


def test_a_lockout_lasts_a_quarter_of_an_hour() -> None:
    assert explain(["EGeneral:Temporary lockout"], NOW).retry_after_ms == LOCKOUT_MS == 900_000


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("EService:Throttled: 1800000030", 30_000),
        ("EService: Throttled: 1700000000", 0),
        ("EService:Throttled: 9999999999", LOCKOUT_MS),
        ("EService:Throttled: 99999999999999999999", 0),
        ("EService:Throttled: soon", 0),
        ("EService:Throttled", 0),
    ],
)
def test_throttled_names_its_end_and_is_believed_within_reason(text: str, wait: int) -> None:
    assert explain([text], NOW).retry_after_ms == wait


def test_every_remedy_that_the_table_names_exists_and_is_one_line() -> None:
    assert {row.remedy for row in TABLE} - {""} <= REMEDIES.keys()
    for name in REMEDIES:
        line = failure(Meaning.BUSY, "x", name, missing="'Query'", seconds="90").remedy
        assert "{" not in line
        assert "\n" not in line


def test_remedies_of_different_troubles_differ() -> None:
    assert len(set(REMEDIES.values())) == len(REMEDIES)


def test_texts_of_the_venue_are_made_safe() -> None:
    assert safe_text("a\x1b[31mb\nc\u202e") == r"a\x1b[31mb\nc\u202e"
    assert len(safe_text("\x00" * 10_000)) == 250
    assert safe_text(None) == "None"
