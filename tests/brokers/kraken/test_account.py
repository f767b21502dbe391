"""Kraken's account queries over sockets: denials, balances elsewhere, long lists, and the key's counter."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.kraken import KrakenBroker, KrakenConfig, Tier
from bot.brokers.kraken.transport import KrakenTransport
from bot.domain.clock import SystemClock
from bot.domain.log import Event
from bot.domain.order import OrderStatus, OrderType, Purpose, Side, TimeInForce, VenueOrder
from bot.domain.outcome import ErrorMeaning, NotPlaced, Placed, Unknown
from tests.brokers.kraken.conftest import (
    BTC,
    Answers,
    By,
    Notes,
    SocketServer,
    connectable,
    entry,
    failure,
    fixture,
    ok,
    refused,
    stop,
    trade,
)

DENIED = "EGeneral:Permission denied"
RESIDENCE = "EAccount:Invalid permissions:BTC trading restricted for NL."
FIRST = 1767225600
RESTING = VenueOrder(
    "OSTOP1-AAAAA-AAAAAA",
    BTC,
    Side.SELL,
    OrderType.STOP,
    OrderStatus.OPEN,
    Decimal("0.1"),
    trigger_price=Decimal(24000),
)


# -- one market is closed, the account is not ---------------------------------------------------------------------------
def test_a_market_closed_to_the_owner_is_that_market_in_each_order(answers: Answers, broker: KrakenBroker) -> None:
    answers["AddOrder"] = refused(RESIDENCE)
    for intent in (entry(), stop(), entry(purpose=Purpose.EXIT, type=OrderType.MARKET, attached_stop=None)):
        outcome = broker.place(intent)
        assert isinstance(outcome, NotPlaced)
        assert outcome.meaning is ErrorMeaning.RESTRICTED
        assert "where you live" in outcome.reason


@pytest.mark.parametrize("word", [RESIDENCE, DENIED])
def test_one_closed_market_among_many_is_found_left_out_and_said_once(
    answers: Answers, broker: KrakenBroker, notes: Notes, word: str
) -> None:
    rates = fixture("trade_volume")

    def fees(asked: dict[str, str]) -> Any:
        return refused(word) if "XTZUSD" in asked["pair"].split(",") else rates

    connectable(answers, fixture("key_info"))
    broker.connect()
    answers["TradeVolume"] = By(fees)
    for _ in range(2):
        assert BTC in broker.fees({BTC, "XTZ-USD", "DOGE-USD"})
    said = [fields["symbol"] for fields in notes.said(Event.MARKET_LEFT_OUT)]
    assert said == ["XTZ-USD"]
    assert "XTZUSD" not in answers.fields("TradeVolume")[-1]["pair"]


def test_a_denial_to_a_key_with_every_right_is_about_the_market_asked_about(
    answers: Answers, broker: KrakenBroker
) -> None:
    connectable(answers, fixture("key_info"))
    broker.connect()
    answers["AddOrder"] = answers["CancelOrder"] = answers["OHLC"] = answers["OpenOrders"] = refused(DENIED)
    for outcome in (broker.place(entry()), broker.cancel(RESTING)):
        assert isinstance(outcome, NotPlaced)
        assert outcome.meaning is ErrorMeaning.RESTRICTED
    assert failure(lambda: broker.candles(BTC, 60_000, 5)).meaning is ErrorMeaning.RESTRICTED
    assert failure(broker.open_orders).meaning is ErrorMeaning.BUSY


def test_a_denial_to_a_key_that_lost_a_right_names_the_right(answers: Answers, broker: KrakenBroker) -> None:
    connectable(answers, fixture("key_info"))
    broker.connect()
    answers["GetApiKeyInfo"] = fixture("key_info") | {"permissions": ["query-funds"]}
    answers["AddOrder"] = answers["OpenOrders"] = refused(DENIED)
    error = failure(broker.open_orders)
    assert (error.meaning, "Cancel & close orders" in error.remedy) == (ErrorMeaning.PERMISSION, True)
    outcome = broker.place(entry())
    assert isinstance(outcome, NotPlaced)
    assert outcome.meaning is ErrorMeaning.PERMISSION


# -- orders on the wire -------------------------------------------------------------------------------------------------
def test_every_order_carries_the_trading_agreement(answers: Answers, broker: KrakenBroker) -> None:
    answers["AddOrder"] = {"txid": ["OAAAAA-AAAAA-AAAAAA"]}
    for intent in (entry(), stop(), entry(type=OrderType.MARKET, attached_stop=None)):
        broker.place(intent)
    answers["AddOrder"] = {"descr": {}}
    broker.probe(entry(), stop())
    assert [fields["trading_agreement"] for fields in answers.fields("AddOrder")] == ["agree"] * 5


def test_fill_or_kill_is_for_limit_orders(answers: Answers, broker: KrakenBroker) -> None:
    answers["AddOrder"] = {"txid": ["OAAAAA-AAAAA-AAAAAA"]}
    assert broker.place(entry(tif=TimeInForce.FOK)) == Placed("OAAAAA-AAAAA-AAAAAA")
    assert answers.fields("AddOrder")[0]["timeinforce"] == "FOK"
    assert isinstance(broker.place(entry(tif=TimeInForce.FOK, type=OrderType.MARKET)), NotPlaced)
    assert len(answers.fields("AddOrder")) == 1


def test_an_amend_without_a_change_is_not_sent_and_one_that_kraken_sees_none_in_is_looked_up(
    answers: Answers, broker: KrakenBroker
) -> None:
    assert broker.amend(RESTING, qty=Decimal("0.10"), trigger_price=Decimal("24000.0")) == Placed(RESTING.exchange_id)
    answers["AmendOrder"] = refused("EOrder:No amendable parameters specified")
    outcome = broker.amend(RESTING, qty=Decimal("0.10"), trigger_price=Decimal(24100))
    assert (isinstance(outcome, NotPlaced) and outcome.meaning) is ErrorMeaning.GONE
    assert len(answers.fields("AmendOrder")) == 1


def test_words_about_an_order_to_the_request_for_one_prove_nothing(answers: Answers, broker: KrakenBroker) -> None:
    answers["AddOrder"] = refused("EOrder:Invalid order")
    assert broker.place(entry()) == Unknown("EOrder:Invalid order")


# -- balances that cannot be traded -------------------------------------------------------------------------------------
def allocated(coin: str, amount: str) -> dict[str, Any]:
    return {
        "strategy_id": "S",
        "native_asset": coin,
        "amount_allocated": {"total": {"native": amount, "converted": "1"}},
    }


def test_unavailable_are_dotted_assets_and_what_earn_holds_beyond_them(answers: Answers, broker: KrakenBroker) -> None:
    answers["BalanceEx"] = fixture("balance_ex")
    dotted = {"BTC": Decimal("0.12"), "DOT": Decimal(3), "USD": Decimal(7)}
    for nothing in ({"items": []}, {"items": None}, refused(DENIED), refused("EGeneral:Unknown method")):
        answers["Allocations"] = nothing
        assert broker.unavailable_balances() == dotted
    answers["Allocations"] = {"items": [allocated("XXBT", "0.1"), allocated("ETH", "2.5"), allocated("ETH", "0.5")]}
    assert broker.unavailable_balances() == dotted | {"ETH": Decimal(3)}


@pytest.mark.parametrize("answer", [refused("EService:Busy"), refused("EEarn:Something new"), ok({"items": [1]})])
def test_unavailable_balances_that_cannot_be_seen_are_not_zero(
    answers: Answers, broker: KrakenBroker, answer: Any
) -> None:
    answers["BalanceEx"] = fixture("balance_ex")
    answers["Allocations"] = answer
    assert failure(broker.unavailable_balances).meaning is ErrorMeaning.BUSY


# -- long lists ---------------------------------------------------------------------------------------------------------
class History:
    """TradesHistory of `ids` (numbers, seconds after `FIRST`), newest first. It counts `extra` more than it shows."""

    def __init__(self, answers: Answers, count: int) -> None:
        self.ids = list(range(1, count + 1))
        self.extra = 0
        self.counted = True
        self.answers = answers
        answers["TradesHistory"] = By(self._page)

    def _page(self, asked: dict[str, str]) -> Any:
        wanted = [number for number in sorted(self.ids, reverse=True) if FIRST + number > int(asked["start"])]
        start = int(asked["ofs"])
        page = {"trades": {f"T{number:05}": trade(number) for number in wanted[start : start + 50]}}
        return page | ({"count": len(wanted) + self.extra} if self.counted else {})

    def asked(self) -> int:
        """The number of requests since the last call."""
        found = len(self.answers.fields("TradesHistory"))
        self.answers.asked.clear()
        return found


class Later(SystemClock):
    """A market clock that stands still until the test advances it."""

    def __init__(self) -> None:
        self.ahead = 0
        self._began = super().market_ms()

    def market_ms(self) -> int:
        return self._began + self.ahead


def read(broker: KrakenBroker) -> int:
    """How many trades a read in steps finds, with an empty counter at each step."""
    reading = broker.read_fills(FIRST * 1000)
    while not reading.done:
        clock_of(broker).ahead += 60_000
        reading.step()
    return len(reading.found)


def clock_of(broker: KrakenBroker) -> Later:
    clock = broker._clock
    assert isinstance(clock, Later)
    return clock


@pytest.fixture
def broker(config: KrakenConfig, notes: Notes) -> Iterator[KrakenBroker]:
    one = KrakenBroker(dataclasses.replace(config, tier=Tier.PRO), Later(), notes)
    yield one
    one.close()


def test_trades_that_were_read_are_not_read_again_and_a_late_one_is_found(
    answers: Answers, broker: KrakenBroker
) -> None:
    history = History(answers, 120)
    assert (read(broker), history.asked()) == (120, 3)
    assert (read(broker), history.asked()) == (120, 1)
    history.ids.append(121)
    assert (read(broker), history.asked()) == (121, 1)
    history.ids.remove(10)
    history.ids.append(122)
    del broker._account._memory.fills["T00010"]
    assert (read(broker), history.asked()) == (121, 1)
    history.ids.append(10)  # shown late, far beyond the first page
    assert (read(broker), history.asked()) == (122, 3)


def test_a_list_without_a_count_ends_with_a_page_that_is_not_full(answers: Answers, broker: KrakenBroker) -> None:
    history = History(answers, 70)
    history.counted = False
    assert (read(broker), history.asked()) == (70, 2)


def test_a_count_beyond_what_is_shown_ends_with_an_empty_page_and_is_remembered(
    answers: Answers, broker: KrakenBroker
) -> None:
    history = History(answers, 60)
    history.extra = 5
    assert (read(broker), history.asked()) == (60, 3)
    assert (read(broker), history.asked()) == (60, 1)


def test_a_step_that_has_no_room_is_refused_at_once_and_goes_on_later(answers: Answers, broker: KrakenBroker) -> None:
    history = History(answers, 400)
    reading = broker.read_fills(FIRST * 1000)
    for _ in range(4):
        reading.step()
    assert failure(reading.step).meaning is ErrorMeaning.RATE_LIMITED
    assert history.asked() == 4
    clock_of(broker).ahead += 60_000
    reading.step()
    assert history.answers.fields("TradesHistory")[0]["ofs"] == "200"


def test_an_order_that_came_with_its_fills_is_not_read_again(answers: Answers, broker: KrakenBroker) -> None:
    row = fixture("closed_orders")["closed"]["OBBBBB-BBBBB-BBBBB1"] | {"trades": ["TAAAAA-AAAAA-AAAAA2"]}
    answers["QueryOrders"] = {"OBBBBB-BBBBB-BBBBB1": row}
    answers["QueryTrades"] = {"TAAAAA-AAAAA-AAAAA2": trade(1)}
    order = broker.order("OBBBBB-BBBBB-BBBBB1", BTC)
    assert order is not None
    assert len(broker.fills_of(order)) == 1
    assert len(answers.fields("QueryOrders")) == 1
    assert len(broker.fills_of(dataclasses.replace(order, fill_ids=()))) == 1
    assert len(answers.fields("QueryOrders")) == 2


def test_an_id_that_kraken_does_not_know_hides_none_of_the_others(answers: Answers, broker: KrakenBroker) -> None:
    """Sources differ on whether Kraken leaves an unknown id out or refuses the whole query."""
    row = fixture("closed_orders")["closed"]["OBBBBB-BBBBB-BBBBB1"]
    known = {f"OBBBBB-BBBBB-BBBB{number:02}": row for number in range(25)}
    lost = "OLOSTX-AAAAA-AAAAAA"

    def ask(fields: dict[str, str]) -> Any:
        names = fields["txid"].split(",")
        return refused("EOrder:Unknown order") if lost in names else {name: known[name] for name in names}

    answers["QueryOrders"] = By(ask)
    reading = broker.read_orders(dict.fromkeys([*known, lost], BTC))
    while not reading.done:
        reading.step()
    assert {one.exchange_id for one in reading.found} == set(known)
    assert broker.order(lost, BTC) is None


# -- the key's counter ----------------------------------------------------------------------------------------------------
def test_the_next_life_and_other_programs_know_what_a_key_has_spent(
    server: SocketServer, config: KrakenConfig, make_transport: Callable[..., KrakenTransport]
) -> None:
    slow = dataclasses.replace(config, tier=Tier.STARTER, read_seconds=1.0)
    first, beside = make_transport(slow), make_transport(slow)
    beside.private("OpenOrders")
    for _ in range(8):
        first.private("OpenOrders")
    first.close()
    for one in (make_transport(slow), beside):
        error = failure(lambda transport=one: transport.private("TradesHistory"))  # type: ignore[misc]
        assert error.meaning is ErrorMeaning.RATE_LIMITED
    assert len(server.requests) == 9


def test_a_long_wait_for_room_is_said(
    server: SocketServer, config: KrakenConfig, make_transport: Callable[..., KrakenTransport], notes: Notes
) -> None:
    transport = make_transport(dataclasses.replace(config, tier=Tier.PRO))
    transport._limits.recall((14.2, SystemClock().market_ms()))
    transport.private("OpenOrders")
    assert notes.events == [Event.WAITS]
