"""Every verb of the OKX broker against the running sandbox, and each message when connecting fails."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bot.brokers.base import BrokerError, Priority
from bot.brokers.okx import OKXBroker, OkxConfig
from bot.brokers.okx.errors import REMEDIES
from bot.brokers.okx.parse import stop_id
from bot.domain.candles import inspect
from bot.domain.clock import HOUR, MINUTE, ScaledClock, parse_iso, system_ms
from bot.domain.ids import ClientIds
from bot.domain.instrument import Kind, Trading
from bot.domain.order import Intent, OrderStatus, OrderType, Purpose, Side, TimeInForce, VenueOrder
from bot.domain.outcome import ErrorMeaning, NotPlaced, Placed, Unknown
from tests.brokers.kraken.conftest import Notes
from tests.sandbox_fixture import Sandbox

T = TypeVar("T")
BTC, SWAP = "BTC-USDT", "BTC-USDT-SWAP"
LOT = Decimal("0.005")
TRADE = "/api/v5/trade/order$"
ALGO = "/api/v5/trade/order-algo$"
SWITCHES: dict[str, Any] = {
    "wrong_region": False,
    "ip_refused": False,
    "attached_size": "gross",
    "attached_refused_on_spot": False,
    "algo_rejection_code_zero": False,
    f"state.{BTC}": "live",
}


@dataclasses.dataclass
class Trader:
    """One broker on the sandbox, with helpers for trading."""

    sandbox: Sandbox
    broker: OKXBroker
    config: OkxConfig
    clock: ScaledClock
    ids: ClientIds

    def intent(
        self,
        side: Side,
        type_: OrderType,
        qty: Decimal = LOT,
        purpose: Purpose = Purpose.ENTRY,
        symbol: str = BTC,
        **more: Any,
    ) -> Intent:
        client_id, now = self.ids.next(), self.clock.wall_ms()
        more = {"deadline": now + 5_000} | more
        return Intent(client_id, client_id, purpose, symbol, side, qty, type_, self.clock.market_ms(), now, **more)

    def entry(self, qty: Decimal = LOT, **more: Any) -> Intent:
        """An immediate buy with its stop 5 % below."""
        more = {"attached_stop": self.price("0.95"), "limit_price": self.price("1.01")} | more
        return self.intent(Side.BUY, OrderType.LIMIT, qty, tif=TimeInForce.IOC, **more)

    def stop(self, qty: Decimal = LOT, **more: Any) -> Intent:
        return self.intent(Side.SELL, OrderType.STOP, qty, Purpose.STOP, trigger_price=self.price("0.95"), **more)

    def price(self, factor: str, symbol: str = BTC) -> Decimal:
        """The ask times `factor`, to the tick of BTC."""
        return (self.broker.tickers({symbol})[symbol].ask * Decimal(factor)).quantize(Decimal("0.1"))

    def bought(self) -> tuple[VenueOrder, VenueOrder]:
        """An entry that filled, and its stop."""
        placed = self.broker.place(self.entry())
        assert isinstance(placed, Placed)
        entry = self.seen(placed.exchange_id)
        (stop,) = [order for order in self.broker.open_orders() if order.parent_id == entry.exchange_id]
        return entry, stop

    def seen(self, exchange_id: str, symbol: str = BTC) -> VenueOrder:
        return self.until(lambda: self.broker.order(exchange_id, symbol))

    def jump(self, factor: str, symbol: str = BTC) -> None:
        price = str(self.price(factor, symbol))
        self.sandbox.control("POST", "price", venue="okx", symbol=symbol, price=price)

    def switch(self, name: str, value: Any) -> None:
        self.sandbox.control("POST", "switches", venue="okx", name=name, value=value)

    def fault(self, kind: str, **more: Any) -> None:
        self.sandbox.control("POST", "faults", venue="okx", kind=kind, **more)

    def keys(self, *permissions: str, ip_bound: bool = True) -> None:
        self.sandbox.control("POST", "keys", venue="okx", permissions=list(permissions), ip_bound=ip_bound)

    def flat(self) -> None:
        """No faults, no switches, no open orders, no coins, 3000 dollars."""
        self.sandbox.control("DELETE", "faults?venue=okx")
        for name, value in SWITCHES.items():
            self.switch(name, value)
        self.keys("view", "trade")
        for order in self.broker.open_orders():
            self.broker.cancel(order)
        held = self.broker.balances()
        for asset, wanted in (("BTC", Decimal(0)), ("USDT", Decimal(3000))):
            change = wanted - (held[asset].total if asset in held else 0)
            if change:
                self.sandbox.control("POST", "deposit", venue="okx", asset=asset, amount=str(change))

    def until(self, look: Callable[[], T | None]) -> T:
        """The first result that is not None; an exchange needs a moment."""
        end = time.monotonic() + 10
        while (seen := look()) is None and time.monotonic() < end:
            time.sleep(0.02)
        assert seen is not None
        return seen

    def ledger_order(self, exchange_id: str) -> dict[str, Any]:
        """The order in the exchange's own records."""
        return next(order for order in self.sandbox.ledger("okx")["orders"] if order["id"] == exchange_id)

    def accepted(self, client_id: str) -> int:
        """How many orders the exchange accepted under an id, from its own records."""
        return sum(order["client_id"] == client_id for order in self.sandbox.ledger("okx")["orders"])


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    arguments = ("--seed", "7", "--pairs", "6")
    with Sandbox(tmp_path_factory.mktemp("sandbox"), *arguments, venues=("okx",)) as running:
        yield running


@pytest.fixture(scope="module")
def open_trader(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    ready, keys = sandbox.ready, sandbox.venue("okx")
    clock = ScaledClock(parse_iso(ready["market_time"]), parse_iso(ready["wall_time"]), ready["speed"])
    folder = tmp_path_factory.mktemp("keys")
    config = OkxConfig(
        keys.api_key, keys.api_secret, keys.passphrase, folder, api_url=keys.rest, mode="sandbox", swaps=True
    )  # fmt: skip
    broker = OKXBroker(config, clock, Notes())
    broker.connect()
    yield Trader(sandbox, broker, config, clock, ClientIds("tst", system_ms, random.Random()))
    broker.close()


@pytest.fixture
def trader(open_trader: Trader) -> Iterator[Trader]:
    yield open_trader
    open_trader.flat()


def connect_failure(trader: Trader, clock: ScaledClock | None = None, **changes: Any) -> BrokerError:
    broker = OKXBroker(dataclasses.replace(trader.config, **changes), clock or trader.clock, Notes())
    with pytest.raises(BrokerError) as caught:
        broker.connect()
    broker.close()
    return caught.value


# -- connecting -------------------------------------------------------------------------------------------------------
def test_connecting_tells_account_rights_and_clock(trader: Trader) -> None:
    connection = trader.broker.connect()
    assert (connection.account.mode, connection.account.venue) == ("sandbox", "okx")
    assert connection.account.identity.isdigit()
    assert connection.permissions == {"read_only", "trade"}
    assert connection.ip_bound is True
    assert abs(connection.clock_skew_ms) < 2_000
    assert connection.trading is Trading.ONLINE
    assert connection.warnings == ()


def test_an_unbound_key_is_warned_about(trader: Trader) -> None:
    trader.keys("view", "trade", ip_bound=False)
    connection = trader.broker.connect()
    assert connection.ip_bound is False
    assert "any IP address" in connection.warnings[0]


def test_a_key_that_may_withdraw_is_refused_unless_that_is_allowed(trader: Trader) -> None:
    trader.keys("view", "trade", "withdraw")
    error = connect_failure(trader)
    assert (error.meaning, error.remedy) == (ErrorMeaning.PERMISSION, REMEDIES["withdraw"])
    broker = OKXBroker(dataclasses.replace(trader.config, allow_withdraw=True), trader.clock, Notes())
    assert "may withdraw" in broker.connect().warnings[0]
    broker.close()


def test_a_key_that_may_only_read_is_refused(trader: Trader) -> None:
    trader.keys("view")
    error = connect_failure(trader)
    assert (error.meaning, error.remedy) == (ErrorMeaning.PERMISSION, REMEDIES["read_only"])


WRONG = {
    "key": ({"api_key": "9d32a206-00aa-41b8-aa1e-007681615991"}, ErrorMeaning.CREDENTIALS, "OKX_API_URL"),
    "no key at all": ({"api_key": "garbage"}, ErrorMeaning.CREDENTIALS, REMEDIES["malformed"]),
    "secret": ({"api_secret": "A" * 32}, ErrorMeaning.CREDENTIALS, REMEDIES["secret"]),
    "passphrase": ({"passphrase": "other"}, ErrorMeaning.CREDENTIALS, REMEDIES["passphrase"]),
    "demo flag": ({"demo": True}, ErrorMeaning.CREDENTIALS, REMEDIES["demo"]),
    "empty passphrase": ({"passphrase": ""}, ErrorMeaning.CREDENTIALS, "OKX_PASSPHRASE is empty"),
    "secret with a line break": (
        {"api_secret": "A\nB"},
        ErrorMeaning.CREDENTIALS,
        "OKX_API_SECRET is empty or has characters",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_wrong_setting_has_its_line(name: str, trader: Trader) -> None:
    changes, meaning, line = WRONG[name]
    error = connect_failure(trader, **changes)
    assert error.meaning is meaning
    assert line in error.remedy
    assert trader.config.secret not in str(error)


def test_another_region_is_told_with_all_three_addresses(trader: Trader) -> None:
    trader.switch("wrong_region", True)
    remedy = connect_failure(trader).remedy
    assert all(host in remedy for host in ("https://www.okx.com", "https://eea.okx.com", "https://us.okx.com"))


def test_an_address_that_the_key_is_not_bound_to_has_its_line(trader: Trader) -> None:
    trader.switch("ip_refused", True)
    assert connect_failure(trader).remedy == REMEDIES["ip"]


def test_a_clock_that_is_far_off_is_refused(trader: Trader) -> None:
    error = connect_failure(trader, ScaledClock(0, 0, 60.0, lambda: system_ms() + 90_000))
    assert error.meaning is ErrorMeaning.CLOCK
    assert "by 90 s" in error.remedy


def test_a_silent_exchange_has_its_line(trader: Trader) -> None:
    trader.fault("refuse", count=50)
    assert connect_failure(trader).remedy == REMEDIES["unreachable"]


def test_no_money_says_where_it_lies(trader: Trader) -> None:
    trader.sandbox.control("POST", "deposit", venue="okx", asset="USDT", amount="-3000")
    (warning,) = [line for line in trader.broker.connect().warnings if "USDT" in line]
    assert "Assets > Transfer" in warning


# -- market -----------------------------------------------------------------------------------------------------------
def test_markets_and_tickers_by_common_names(trader: Trader) -> None:
    found = trader.broker.instruments()
    assert (found[BTC].kind, found[SWAP].kind) == (Kind.SPOT, Kind.SWAP)
    assert found[SWAP].unit == Decimal("0.01")
    assert found["DOT-USDT"].trading is Trading.SUSPENDED
    prices = trader.broker.tickers({*found, "NO-USDT"})
    assert {BTC, SWAP} <= prices.keys() <= found.keys()
    assert all(0 < price.bid < price.ask and price.turnover > 0 for price in prices.values())
    assert trader.broker.tickers({BTC, "NO-USDT"}).keys() == {BTC}


def test_swaps_are_not_there_unless_asked_for(trader: Trader) -> None:
    broker = OKXBroker(dataclasses.replace(trader.config, swaps=False), trader.clock, Notes())
    assert all(one.kind is Kind.SPOT for one in broker.instruments().values())
    assert not broker.capabilities().short
    broker.close()


def test_candles_are_closed_whole_and_up_to_date(trader: Trader) -> None:
    found = trader.broker.candles(BTC, 5 * MINUTE, 720)
    assert len(found) == 720
    assert not inspect(found)
    now = trader.clock.market_ms()
    assert found.closed_at in (now - now % (5 * MINUTE), now - now % (5 * MINUTE) - 5 * MINUTE)


def test_a_reader_of_candles_reads_the_same_beside_the_broker(trader: Trader) -> None:
    trader.broker.instruments()
    reader = trader.broker.candle_reader()
    for symbol in (BTC, SWAP):
        ours, theirs = trader.broker.candles(symbol, 5 * MINUTE, 50), reader.candles(symbol, 5 * MINUTE, 50)
        since = max(int(ours.time[0]), int(theirs.time[0]))
        until = min(ours.closed_at, theirs.closed_at)
        rows = [[one.candle(i) for i in range(50) if since <= one.candle(i).time < until] for one in (ours, theirs)]
        assert rows[0] == rows[1]
    reader.close()
    assert len(trader.broker.candles(BTC, 5 * MINUTE, 5)) == 5


def _asked(trader: Trader, endpoint: str) -> int:
    return int(trader.sandbox.ledger("okx")["requests"].get(endpoint, 0))


def test_an_unheard_of_timeframe_is_refused(trader: Trader) -> None:
    with pytest.raises(BrokerError) as caught:
        trader.broker.candles(BTC, 7 * MINUTE, 10)
    assert caught.value.meaning is ErrorMeaning.UNSUPPORTED


def test_a_stop_in_a_market_that_is_not_listed_says_nothing_about_stops(trader: Trader) -> None:
    refused = trader.broker.place(trader.stop(symbol="NO-USDT"))
    assert isinstance(refused, NotPlaced)
    assert refused.meaning is ErrorMeaning.MARKET_CLOSED
    assert trader.broker.capabilities().resting_stop


def test_a_look_holds_every_trade_since_the_last(trader: Trader) -> None:
    first = trader.broker.look(BTC, trader.clock.market_ms() - 10 * MINUTE)
    assert first.low <= first.last <= first.high
    trader.jump("2")
    high = trader.until(lambda: high if (high := trader.broker.look(BTC, first.at).high) > first.last else None)
    assert high > first.last * Decimal("1.9")
    trader.jump("0.5")
    quiet = trader.broker.look(BTC, trader.clock.market_ms() + HOUR)
    assert quiet.low == quiet.high == quiet.last


# -- orders -----------------------------------------------------------------------------------------------------------
def test_an_entry_fills_in_the_coin_less_its_fee_and_its_stop_rests_under_an_id_of_ours(trader: Trader) -> None:
    intent = trader.entry()
    placed = trader.broker.place(intent)
    assert isinstance(placed, Placed)
    entry = trader.seen(placed.exchange_id)
    assert (entry.status, entry.client_id, entry.filled_qty) == (OrderStatus.FILLED, intent.client_id, LOT)
    fills = trader.broker.fills_of(entry)
    assert sum(fill.qty for fill in fills) == LOT
    assert {fill.fee_asset for fill in fills} == {"BTC"}
    assert sum(fill.base_change for fill in fills) == trader.broker.balances()["BTC"].free
    (stop,) = trader.broker.open_orders()
    assert (stop.type, stop.side, stop.trigger_price) == (OrderType.STOP, Side.SELL, intent.attached_stop)
    assert (stop.parent_id, stop.client_id) == (entry.exchange_id, stop_id(intent.client_id))
    ours = {order["id"]: order["parent_id"] for order in trader.sandbox.ledger("okx")["orders"]}
    assert ours[stop.exchange_id] == entry.exchange_id


def test_a_stranger_to_the_account_tells_a_stops_entry_by_asking(trader: Trader) -> None:
    entry, stop = trader.bought()
    fresh = OKXBroker(trader.config, trader.clock, Notes())
    assert [order.parent_id for order in fresh.open_orders()] == [entry.exchange_id]
    assert fresh.order(stop.exchange_id, BTC) == stop
    fresh.close()


def test_a_stop_is_amended_in_size_and_trigger_and_cancelled(trader: Trader) -> None:
    _, stop = trader.bought()
    trigger = trader.price("0.96")
    assert trader.broker.amend(stop, qty=Decimal("0.004"), trigger_price=trigger) == Placed(stop.exchange_id)
    now = trader.seen(stop.exchange_id)
    assert (now.qty, now.trigger_price, now.status) == (Decimal("0.004"), trigger, OrderStatus.OPEN)
    assert trader.broker.cancel(now) == Placed(stop.exchange_id)
    assert trader.seen(stop.exchange_id).status is OrderStatus.CANCELED
    gone = trader.broker.cancel(now)
    assert isinstance(gone, NotPlaced)
    assert gone.meaning is ErrorMeaning.GONE


def test_a_fired_stop_is_over_unfilled_and_its_order_tells_the_fills(trader: Trader) -> None:
    since = trader.clock.market_ms() - MINUTE
    entry, stop = trader.bought()
    held = trader.broker.balances()["BTC"].free
    trader.broker.amend(stop, qty=held)
    trader.jump("0.9")
    fired = trader.until(lambda: now if (now := trader.seen(stop.exchange_id)).children else None)
    assert (fired.status, fired.filled_qty, fired.reason) == (OrderStatus.CANCELED, Decimal(0), "triggered")
    assert trader.ledger_order(stop.exchange_id)["status"] == fired.status
    assert trader.broker.fills_of(fired) == []
    (child_id,) = fired.children
    child = trader.until(lambda: now if (now := trader.seen(child_id)).status is OrderStatus.FILLED else None)
    assert (child.parent_id, child.client_id, child.filled_qty) == (stop.exchange_id, None, held)
    fills = trader.broker.fills_of(child)
    assert sum(fill.qty for fill in fills) == held
    assert {fill.fee_asset for fill in fills} == {"USDT"}
    listed = {order.exchange_id: order for order in trader.broker.recent_orders(since)}
    assert listed[stop.exchange_id].parent_id == entry.exchange_id
    assert listed[child_id].parent_id == stop.exchange_id
    truth = [fill["id"] for fill in trader.sandbox.ledger("okx")["fills"]]
    assert [fill.fill_id for fill in trader.broker.fills(0)] == truth
    trader.jump("1.1")


@pytest.mark.parametrize(
    ("type_", "more"),
    [
        (OrderType.STOP, {"trigger_price": "0.95"}),
        (OrderType.STOP_LIMIT, {"trigger_price": "0.95", "limit_price": "0.94"}),
        (OrderType.TAKE_PROFIT, {"trigger_price": "1.05"}),
        (OrderType.BRACKET, {"trigger_price": "0.95", "attached_target": "1.05"}),
    ],
)
def test_algo_orders_rest_are_found_by_our_id_and_go(type_: OrderType, more: dict[str, str], trader: Trader) -> None:
    prices = {name: trader.price(factor) for name, factor in more.items()}
    intent = trader.intent(Side.SELL, type_, purpose=Purpose.STOP, **prices)
    placed = trader.broker.place(intent)
    assert isinstance(placed, Placed)
    (order,) = trader.broker.open_orders()
    assert (order.type, order.exchange_id, order.trigger_price) == (type_, placed.exchange_id, prices["trigger_price"])
    assert trader.broker.find(intent.client_id, BTC, intent.created_at - MINUTE) == order
    assert trader.broker.cancel(order) == Placed(placed.exchange_id)


def test_a_trailing_stop_rests(trader: Trader) -> None:
    intent = trader.intent(Side.SELL, OrderType.TRAILING_STOP, purpose=Purpose.STOP, trail=Decimal("0.05"))
    assert isinstance(trader.broker.place(intent), Placed)
    assert [order.type for order in trader.broker.open_orders()] == [OrderType.TRAILING_STOP]


def test_post_only_ioc_and_fok_do_what_they_say(trader: Trader) -> None:
    low, high = trader.price("0.96"), trader.price("1.02")
    resting = trader.broker.place(trader.intent(Side.BUY, OrderType.LIMIT, limit_price=low, post_only=True))
    assert isinstance(resting, Placed)
    order = trader.seen(resting.exchange_id)
    assert order.status is OrderStatus.OPEN
    assert isinstance(trader.broker.amend(order, qty=LOT * 2), Placed)
    assert trader.seen(resting.exchange_id).qty == LOT * 2
    assert isinstance(trader.broker.cancel(order), Placed)
    for more in ({"limit_price": high, "post_only": True}, {"limit_price": low, "tif": TimeInForce.FOK}):
        killed = trader.broker.place(trader.intent(Side.BUY, OrderType.LIMIT, **more))
        if isinstance(killed, Placed):
            ended = trader.seen(killed.exchange_id)
            assert (ended.status, ended.filled_qty) == (OrderStatus.CANCELED, Decimal(0))


def level(trader: Trader, number: str) -> None:
    """The owner selects an account mode."""
    path = "/api/v5/account/set-account-level"
    trader.broker._transport.request(path, {"acctLv": number}, Priority.QUERY, system_ms() + 10_000)


@pytest.fixture
def many_coins(trader: Trader) -> Iterator[Trader]:
    """The trader in multi-currency margin mode, where OKX can check orders without placing them."""
    level(trader, "3")
    trader.broker.connect()
    yield trader
    trader.flat()
    level(trader, "2")
    trader.broker.connect()


def test_where_orders_cannot_be_shown_nothing_is_judged_and_all_stays_as_documented(trader: Trader) -> None:
    proofs = trader.broker.probe(trader.entry(), trader.stop())
    assert [(proof.name, proof.judged) for proof in proofs] == [("entry", False), ("stop", False)]
    able = trader.broker.capabilities()
    assert (able.attached_stop, able.resting_stop, able.amend) == (True, True, True)
    assert _asked(trader, "POST /api/v5/trade/order-precheck") == 0


def test_the_shapes_are_proved_without_an_order(many_coins: Trader) -> None:
    trader = many_coins
    before = len(trader.sandbox.ledger("okx")["orders"])
    entry, stop = trader.broker.probe(trader.entry(), trader.stop())
    assert (entry.accepted, entry.judged, stop.judged) == (True, True, False)
    assert len(trader.sandbox.ledger("okx")["orders"]) == before


def test_attached_stops_that_are_refused_are_learnt_from_the_check_and_from_orders(many_coins: Trader) -> None:
    trader = many_coins
    trader.switch("attached_refused_on_spot", True)
    fresh = OKXBroker(trader.config, trader.clock, Notes())
    fresh.connect()
    assert isinstance(fresh.place(trader.entry()), NotPlaced)
    assert not fresh.capabilities().attached_stop
    entry = trader.entry()
    proofs = fresh.probe(dataclasses.replace(entry, attached_target=(entry.limit_price or LOT) * 2), trader.stop())
    assert [(proof.accepted, proof.judged) for proof in proofs] == [(False, True), (False, False), (True, True)]
    able = fresh.capabilities()
    assert (able.attached_stop, able.attached_target, able.resting_stop) == (False, False, True)
    assert isinstance(fresh.place(trader.entry(attached_stop=None)), Placed)
    trader.switch("attached_refused_on_spot", False)
    assert isinstance(fresh.place(trader.entry()), Placed)
    assert fresh.capabilities().attached_stop
    fresh.close()


def test_a_clock_that_moved_is_measured_anew_when_a_deadline_is_found_wrong(trader: Trader) -> None:
    trader.fault("clock_skew", seconds=20.0)
    late = trader.broker.place(trader.entry())
    assert isinstance(late, NotPlaced)
    assert late.meaning is ErrorMeaning.BUSY
    assert isinstance(trader.broker.place(trader.entry()), Placed)


@pytest.mark.parametrize(("size", "wanted"), [("gross", LOT), ("net", LOT * Decimal("0.999"))])
def test_the_size_of_an_attached_stop_is_what_the_exchange_made_of_it(
    size: str, wanted: Decimal, trader: Trader
) -> None:
    trader.switch("attached_size", size)
    _, stop = trader.bought()
    assert stop.qty == wanted


def test_refusals_are_told_by_their_meaning(trader: Trader) -> None:
    small, rich = trader.broker.place(trader.entry(Decimal("0.000001"))), trader.broker.place(trader.entry(Decimal(10)))
    assert isinstance(small, NotPlaced)
    assert isinstance(rich, NotPlaced)
    assert (small.meaning, rich.meaning) == (ErrorMeaning.TOO_SMALL, ErrorMeaning.FUNDS)
    trader.switch(f"state.{BTC}", "suspend")
    closed = trader.broker.place(trader.entry())
    assert isinstance(closed, NotPlaced)
    assert closed.meaning is ErrorMeaning.MARKET_CLOSED


def test_a_stop_refused_under_a_good_code_is_refused(trader: Trader) -> None:
    trader.switch("algo_rejection_code_zero", True)
    refused = trader.broker.place(dataclasses.replace(trader.stop(), qty=Decimal("0.000000001")))
    assert isinstance(refused, NotPlaced)


# -- lost requests ------------------------------------------------------------------------------------------------------
def test_an_order_whose_answer_is_lost_is_unknown_sent_once_and_found(trader: Trader) -> None:
    trader.fault("drop_after", path=TRADE, method="POST", count=1)
    intent = trader.entry()
    assert isinstance(trader.broker.place(intent), Unknown)
    found = trader.until(lambda: trader.broker.find(intent.client_id, BTC, intent.created_at - MINUTE))
    assert (found.client_id, found.filled_qty) == (intent.client_id, LOT)
    assert trader.accepted(intent.client_id) == 1


def test_an_order_that_was_lost_before_it_arrived_is_nowhere(trader: Trader) -> None:
    trader.fault("drop_before", path=TRADE, method="POST", count=1)
    intent = trader.entry()
    assert isinstance(trader.broker.place(intent), Unknown)
    assert trader.broker.find(intent.client_id, BTC, intent.created_at - MINUTE) is None
    assert trader.accepted(intent.client_id) == 0


def test_an_algo_order_whose_answer_is_lost_is_found_by_its_id(trader: Trader) -> None:
    trader.fault("drop_after", path=ALGO, method="POST", count=1)
    intent = trader.stop()
    assert isinstance(trader.broker.place(intent), Unknown)
    found = trader.until(lambda: trader.broker.find(intent.client_id, BTC, intent.created_at - MINUTE))
    assert (found.client_id, found.type) == (intent.client_id, OrderType.STOP)


def test_a_stop_that_is_repeated_under_its_id_is_one_stop(trader: Trader) -> None:
    trader.bought()
    stop = trader.stop()
    assert isinstance(trader.broker.resend(stop), Placed)
    late = dataclasses.replace(
        stop, deadline=1
    )  # a repetition has its own time, whatever became of the first request's
    assert isinstance(trader.broker.resend(late), Unknown)
    assert trader.accepted(stop.client_id) == 1
    found = trader.broker.find(stop.client_id, BTC, 0)
    assert found is not None
    assert found.status is OrderStatus.OPEN


def test_busy_after_the_order_was_taken_is_one_order(trader: Trader) -> None:
    trader.fault("exchange_error", path=TRADE, method="POST", count=3)
    intent = trader.entry()
    assert isinstance(trader.broker.place(intent), Unknown)
    assert _armed(trader) == 2
    assert trader.accepted(intent.client_id) <= 1


def _armed(trader: Trader) -> int:
    """How many more requests the one fault will hit: each attempt uses up one."""
    (fault,) = trader.sandbox.control("GET", "faults?venue=okx")["faults"]
    return int(fault["count"]) - int(fault["fired"])


def test_an_order_that_arrives_after_its_deadline_is_dropped(trader: Trader) -> None:
    trader.fault("delay", path=TRADE, method="POST", seconds=4, count=1)  # a busy machine measures clocks imprecisely
    intent = trader.entry(deadline=trader.clock.wall_ms() + 900)
    assert not isinstance(trader.broker.place(intent), Placed)
    time.sleep(1)
    assert trader.broker.find(intent.client_id, BTC, intent.created_at - MINUTE) is None
    assert trader.accepted(intent.client_id) == 0


def test_an_order_past_its_deadline_is_not_sent(trader: Trader) -> None:
    intent = trader.entry(deadline=trader.clock.wall_ms() - 1)
    assert isinstance(trader.broker.place(intent), NotPlaced)
    assert trader.accepted(intent.client_id) == 0


def test_too_fast_is_told_and_nothing_was_placed(trader: Trader) -> None:
    trader.fault("rate_limit", path=TRADE, method="POST", count=1)
    refused = trader.broker.place(trader.entry())
    assert isinstance(refused, NotPlaced)
    assert refused.meaning is ErrorMeaning.RATE_LIMITED


# -- swaps --------------------------------------------------------------------------------------------------------------
def short(trader: Trader) -> VenueOrder:
    """A short of 0.01 BTC in contracts, with its stop above."""
    limit, stop = trader.price("0.99", SWAP), trader.price("1.05", SWAP)
    intent = trader.intent(
        Side.SELL,
        OrderType.LIMIT,
        Decimal("0.01"),
        symbol=SWAP,
        tif=TimeInForce.IOC,
        limit_price=limit,
        attached_stop=stop,
    )
    placed = trader.broker.place(intent)
    assert isinstance(placed, Placed), placed
    return trader.seen(placed.exchange_id, SWAP)


@pytest.fixture(params=["net_mode", "long_short_mode"])
def swap_trader(request: pytest.FixtureRequest, trader: Trader) -> Iterator[Trader]:
    """The trader in each position mode."""

    def choose(mode: str) -> None:
        path = "/api/v5/account/set-position-mode"
        trader.broker._transport.request(path, {"posMode": mode}, Priority.QUERY, system_ms() + 10_000)
        trader.broker.connect()

    choose(request.param)
    yield trader
    trader.flat()
    choose("net_mode")


def test_a_short_is_opened_at_one_times_protected_and_closed_in_base_units(swap_trader: Trader) -> None:
    trader = swap_trader
    opened = short(trader)
    assert (opened.filled_qty, opened.qty) == (Decimal("0.01"), Decimal("0.01"))
    fills = trader.broker.fills_of(opened)
    assert sum(fill.qty for fill in fills) == Decimal("0.01")
    assert {fill.fee_asset for fill in fills} == {"USDT"}
    (position,) = trader.broker.positions()
    assert (position.side, position.qty, position.leverage) == (Side.SELL, Decimal("0.01"), Decimal(1))
    assert position.distance is None or position.distance > Decimal("0.5")
    (stop,) = trader.broker.open_orders()
    assert (stop.symbol, stop.side, stop.qty, stop.parent_id) == (SWAP, Side.BUY, Decimal("0.01"), opened.exchange_id)
    assert isinstance(trader.broker.amend(stop, qty=Decimal("0.005")), Placed)
    assert trader.seen(stop.exchange_id, SWAP).qty == Decimal("0.005")
    trader.broker.cancel(stop)
    closing = trader.intent(
        Side.BUY, OrderType.MARKET, Decimal("0.01"), Purpose.EXIT, SWAP, tif=TimeInForce.IOC, reduce_only=True
    )
    closed = trader.broker.place(closing)
    assert isinstance(closed, Placed), closed
    assert trader.seen(closed.exchange_id, SWAP).filled_qty == Decimal("0.01")
    assert list(trader.broker.positions()) == []
    again = trader.broker.place(dataclasses.replace(closing, client_id=trader.ids.next()))
    assert isinstance(again, NotPlaced)  # it only reduces, and there is nothing left


def test_a_position_mode_that_changed_is_told_and_read_anew(trader: Trader) -> None:
    path = "/api/v5/account/set-position-mode"
    trader.broker._transport.request(path, {"posMode": "long_short_mode"}, Priority.QUERY, system_ms() + 10_000)
    limit = trader.price("0.99", SWAP)
    opening = trader.intent(
        Side.SELL, OrderType.LIMIT, Decimal("0.01"), symbol=SWAP, tif=TimeInForce.IOC, limit_price=limit
    )
    refused = trader.broker.place(opening)
    assert isinstance(refused, NotPlaced)
    assert REMEDIES["position_mode"] in refused.reason
    assert isinstance(trader.broker.place(dataclasses.replace(opening, client_id=trader.ids.next())), Placed)
    closing = trader.intent(Side.BUY, OrderType.MARKET, Decimal("0.01"), Purpose.EXIT, SWAP, reduce_only=True)
    assert isinstance(trader.broker.place(closing), Placed)
    trader.broker._transport.request(path, {"posMode": "net_mode"}, Priority.QUERY, system_ms() + 10_000)
    trader.broker.connect()


def test_funding_is_told(trader: Trader) -> None:
    funding = trader.broker.funding(SWAP)
    assert abs(funding.rate) < Decimal("0.05")
    assert funding.interval in {hours * HOUR for hours in (1, 2, 4, 6, 8)}


def test_fees_of_spot_and_swaps(trader: Trader) -> None:
    fees = trader.broker.fees({BTC, SWAP})
    assert (fees[BTC].taker, fees[BTC].in_coin) == (Decimal("0.001"), True)
    assert (fees[SWAP].taker, fees[SWAP].in_coin) == (Decimal("0.0005"), False)


def test_the_accounts_own_setting_says_whether_a_purchase_pays_in_the_coin(trader: Trader) -> None:
    path = "/api/v5/account/set-fee-type"
    trader.broker._transport.request(path, {"feeType": "1"}, Priority.QUERY, system_ms() + 10_000)
    fresh = OKXBroker(trader.config, trader.clock, Notes())
    fresh.connect()
    try:
        assert not fresh.fees({BTC})[BTC].in_coin
    finally:
        fresh.close()
        trader.broker._transport.request(path, {"feeType": "0"}, Priority.QUERY, system_ms() + 10_000)


@pytest.mark.parametrize(("number", "remedy"), [("1", "mode"), ("4", "portfolio")])
def test_swaps_in_a_mode_that_cannot_hold_them_are_refused_with_the_setting_to_change(
    number: str, remedy: str, trader: Trader
) -> None:
    level(trader, number)
    try:
        error = connect_failure(trader)
        assert (error.meaning, error.remedy) == (ErrorMeaning.UNSUPPORTED, REMEDIES[remedy])
        spot = OKXBroker(dataclasses.replace(trader.config, swaps=False), trader.clock, Notes())
        spot.connect()
        assert isinstance(spot.place(trader.entry()), Placed)
        spot.close()
    finally:
        level(trader, "2")


def test_the_funding_account_is_looked_into(trader: Trader) -> None:
    assert trader.broker.unavailable_balances() == {}


def test_close_and_hurry_may_come_at_any_time(trader: Trader, tmp_path: Path) -> None:
    broker = OKXBroker(dataclasses.replace(trader.config, state_dir=tmp_path), trader.clock, Notes())
    broker.hurry(system_ms())
    assert isinstance(broker.place(trader.entry()), NotPlaced)
    broker.close()
    broker.close()
