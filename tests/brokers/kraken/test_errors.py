"""Every error that Kraken documents, and what it means for us."""

from __future__ import annotations

import pytest

from bot.brokers.kraken.errors import LOCKOUT_MS, REMEDIES, TABLE, explain, failure, row_of
from bot.domain.outcome import Meaning
from bot.domain.text import safe_text

NOW = 1_800_000_000_000

RESTRICTED_TO_ONE = "EAccount:Invalid permissions:BTC trading restricted for NL."
CASES = {
    "EAPI:Invalid key": Meaning.CREDENTIALS,
    "EAPI:Invalid signature": Meaning.CREDENTIALS,
    "EAPI:Invalid nonce": Meaning.NONCE,
    "EAPI:Rate limit exceeded": Meaning.RATE_LIMITED,
    "EAPI:Feature disabled": Meaning.NO_WAY,
    "EAPI:Bad request": Meaning.REJECTED,
    "EGeneral:Permission denied": Meaning.PERMISSION,
    "EGeneral:Invalid arguments": Meaning.REJECTED,
    "EGeneral:Invalid arguments:ordertype": Meaning.UNSUPPORTED,
    "EGeneral:Invalid arguments:close": Meaning.ATTACHMENT,
    "EGeneral:Invalid arguments:Index unavailable": Meaning.MARKET_CLOSED,
    "EGeneral:Invalid arguments:volume": Meaning.REJECTED,
    "EGeneral:Invalid arguments:price": Meaning.REJECTED,
    "EGeneral:Invalid arguments:volume minimum not met": Meaning.TOO_SMALL,
    "EGeneral:Invalid arguments:deadline": Meaning.CLOCK,
    "EGeneral:Invalid arguments:no_mpp order option is only available when ordertype = market": Meaning.REJECTED,
    "EGeneral:Unknown method": Meaning.NO_WAY,
    "EGeneral:Unknown Method": Meaning.NO_WAY,
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
    RESTRICTED_TO_ONE: Meaning.RESTRICTED,
    "EAccount:Invalid permissions: SOL trading restricted for US:TX": Meaning.RESTRICTED,
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
    "EService:Market in limit_only": Meaning.MARKET_CLOSED,
    "EDatabase:Internal error": Meaning.UNKNOWN,
    "EQuery:Unknown asset": Meaning.REJECTED,
    "EQuery:Unknown asset pair": Meaning.MARKET_CLOSED,
    "EQuery:Invalid asset pair": Meaning.MARKET_CLOSED,
    "Price(s) not found": Meaning.MARKET_CLOSED,
    "Symbol(s) not found": Meaning.MARKET_CLOSED,
    "EOrder:Insufficient funds": Meaning.FUNDS,
    "EOrder:Order minimum not met": Meaning.TOO_SMALL,
    "EOrder:Cost minimum not met": Meaning.TOO_SMALL,
    "EOrder:Tick size check failed": Meaning.REJECTED,
    "EOrder:Invalid price": Meaning.PRICE,
    "EOrder:Invalid price:Invalid price argument": Meaning.REJECTED,
    "EOrder:Invalid price:Invalid secondary price argument": Meaning.REJECTED,
    "EOrder:Invalid price:XBTUSD price can only be specified up to 1 decimals.": Meaning.REJECTED,
    "EOrder:Invalid order": Meaning.GONE,
    "EOrder:Unknown order": Meaning.GONE,
    "EOrder:Unknown order action.": Meaning.REJECTED,
    "EOrder:Cancel pending": Meaning.GONE,
    "EOrder:Order not editable": Meaning.GONE,
    "EOrder:Not enough leaves qty": Meaning.GONE,
    "EOrder:Order cancelled": Meaning.GONE,
    "EOrder:Order cancelled:by the engine": Meaning.GONE,
    "EOrder:No amendable parameters specified": Meaning.GONE,
    "EOrder:Post only order": Meaning.PRICE,
    "EOrder:Rate limit exceeded": Meaning.RATE_LIMITED,
    "EOrder:Domain rate limit exceeded": Meaning.RATE_LIMITED,
    "EOrder:Orders limit exceeded": Meaning.BUSY,
    "EOrder:Scheduled orders limit exceeded": Meaning.BUSY,
    "EOrder:Positions limit exceeded": Meaning.BUSY,
    "EOrder:Cannot open position": Meaning.BUSY,
    "EOrder:Cannot open opposing position": Meaning.BUSY,
    "EOrder:Margin allowance exceeded": Meaning.FUNDS,
    "EOrder:Margin level too low": Meaning.FUNDS,
    "EOrder:Insufficient margin": Meaning.FUNDS,
    "EOrder:Insufficient initial margin": Meaning.FUNDS,
    "EOrder:Margin position size exceeded": Meaning.FUNDS,
    "EOrder:Reduce only:No position exists": Meaning.REJECTED,
    "EOrder:Reduce only:Position is closed": Meaning.REJECTED,
    "EOrder:Reduce only:Non-PC": Meaning.REJECTED,
    "EOrder:Reduce only:Non-ECP": Meaning.REJECTED,
    "EOrder:Unknown position": Meaning.REJECTED,
    "EOrder:Trading agreement required": Meaning.PERMISSION,
    "ETrade:Locked": Meaning.PERMISSION,
    "ETrade:User Locked": Meaning.PERMISSION,
    "ETrade:Invalid request": Meaning.REJECTED,
    "EFunding:Unknown withdraw key": Meaning.REJECTED,
    "EFunding:Invalid amount": Meaning.REJECTED,
    "EFunding:Unknown asset": Meaning.REJECTED,
    "EFunding:No funding method": Meaning.REJECTED,
    "EFunding:Max fee exceeded": Meaning.REJECTED,
    "EFunding:Too many addresses": Meaning.REJECTED,
    "EBM:limit exceeded:CAL": Meaning.RESTRICTED,
}


@pytest.mark.parametrize(("text", "meaning"), CASES.items())
def test_what_a_documented_error_means(text: str, meaning: Meaning) -> None:
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
    assert (error.meaning, error.unheard) == (Meaning.UNKNOWN, True)


@pytest.mark.parametrize(
    ("texts", "meaning"),
    [
        (("EOrder:Insufficient funds", "EService:Timeout"), Meaning.UNKNOWN),
        (("EOrder:Unknown order", "EService:Timeout"), Meaning.UNKNOWN),
        (("EAPI:Invalid key", "EOrder:Something new"), Meaning.UNKNOWN),
        (("EOrder:Tick size check failed", "EOrder:Insufficient funds"), Meaning.FUNDS),
        (("EAPI:Invalid key", "EGeneral:Temporary lockout"), Meaning.LOCKED_OUT),
        (("EOrder:Tick size check failed", RESTRICTED_TO_ONE), Meaning.RESTRICTED),
    ],
)
def test_of_several_errors_the_doubtful_one_counts_then_the_mildest(texts: tuple[str, ...], meaning: Meaning) -> None:
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
        line = failure(Meaning.BUSY, "x", name, missing="'Query'", seconds="90").remedy
        assert "{" not in line
        assert "\n" not in line


def test_remedies_of_different_troubles_differ() -> None:
    assert len(set(REMEDIES.values())) == len(REMEDIES)


def test_texts_of_the_venue_are_made_safe() -> None:
    assert safe_text("a\x1b[31mb\nc\u202e") == r"a\x1b[31mb\nc\u202e"
    assert len(safe_text("\x00" * 10_000)) == 250
    assert safe_text(None) == "None"
