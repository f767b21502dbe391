"""Every verb of the Kraken broker against the running sandbox, and each message when connecting fails."""

from __future__ import annotations

import base64
import dataclasses
import random
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bot.brokers.base import BrokerError
from bot.brokers.kraken import KrakenBroker, KrakenConfig
from bot.brokers.kraken.errors import REMEDIES
from bot.domain.candles import inspect
from bot.domain.clock import HOUR, MINUTE, ScaledClock, parse_iso, system_ms
from bot.domain.ids import ClientIds
from bot.domain.instrument import Trading
from bot.domain.order import Intent, OrderStatus, OrderType, Purpose, Side, TimeInForce, VenueOrder
from bot.domain.outcome import ErrorMeaning, NotPlaced, Placed, Unknown
from tests.brokers.kraken.conftest import Notes
from tests.sandbox_fixture import Sandbox

T = TypeVar("T")
BTC = "BTC-USD"
LOT = Decimal("0.005")
SWITCHES: dict[str, Any] = {
    "stop_holds_base": True,
    "close_refused_on_spot": False,
    "close_below_ordermin_dropped": False,
    "validate_any_is_true": False,
    "key_info_snake_case": False,
    "query_unknown_is_error": False,
    "post_only_rejects": True,
    "trades_last_cut": False,
    "key_query_from": 0,
    "key_query_to": 0,
    "system_status": "online",
    f"pair_status.{BTC}": "online",
}


@dataclasses.dataclass
class Trader:
    """One broker on the sandbox, with helpers for trading."""

    sandbox: Sandbox
    broker: KrakenBroker
    clock: ScaledClock
    ids: ClientIds

    def intent(
        self, side: Side, type_: OrderType, qty: Decimal = LOT, purpose: Purpose = Purpose.ENTRY, **more: Any
    ) -> Intent:
        client_id = self.ids.next()
        now = self.clock.wall_ms()
        return Intent(
            client_id,
            client_id,
            purpose,
            BTC,
            side,
            qty,
            type_,
            self.clock.market_ms(),
            now,
            deadline=now + 5_000,
            **more,
        )

    def entry(self, qty: Decimal = LOT) -> Intent:
        """An immediate buy with its stop 5 % below."""
        return self.intent(Side.BUY, OrderType.LIMIT, qty, tif=TimeInForce.IOC, limit_price=self.price("1.01"),
                           attached_stop=self.price("0.95"))  # fmt: skip

    def stop(self, qty: Decimal = LOT) -> Intent:
        return self.intent(Side.SELL, OrderType.STOP, qty, Purpose.STOP, trigger_price=self.price("0.95"))

    def price(self, factor: str) -> Decimal:
        """The ask times `factor`, to the tick of BTC-USD."""
        return (self.broker.tickers({BTC})[BTC].ask * Decimal(factor)).quantize(Decimal("0.1"))

    def switch(self, name: str, value: Any) -> None:
        self.sandbox.control("POST", "switches", venue="kraken", name=name, value=value)

    def fault(self, kind: str, **more: Any) -> None:
        self.sandbox.control("POST", "faults", venue="kraken", kind=kind, **more)

    def flat(self) -> None:
        """No faults, no switches, no open orders, no coins, 3000 dollars."""
        self.sandbox.control("DELETE", "faults?venue=kraken")
        for name, value in SWITCHES.items():
            self.switch(name, value)
        self.sandbox.control("POST", "keys", venue="kraken", permissions=["view", "trade"], ip_bound=True)
        for order in self.broker.open_orders():
            self.broker.cancel(order)
        self.until(lambda: None if self.broker.open_orders() else True)
        held = self.broker.balances()
        for asset, wanted in (("BTC", Decimal(0)), ("USD", Decimal(3000))):
            change = wanted - (held[asset].total if asset in held else 0)
            if change:
                self.sandbox.control("POST", "deposit", venue="kraken", asset=asset, amount=str(change))

    def until(self, look: Callable[[], T | None]) -> T:
        """The first result that is not None; an exchange needs a moment."""
        end = time.monotonic() + 10
        while (seen := look()) is None and time.monotonic() < end:
            time.sleep(0.02)
        assert seen is not None
        return seen

    def orders_sent(self) -> int:
        """Orders that the exchange accepted through its API, from its own records."""
        return sum(order["origin"] == "api" for order in self.sandbox.ledger()["orders"])


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), "--seed", "7", "--pairs", "6") as running:
        running.control("POST", "switches", venue="kraken", name="tier", value="intermediate")
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def settings(sandbox: Sandbox, folder: Path) -> KrakenConfig:
    keys = sandbox.kraken
    return KrakenConfig(keys.api_key, keys.api_secret, folder, api_url=keys.rest, mode="sandbox")


def clock_of(sandbox: Sandbox) -> ScaledClock:
    ready = sandbox.ready
    return ScaledClock(parse_iso(ready["market_time"]), parse_iso(ready["wall_time"]), ready["speed"])


@pytest.fixture(scope="module")
def open_trader(sandbox: Sandbox, settings: KrakenConfig) -> Iterator[Trader]:
    clock = clock_of(sandbox)
    broker = KrakenBroker(settings, clock, Notes())
    yield Trader(sandbox, broker, clock, ClientIds("tst", system_ms, random.Random()))
    broker.close()


@pytest.fixture
def trader(open_trader: Trader) -> Iterator[Trader]:
    yield open_trader
    open_trader.flat()


def connect_failure(trader: Trader, config: KrakenConfig) -> BrokerError:
    broker = KrakenBroker(config, trader.clock, Notes())
    with pytest.raises(BrokerError) as caught:
        broker.connect()
    broker.close()
    return caught.value


# -- connecting -------------------------------------------------------------------------------------------------------
def test_connecting_tells_account_rights_and_clock(trader: Trader) -> None:
    connection = trader.broker.connect()
    assert (connection.account.mode, connection.account.venue, len(connection.account.identity)) == (
        "sandbox",
        "kraken",
        16,
    )
    assert "modify-trades" in connection.permissions
    assert connection.ip_bound is True
    assert abs(connection.clock_skew_ms) < 2_000
    assert connection.trading is Trading.ONLINE
    assert connection.warnings == ()


def test_both_spellings_of_the_keys_rights_connect(trader: Trader) -> None:
    trader.switch("key_info_snake_case", True)
    assert "modify-trades" in trader.broker.connect().permissions


def test_an_unbound_key_is_warned_about(trader: Trader) -> None:
    trader.sandbox.control("POST", "keys", venue="kraken", permissions=["view", "trade"], ip_bound=False)
    connection = trader.broker.connect()
    assert connection.ip_bound is False
    assert "any IP address" in connection.warnings[0]


def test_a_key_that_may_withdraw_is_refused_unless_that_is_allowed(trader: Trader, settings: KrakenConfig) -> None:
    trader.sandbox.control("POST", "keys", venue="kraken", permissions=["view", "trade", "withdraw"], ip_bound=True)
    error = connect_failure(trader, settings)
    assert (error.meaning, error.remedy) == (ErrorMeaning.PERMISSION, REMEDIES["withdraw"])
    broker = KrakenBroker(dataclasses.replace(settings, allow_withdraw=True), trader.clock, Notes())
    assert "may withdraw" in broker.connect().warnings[0]
    broker.close()


def test_a_key_that_is_shown_a_part_of_the_lists_is_refused(trader: Trader, settings: KrakenConfig) -> None:
    """Its lists end without an error, so an order that filled after the key's last day would count as never placed."""
    trader.broker.connect()
    trader.switch("key_query_to", trader.clock.market_ms() // 1000 - 3600)
    intent = dataclasses.replace(trader.entry(), attached_stop=None)
    assert isinstance(trader.broker.place(intent), Placed)
    assert trader.broker.find(intent.client_id, BTC, intent.created_at - HOUR) is None
    error = connect_failure(trader, settings)
    assert (error.meaning, error.remedy) == (ErrorMeaning.PERMISSION, REMEDIES["period"])
    trader.switch("key_query_to", 0)
    trader.switch("key_query_from", trader.clock.wall_ms() // 1000 + 3600)
    assert connect_failure(trader, settings).remedy == REMEDIES["period"]


def test_missing_rights_are_named_as_krakens_page_names_them(trader: Trader, settings: KrakenConfig) -> None:
    trader.sandbox.control("POST", "keys", venue="kraken", permissions=["view"], ip_bound=True)
    error = connect_failure(trader, settings)
    assert error.meaning is ErrorMeaning.PERMISSION
    assert "'Create & modify orders', 'Cancel & close orders'" in error.remedy
    assert "'Query" not in error.remedy


def test_a_wrong_key_a_wrong_secret_and_no_secret_each_have_their_line(trader: Trader, settings: KrakenConfig) -> None:
    wrong_key = connect_failure(trader, dataclasses.replace(settings, api_key="A" * 56))
    other = base64.b64encode(bytes(64)).decode()
    wrong_secret = connect_failure(trader, dataclasses.replace(settings, api_secret=other))
    no_secret = connect_failure(trader, dataclasses.replace(settings, api_secret="not base64!"))
    assert [error.meaning for error in (wrong_key, wrong_secret, no_secret)] == [ErrorMeaning.CREDENTIALS] * 3
    assert wrong_key.remedy == REMEDIES["key"]
    assert wrong_secret.remedy == no_secret.remedy == REMEDIES["secret"]
    assert settings.secret not in str(wrong_secret)


def test_a_clock_that_is_far_off_is_refused_and_one_that_is_a_little_off_is_corrected(
    trader: Trader, settings: KrakenConfig
) -> None:
    fast = dataclasses.replace(settings)
    clock = clock_of(trader.sandbox)
    broker = KrakenBroker(fast, ScaledClock(0, 0, 60.0, lambda: system_ms() + 90_000), Notes())
    with pytest.raises(BrokerError, match="set this computer's clock") as caught:
        broker.connect()
    assert caught.value.meaning is ErrorMeaning.CLOCK
    broker.close()
    late = ScaledClock(clock.market_ms(), system_ms() - 20_000, 60.0, lambda: system_ms() - 20_000)
    other = Trader(trader.sandbox, KrakenBroker(settings, late, Notes()), late, trader.ids)
    connection = other.broker.connect()
    assert 18_000 < connection.clock_skew_ms < 22_000
    assert "switch on NTP" in connection.warnings[0]
    assert isinstance(other.broker.place(other.entry()), Placed)  # its deadline is in Kraken's time
    other.broker.close()


def test_maintenance_lockout_and_silence_each_have_their_line(
    trader: Trader, settings: KrakenConfig, tmp_path: Path
) -> None:
    trader.switch("system_status", "maintenance")
    assert connect_failure(trader, settings).remedy == REMEDIES["maintenance"]
    trader.switch("system_status", "online")
    trader.fault("exchange_error", path="GetApiKeyInfo", body="EGeneral:Temporary lockout", count=1)
    locked = connect_failure(trader, dataclasses.replace(settings, state_dir=tmp_path))
    assert (locked.meaning, locked.remedy) == (ErrorMeaning.LOCKED_OUT, REMEDIES["lockout"])
    assert locked.retry_after_ms == 900_000
    trader.fault("refuse", count=50)
    assert connect_failure(trader, settings).remedy == REMEDIES["unreachable"]


def test_a_system_that_only_cancels_connects_with_a_warning(trader: Trader) -> None:
    trader.switch("system_status", "cancel_only")
    connection = trader.broker.connect()
    assert connection.trading is Trading.CANCEL_ONLY
    assert "cancel_only" in connection.warnings[0]


# -- market -----------------------------------------------------------------------------------------------------------
def test_instruments_and_tickers_by_common_names(trader: Trader) -> None:
    found = trader.broker.instruments()
    assert found[BTC].base == "BTC"
    assert all(symbol == f"{one.base}-{one.quote}" for symbol, one in found.items())
    prices = trader.broker.tickers({*found, "NO-USD"})
    assert prices.keys() == found.keys()
    assert all(0 < price.bid < price.ask and price.turnover > 0 for price in prices.values())


def test_a_pair_that_takes_no_orders_says_so(trader: Trader) -> None:
    trader.switch(f"pair_status.{BTC}", "cancel_only")
    assert trader.broker.instruments()[BTC].trading is Trading.CANCEL_ONLY
    assert trader.broker.place(trader.entry()) == NotPlaced(
        ErrorMeaning.MARKET_CLOSED, "EService:Market in cancel_only mode"
    )


def test_candles_are_closed_whole_and_up_to_date(trader: Trader) -> None:
    found = trader.broker.candles(BTC, 5 * MINUTE, 720)
    assert len(found) == 720
    assert not inspect(found)
    assert trader.clock.market_ms() - found.closed_at < 10 * MINUTE
    assert found.closed_at <= trader.clock.market_ms() + MINUTE
    assert len(trader.broker.candles(BTC, MINUTE, 20)) == 20


def test_an_unheard_of_timeframe_or_market_is_refused(trader: Trader) -> None:
    for symbol, timeframe, meaning in (
        (BTC, 3 * MINUTE, ErrorMeaning.UNSUPPORTED),
        ("NO-USD", MINUTE, ErrorMeaning.MARKET_CLOSED),
    ):
        with pytest.raises(BrokerError) as caught:
            trader.broker.candles(symbol, timeframe, 10)
        assert caught.value.meaning is meaning


def test_a_look_holds_every_trade_since_the_last(trader: Trader) -> None:
    first = trader.broker.look(BTC, trader.clock.market_ms() - 10 * MINUTE)
    assert first.low <= first.last <= first.high
    trader.sandbox.control("POST", "price", venue="kraken", symbol=BTC, price=str(first.last * 2))
    high = trader.until(lambda: high if (high := trader.broker.look(BTC, first.at).high) > first.last else None)
    assert high > first.last * Decimal("1.9")
    trader.sandbox.control("POST", "price", venue="kraken", symbol=BTC, price=str(first.last))
    quiet = trader.broker.look(BTC, trader.clock.market_ms() + HOUR)
    assert quiet.low == quiet.high == quiet.last


def test_a_look_over_many_trades_believes_no_cursor_that_is_cut(trader: Trader) -> None:
    """A shorter cursor is a time decades ago: its trades would be the range, and the oldest of them the last price."""
    since = trader.clock.market_ms() - 12 * HOUR
    whole = trader.broker.look(BTC, since)
    trader.switch("trades_last_cut", True)
    seen = trader.broker.look(BTC, since)
    assert seen.at >= whole.at
    assert (seen.low, seen.high) == (whole.low, whole.high)


# -- orders -----------------------------------------------------------------------------------------------------------
def test_the_shapes_are_proved_without_an_order(trader: Trader) -> None:
    sent = trader.orders_sent()
    proofs = trader.broker.probe(trader.entry(), trader.stop())
    assert [(proof.name, proof.accepted) for proof in proofs] == [("entry", True), ("stop", True)]
    assert trader.orders_sent() == sent
    assert (trader.broker.capabilities().attached_stop, trader.broker.capabilities().resting_stop) == (True, True)


def test_a_venue_that_refuses_attached_stops_is_believed(trader: Trader) -> None:
    trader.switch("close_refused_on_spot", True)
    proofs = trader.broker.probe(trader.entry(), trader.stop())
    assert [(proof.name, proof.accepted) for proof in proofs] == [
        ("entry", False),
        ("stop", True),
        ("entry without stop", True),
    ]
    assert not trader.broker.capabilities().attached_stop
    assert isinstance(trader.broker.place(trader.entry()), NotPlaced)
    trader.switch("close_refused_on_spot", False)
    trader.broker.probe(trader.entry(), trader.stop())
    assert trader.broker.capabilities().attached_stop


@pytest.mark.parametrize("any_is_true", [False, True])
def test_an_order_is_meant_whatever_validate_does(trader: Trader, any_is_true: bool) -> None:
    trader.switch("validate_any_is_true", any_is_true)
    assert isinstance(trader.broker.place(trader.entry()), Placed)


def bought(trader: Trader, qty: Decimal = LOT) -> tuple[Intent, VenueOrder]:
    """A filled entry, as the exchange reports it."""
    intent = trader.entry(qty)
    assert isinstance(trader.broker.place(intent), Placed)
    order = trader.until(lambda: trader.broker.find(intent.client_id, BTC, intent.created_at - MINUTE))
    assert order.status is OrderStatus.FILLED
    return intent, order


def test_an_entry_is_found_with_its_fills_and_its_stops(trader: Trader) -> None:
    intent, order = bought(trader)
    assert (order.client_id, order.filled_qty, order.side, order.type) == (
        intent.client_id,
        LOT,
        Side.BUY,
        OrderType.LIMIT,
    )
    fills = trader.broker.fills_of(order)
    assert sum(fill.qty for fill in fills) == LOT
    assert all(fill.fee_asset == "USD" and fill.fee_usd == fill.fee > 0 for fill in fills)
    assert {fill.fill_id for fill in fills} == set(order.fill_ids)
    assert set(fills) <= set(trader.broker.fills(intent.created_at - MINUTE))
    truth = {fill["id"]: fill for fill in trader.sandbox.ledger()["fills"]}
    assert all(Decimal(truth[fill.fill_id]["fee"]) == fill.fee for fill in fills)
    stops = [each for each in trader.broker.open_orders() if each.parent_id == order.exchange_id]
    assert sum(stop.qty for stop in stops) == LOT
    assert {(stop.type, stop.trigger_price, stop.side) for stop in stops} == {
        (OrderType.STOP, intent.attached_stop, Side.SELL)
    }
    assert order in trader.broker.recent_orders(intent.created_at - MINUTE)


@pytest.mark.parametrize("holds", [True, False])
def test_a_stop_holds_coins_or_not(trader: Trader, holds: bool) -> None:
    trader.switch("stop_holds_base", holds)
    bought(trader)
    coins = trader.broker.balances()["BTC"]
    assert (coins.free, coins.held) == ((Decimal(0), LOT) if holds else (LOT, Decimal(0)))
    assert isinstance(trader.broker.place(trader.stop()), NotPlaced if holds else Placed)


def test_stops_below_the_minimum_may_be_dropped_without_a_word(trader: Trader) -> None:
    trader.switch("close_below_ordermin_dropped", True)
    _, order = bought(trader, Decimal("0.00005"))
    stops = [each for each in trader.broker.open_orders() if each.parent_id == order.exchange_id]
    assert sum((stop.qty for stop in stops), Decimal(0)) <= order.filled_qty


def test_a_stop_is_amended_and_cancelled_and_then_gone(trader: Trader) -> None:
    bought(trader)
    stop = trader.broker.open_orders()[0]
    trigger = trader.price("0.97")
    assert trader.broker.amend(stop, trigger_price=trigger) == Placed(stop.exchange_id)
    now = trader.broker.order(stop.exchange_id, BTC)
    assert now is not None
    assert (now.trigger_price, now.qty) == (trigger, stop.qty)
    assert trader.broker.cancel(stop) == Placed(stop.exchange_id)
    ended = trader.broker.order(stop.exchange_id, BTC)
    assert ended is not None
    assert ended.status is OrderStatus.CANCELED
    for again in (trader.broker.cancel(stop), trader.broker.amend(stop, trigger_price=trigger)):
        assert isinstance(again, NotPlaced)
        assert again.meaning is ErrorMeaning.GONE


def test_a_stop_that_fires_sells_and_says_so(trader: Trader) -> None:
    _, order = bought(trader)
    last = trader.broker.tickers({BTC})[BTC].last
    trader.sandbox.control("POST", "price", venue="kraken", symbol=BTC, price=str(last * Decimal("0.9")))
    fired = trader.until(
        lambda: (
            [
                one
                for one in trader.broker.recent_orders(order.created_at - MINUTE)
                if one.parent_id == order.exchange_id
            ]
            or None
        )
    )
    assert all(one.status is OrderStatus.FILLED and one.triggered for one in fired)
    trader.sandbox.control("POST", "price", venue="kraken", symbol=BTC, price=str(last))


@pytest.mark.parametrize("as_error", [True, False])
def test_an_order_that_does_not_exist_is_not_shown(trader: Trader, as_error: bool) -> None:
    trader.switch("query_unknown_is_error", as_error)
    assert trader.broker.order("OQQQQQ-QQQQQ-QQQQQQ", BTC) is None
    assert trader.broker.find("njtst0000000000000", BTC, trader.clock.market_ms() - HOUR) is None


@pytest.mark.parametrize("rejects", [True, False])
def test_post_only_never_takes(trader: Trader, rejects: bool) -> None:
    trader.switch("post_only_rejects", rejects)
    intent = trader.intent(Side.BUY, OrderType.LIMIT, limit_price=trader.price("1.05"), post_only=True)
    outcome = trader.broker.place(intent)
    if isinstance(outcome, Placed):
        order = trader.until(lambda: trader.broker.order(outcome.exchange_id, BTC))
        assert (order.status, order.filled_qty) == (OrderStatus.CANCELED, Decimal(0))
    else:
        assert outcome == NotPlaced(ErrorMeaning.PRICE, "EOrder:Post only order")


def test_market_gtd_and_resting_orders(trader: Trader) -> None:
    low = trader.price("0.9")
    resting = trader.intent(Side.BUY, OrderType.LIMIT, limit_price=low)
    timed = trader.intent(Side.BUY, OrderType.LIMIT, limit_price=low, tif=TimeInForce.GTD)
    now = trader.intent(Side.BUY, OrderType.MARKET)
    for intent, status in ((resting, OrderStatus.OPEN), (timed, OrderStatus.OPEN), (now, OrderStatus.FILLED)):
        outcome = trader.broker.place(intent)
        assert isinstance(outcome, Placed)
        order = trader.broker.order(outcome.exchange_id, BTC)
        assert order is not None
        assert (order.status, order.client_id) == (status, intent.client_id)


def test_what_kraken_has_not_is_not_sent(trader: Trader) -> None:
    sent = trader.orders_sent()
    price = trader.price("1")
    for intent in (
        trader.intent(Side.BUY, OrderType.MARKET, tif=TimeInForce.FOK),
        trader.intent(Side.BUY, OrderType.LIMIT, limit_price=price, attached_target=price),
        trader.intent(Side.BUY, OrderType.BRACKET, limit_price=price),
        trader.intent(Side.BUY, OrderType.LIMIT),
        trader.intent(Side.SELL, OrderType.STOP),
    ):
        outcome = trader.broker.place(intent)
        assert isinstance(outcome, NotPlaced)
        assert outcome.meaning is ErrorMeaning.UNSUPPORTED
    assert trader.orders_sent() == sent


def test_refusals_keep_their_meaning(trader: Trader) -> None:
    assert trader.broker.place(trader.entry(Decimal("0.0000001"))) == NotPlaced(
        ErrorMeaning.TOO_SMALL, "EOrder:Order minimum not met"
    )
    assert trader.broker.place(trader.entry(Decimal(1000))) == NotPlaced(
        ErrorMeaning.FUNDS, "EOrder:Insufficient funds"
    )


def test_fees_are_this_accounts(trader: Trader) -> None:
    rates = trader.broker.fees({BTC, "NO-USD"})
    assert not rates[BTC].in_coin
    assert rates.keys() == {BTC}
    assert Decimal(0) < rates[BTC].maker <= rates[BTC].taker < Decimal("0.01")


# -- when the answer does not come ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop_after"},
        {"kind": "http_status", "status": 502},
        {"kind": "malformed"},
        {"kind": "truncated"},
        {"kind": "empty"},
        {"kind": "exchange_error", "body": "EService:Timeout"},
    ],
    ids=lambda fault: str(fault["kind"]),
)
def test_an_order_without_an_answer_is_unknown_and_was_sent_once(trader: Trader, fault: dict[str, Any]) -> None:
    intent = trader.entry()
    trader.broker.instruments()
    trader.fault(**fault, path="AddOrder", count=1)
    assert isinstance(trader.broker.place(intent), Unknown)
    ours = [order for order in trader.sandbox.ledger()["orders"] if order["client_id"] == intent.client_id]
    found = trader.broker.find(intent.client_id, BTC, intent.created_at - MINUTE)
    assert (found is not None) == (len(ours) == 1)
    assert len(ours) <= 1


def test_an_order_that_was_taken_and_filled_unseen_is_found_by_its_fills_alone(trader: Trader) -> None:
    intent = trader.entry()
    trader.fault("drop_after", path="AddOrder", count=1)
    assert isinstance(trader.broker.place(intent), Unknown)
    found = trader.until(lambda: trader.broker.find(intent.client_id, BTC, intent.created_at - MINUTE))
    assert found.filled_qty == LOT


@pytest.mark.parametrize("path", ["OpenOrders", "ClosedOrders", "TradesHistory"])
def test_a_search_that_cannot_look_everywhere_says_so(trader: Trader, path: str) -> None:
    trader.fault("http_status", status=503, path=path, count=1)
    with pytest.raises(BrokerError) as caught:
        trader.broker.find("njtst0000000000000", BTC, trader.clock.market_ms() - HOUR)
    assert caught.value.meaning is ErrorMeaning.BUSY


def test_lists_longer_than_a_page_are_read_to_their_end(trader: Trader) -> None:
    since = trader.clock.market_ms() - 1
    low = trader.price("0.8")
    placed = set()
    for _ in range(55):
        outcome = trader.broker.place(
            trader.intent(Side.BUY, OrderType.LIMIT, Decimal("0.0001"), Purpose.EXIT, limit_price=low)
        )
        assert isinstance(outcome, Placed)
        placed.add(outcome.exchange_id)
    resting = trader.broker.open_orders()
    assert {order.exchange_id for order in resting} == placed
    for order in resting:
        assert isinstance(trader.broker.cancel(order), Placed)
    ended = trader.until(lambda: seen if len(seen := trader.broker.recent_orders(since)) >= 55 else None)
    assert placed <= {order.exchange_id for order in ended}
    assert [order.created_at for order in ended] == sorted(order.created_at for order in ended)
