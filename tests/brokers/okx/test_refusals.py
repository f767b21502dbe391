"""How the OKX broker handles OKX's refusals, over real sockets: how far each reaches, and which have no effect."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.base import BrokerError
from bot.brokers.common.deadline import WaitLimit
from bot.brokers.common.keylock import KeyLock, identity
from bot.brokers.okx import OKXBroker, OkxConfig
from bot.brokers.okx.errors import REMEDIES
from bot.domain.clock import SystemClock, system_ms
from bot.domain.order import Intent, OrderStatus, OrderType, Purpose, Side, TimeInForce, VenueOrder
from bot.domain.outcome import ErrorClass, ErrorMeaning, NotPlaced, Outcome, Placed, Unknown
from tests.brokers.kraken.conftest import Notes, Request
from tests.brokers.okx.conftest import (
    KEY,
    Script,
    fixture,
    http,
    markets,
    ok,
    refused,
    row_refused,
    server_time,
    wallet,
)

ORDER, ALGO, PRECHECK = "/api/v5/trade/order", "/api/v5/trade/order-algo", "/api/v5/trade/order-precheck"
AMEND, CANCEL, CANCEL_ALGOS = "/api/v5/trade/amend-algos", "/api/v5/trade/cancel-order", "/api/v5/trade/cancel-algos"
ID, OLD = "njabcmgx0a1b2zz9q1", "681096944655273984"
BTC, SWAP = "BTC-USDT", "BTC-USDT-SWAP"


def intent(side: Side, kind: OrderType, symbol: str = BTC, **more: Any) -> Intent:
    purpose = Purpose.ENTRY if side is Side.BUY else Purpose.STOP
    return Intent(ID, "k", purpose, symbol, side, Decimal("0.01"), kind, 0, system_ms(), **more)


def entry(symbol: str = BTC, **more: Any) -> Intent:
    prices = {"limit_price": Decimal(50_000), "attached_stop": Decimal(49_000)}
    return intent(Side.BUY, OrderType.LIMIT, symbol, tif=TimeInForce.IOC, **prices, **more)


def stop(symbol: str = BTC, **more: Any) -> Intent:
    return intent(Side.SELL, OrderType.STOP, symbol, trigger_price=Decimal(49_000), **more)


def sale(symbol: str = BTC, **more: Any) -> Intent:
    return intent(Side.SELL, OrderType.MARKET, symbol, reduce_only=True, **more)


def resting(symbol: str = BTC, kind: OrderType = OrderType.STOP) -> VenueOrder:
    return VenueOrder(OLD, symbol, Side.SELL, kind, OrderStatus.OPEN, Decimal("0.01"), trigger_price=Decimal(49_000))


Make = Callable[..., OKXBroker]


@pytest.fixture
def connected(script: Script, config: OkxConfig, notes: Notes) -> Iterator[Make]:
    """Creates connected brokers; `level` is the account's mode."""
    made: list[OKXBroker] = []

    def make(level: str = "2", **changes: Any) -> OKXBroker:
        script.says["/api/v5/account/config"] = ok(fixture("config")[0] | {"acctLv": level})
        if changes.get("swaps"):
            script.says["/api/v5/account/instruments"] = markets(BTC, SWAP)
        made.append(OKXBroker(dataclasses.replace(config, **changes), SystemClock(), notes))
        made[-1].connect()
        return made[-1]

    yield make
    for broker in made:
        broker.close()


def meaning(outcome: Outcome) -> ErrorMeaning:
    assert isinstance(outcome, NotPlaced), outcome
    return outcome.meaning


# -- probes -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("level", ["1", "2"])
def test_a_question_that_cannot_be_asked_is_not_asked(level: str, script: Script, connected: Make) -> None:
    script.says[PRECHECK] = refused("51010", "not supported in the current account mode")
    broker = connected(level)
    able = broker.capabilities()
    assert [proof.judged for proof in broker.probe(entry(), stop())] == [False, False]
    assert (script.asked(PRECHECK), broker.capabilities()) == ([], able)


ABOUT_ITSELF = {
    "account mode": refused("51010"),
    "no right to the endpoint": refused("50030"),
    "endpoint offline": refused("50005", "", "410 Gone"),
    "not in demo": refused("50038"),
    "no such path": http(b"<html>", "404 Not Found"),
    "no such path, in JSON": http(b'{"code":404,"data":{},"msg":"Not Found"}', "404 Not Found"),
    "passing": row_refused("51290"),
    "this market": row_refused("51155"),
    "no such word": row_refused("51998"),
    "silence": lambda connection, request: connection.shutdown(socket.SHUT_RDWR),
}


@pytest.mark.parametrize("name", ABOUT_ITSELF)
def test_words_about_anything_but_the_shape_prove_nothing(name: str, script: Script, connected: Make) -> None:
    script.says[PRECHECK] = ABOUT_ITSELF[name]
    broker = connected("3")
    able = broker.capabilities()
    proofs = broker.probe(entry(), stop())
    assert [(proof.name, proof.judged) for proof in proofs] == [("entry", False), ("stop", False)]
    assert broker.capabilities() == able
    assert len(script.asked(PRECHECK)) == 1


ATTACHMENT = ("51044", "51178", "54070", "51076", "51091", "51100", "51333")


@pytest.mark.parametrize("code", ATTACHMENT)
def test_an_attached_stop_that_is_refused_is_left_off_and_the_next_entry_goes_without(
    code: str, script: Script, connected: Make
) -> None:
    script.says[ORDER] = row_refused(code)
    broker = connected()
    assert meaning(broker.place(entry())) is ErrorMeaning.ATTACHMENT
    able = broker.capabilities()
    assert (able.attached_stop, able.attached_target, able.resting_stop) == (False, False, True)


@pytest.mark.parametrize("code", ATTACHMENT)
def test_an_attached_stop_that_the_check_refuses_is_left_off_whatever_it_says_of_the_rest(
    code: str, script: Script, connected: Make
) -> None:
    script.says[PRECHECK] = row_refused(code)
    broker = connected("3")
    assert broker.probe(entry(), stop())[0].judged
    assert not broker.capabilities().attached_stop


# -- refusals ---------------------------------------------------------------------------------------------------------
REACH = {
    **dict.fromkeys(("54094", "54031", "54012", "51290", "51006", "51278", "51008", "51025", "50017"), "passing"),
    **dict.fromkeys(("50032", "50033", "50062", "51155", "54109", "59113"), "market"),
    **dict.fromkeys(("51121", "51020", "51275"), "final"),
}


@pytest.mark.parametrize("order", [entry, stop, sale])
def test_a_refusal_reaches_as_far_as_its_word(order: Callable[[], Intent], script: Script, connected: Make) -> None:
    broker = connected()
    able = broker.capabilities()
    reached = {}
    for code in REACH:
        script.says[ORDER] = script.says[ALGO] = row_refused(code)
        reached[code] = meaning(broker.place(order())).error_class
    assert reached == {code: ErrorClass(reach) for code, reach in REACH.items()}
    assert broker.capabilities() == able


@pytest.mark.parametrize(("code", "remedy"), [("54109", "activate"), ("59113", "identity"), ("51155", "barred")])
def test_a_market_that_is_closed_to_its_owner_comes_with_a_line(
    code: str, remedy: str, script: Script, connected: Make
) -> None:
    script.says[ORDER] = row_refused(code)
    outcome = connected().place(entry())
    assert isinstance(outcome, NotPlaced)
    assert outcome.reason.endswith(REMEDIES[remedy])


@pytest.mark.parametrize("code", ["51400", "51410", "51412", "51416"])
@pytest.mark.parametrize("kind", [OrderType.STOP, OrderType.LIMIT])
def test_a_cancel_that_came_too_late_makes_us_look(kind: OrderType, code: str, script: Script, connected: Make) -> None:
    script.says[CANCEL] = script.says[CANCEL_ALGOS] = row_refused(code)
    assert meaning(connected().cancel(resting(kind=kind))) is ErrorMeaning.GONE


def test_cancels_of_stops_are_an_array_and_of_orders_an_object(script: Script, connected: Make) -> None:
    script.says[CANCEL_ALGOS] = ok({"algoId": OLD, "sCode": "0"})
    script.says[CANCEL] = ok({"ordId": OLD, "sCode": "0"})
    broker = connected()
    assert broker.cancel(resting()) == broker.cancel(resting(kind=OrderType.LIMIT)) == Placed(OLD)
    assert script.sent(CANCEL_ALGOS) == [[{"instId": BTC, "algoId": OLD}]]
    assert script.sent(CANCEL) == [{"instId": BTC, "ordId": OLD}]


ANSWERS: dict[str, Any] = {
    "no result under a failure": http(
        b'{"code":"1","msg":"All operations failed","data":[{"ordId":"681096944655273984","algoId":"681096944655273984"}]}'
    ),
    "another order": ok({"ordId": "777777777777777777", "algoId": "777777777777777777", "clOrdId": "x", "sCode": "0"}),
    "another stop": ok(
        {
            "ordId": "777777777777777777",
            "algoId": "777777777777777777",
            "algoClOrdId": "x",
            "clOrdId": "x",
            "sCode": "0",
        }
    ),
    "two rows": ok({"ordId": OLD, "algoId": OLD, "sCode": "0"}, {"ordId": OLD, "algoId": OLD, "sCode": "0"}),
    "accepted, fate unknown": ok({"ordId": OLD, "algoId": OLD, "sCode": "51149"}),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_does_not_say_what_became_of_our_order_leaves_it_unknown(
    name: str, script: Script, connected: Make
) -> None:
    script.says |= dict.fromkeys((ORDER, ALGO, AMEND, CANCEL, CANCEL_ALGOS), ANSWERS[name])
    broker = connected()
    ended: list[Outcome] = [
        broker.place(entry()),
        broker.cancel(resting()),
        broker.cancel(resting(kind=OrderType.LIMIT)),
        broker.amend(resting(), qty=Decimal("0.005")),
    ]
    if name != "another order":  # OKX's answer to a stop has its id under another key
        ended.append(broker.place(stop()))
    assert [type(one) for one in ended] == [Unknown] * len(ended)


# -- amends -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("code", ["51506", "51527", "51528", "51529"])
def test_a_stop_that_cannot_be_changed_this_way_says_so_for_itself_alone(
    code: str, script: Script, connected: Make
) -> None:
    script.says[AMEND] = row_refused(code)
    broker = connected()
    assert meaning(broker.amend(resting(), trigger_price=Decimal(50_000))) is ErrorMeaning.UNSUPPORTED
    assert broker.capabilities().amend


def test_an_amend_refused_in_unheard_of_words_is_unheard_of(script: Script, connected: Make) -> None:
    script.says[AMEND] = row_refused("51530")
    broker = connected()
    outcome = broker.amend(resting(), qty=Decimal("0.005"))
    assert isinstance(outcome, Unknown)
    assert outcome.unheard
    assert broker.capabilities().amend


@pytest.mark.parametrize("kind", ["last", "mark", "index", ""])
@pytest.mark.parametrize("listed", [True, False])
def test_the_trigger_of_a_contract_is_amended_by_the_type_that_the_order_shows(
    kind: str, listed: bool, script: Script, connected: Make
) -> None:
    row = fixture("algo_live")[0] | {"instId": SWAP, "instType": "SWAP", "slTriggerPxType": kind, "algoClOrdId": ""}
    script.says["/api/v5/trade/orders-algo-pending"] = ok(row)
    script.says[ALGO] = ok(row)
    script.says[AMEND] = ok({"algoId": OLD, "sCode": "0"})
    broker = connected(swaps=True)
    order = broker.open_orders()[0] if listed else resting(SWAP)
    assert broker.amend(order, trigger_price=Decimal(50_000)) == Placed(OLD)
    (sent,) = script.sent(AMEND)
    assert (sent["newSlTriggerPx"], sent.get("newSlTriggerPxType", "")) == ("50000", kind)


def test_the_trigger_of_a_pair_is_amended_without_a_type(script: Script, connected: Make) -> None:
    script.says[AMEND] = ok({"algoId": OLD, "sCode": "0"})
    assert connected().amend(resting(), trigger_price=Decimal(50_000)) == Placed(OLD)
    assert "newSlTriggerPxType" not in script.sent(AMEND)[0]


def test_the_trigger_of_a_contract_is_not_amended_while_its_type_is_not_shown(script: Script, connected: Make) -> None:
    script.says[ALGO] = refused("51603")
    assert meaning(connected(swaps=True).amend(resting(SWAP), trigger_price=Decimal(50_000))) is ErrorMeaning.BUSY
    assert script.sent(AMEND) == []


# -- time -------------------------------------------------------------------------------------------------------------
def hang(connection: socket.socket, request: Request) -> None:
    time.sleep(60)


@pytest.mark.parametrize("path", [ORDER, ALGO])
def test_a_limited_call_that_hangs_is_unknown_in_time(path: str, script: Script, connected: Make) -> None:
    script.says[path] = hang
    broker = connected()
    broker.limit_calls(0.3)
    began = time.monotonic()
    outcome = broker.place(stop() if path == ALGO else sale())
    assert isinstance(outcome, Unknown)
    assert not outcome.unheard
    assert time.monotonic() - began < 5
    broker.limit_calls(None)
    script.says[path] = ok({"ordId": OLD, "algoId": OLD, "sCode": "0"})
    assert isinstance(broker.place(stop() if path == ALGO else sale()), Placed)


def test_waiting_for_the_key_is_limited_too(script: Script, connected: Make, config: OkxConfig) -> None:
    broker = connected()
    broker.limit_calls(0.3)
    began = time.monotonic()
    name = f"{config.mode}-okx-{config.environment}-{identity(KEY)}"
    with (
        closing(KeyLock(config.state_dir, name)) as other,
        other.held(WaitLimit(system_ms).deadline(5)),
    ):
        assert meaning(broker.place(stop())) is ErrorMeaning.BUSY
    assert time.monotonic() - began < 5
    assert script.sent(ALGO) == []


def test_a_stop_does_not_wait_for_a_look_at_the_clocks(script: Script, connected: Make) -> None:
    script.says["/api/v5/public/time"] = server_time(ahead=10_000)
    script.says[ORDER] = script.says[ALGO] = ok({"ordId": OLD, "algoId": OLD, "sCode": "0"})
    broker = connected()
    looks = len(script.asked("/api/v5/public/time"))
    broker.place(stop())
    assert len(script.asked("/api/v5/public/time")) == looks
    limit = dataclasses.replace(resting(kind=OrderType.LIMIT), exchange_id="777777777777777777")
    for request in (lambda: broker.place(sale()), lambda: broker.amend(limit, qty=Decimal("0.005"))):
        looks = len(script.asked("/api/v5/public/time"))
        request()
        assert len(script.asked("/api/v5/public/time")) > looks


# -- the paying currency ----------------------------------------------------------------------------------------------
def test_orders_and_stops_name_the_currency_and_rows_tell_it(script: Script, connected: Make) -> None:
    script.says["/api/v5/account/instruments"] = markets("BTC-USDC", tradeQuoteCcyList=["USD", "USDC"])
    script.says["/api/v5/account/balance"] = wallet(USD="3000")
    script.says[ORDER] = script.says[ALGO] = ok({"ordId": OLD, "algoId": OLD, "sCode": "0"})
    broker = connected()
    assert broker.instruments()["BTC-USDC"].currencies == ("USD", "USDC")
    for order in (entry, sale, stop):
        assert isinstance(broker.place(order("BTC-USDC", pay_in="USD")), Placed)
        assert isinstance(broker.place(order("BTC-USDC")), Placed)
    sent = [body["tradeQuoteCcy"] for path in (ORDER, ALGO) for body in script.sent(path)]
    assert sent == ["USD", "USDC"] * 3
    row = fixture("order_partial_ioc")[0] | {"instId": "BTC-USDC", "tradeQuoteCcy": "USD"}
    script.says["/api/v5/trade/orders-pending"] = ok(row)
    assert [order.pay_in for order in broker.open_orders()] == ["USD"]


MONEY: dict[str, tuple[dict[str, str], list[str], list[str], list[str]]] = {
    "dollars that pay": ({"USD": "50"}, ["USD", "USDC"], [], ["no_usdt_pairs"]),
    "dollars that buy nothing": ({"USD": "50"}, [], [], ["no_usdt_pairs", "unpayable", "no_usdt"]),
    "coins of the pair": ({"USDC": "50"}, [], [], ["no_usdt_pairs"]),
    "nothing": ({}, ["USD", "USDC"], [], ["no_usdt_pairs", "no_usdt"]),
    "crumbs, and more in Funding": ({"USDC": "0.3"}, [], ["USDC"], ["no_usdt_pairs", "no_usdt"]),
}


@pytest.mark.parametrize("name", MONEY)
def test_connecting_says_whether_the_money_can_be_used(
    name: str, script: Script, config: OkxConfig, notes: Notes
) -> None:
    held, taken, funding, lines = MONEY[name]
    script.says["/api/v5/account/instruments"] = markets("BTC-USDC", tradeQuoteCcyList=taken)
    script.says["/api/v5/account/balance"] = wallet(**held)
    script.says["/api/v5/asset/balances"] = ok(*({"ccy": asset, "bal": "700"} for asset in funding))
    facts = {
        "quotes": " or ".join(taken or ["USDC"]),
        "held": "USD",
        "elsewhere": " (700 USDC in Funding or Simple Earn)" if funding else "",
    }
    with closing(OKXBroker(config, SystemClock(), notes)) as broker:
        warnings = [line for line in broker.connect().warnings if "IP address" not in line]
    assert warnings == [REMEDIES[line].format(**facts) for line in lines]


def test_swaps_under_portfolio_margin_are_refused_with_a_line(script: Script, connected: Make) -> None:
    with pytest.raises(BrokerError) as caught:
        connected("4", swaps=True)
    assert (caught.value.meaning, caught.value.remedy) == (ErrorMeaning.UNSUPPORTED, REMEDIES["portfolio"])
    assert isinstance(connected("4"), OKXBroker)


@pytest.mark.parametrize("words", [refused("50999"), refused("50011"), http(b"<html>", "404 Not Found")])
def test_a_status_page_that_does_not_answer_keeps_nobody_away(words: Any, script: Script, connected: Make) -> None:
    script.says["/api/v5/system/status"] = words
    assert isinstance(connected(), OKXBroker)


# -- reads ------------------------------------------------------------------------------------------------------------
SAVINGS = "/api/v5/finance/savings/balance"


def test_prices_are_asked_for_each_time(script: Script, connected: Make) -> None:
    row = {"instId": BTC, "last": "100", "bidPx": "99", "askPx": "101", "volCcy24h": "1"}
    script.says["/api/v5/market/ticker"] = ok(row)
    broker = connected()
    assert (broker.tickers({BTC})[BTC].bid, broker.tickers({BTC})[BTC].ask) == (Decimal(99), Decimal(101))
    script.says["/api/v5/market/ticker"] = ok(row | {"bidPx": "98"})
    assert broker.tickers({BTC})[BTC].bid == Decimal(98)
    assert len(script.asked("/api/v5/market/ticker")) == 3


def test_one_order_in_a_state_that_nobody_wrote_down_does_not_hide_the_others(script: Script, connected: Make) -> None:
    row = fixture("order_partial_ioc")[0]
    odd = row | {"ordId": "9" * 18, "clOrdId": "", "state": "paused", "accFillSz": "0"}
    script.says["/api/v5/trade/orders-pending"] = ok(odd, row)
    found = {order.exchange_id: order.status for order in connected().open_orders()}
    assert found["9" * 18] is OrderStatus.OPEN
    assert len(found) == 2


def test_a_question_that_failed_is_not_answered_by_the_rows_beside_it(script: Script, connected: Make) -> None:
    broker = connected()
    script.says["/api/v5/trade/orders-pending"] = http(b'{"code":"1","msg":"x","data":[]}')
    with pytest.raises(BrokerError):
        broker.open_orders()
    script.says["/api/v5/trade/orders-pending"] = http(b'{"code":"2","msg":"x","data":[{"ordId":"1"}]}')
    with pytest.raises(BrokerError) as caught:
        broker.open_orders()
    assert caught.value.unheard


@pytest.mark.parametrize("code", ["50030", "50120", "50005", "50038", "50062", ""])
@pytest.mark.parametrize(
    ("pocket", "other", "key"), [("/api/v5/asset/balances", SAVINGS, "amt"), (SAVINGS, "/api/v5/asset/balances", "bal")]
)
def test_a_pocket_that_cannot_be_asked_for_keeps_no_account_away(
    script: Script, connected: Make, code: str, pocket: str, other: str, key: str
) -> None:
    script.says["/api/v5/account/balance"] = wallet(USDT="0")
    script.says |= {
        pocket: refused(code) if code else http(b"<html>", "404 Not Found"),
        other: ok({"ccy": "BTC", key: "2"}),
    }
    broker = connected()
    assert broker.unavailable_balances() == {"BTC": Decimal(2)}
    script.says[pocket] = refused("58888")
    connected()
    with pytest.raises(BrokerError):
        broker.unavailable_balances()


def test_the_ticker_of_a_market_that_is_not_asked_for_need_not_be_readable(script: Script, connected: Make) -> None:
    """OKX answers for all markets at once, among them those of other currencies."""
    row = {"instId": BTC, "last": "100", "bidPx": "99", "askPx": "101", "volCcy24h": "1"}
    script.says["/api/v5/market/tickers"] = ok(row, {**row, "instId": "ODD-TRY", "bidPx": "0"})
    assert connected().tickers({BTC, *(f"COIN{number}-USDT" for number in range(5))}).keys() == {BTC}
