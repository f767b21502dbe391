"""Errors that our tables lack: whatever Coinbase answers, nothing is believed, lost, sold or ended because of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.base import AbsenceProof, BrokerError, Capabilities
from bot.brokers.coinbase.errors import of_cancel, of_order, of_preview, of_status
from bot.brokers.coinbase.words import CANCELS, MESSAGES, NOTHING, ORDERS, REFUSALS, bare
from bot.brokers.common.answers import plain_words
from bot.brokers.common.capability_probe import CapabilityProbe
from bot.brokers.common.outcomes import outcome
from bot.domain.order import Intent, OrderType, Purpose, Side, TimeInForce
from bot.domain.outcome import ErrorClass, ErrorMeaning, NotPlaced, Unknown
from tests.brokers.coinbase.conftest import Notes

ABLE = Capabilities(True, True, False, AbsenceProof.SAME_ID, 0, attached_target=True)
FIELDS = ("error", "preview_failure_reason", "new_order_failure_reason")
KNOWN = sorted({*ORDERS, *CANCELS, *(row.error.upper() for row in REFUSALS), *(word.upper() for word in MESSAGES)})

_ANY = st.text(max_size=40) | st.from_regex(r"[A-Z]{2,12}(_[A-Z]{2,12}){0,6}", fullmatch=True)
_BENT = st.builds(
    lambda word, start, end: start + word + end,
    st.sampled_from(KNOWN),
    st.sampled_from(["", "X_", "NEW_", "PREVIEW_PREVIEW_"]),
    st.sampled_from(["", "S", "_NOW", ": BTC-USD", ":", " - "]),
)


def _is_code(word: str) -> bool:
    return bare(word) in ORDERS or bare(word).startswith(NOTHING) or plain_words(word).upper() in CANCELS


unheard = (_ANY | _BENT).filter(lambda word: bool(word.strip()) and not _is_code(word))


def raising(error: BrokerError) -> Callable[[], NoReturn]:
    def raise_it(*_: object) -> NoReturn:
        raise error

    return raise_it


def intent(kind: OrderType, **more: Any) -> Intent:
    price = Decimal(100)
    purpose, side = (Purpose.STOP, Side.SELL) if kind is OrderType.STOP else (Purpose.ENTRY, Side.BUY)
    return Intent(
        "nj0000000000000001", "k", purpose, "BTC-USD", side, Decimal(1), kind, 0, 0, trigger_price=price, **more
    )


ENTRY = intent(
    OrderType.LIMIT,
    tif=TimeInForce.IOC,
    limit_price=Decimal(100),
    attached_stop=Decimal(95),
    attached_target=Decimal(115),
)
STOP = intent(OrderType.STOP)
SALE = intent(OrderType.MARKET)


@given(word=unheard, field=st.sampled_from(FIELDS), beside=st.none() | st.sampled_from(sorted(ORDERS)))
def test_a_refusal_in_such_words_is_unknown_whatever_stands_beside_it(
    word: str, field: str, beside: str | None
) -> None:
    others = dict.fromkeys(FIELDS, beside) if beside else {}
    end = outcome(raising(of_order({"success": False, "error_response": {**others, field: word}})))
    assert isinstance(end, Unknown)
    assert end.unheard
    shapes = CapabilityProbe(ABLE, "coinbase", Notes())
    for order in (ENTRY, STOP, SALE):
        shapes.learn(order, end)
    assert shapes.able == ABLE


@given(words=st.lists(st.sampled_from(sorted(ORDERS)), max_size=2), word=unheard, at=st.integers(0, 2))
def test_a_preview_in_such_words_judges_nothing(words: list[str], word: str, at: int) -> None:
    words.insert(min(at, len(words)), word)
    complaint = of_preview(words)
    assert complaint is not None
    shapes = CapabilityProbe(ABLE, "coinbase", Notes())
    proofs = shapes.probe(raising(complaint), ENTRY, STOP)
    assert {(proof.judged, proof.meaning) for proof in proofs} == {(False, ErrorMeaning.UNKNOWN)}
    assert shapes.able == ABLE


@given(word=unheard)
def test_a_cancel_refused_in_such_words_is_unknown(word: str) -> None:
    end = outcome(raising(of_cancel(word)))
    assert isinstance(end, Unknown)
    assert end.unheard


@given(
    status=st.sampled_from([400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 418, 422, 426, 451]),
    word=unheard,
    detail=_ANY | _BENT,
    listed=st.booleans(),
)
def test_a_status_with_such_words_is_no_verdict(status: int, word: str, detail: str, listed: bool) -> None:
    row = {"id": word, "message": detail} if listed else {"error": word, "message": detail, "error_details": detail}
    error = of_status(status, json.dumps({"errors": [row]} if listed else row))
    if not any((status, plain_words(word)) == (known.status, known.error) for known in REFUSALS):
        assert (error.meaning, error.unheard) == (ErrorMeaning.UNKNOWN, True)


@given(detail=_ANY | _BENT)
def test_a_key_is_refused_in_known_words_only(detail: str) -> None:
    known = {row.detail for row in REFUSALS if row.status == 403}
    if plain_words(detail) not in known:
        said = json.dumps({"error": "PERMISSION_DENIED", "message": detail})
        assert (of_status(403, said).meaning, of_status(403, said).unheard) == (ErrorMeaning.UNKNOWN, True)
    if plain_words(detail):
        assert of_status(401, f"Unauthorized {detail}").meaning is ErrorMeaning.UNKNOWN


@given(status=st.sampled_from([400, 401, 404, 405, 409, 422]), body=st.text(max_size=60))
def test_a_bare_status_is_no_verdict(status: int, body: str) -> None:
    error = of_status(status, body)
    if plain_words(body) != "unauthorized":
        assert (error.meaning, error.unheard) == (ErrorMeaning.UNKNOWN, True)


@given(code=st.sampled_from(sorted(ORDERS)), prefix=st.sampled_from(["", "PREVIEW_", "preview_"]), lower=st.booleans())
def test_a_word_of_the_table_counts_in_any_case(code: str, prefix: str, lower: bool) -> None:
    word = f" {prefix}{code.lower() if lower else code} "
    found = of_order({"success": False, "error_response": {"error": word}})
    assert (found.meaning, found.unheard) == (ORDERS[code].meaning, False)


def test_only_words_of_the_shape_take_a_capability_away() -> None:
    for code, row in ORDERS.items():
        complaint = of_preview([f"PREVIEW_{code}"])
        assert complaint is not None
        shapes = CapabilityProbe(ABLE, "coinbase", Notes())
        shapes.probe(raising(complaint), ENTRY, STOP)
        end = outcome(raising(complaint))
        for order in (ENTRY, STOP, SALE):
            shapes.learn(order, end)
        speaks_of_it = row.meaning.error_class is ErrorClass.SHAPE
        assert (shapes.able == ABLE) is not speaks_of_it, code
        assert isinstance(end, NotPlaced) or not end.unheard
