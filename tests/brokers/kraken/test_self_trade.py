"""`stptype`: NIJA's sales and stops go before the owner's own orders, and its entries do not. What Kraken does not accept is not sent
again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.kraken import KrakenBroker
from bot.domain.order import Intent, OrderType, Purpose, Side, TimeInForce
from bot.domain.outcome import ErrorMeaning, NotPlaced, Placed, Unknown
from tests.brokers.kraken.conftest import Answers, By, connectable, entry, fixture, refused

NAMED = "EGeneral:Invalid arguments:stptype"
PLAIN = "EGeneral:Invalid arguments"
ACCEPTED = {"descr": {"order": "sell"}, "txid": ["OAAAAA-AAAAA-AAAAAA"]}


def sale(kind: OrderType = OrderType.MARKET, purpose: Purpose = Purpose.EXIT) -> Intent:
    more: dict[str, Any] = {"limit_price": None} if kind is OrderType.MARKET else {}
    return entry(purpose=purpose, type=kind, side=Side.SELL, attached_stop=None, **more)


def stop() -> Intent:
    """A stop as the engine sends it."""
    shape: dict[str, Any] = {"type": OrderType.STOP, "trigger_price": Decimal(24000), "limit_price": None}
    return entry(purpose=Purpose.STOP, side=Side.SELL, attached_stop=None, tif=TimeInForce.GTC, **shape)


def said(answers: Answers) -> list[str | None]:
    return [fields.get("stptype") for fields in answers.fields("AddOrder")]


def refusing(answers: Answers, text: str, *kinds: str) -> None:
    """Kraken refuses `stptype` for these order types."""

    def answer(fields: dict[str, str]) -> Any:
        return refused(text) if "stptype" in fields and fields["ordertype"] in kinds else ACCEPTED

    answers["AddOrder"] = By(answer)


def test_what_protects_or_closes_cancels_the_owners_order(answers: Answers, broker: KrakenBroker) -> None:
    answers["AddOrder"] = ACCEPTED
    for purpose in (Purpose.EXIT, Purpose.TP1, Purpose.target(7), Purpose.FLATTEN, Purpose.TRAIL):
        for kind in (OrderType.MARKET, OrderType.LIMIT):
            assert isinstance(broker.place(sale(kind, purpose)), Placed)
    assert isinstance(broker.place(stop()), Placed)
    assert said(answers) == ["cancel-oldest"] * 11


def test_an_entry_gives_way_to_the_owners_order(answers: Answers, broker: KrakenBroker) -> None:
    answers["AddOrder"] = ACCEPTED
    broker.place(entry())
    broker.place(entry(type=OrderType.MARKET, limit_price=None))
    answers["AddOrder"] = refused(PLAIN)
    assert isinstance(broker.place(entry()), NotPlaced)
    assert said(answers) == [None, None, None]


def test_the_stop_is_shown_to_kraken_as_it_will_be_sent(answers: Answers, broker: KrakenBroker) -> None:
    answers["AddOrder"] = {"descr": {}}
    assert all(proof.accepted for proof in broker.probe(entry(), stop()))
    assert said(answers) == [None, "cancel-oldest"]


@pytest.mark.parametrize(
    "text", [NAMED, PLAIN, "EGeneral: Invalid arguments:stp_type", "EGeneral:Invalid arguments:self trade prevention"]
)
def test_where_it_is_refused_the_order_goes_without_it_and_so_do_later_ones_of_its_type(
    answers: Answers, broker: KrakenBroker, text: str
) -> None:
    refusing(answers, text, "stop-loss")
    for _ in range(2):
        assert isinstance(broker.place(stop()), Placed)
        assert isinstance(broker.place(sale()), Placed)
    assert said(answers) == ["cancel-oldest", None, "cancel-oldest", None, "cancel-oldest"]


def test_a_probe_learns_it_before_the_first_stop(answers: Answers, broker: KrakenBroker) -> None:
    connectable(answers, fixture("key_info"))
    refusing(answers, NAMED, "stop-loss")
    answers["CancelOrder"] = {"count": 1}
    broker.probe(entry(), stop())
    broker.place(stop())
    assert said(answers)[-1] is None
    assert broker.capabilities().resting_stop


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("EOrder:Insufficient funds", ErrorMeaning.FUNDS),
        ("EGeneral:Invalid arguments:volume", ErrorMeaning.REJECTED),
        ("EGeneral:Invalid arguments:ordertype", ErrorMeaning.UNSUPPORTED),
    ],
)
def test_another_refusal_is_no_reason_to_send_again(
    answers: Answers, broker: KrakenBroker, text: str, meaning: ErrorMeaning
) -> None:
    answers["AddOrder"] = refused(text)
    ended = broker.place(sale())
    assert isinstance(ended, NotPlaced)
    assert ended.meaning is meaning
    assert said(answers) == ["cancel-oldest"]


def test_one_that_was_not_about_it_is_the_outcome_and_nothing_is_learnt(answers: Answers, broker: KrakenBroker) -> None:
    answers["AddOrder"] = refused(PLAIN)
    assert broker.place(sale()) == NotPlaced(ErrorMeaning.REJECTED, PLAIN)
    answers["AddOrder"] = ACCEPTED
    assert isinstance(broker.place(sale()), Placed)
    assert said(answers) == ["cancel-oldest", None, "cancel-oldest"]


def test_an_unknown_outcome_is_searched_and_not_sent_again(answers: Answers, broker: KrakenBroker) -> None:
    answers["AddOrder"] = refused("EService:Busy")
    assert isinstance(broker.place(sale()), Unknown)
    assert said(answers) == ["cancel-oldest"]
