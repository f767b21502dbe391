"""Every error that Kraken documents, and what it means for us."""

from __future__ import annotations

import pytest

from bot.brokers.kraken.errors import LOCKOUT_MS, REMEDIES, TABLE, explain, failure, row_of
from bot.domain.outcome import ErrorMeaning
from bot.domain.text import safe_text

NOW = 1_800_000_000_000

RESTRICTED_TO_ONE = "EAccount:Invalid permissions:BTC trading restricted for NL."
CASES = {
    "EAPI:Invalid key": ErrorMeaning.CREDENTIALS,
    "EAPI:Invalid signature": ErrorMeaning.CREDENTIALS,
    "EAPI:Invalid nonce": ErrorMeaning.NONCE,
    "EAPI:Rate limit exceeded": ErrorMeaning.RATE_LIMITED,
    "EAPI:Feature disabled": ErrorMeaning.NO_WAY,
    "EAPI:Bad request": ErrorMeaning.REJECTED,
    "EGeneral:Permission denied": ErrorMeaning.PERMISSION,
    "EGeneral:Invalid arguments": ErrorMeaning.REJECTED,
    "EGeneral:Invalid arguments:stptype": ErrorMeaning.REJECTED,
    "EGeneral:Invalid arguments:ordertype": ErrorMeaning.UNSUPPORTED,
    "EGeneral:Invalid arguments:close": ErrorMeaning.ATTACHMENT,
    "EGeneral:Invalid arguments:Index unavailable": ErrorMeaning.MARKET_CLOSED,
    "EGeneral:Invalid arguments:volume": ErrorMeaning.REJECTED,
    "EGeneral:Invalid arguments:price": ErrorMeaning.REJECTED,
    "EGeneral:Invalid arguments:volume minimum not met": ErrorMeaning.TOO_SMALL,
    "EGeneral:Invalid arguments:deadline": ErrorMeaning.CLOCK,
    "EGeneral:Invalid arguments:no_mpp order option is only available when ordertype = market": ErrorMeaning.REJECTED,
    "EGeneral:Unknown method": ErrorMeaning.NO_WAY,
    "EGeneral:Unknown Method": ErrorMeaning.NO_WAY,
    "EGeneral:Temporary lockout": ErrorMeaning.LOCKED_OUT,
    "EGeneral:Too many requests": ErrorMeaning.RATE_LIMITED,
    "EGeneral:Internal error": ErrorMeaning.UNKNOWN,
    "EGeneral:Internal error:1234": ErrorMeaning.UNKNOWN,
    "EAuth:Failed": ErrorMeaning.CREDENTIALS,
    "EAuth:Account temporary disabled": ErrorMeaning.CREDENTIALS,
    "EAuth:Account unconfirmed": ErrorMeaning.CREDENTIALS,
    "EAuth:Rate limit exceeded": ErrorMeaning.RATE_LIMITED,
    "EAuth:Too many requests": ErrorMeaning.RATE_LIMITED,
    "EAccount:Invalid permissions": ErrorMeaning.PERMISSION,
    RESTRICTED_TO_ONE: ErrorMeaning.RESTRICTED,
    "EAccount:Invalid permissions: SOL trading restricted for US:TX": ErrorMeaning.RESTRICTED,
    "ESession:Invalid session": ErrorMeaning.BUSY,
    "EService:Unavailable": ErrorMeaning.UNKNOWN,
    "EService:Busy": ErrorMeaning.UNKNOWN,
    "EService:Timeout": ErrorMeaning.UNKNOWN,
    "EService:Deadline elapsed": ErrorMeaning.UNKNOWN,
    "EService:Throttled: 1800000030": ErrorMeaning.RATE_LIMITED,
    "EService: Throttled: 1800000030": ErrorMeaning.RATE_LIMITED,
    "EService:Market in cancel_only mode": ErrorMeaning.MARKET_CLOSED,
    "EService:Market in post_only mode": ErrorMeaning.MARKET_CLOSED,
    "EService:Market in limit_only mode": ErrorMeaning.MARKET_CLOSED,
    "EService:Market in limit_only": ErrorMeaning.MARKET_CLOSED,
    "EService:Market in reduce_only mode": ErrorMeaning.MARKET_CLOSED,
    "EService:Market in cancel_only": ErrorMeaning.MARKET_CLOSED,
    "EDatabase:Internal error": ErrorMeaning.UNKNOWN,
    "EQuery:Unknown asset": ErrorMeaning.REJECTED,
    "EQuery:Unknown asset pair": ErrorMeaning.MARKET_CLOSED,
    "EQuery:Invalid asset pair": ErrorMeaning.MARKET_CLOSED,
    "Price(s) not found": ErrorMeaning.MARKET_CLOSED,
    "Symbol(s) not found": ErrorMeaning.MARKET_CLOSED,
    "EOrder:Insufficient funds": ErrorMeaning.FUNDS,
    "EOrder:Order minimum not met": ErrorMeaning.TOO_SMALL,
    "EOrder:Cost minimum not met": ErrorMeaning.TOO_SMALL,
    "EOrder:Tick size check failed": ErrorMeaning.REJECTED,
    "EOrder:Invalid price": ErrorMeaning.PRICE,
    "EOrder:Invalid price:Invalid price argument": ErrorMeaning.REJECTED,
    "EOrder:Invalid price:Invalid secondary price argument": ErrorMeaning.REJECTED,
    "EOrder:Invalid price:XBTUSD price can only be specified up to 1 decimals.": ErrorMeaning.REJECTED,
    "EOrder:Invalid order": ErrorMeaning.GONE,
    "EOrder:Unknown order": ErrorMeaning.GONE,
    "EOrder:Unknown order action.": ErrorMeaning.REJECTED,
    "EOrder:Cancel pending": ErrorMeaning.GONE,
    "EOrder:Order not editable": ErrorMeaning.GONE,
    "EOrder:Not enough leaves qty": ErrorMeaning.GONE,
    "EOrder:Order cancelled": ErrorMeaning.GONE,
    "EOrder:Order cancelled:by the engine": ErrorMeaning.GONE,
    "EOrder:No amendable parameters specified": ErrorMeaning.GONE,
    "EOrder:Post only order": ErrorMeaning.PRICE,
    "EOrder:Rate limit exceeded": ErrorMeaning.RATE_LIMITED,
    "EOrder:Domain rate limit exceeded": ErrorMeaning.RATE_LIMITED,
    "EOrder:Orders limit exceeded": ErrorMeaning.BUSY,
    "EOrder:Scheduled orders limit exceeded": ErrorMeaning.BUSY,
    "EOrder:Positions limit exceeded": ErrorMeaning.BUSY,
    "EOrder:Cannot open position": ErrorMeaning.BUSY,
    "EOrder:Cannot open opposing position": ErrorMeaning.BUSY,
    "EOrder:Margin allowance exceeded": ErrorMeaning.FUNDS,
    "EOrder:Margin level too low": ErrorMeaning.FUNDS,
    "EOrder:Insufficient margin": ErrorMeaning.FUNDS,
    "EOrder:Insufficient initial margin": ErrorMeaning.FUNDS,
    "EOrder:Margin position size exceeded": ErrorMeaning.FUNDS,
    "EOrder:Reduce only:No position exists": ErrorMeaning.REJECTED,
    "EOrder:Reduce only:Position is closed": ErrorMeaning.REJECTED,
    "EOrder:Reduce only:Non-PC": ErrorMeaning.REJECTED,
    "EOrder:Reduce only:Non-ECP": ErrorMeaning.REJECTED,
    "EOrder:Unknown position": ErrorMeaning.REJECTED,
    "EOrder:Trading agreement required": ErrorMeaning.PERMISSION,
    "ETrade:Locked": ErrorMeaning.PERMISSION,
    "ETrade:User Locked": ErrorMeaning.PERMISSION,
    "ETrade:Invalid request": ErrorMeaning.REJECTED,
    "EFunding:Unknown withdraw key": ErrorMeaning.REJECTED,
    "EFunding:Invalid amount": ErrorMeaning.REJECTED,
    "EFunding:Unknown asset": ErrorMeaning.REJECTED,
    "EFunding:No funding method": ErrorMeaning.REJECTED,
    "EFunding:Max fee exceeded": ErrorMeaning.REJECTED,
    "EFunding:Too many addresses": ErrorMeaning.REJECTED,
    "EBM:limit exceeded:CAL": ErrorMeaning.RESTRICTED,
}


@pytest.mark.parametrize(("text", "meaning"), CASES.items())
def test_what_a_documented_error_means(text: str, meaning: ErrorMeaning) -> None:
    error = explain([text], NOW)
    assert (error.meaning, error.unheard) == (meaning, False)


@pytest.mark.parametrize("text", CASES)
def test_case_and_blanks_after_colons_do_not_matter(text: str) -> None:
    assert row_of(text.swapcase()) is row_of(text.replace(":", ":  ")) is row_of(text)


def test_every_row_of_the_table_is_in_the_cases_above() -> None:
    assert {row_of(text) for text in CASES} == set(TABLE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "EOrder:",
        "EOrder:Something new",
        "hello",
        "EService:Who knows",
        "EService:Throttled",
        "EService:Throttled: soon",
        "EOrder:Insufficient funds for this moment",
        "EOrder:Insufficient funds:0.1",
        "EOrder :Insufficient funds",
        "EGeneral:Invalid arguments:leverage",
        "EGeneral:Permission denied:XBTUSD",
        "EAccount:Invalid permissions:BTC trading suspended for NL",
        "EAccount:Invalid permissions:BTC trading restricted for NL until Monday",
        "EAuth:Something new",
        "EFunding:Something new",
        "EBM:limit exceeded",
    ],
)
def test_an_error_that_nobody_wrote_down_may_have_been_carried_out(text: str) -> None:
    error = explain([text], NOW)
    assert (error.meaning, error.unheard) == (ErrorMeaning.UNKNOWN, True)


@pytest.mark.parametrize(
    ("texts", "meaning"),
    [
        (("EOrder:Insufficient funds", "EService:Timeout"), ErrorMeaning.UNKNOWN),
        (("EOrder:Unknown order", "EService:Timeout"), ErrorMeaning.UNKNOWN),
        (("EAPI:Invalid key", "EOrder:Something new"), ErrorMeaning.UNKNOWN),
        (("EOrder:Tick size check failed", "EOrder:Insufficient funds"), ErrorMeaning.FUNDS),
        (("EAPI:Invalid key", "EGeneral:Temporary lockout"), ErrorMeaning.LOCKED_OUT),
        (("EOrder:Tick size check failed", RESTRICTED_TO_ONE), ErrorMeaning.RESTRICTED),
    ],
)
def test_of_several_errors_the_doubtful_one_counts_then_the_mildest(
    texts: tuple[str, ...], meaning: ErrorMeaning
) -> None:
    assert explain(texts, NOW).meaning is meaning


def test_a_lockout_lasts_a_quarter_of_an_hour() -> None:
    assert explain(["EGeneral:Temporary lockout"], NOW).retry_after_ms == LOCKOUT_MS == 900_000


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("EService:Throttled: 1800000030", 30_000),
        ("EService: Throttled: 1700000000", 0),
        ("EService:Throttled: 9999999999", LOCKOUT_MS),
        ("EService:Throttled: 99999999999999999999", 0),
    ],
)
def test_throttled_names_its_end_and_is_believed_within_reason(text: str, wait: int) -> None:
    assert explain([text], NOW).retry_after_ms == wait


def test_every_remedy_that_the_table_names_exists_and_is_one_line() -> None:
    assert {row.remedy for row in TABLE} - {""} <= REMEDIES.keys()
    for name in REMEDIES:
        line = failure(ErrorMeaning.BUSY, "x", name, missing="'Query'", seconds="90").remedy
        assert "{" not in line
        assert "\n" not in line


def test_remedies_of_different_troubles_differ() -> None:
    assert len(set(REMEDIES.values())) == len(REMEDIES)


def test_texts_of_the_venue_are_made_safe() -> None:
    assert safe_text("a\x1b[31mb\nc\u202e") == r"a\x1b[31mb\nc\u202e"
    assert len(safe_text("\x00" * 10_000)) == 250
    assert safe_text(None) == "None"
