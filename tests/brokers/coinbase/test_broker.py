"""Every verb of the Coinbase broker against the running sandbox, and each message when connecting fails."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from bot.brokers.base import AbsenceProof, BrokerError
from bot.brokers.coinbase import CoinbaseBroker, CoinbaseConfig
from bot.brokers.coinbase.errors import REMEDIES
from bot.brokers.coinbase.keys import canonical
from bot.domain.candles import Fault, inspect
from bot.domain.clock import HOUR, MINUTE, ScaledClock, parse_iso
from bot.domain.ids import ClientIds
from bot.domain.instrument import Trading
from bot.domain.order import DONE, Intent, OrderStatus, OrderType, Purpose, Side, TimeInForce, VenueOrder
from bot.domain.outcome import ErrorMeaning, NotPlaced, Placed, Unknown
from tests.brokers.coinbase.conftest import Notes
from tests.sandbox_fixture import Sandbox

T = TypeVar("T")
BTC = "BTC-USD"
LOT = Decimal("0.005")


@dataclasses.dataclass
class Trader:
    """One broker on the sandbox, with helpers for trading."""

    sandbox: Sandbox
    config: CoinbaseConfig
    broker: CoinbaseBroker
    clock: ScaledClock
    ids: ClientIds

    def intent(
        self, side: Side, type_: OrderType, qty: Decimal = LOT, purpose: Purpose = Purpose.ENTRY, **more: Any
    ) -> Intent:
        client_id = self.ids.next()
        market, wall = self.clock.market_ms(), self.clock.wall_ms()
        return Intent(client_id, client_id, purpose, BTC, side, qty, type_, market, wall, **more)

    def entry(self, qty: Decimal = LOT) -> Intent:
        """An immediate buy with its stop 5 % below and its target 15 % above."""
        return self.intent(
            Side.BUY,
            OrderType.LIMIT,
            qty,
            tif=TimeInForce.IOC,
            limit_price=self.price("1.01"),
            attached_stop=self.price("0.95"),
            attached_target=self.price("1.15"),
        )

    def stop(self, qty: Decimal = LOT) -> Intent:
        return self.intent(Side.SELL, OrderType.STOP, qty, Purpose.STOP, trigger_price=self.price("0.95"))

    def sale(self, qty: Decimal = LOT) -> Intent:
        return self.intent(Side.SELL, OrderType.MARKET, qty, Purpose.EXIT, tif=TimeInForce.IOC)

    def price(self, factor: str) -> Decimal:
        """The ask times `factor`, to the tick of BTC-USD."""
        return (self.broker.tickers({BTC})[BTC].ask * Decimal(factor)).quantize(Decimal("0.01"))

    def place(self, intent: Intent) -> VenueOrder:
        """Place an order that must be accepted, and wait until it ends (or rests, for a stop). Retries, because another order may
        have held its coins until a moment ago."""
        needed = ("USD", Decimal(1000)) if intent.side is Side.BUY else ("BTC", intent.qty)
        self.until(lambda: self.free(needed[0]) >= needed[1])
        outcome = self.broker.place(intent)
        assert isinstance(outcome, Placed), outcome
        if intent.type is OrderType.STOP:
            return self.until(lambda: self.broker.order(outcome.exchange_id, BTC))
        return self.until(lambda: self.ended(outcome.exchange_id))

    def free(self, asset: str) -> Decimal:
        held = self.broker.balances().get(asset)
        return held.free if held is not None else Decimal(0)

    def ended(self, exchange_id: str) -> VenueOrder | None:
        now = self.broker.order(exchange_id, BTC)
        return now if now is not None and now.status in DONE else None

    def buy(self) -> VenueOrder:
        """Coins without a bracket."""
        return self.place(dataclasses.replace(self.entry(), attached_stop=None, attached_target=None))

    def fault(self, kind: str, **more: Any) -> None:
        self.sandbox.control("POST", "faults", venue="coinbase", kind=kind, **more)

    def flat(self) -> None:
        """No faults, no open orders, no coins, 3000 dollars."""
        self.sandbox.control("DELETE", "faults?venue=coinbase")
        self.sandbox.control("POST", "keys", venue="coinbase", permissions=["view", "trade"], ip_bound=True)
        self.until(self._cleared)
        held = self.broker.balances()
        for asset, wanted in (("BTC", Decimal(0)), ("USD", Decimal(3000))):
            change = wanted - (held[asset].total if asset in held else 0)
            if change:
                self.sandbox.control("POST", "deposit", venue="coinbase", asset=asset, amount=str(change))

    def _cleared(self) -> bool:
        """Cancel everything until nothing is open or held: an entry under way may still spawn a bracket."""
        orders = self.broker.open_orders()
        for order in orders:
            self.broker.cancel(order)
        return not orders and not any(one.held for one in self.broker.balances().values())

    def orders_of(self, intent: Intent) -> list[Any]:
        orders = self.sandbox.ledger("coinbase")["orders"]
        return [order for order in orders if order["client_id"] == intent.client_id]

    def until(self, look: Callable[[], T | None]) -> T:
        """The first result that is not None; an exchange needs a moment."""
        end = time.monotonic() + 10
        while not (seen := look()) and time.monotonic() < end:
            time.sleep(0.02)
        assert seen
        return seen


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trader]:
    folder: Path = tmp_path_factory.mktemp("coinbase")
    with Sandbox(folder, "--seed", "5", venues=("coinbase",)) as sandbox:
        place = sandbox.ready["coinbase"]
        ready = sandbox.ready
        clock = ScaledClock(parse_iso(ready["market_time"]), parse_iso(ready["wall_time"]), float(ready["speed"]))
        config = CoinbaseConfig(
            place["api_key"],
            place["api_secret"],
            folder,
            api_url=place["rest"],
            mode="sandbox",
            ca_file=place["ca_file"],
            order_seconds=3.0,
        )
        broker = CoinbaseBroker(config, clock, Notes())
        broker.connect()
        yield Trader(sandbox, config, broker, clock, ClientIds("tst", clock.wall_ms, random.Random(1)))
        broker.close()


@pytest.fixture
def trader(running: Trader) -> Iterator[Trader]:
    running.flat()
    yield running
    running.flat()


# -- connecting -------------------------------------------------------------------------------------------------------
def test_connecting_tells_account_and_rights(trader: Trader) -> None:
    connection = trader.broker.connect()
    assert (connection.account.mode, connection.account.venue) == ("sandbox", "coinbase")
    assert len(connection.account.identity) == 36
    assert connection.permissions == {"view", "trade"}
    assert connection.trading is Trading.ONLINE
    assert abs(connection.clock_skew_ms) < 2_000


def refusal(trader: Trader, **change: Any) -> BrokerError:
    """The failure of connecting with this change of the configuration."""
    broker = CoinbaseBroker(dataclasses.replace(trader.config, **change), trader.clock, Notes())
    try:
        with pytest.raises(BrokerError) as caught:
            broker.connect()
    finally:
        broker.close()
    return caught.value


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"api_key": "my key"}, "name"),
        ({"api_secret": "my secret"}, "pem"),
        ({"api_secret": canonical(ec.generate_private_key(ec.SECP256R1()))}, "refused"),
        ({"api_key": "22222222-2222-4222-8222-222222222222"}, "refused"),
        ({"ca_file": None}, "tls"),
        ({"api_url": "http://127.0.0.1:9"}, "url"),
        ({"api_url": "https://127.0.0.1:9"}, "unreachable"),
    ],
)  # fmt: skip
def test_each_wrong_setting_has_its_own_remedy(trader: Trader, change: dict[str, Any], remedy: str) -> None:
    assert refusal(trader, **change).remedy == REMEDIES[remedy]


@pytest.mark.parametrize(
    ("permissions", "remedy"),
    [(["view"], "trade"), (["trade"], ("view", "scopes")), (["view", "trade", "withdraw"], "withdraw")],
)
def test_each_wrong_right_has_its_own_remedy(
    trader: Trader, permissions: list[str], remedy: str | tuple[str, ...]
) -> None:
    trader.sandbox.control("POST", "keys", venue="coinbase", permissions=permissions, ip_bound=True)
    error = refusal(trader)
    assert error.meaning is ErrorMeaning.PERMISSION
    assert error.remedy in {REMEDIES[name] for name in ((remedy,) if isinstance(remedy, str) else remedy)}


def test_a_key_that_may_withdraw_is_taken_when_the_owner_says_so(trader: Trader) -> None:
    trader.sandbox.control("POST", "keys", venue="coinbase", permissions=["view", "trade", "withdraw"], ip_bound=True)
    broker = CoinbaseBroker(dataclasses.replace(trader.config, allow_withdraw=True), trader.clock, Notes())
    assert "withdraw" in broker.connect().warnings[0]
    broker.close()


def test_a_clock_that_is_far_off_is_said_with_its_seconds(trader: Trader) -> None:
    trader.fault("clock_skew", seconds=90)
    error = refusal(trader)
    assert error.meaning is ErrorMeaning.CLOCK
    assert "90 s" in error.remedy


# -- market -----------------------------------------------------------------------------------------------------------
def test_markets_and_their_prices(trader: Trader) -> None:
    instruments = trader.broker.instruments()
    assert {BTC, "BTC-USDC"} <= instruments.keys()
    tickers = trader.broker.tickers(instruments)
    assert tickers.keys() == instruments.keys()
    assert all(0 < one.bid < one.ask and one.turnover > 0 for one in tickers.values())
    assert tickers["BTC-USDC"].bid == pytest.approx(tickers[BTC].bid, rel=Decimal("0.01"))


def test_candles_end_with_the_newest_closed_one(trader: Trader) -> None:
    def whole() -> bool:
        before = trader.clock.market_ms() // (5 * MINUTE)
        candles = trader.broker.candles(BTC, 5 * MINUTE, 720)
        return before == trader.clock.market_ms() // (5 * MINUTE) and candles.closed_at == before * 5 * MINUTE

    trader.until(whole)
    candles = trader.broker.candles(BTC, 5 * MINUTE, 720)
    assert len(candles) > 700
    assert {flaw.fault for flaw in inspect(candles)} <= {Fault.GAP}
    assert candles.closed_at - int(candles.time[0]) <= 720 * 5 * MINUTE


def test_a_timeframe_that_coinbase_does_not_have_is_said(trader: Trader) -> None:
    with pytest.raises(BrokerError) as caught:
        trader.broker.candles(BTC, 3 * MINUTE, 10)
    assert caught.value.meaning is ErrorMeaning.UNSUPPORTED


def test_a_look_sees_the_range_since(trader: Trader) -> None:
    near = trader.broker.look(BTC, trader.clock.market_ms() - 10_000)
    far = trader.broker.look(BTC, trader.clock.market_ms() - 5 * HOUR)
    assert near.low <= near.last <= near.high
    assert far.low <= far.last <= far.high
    assert far.high - far.low >= near.high - near.low
    assert near.at <= trader.clock.market_ms()


def test_money_and_fees(trader: Trader) -> None:
    assert trader.broker.balances()["USD"].free == 3000
    fee = trader.broker.fees([BTC])[BTC]
    assert not fee.in_coin
    assert 0 < fee.maker <= fee.taker < Decimal("0.02")


# -- orders -----------------------------------------------------------------------------------------------------------
def test_an_entry_brings_its_bracket_along(trader: Trader) -> None:
    intent = trader.entry()
    order = trader.place(intent)
    assert (order.status, order.filled_qty, order.client_id) == (OrderStatus.FILLED, LOT, intent.client_id)
    (bracket,) = trader.broker.open_orders()
    assert (bracket.type, bracket.side, bracket.parent_id) == (OrderType.BRACKET, Side.SELL, order.exchange_id)
    assert (bracket.trigger_price, bracket.limit_price, bracket.qty) == (
        intent.attached_stop,
        intent.attached_target,
        LOT,
    )
    held = trader.broker.balances()["BTC"]
    assert held.total == LOT


def test_the_bracket_is_among_the_open_orders_at_the_first_look(trader: Trader) -> None:
    outcome = trader.broker.place(trader.entry())
    assert isinstance(outcome, Placed)
    assert [one.type for one in trader.broker.open_orders() if one.parent_id == outcome.exchange_id] == [
        OrderType.BRACKET
    ]


def test_fills_are_those_of_the_exchange(trader: Trader) -> None:
    since = trader.clock.market_ms() - 1
    order = trader.place(trader.entry())
    fills = trader.until(
        lambda: [*trader.broker.fills_of(order)] if sum(f.qty for f in trader.broker.fills_of(order)) == LOT else None
    )
    truth = {
        fill["id"]: fill for fill in trader.sandbox.ledger("coinbase")["fills"] if fill["order_id"] == order.exchange_id
    }
    assert {fill.fill_id for fill in fills} == truth.keys()
    for fill in fills:
        assert (fill.qty, fill.price, fill.fee) == tuple(
            Decimal(truth[fill.fill_id][key]) for key in ("qty", "price", "fee")
        )
        assert fill.fee_asset == "USD"
    assert {fill.fill_id for fill in trader.broker.fills(since)} >= truth.keys()


def test_a_cancel_is_over_when_it_returns_and_its_coins_can_be_sold_soon(trader: Trader) -> None:
    trader.place(trader.entry())
    (bracket,) = trader.broker.open_orders()
    assert isinstance(trader.broker.cancel(bracket), Placed)
    assert trader.place(trader.sale()).status is OrderStatus.FILLED
    assert trader.broker.open_orders() == []
    again = trader.broker.cancel(bracket)
    assert isinstance(again, NotPlaced)
    assert again.meaning is ErrorMeaning.GONE


def test_a_stop_rests_with_room_below_its_trigger_and_sells_when_the_price_falls(trader: Trader) -> None:
    trader.buy()
    intent = trader.stop()
    stop = trader.place(intent)
    assert (stop.type, stop.status, stop.trigger_price) == (OrderType.STOP, OrderStatus.OPEN, intent.trigger_price)
    assert stop.limit_price is not None
    assert stop.limit_price < trader.price("0.91")
    assert [one.client_id for one in trader.broker.open_orders()] == [intent.client_id]
    ask = trader.broker.tickers({BTC})[BTC].ask
    trader.sandbox.control("POST", "price", venue="coinbase", symbol=BTC, price=str(trader.price("0.94")))
    ended = trader.until(lambda: trader.ended(stop.exchange_id))
    assert (ended.status, ended.filled_qty) == (OrderStatus.FILLED, LOT)
    trader.sandbox.control("POST", "price", venue="coinbase", symbol=BTC, price=str(ask))


def test_refusals_are_said_in_our_words(trader: Trader) -> None:
    too_much = trader.broker.place(dataclasses.replace(trader.entry(), qty=Decimal(50)))
    too_little = trader.broker.place(dataclasses.replace(trader.entry(), qty=Decimal("0.00000001")))
    bare = trader.broker.place(trader.sale())
    naked_target = trader.broker.place(dataclasses.replace(trader.entry(), attached_target=None))
    outcomes = (too_much, too_little, bare, naked_target)
    assert [one.meaning for one in outcomes if isinstance(one, NotPlaced)] == [
        ErrorMeaning.FUNDS,
        ErrorMeaning.TOO_SMALL,
        ErrorMeaning.FUNDS,
        ErrorMeaning.UNSUPPORTED,
    ]


def test_the_shapes_are_proved_without_an_order(trader: Trader) -> None:
    proofs = trader.broker.probe(trader.entry(), trader.stop())
    assert [(one.name, one.accepted) for one in proofs] == [("entry", True), ("stop", True)]
    able = trader.broker.capabilities()
    assert (able.attached_stop, able.attached_target, able.resting_stop) == (True, True, True)
    assert (able.amend, able.absence) == (False, AbsenceProof.SAME_ID)
    assert trader.broker.open_orders() == []


def test_where_the_exchange_takes_no_stops_the_capabilities_say_so(trader: Trader) -> None:
    trader.sandbox.control("POST", "switches", venue="coinbase", name="stops_refused_on_spot", value=True)
    try:
        proofs = trader.broker.probe(trader.entry(), trader.stop())
        able = trader.broker.capabilities()
    finally:
        trader.sandbox.control("POST", "switches", venue="coinbase", name="stops_refused_on_spot", value=False)
        trader.broker.probe(trader.entry(), trader.stop())
    assert [one.accepted for one in proofs] == [False, False, True]
    assert (able.attached_stop, able.resting_stop) == (False, False)


# -- lost requests ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["drop_after", "truncated", "malformed", "empty"])
def test_a_lost_answer_is_unknown_and_the_order_is_found(trader: Trader, kind: str) -> None:
    since = trader.clock.market_ms() - MINUTE
    trader.fault(kind, path="/orders$", method="POST", count=1)
    intent = trader.entry()
    assert isinstance(trader.broker.place(intent), Unknown)
    found = trader.until(lambda: trader.broker.find(intent.client_id, BTC, since))
    assert found.client_id == intent.client_id
    assert len(trader.orders_of(intent)) == 1


def test_a_hanging_order_is_unknown_after_its_deadline(trader: Trader) -> None:
    trader.fault("hang", path="/orders$", method="POST", count=1)
    assert isinstance(trader.broker.place(trader.entry()), Unknown)
    assert trader.broker.balances()


def test_an_order_that_never_arrived_is_nowhere(trader: Trader) -> None:
    trader.fault("drop_before", path="/orders$", method="POST", count=1)
    intent = trader.entry()
    assert isinstance(trader.broker.place(intent), Unknown)
    assert trader.broker.find(intent.client_id, BTC, trader.clock.market_ms() - HOUR) is None


def test_the_same_request_again_is_the_same_order(trader: Trader) -> None:
    intent = trader.entry()
    first = trader.broker.place(intent)
    assert trader.broker.resend(intent) == first
    assert len(trader.orders_of(intent)) == 1


def test_a_request_that_was_lost_is_made_by_its_repeat(trader: Trader) -> None:
    trader.buy()
    trader.until(lambda: trader.free("BTC") == LOT)
    trader.fault("drop_before", path="/orders$", method="POST", count=1)
    sale = trader.sale()
    assert isinstance(trader.broker.place(sale), Unknown)
    outcome = trader.broker.resend(sale)
    assert isinstance(outcome, Placed)
    assert trader.until(lambda: trader.ended(outcome.exchange_id)).filled_qty == LOT


def test_burning_an_id_leaves_nothing_that_trades(trader: Trader) -> None:
    intent = trader.entry()
    burnt = trader.broker.burn(intent)
    assert burnt is not None
    assert (burnt.status, burnt.filled_qty, burnt.client_id) == (OrderStatus.CANCELED, 0, intent.client_id)
    assert trader.broker.place(intent) == Placed(burnt.exchange_id)  # the lost request arrives late
    assert trader.broker.open_orders() == []
    assert trader.until(lambda: trader.free("USD") == 3000)
    assert len(trader.orders_of(intent)) == 1


def test_burning_names_the_order_that_was_there_and_leaves_it_alone(trader: Trader) -> None:
    trader.buy()
    stop = trader.stop()
    placed = trader.place(stop)
    found = trader.broker.burn(stop)
    assert found is not None
    assert (found.exchange_id, found.status, found.trigger_price) == (
        placed.exchange_id,
        OrderStatus.OPEN,
        stop.trigger_price,
    )


def test_the_id_of_a_sale_is_burnt_although_its_coins_are_held(trader: Trader) -> None:
    trader.buy()
    trader.place(trader.stop())
    lost = trader.stop()
    burnt = trader.broker.burn(lost)
    assert burnt is not None
    assert burnt.status is OrderStatus.CANCELED
    assert len(trader.broker.open_orders()) == 1


def test_a_harmless_order_that_outlived_its_burning_is_cancelled_when_it_is_found(trader: Trader) -> None:
    intent = trader.entry()
    trader.fault("drop_before", path="batch_cancel$", method="POST", count=1)
    with pytest.raises(BrokerError):
        trader.broker.burn(intent)
    found = trader.broker.find(intent.client_id, BTC, trader.clock.market_ms() - HOUR)
    assert found is not None
    assert found.status is OrderStatus.CANCELED


# -- history ----------------------------------------------------------------------------------------------------------
def test_ended_orders_are_told_oldest_first(trader: Trader) -> None:
    since = trader.clock.market_ms() - 1
    placed = [trader.buy().exchange_id, trader.place(trader.sale()).exchange_id]
    listed = [order.exchange_id for order in trader.broker.recent_orders(since)]
    assert [each for each in listed if each in placed] == placed


def test_an_unknown_order_is_not_shown(trader: Trader) -> None:
    assert trader.broker.order("00000000-0000-4000-8000-000000000000", BTC) is None
