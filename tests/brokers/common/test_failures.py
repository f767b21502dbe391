"""Failures that mean the same at every venue."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.base import BrokerError
from bot.brokers.coinbase.errors import failure as of_coinbase
from bot.brokers.common.answers import BadAnswer
from bot.brokers.common.failures import Failures, mildest, of_question
from bot.brokers.kraken.errors import TABLE, Row
from bot.brokers.kraken.errors import failure as of_kraken
from bot.brokers.okx.errors import failure as of_okx
from bot.domain.outcome import ErrorClass, ErrorMeaning

VENUES = [of_kraken, of_okx, of_coinbase]


@pytest.mark.parametrize("failure", VENUES, ids=lambda one: one.venue)
def test_the_troubles_that_every_venue_has_have_a_remedy_everywhere(failure: Failures) -> None:
    for name in ("unreachable", "tls", "in_use", "throttled", "withdraw", "unfunded"):
        line = failure(ErrorMeaning.BUSY, "x", name).remedy
        assert line
        assert "{" not in line
    assert "by 7 s" in failure(ErrorMeaning.CLOCK, "x", "clock", seconds="7").remedy


@pytest.mark.parametrize("failure", VENUES, ids=lambda one: one.venue)
@pytest.mark.parametrize("sent", [True, False])
def test_a_request_of_which_nothing_left_did_nothing(failure: Failures, sent: bool) -> None:
    error = failure.of_transport(OSError("reset"), sent=sent)
    assert error.meaning is (ErrorMeaning.UNKNOWN if sent else ErrorMeaning.BUSY)
    assert not error.unheard
    untrusted = failure.of_transport(OSError("CERTIFICATE_VERIFY_FAILED"), sent=sent)
    assert ("certificate" in untrusted.remedy) is not sent


@pytest.mark.parametrize("unheard", [True, False])
def test_a_question_can_only_fail(unheard: bool) -> None:
    error = of_question(of_okx(ErrorMeaning.UNKNOWN, "58888 odd", "throttled", unheard=unheard))
    assert (error.venue, error.meaning, error.text, error.unheard) == ("okx", ErrorMeaning.BUSY, "58888 odd", unheard)
    assert error.remedy


def test_an_unreadable_answer_is_none() -> None:
    def read() -> None:
        raise BadAnswer("no list")

    with pytest.raises(BrokerError) as caught:
        of_kraken.understood(read)
    assert (caught.value.meaning, caught.value.text) == (ErrorMeaning.BUSY, "unreadable answer: no list")


@given(rows=st.lists(st.none() | st.sampled_from(TABLE), min_size=1, max_size=5))
def test_of_several_errors_the_one_counts_from_which_the_least_follows(rows: list[Row | None]) -> None:
    row, _ = mildest((each, "") for each in rows)
    known = [each for each in rows if each is not None]
    if len(known) < len(rows):
        assert row is None
    elif any(each.meaning is ErrorMeaning.UNKNOWN for each in known):
        assert row is not None
        assert row.meaning is ErrorMeaning.UNKNOWN
    else:
        assert row is not None
        others = {each.meaning.error_class for each in known}
        assert row.meaning.error_class is not ErrorClass.ACCOUNT or others == {ErrorClass.ACCOUNT}
