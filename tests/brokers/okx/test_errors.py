"""OKX's codes: what each means, and which remedy it has."""

from __future__ import annotations

import pytest

from bot.brokers.okx.errors import REMEDIES, ROWS, TABLE, code_of, explain, failure, meaning_of, of_status
from bot.domain.outcome import ErrorMeaning

MEANINGS = {
    # the order's outcome is unknown
    **dict.fromkeys(("50001", "50004", "50013", "50026", "51054", "51149"), ErrorMeaning.UNKNOWN),
    # an earlier order with our id exists: find it
    **dict.fromkeys(("50071", "51016", "51065", "51068"), ErrorMeaning.UNKNOWN),
    # certainly nothing happened, and it may be retried
    **dict.fromkeys(("50011", "50061"), ErrorMeaning.RATE_LIMITED),
    **dict.fromkeys(("50017", "50023", "50036", "50037", "51025", "51102", "51174", "51290"), ErrorMeaning.BUSY),
    # the endpoint, the method, the account's mode: says nothing about the order
    **dict.fromkeys(("50072", "51010", "51039", "51041", "51205"), ErrorMeaning.BUSY),
    **dict.fromkeys(("50005", "50030", "50038", "50053", "50115"), ErrorMeaning.NO_WAY),
    # the key
    **dict.fromkeys(("50101", "50105", "50111", "50113", "50119"), ErrorMeaning.CREDENTIALS),
    **dict.fromkeys(("50102", "50112"), ErrorMeaning.CLOCK),
    **dict.fromkeys(("50110", "50120", "50035", "50067", "50100"), ErrorMeaning.PERMISSION),
    # this market
    **dict.fromkeys(
        ("50032", "50033", "50051", "50052", "50062", "51155", "54072", "54109", "59113"), ErrorMeaning.RESTRICTED
    ),
    **dict.fromkeys(
        ("51001", "51021", "51022", "51027", "51028", "51029", "51030", "51087", "51110", "51124", "51507"),
        ErrorMeaning.MARKET_CLOSED,
    ),
    **dict.fromkeys(("54012", "54031", "54094"), ErrorMeaning.MARKET_CLOSED),
    # the order
    **dict.fromkeys(("51008", "51119", "51127", "51131", "51502", "51112", "51169"), ErrorMeaning.FUNDS),
    **dict.fromkeys(("51007", "51020", "51120"), ErrorMeaning.TOO_SMALL),
    **dict.fromkeys(("51006", "51046", "51053", "51137", "51277", "51280", "51300", "51308"), ErrorMeaning.PRICE),
    **dict.fromkeys(("51400", "51410", "51412", "51416", "51503", "51509", "51510", "51603"), ErrorMeaning.GONE),
    **dict.fromkeys(("51139", "51415", "51506", "51527", "51528", "51529"), ErrorMeaning.UNSUPPORTED),
    **dict.fromkeys(("51044", "51076", "51099", "51100", "51178", "51333", "54070"), ErrorMeaning.ATTACHMENT),
    **dict.fromkeys(("51000", "51002", "51004", "51121", "51150", "51202", "51275"), ErrorMeaning.REJECTED),
}
UNHEARD = ("", "1", "404", "50999", "51999", "55000", "99", "5x000", "NaN", "51008_1000", "51008 ", " 51008", "051008")


@pytest.mark.parametrize("code", MEANINGS)
def test_meanings(code: str) -> None:
    row = meaning_of(code)
    assert row is not None
    assert row.meaning is MEANINGS[code]
    assert not explain([(code, "")]).unheard


@pytest.mark.parametrize("code", UNHEARD)
def test_a_code_that_nobody_wrote_down_means_nothing(code: str) -> None:
    error = explain([(code, "words")])
    assert (meaning_of(code), error.meaning, error.unheard) == (None, ErrorMeaning.UNKNOWN, True)


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("Parameter sz error", ErrorMeaning.REJECTED),
        ("Parameter posSide error ", ErrorMeaning.BUSY),
        ("parameter POSSIDE error", ErrorMeaning.BUSY),
        ("Parameter tdMode error", ErrorMeaning.BUSY),
        ("Parameter attachAlgoOrds error", ErrorMeaning.ATTACHMENT),
        ("Parameter tradeQuoteCcy error", ErrorMeaning.RESTRICTED),
        ("Parameter posSide error in attachAlgoOrds", ErrorMeaning.REJECTED),
        ("", ErrorMeaning.REJECTED),
    ],
)
def test_a_disliked_parameter_says_what_is_wrong(words: str, meaning: ErrorMeaning) -> None:
    assert explain([("51000", words)]).meaning is meaning


def test_no_code_stands_twice() -> None:
    assert len(TABLE) == len(ROWS)


def test_every_remedy_of_the_table_exists_and_every_refusal_of_the_key_has_one() -> None:
    assert {row.remedy for row in ROWS} - {""} <= set(REMEDIES)
    lost = [
        row.code
        for row in ROWS
        if row.meaning in (ErrorMeaning.CREDENTIALS, ErrorMeaning.PERMISSION) and not row.remedy
    ]
    assert lost == []


@pytest.mark.parametrize("name", REMEDIES)
def test_a_remedy_is_one_line_that_can_be_filled_in(name: str) -> None:
    line = failure(ErrorMeaning.BUSY, "x", name).remedy
    assert line
    assert "\n" not in line
    assert "{" not in line


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("50101", ("OKX_USE_TESTNET=true", "OKX_USE_TESTNET=false")),
        ("50105", ("OKX_PASSPHRASE",)),
        ("50113", ("OKX_API_SECRET",)),
        ("50119", ("OKX_API_KEY", "https://www.okx.com", "https://eea.okx.com", "https://us.okx.com", "http://here")),
        ("50110", ("IP",)),
        ("50120", ("Trade",)),
        ("51010", ("Futures mode", "OKX_TRADE_SWAPS=false")),
        ("51205", ("Portfolio margin", "OKX_TRADE_SWAPS=false")),
        ("54109", ("USDC pairs", "nija resume")),
        ("59113", ("identity", "nija resume")),
        ("51155", ("okx.com", "nija resume")),
    ],
)
def test_the_remedy_names_what_to_change(code: str, words: tuple[str, ...]) -> None:
    remedy = explain([(code, "text")], "http://here").remedy
    assert all(word in remedy for word in words)


def test_among_several_codes_doubt_wins() -> None:
    assert explain([("51008", ""), ("50004", "")]).meaning is ErrorMeaning.UNKNOWN
    assert explain([("51008", ""), ("51998", "")]).unheard


def test_the_text_begins_with_the_code() -> None:
    assert code_of(explain([("51008", "Insufficient ")]).text) == "51008"
    assert code_of("no usable answer") == ""


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        *((status, ErrorMeaning.UNKNOWN) for status in (302, 400, 401, 403, 404, 405, 500, 502, 503, 504, 520)),
        (429, ErrorMeaning.RATE_LIMITED),
    ],
)
def test_a_status_without_a_code(status: int, meaning: ErrorMeaning) -> None:
    error = of_status(status, "x")
    assert error.meaning is meaning
    assert error.unheard is (400 <= status < 500 and status != 429)
