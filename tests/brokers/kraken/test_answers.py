"""How the Kraken broker handles answers that an exchange rarely gives, sent byte by byte from a socket."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.kraken import KrakenBroker
from bot.brokers.kraken.errors import REMEDIES
from bot.domain.clock import DAY, MINUTE, parse_iso, system_ms
from bot.domain.log import Event
from bot.domain.order import OrderStatus, OrderType, Side, TimeInForce, VenueOrder
from bot.domain.outcome import ErrorMeaning, NotPlaced, Placed, Unknown
from tests.brokers.kraken.conftest import (
    BTC,
    Answers,
    By,
    Notes,
    connectable,
    entry,
    failure,
    fixture,
    http,
    ok,
    refused,
    stop,
    trade,
)

STOP = VenueOrder("OSTOP1-AAAAA-AAAAAA", BTC, Side.SELL, OrderType.STOP, OrderStatus.OPEN, Decimal("0.1"))


# -- placing ----------------------------------------------------------------------------------------------------------
def test_an_entry_on_the_wire(answers: Answers, broker: KrakenBroker) -> None:
    answers["AddOrder"] = {"descr": {"order": "buy"}, "txid": ["OAAAAA-AAAAA-AAAAAA"]}
    intent = entry()
    assert broker.place(intent) == Placed("OAAAAA-AAAAA-AAAAAA")
    (sent,) = answers.fields("AddOrder")
    assert parse_iso(sent.pop("deadline")) == intent.deadline
    assert sent == {
        "pair": "XXBTZUSD", "type": "buy", "ordertype": "limit", "volume": "0.1", "price": "25000.1", "timeinforce": "IOC",
        "oflags": "fciq", "cl_ord_id": intent.client_id, "close[ordertype]": "stop-loss", "close[price]": "24000",
        "trading_agreement": "agree",
    }  # fmt: skip


def test_a_stop_and_a_post_only_order_on_the_wire(answers: Answers, broker: KrakenBroker) -> None:
    answers["AddOrder"] = {"txid": ["O"]}
    plain: dict[str, Any] = {"tif": TimeInForce.GTC, "attached_stop": None}
    broker.place(entry(**plain, type=OrderType.STOP, trigger_price=Decimal(24000), limit_price=None, side=Side.SELL))
    broker.place(entry(**plain, post_only=True))
    stop, post = answers.fields("AddOrder")
    assert (stop["ordertype"], stop["price"], "timeinforce" in stop, "close[price]" in stop) == (
        "stop-loss",
        "24000",
        False,
        False,
    )
    assert post["oflags"] == "post,fciq"
    assert not {"False", "false"} & {*stop.values(), *post.values()}


@pytest.mark.parametrize("result", [{"descr": {}}, {"txid": []}, {"txid": None}, {"txid": [7]}, [], "OK", {"txid": {}}])
def test_an_answer_without_an_order_id_is_unknown(answers: Answers, broker: KrakenBroker, result: Any) -> None:
    answers["AddOrder"] = result
    assert isinstance(broker.place(entry()), Unknown)


def test_an_id_as_text_is_an_id(answers: Answers, broker: KrakenBroker) -> None:
    answers["AddOrder"] = {"txid": "OAAAAA-AAAAA-AAAAAA"}
    assert broker.place(entry()) == Placed("OAAAAA-AAAAA-AAAAAA")


def test_an_intent_whose_deadline_has_passed_is_not_sent(answers: Answers, broker: KrakenBroker) -> None:
    outcome = broker.place(entry(deadline=system_ms() - 1))
    assert isinstance(outcome, NotPlaced)
    assert outcome.meaning is ErrorMeaning.BUSY
    assert not answers.fields("AddOrder")


@pytest.mark.parametrize("result", [{}, {"amend_id": None}, [], "TAAAAA"])
def test_an_amend_without_its_id_is_unknown(answers: Answers, broker: KrakenBroker, result: Any) -> None:
    answers["AmendOrder"] = result
    assert isinstance(broker.amend(STOP, qty=Decimal("0.05")), Unknown)


def test_an_amend_sends_only_what_changes(answers: Answers, broker: KrakenBroker) -> None:
    answers["AmendOrder"] = {"amend_id": "TAAAAA-AAAAA-AAAAAA"}
    assert broker.amend(STOP, trigger_price=Decimal("24100.0")) == Placed(STOP.exchange_id)
    (sent,) = answers.fields("AmendOrder")
    assert sent.keys() == {"txid", "trigger_price", "deadline"}
    assert sent["trigger_price"] == "24100"


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ({"count": 1}, Placed),
        ({"count": 0, "pending": True}, Placed),
        ({"count": 0}, NotPlaced),
        ({}, Unknown),
        ([1], Unknown),
    ],
)
def test_what_a_cancel_came_to(answers: Answers, broker: KrakenBroker, result: Any, outcome: type) -> None:
    answers["CancelOrder"] = result
    assert isinstance(broker.cancel(STOP), outcome)


def test_a_deadline_that_kraken_found_wrong_makes_us_look_at_its_clock(answers: Answers, broker: KrakenBroker) -> None:
    answers["AddOrder"] = refused("EService:Deadline elapsed")
    answers["Time"] = By(lambda _: {"unixtime": system_ms() // 1000 + 30, "rfc1123": ""})
    assert isinstance(broker.place(entry()), Unknown)
    answers["AddOrder"] = {"txid": ["O"]}
    intent = entry()
    broker.place(intent)
    assert intent.deadline is not None
    assert parse_iso(answers.fields("AddOrder")[-1]["deadline"]) - intent.deadline == pytest.approx(30_000, abs=2_000)


# -- probing ----------------------------------------------------------------------------------------------------------
def test_an_order_that_was_only_to_be_judged_is_cancelled_at_once(
    answers: Answers, broker: KrakenBroker, notes: Notes
) -> None:
    answers["AddOrder"] = {"descr": {}, "txid": ["OOOOPS-AAAAA-AAAAAA"]}
    answers["CancelOrder"] = {"count": 1}
    proofs = broker.probe(
        entry(), entry(type=OrderType.STOP, trigger_price=Decimal(24000), attached_stop=None, side=Side.SELL)
    )
    assert not any(proof.accepted for proof in proofs)
    assert answers.fields("CancelOrder") == [{"txid": "OOOOPS-AAAAA-AAAAAA"}] * 2
    assert broker.capabilities().attached_stop
    assert all(fields["validate"] == "true" for fields in answers.fields("AddOrder"))
    assert Event.VALIDATE_PLACED_ORDER in notes.events


@pytest.mark.parametrize(
    ("text", "accepted", "judged"),
    [
        ("EOrder:Insufficient funds", True, True),
        ("EGeneral:Invalid arguments:volume minimum not met", True, True),
        ("EOrder:Post only order", True, True),
        ("EGeneral:Invalid arguments:ordertype", False, True),
        ("EOrder:Tick size check failed", False, False),
        ("EAPI:Feature disabled", False, False),
        ("EAccount:Invalid permissions:BTC trading restricted for NL.", False, False),
        ("EOrder:Trading agreement required", False, False),
        ("EOrder:Conditional close is not for you", False, False),
        ("EService:Busy", False, False),
        ("EAPI:Rate limit exceeded", False, False),
    ],
)
def test_what_an_answer_says_of_the_shape(
    answers: Answers, broker: KrakenBroker, text: str, accepted: bool, judged: bool
) -> None:
    answers["AddOrder"] = refused(text)
    proofs = broker.probe(entry(), stop())
    assert [(proof.accepted, proof.judged) for proof in proofs[:2]] == [(accepted, judged)] * 2
    assert broker.capabilities().resting_stop is (accepted or not judged)


def test_a_refusal_of_the_attached_stop_is_one_of_it_alone_until_an_entry_is_taken_with_one(
    answers: Answers, broker: KrakenBroker
) -> None:
    close = "close[price]"
    answers["AddOrder"] = By(
        lambda sent: refused("EGeneral:Invalid arguments:close") if close in sent else {"descr": {}}
    )
    broker.probe(entry(), stop())
    assert (broker.capabilities().attached_stop, broker.capabilities().resting_stop) == (False, True)
    answers["AddOrder"] = {"txid": ["OAAAAA-AAAAA-AAAAAA"]}
    broker.place(entry())
    assert broker.capabilities().attached_stop


@pytest.mark.parametrize("answer", [http(b""), http(b"", "404 Not Found"), ok([])])
def test_an_exchange_that_did_not_judge_takes_nothing_away(answers: Answers, broker: KrakenBroker, answer: Any) -> None:
    answers["AddOrder"] = answer
    assert not any(proof.judged for proof in broker.probe(entry(), stop()) if not proof.accepted)
    assert broker.capabilities().attached_stop


# -- lists ------------------------------------------------------------------------------------------------------------
def test_a_list_that_grows_while_it_is_read_loses_nothing(answers: Answers, broker: KrakenBroker) -> None:
    ids = [f"T{number:05}" for number in range(120)]

    def page(fields: dict[str, str]) -> Any:
        newest_first, start = ids[::-1], int(fields["ofs"])
        ids.append(f"T{len(ids):05}")
        return {
            "trades": {each: trade(int(each[1:])) for each in newest_first[start : start + 50]},
            "count": len(newest_first),
        }

    answers["TradesHistory"] = By(page)
    found = [fill.fill_id for fill in broker.fills(1767225600_000)]
    assert found == sorted(found)
    assert {f"T{number:05}" for number in range(120)} <= set(found)
    assert all(fields["consolidate_taker"] == "false" for fields in answers.fields("TradesHistory"))


def test_a_list_that_does_not_end_fails_instead_of_being_cut(answers: Answers, broker: KrakenBroker) -> None:
    answers["TradesHistory"] = {"trades": {"T1": trade(1)}, "count": 99}
    assert failure(lambda: broker.fills(0)).meaning is ErrorMeaning.BUSY


def test_start_excludes_nothing_that_is_wanted(answers: Answers, broker: KrakenBroker) -> None:
    answers["TradesHistory"] = {"trades": {"T1": trade(0), "T2": trade(1)}, "count": 2}
    assert [fill.fill_id for fill in broker.fills(1767225601_000)] == ["T2"]
    assert answers.fields("TradesHistory")[0]["start"] == "1767225600"


def test_one_order_that_cannot_be_read_fails_the_look(answers: Answers, broker: KrakenBroker) -> None:
    rows = fixture("open_orders")
    rows["open"]["OAAAAA-AAAAA-AAAAA3"]["vol"] = "NaN"
    answers["OpenOrders"] = rows
    error = failure(broker.open_orders)
    assert error.meaning is ErrorMeaning.BUSY
    assert "OAAAAA-AAAAA-AAAAA3" in error.text


def test_an_order_seen_only_by_its_fill_is_found(answers: Answers, broker: KrakenBroker) -> None:
    row = fixture("closed_orders")["closed"]["OBBBBB-BBBBB-BBBBB1"] | {"cl_ord_id": "njabc0000000000009"}
    answers["OpenOrders"] = {"open": {}}
    answers["ClosedOrders"] = {"closed": {}, "count": 0}
    answers["TradesHistory"] = {"trades": {"T1": trade(1)}, "count": 1}
    answers["QueryOrders"] = {"OBBBBB-BBBBB-BBBBB1": row}
    found = broker.find("njabc0000000000009", BTC, 1767225600_000)
    assert found is not None
    assert found.exchange_id == "OBBBBB-BBBBB-BBBBB1"
    assert broker.find("njabc0000000000008", BTC, 1767225600_000) is None


def test_an_order_of_another_id_is_not_ours_though_kraken_shows_it(answers: Answers, broker: KrakenBroker) -> None:
    answers["OpenOrders"] = fixture("open_orders")  # as if the filter was ignored
    answers["ClosedOrders"] = {"closed": {}, "count": 0}
    answers["TradesHistory"] = {"trades": {}, "count": 0}
    assert broker.find("njabc0000000000008", BTC, 0) is None
    found = broker.find("njabc0000000000002", BTC, 0)
    assert found is not None
    assert found.exchange_id == "OAAAAA-AAAAA-AAAAA2"


# -- market -----------------------------------------------------------------------------------------------------------
def test_a_delisted_market_does_not_hide_the_others(answers: Answers, broker: KrakenBroker) -> None:
    row = {"a": ["2", "1", "1.0"], "b": ["1", "1", "1.0"], "c": ["1.5", "1"], "v": ["1", "10"], "p": ["1", "2"], "t": [1, 2],
           "l": ["1", "1"], "h": ["1", "1"], "o": "1"}  # fmt: skip

    def ticker(fields: dict[str, str]) -> Any:
        pairs = fields["pair"].split(",")
        return refused("EQuery:Unknown asset pair") if "XTZUSD" in pairs else dict.fromkeys(pairs, row)

    answers["Ticker"] = By(ticker)
    assert broker.tickers({BTC}).keys() == {BTC}
    left = fixture("asset_pairs")
    del left["XTZUSD"]
    answers["AssetPairs"] = left
    found = broker.tickers({BTC, "XTZ-USD"})
    assert found.keys() == {BTC}
    assert found[BTC].turnover == 20


def test_a_burst_of_trades_is_told_by_candles(answers: Answers, broker: KrakenBroker) -> None:
    start = system_ms() - 20 * MINUTE

    def trades(fields: dict[str, str]) -> Any:
        first = int(fields["since"]) // 1_000_000
        rows = [["100", "1", (first + 1 + number * 60) / 1000, "b", "m", "", number] for number in range(1000)]
        return {"XXBTZUSD": rows, "last": str((first + 60_000) * 1_000_000)}

    minute = (start + 10 * MINUTE) // MINUTE * 60
    answers["Trades"] = By(trades)
    answers["OHLC"] = {"XXBTZUSD": [[minute, "100", "130", "70", "120", "100", "5", 9]], "last": minute}
    look = broker.look(BTC, start)
    assert (look.last, look.high, look.low, look.at) == (Decimal(120), Decimal(130), Decimal(70), minute * 1000)
    assert len(answers.fields("Trades")) == 3


@pytest.mark.parametrize("result", [[], "pairs", {"XXBTZUSD": "row"}, {"XXBTZUSD": [1, 2]}, {}])
def test_pairs_in_no_shape_are_no_answer(answers: Answers, broker: KrakenBroker, capsys: Any, result: Any) -> None:
    answers["AssetPairs"] = result
    assert failure(broker.instruments).meaning is ErrorMeaning.BUSY
    assert capsys.readouterr().out == ""


# -- connecting -------------------------------------------------------------------------------------------------------
def test_rights_that_are_not_said_refuse_the_key(answers: Answers, broker: KrakenBroker) -> None:
    connectable(answers, {})
    error = failure(broker.connect)
    assert error.meaning is ErrorMeaning.PERMISSION
    assert "create a new key" in error.remedy


@pytest.mark.parametrize("words", [("queryTo", "queryFrom"), ("query_to", "query_from")])
def test_a_key_that_hides_new_orders_is_refused(answers: Answers, broker: KrakenBroker, words: tuple[str, str]) -> None:
    """An order that the key does not show would look as if it had not been placed."""
    to, since = words
    info, now = fixture("key_info") | {"validUntil": "0"}, system_ms() // 1000
    for hiding in ({to: "1767225600"}, {to: str(now + 86_400)}, {since: str(now + 3_600)}):
        connectable(answers, info | {"queryTo": "0", "queryFrom": "0"} | hiding)
        assert failure(broker.connect).remedy == REMEDIES["period"]
    connectable(answers, info | {since: "1767225600"})
    assert broker.connect().warnings == (
        "this key shows no orders from before 2026-01-01: remove its query start date",
    )


def test_an_account_that_never_held_anything_has_no_balances(answers: Answers, broker: KrakenBroker) -> None:
    for nothing in (http(b'{"error":[]}'), ok({}), ok([])):
        answers["BalanceEx"] = nothing
        assert broker.balances() == {}
    answers["OpenOrders"] = http(b'{"error":[]}')
    assert failure(broker.open_orders).meaning is ErrorMeaning.BUSY


def test_a_key_that_ends_soon_is_warned_about(answers: Answers, broker: KrakenBroker) -> None:
    connectable(answers, fixture("key_info") | {"validUntil": str((system_ms() + 3 * DAY) // 1000 + 60)})
    assert broker.connect().warnings == ("this key expires in 3 days: create a new one in time",)
