"""Parsing of OKX's payloads: the project's own, and those recorded at the exchange where available."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.common.answers import BadAnswer, exact
from bot.brokers.okx import parse, parse_market
from bot.brokers.okx.parse import entry_id, stop_id
from bot.domain.ids import ClientIds, is_ours, tag_of
from bot.domain.instrument import Balance, FeeRate, Kind, Trading
from bot.domain.order import STOPS, OrderStatus, OrderType, Side
from tests.brokers.okx.conftest import fixture, recorded

ENTRY, STOP = "njabcmgx0a1b2zz9q1", "njabcMGX0A1B2zz9q1"
ONE = Decimal(1)


def units(kind: str, symbol: str) -> Decimal | None:
    """BTC-USDT-SWAP has contracts of 0.01 BTC; options have no known size."""
    return {"SPOT": ONE, "SWAP": Decimal("0.01"), "FUTURES": Decimal("0.01")}.get(kind)


def no_parent(stop: str, symbol: str) -> str | None:
    return None


# -- ids --------------------------------------------------------------------------------------------------------------
@given(wall=st.integers(1_600_000_000_000, 2_600_000_000_000), seed=st.randoms())
def test_a_stops_id_is_ours_tells_its_entry_and_is_never_the_entrys(wall: int, seed: Any) -> None:
    client_id = ClientIds("a1z", lambda: wall, seed).next()
    stop = stop_id(client_id)
    assert stop != client_id
    assert is_ours(stop)
    assert tag_of(stop) == "a1z"
    assert entry_id(stop) == client_id
    assert entry_id(client_id) is None


@pytest.mark.parametrize("foreign", ["", "x", "myStop1", "NJABCMGX0A1B2ZZ9Q1", "nj" + "A" * 30])
def test_a_foreign_id_belongs_to_no_entry_of_ours(foreign: str) -> None:
    assert not is_ours(entry_id(foreign) or "")


# -- orders -------------------------------------------------------------------------------------------------------------
def test_an_ioc_order_that_filled_in_part_is_canceled_with_what_it_filled() -> None:
    (order,) = parse.orders(fixture("order_partial_ioc"), units)
    assert (order.status, order.type, order.side) == (OrderStatus.CANCELED, OrderType.LIMIT, Side.BUY)
    assert (order.qty, order.filled_qty, order.avg_price) == (Decimal("0.005"), Decimal("0.00192834"), Decimal(51858))
    assert (order.client_id, order.parent_id, order.limit_price) == (ENTRY, None, Decimal("51900.1"))


@pytest.mark.parametrize(
    ("attached", "stop"),
    [
        ([{"slTriggerPx": "49000.5", "slOrdPx": "-1", "tpTriggerPx": ""}], Decimal("49000.5")),
        ([{"slTriggerPx": "", "tpTriggerPx": "60000"}, {"slTriggerPx": "48000"}], Decimal(48000)),
        ([{"tpTriggerPx": "60000"}], None),
        ([], None),
        ("", None),
        (None, None),
    ],
)
def test_an_entry_tells_the_stop_it_was_sent_with(attached: Any, stop: Decimal | None) -> None:
    (row,) = fixture("order_partial_ioc")
    (order,) = parse.orders([row | {"attachAlgoOrds": attached}], units)
    assert order.attached_stop == stop


@pytest.mark.parametrize("attached", ["x", [1], [{"slTriggerPx": "NaN"}]])
def test_an_attachment_in_no_shape_fails_the_list(attached: Any) -> None:
    (row,) = fixture("order_partial_ioc")
    with pytest.raises(BadAnswer):
        parse.orders([row | {"attachAlgoOrds": attached}], units)


@pytest.mark.parametrize(
    ("row", "closes"),
    [
        ({"reduceOnly": "true", "posSide": "net", "side": "buy"}, True),
        ({"reduceOnly": "false", "posSide": "net", "side": "sell"}, False),
        ({"reduceOnly": "", "posSide": "", "side": "sell"}, False),
        ({"reduceOnly": "false", "posSide": "long", "side": "sell"}, True),
        ({"reduceOnly": "false", "posSide": "long", "side": "buy"}, False),
        ({"reduceOnly": "false", "posSide": "short", "side": "buy"}, True),
        ({"reduceOnly": "false", "posSide": "short", "side": "sell"}, False),
    ],
)
def test_what_can_only_close(row: dict[str, str], closes: bool) -> None:
    (order,) = parse.orders([fixture("order_partial_ioc")[0] | row], units)
    assert order.reduce_only is closes


def test_an_order_sized_in_the_quote_counts_what_it_filled_in_the_coin() -> None:
    (order,) = parse.orders(fixture("order_quote_sized"), units)
    assert (order.type, order.qty, order.filled_qty) == (OrderType.MARKET, Decimal("0.00192834"), Decimal("0.00192834"))
    assert (order.client_id, order.limit_price) == (None, None)


def test_the_order_of_a_fired_stop_has_the_stop_as_its_parent_and_no_client_id_of_its_own() -> None:
    (order,) = parse.orders(fixture("order_of_algo"), units)
    assert (order.parent_id, order.client_id, order.type) == ("681096944655273984", None, OrderType.MARKET)


def test_contracts_become_base_units() -> None:
    (order,) = parse.orders(fixture("order_swap"), units)
    assert (order.qty, order.filled_qty) == (Decimal("0.015"), Decimal("0.005"))
    assert order.status is OrderStatus.PARTIALLY_FILLED


@pytest.mark.parametrize("word", ["side", "state", "ordId"])
def test_an_order_that_cannot_be_read_fails_the_whole_list(word: str) -> None:
    row = fixture("order_partial_ioc")[0] | {word: ""}
    with pytest.raises(BadAnswer, match="order"):
        parse.orders([fixture("order_swap")[0], row], units)


def test_an_order_in_a_state_that_nobody_wrote_down_may_be_alive() -> None:
    (order,) = parse.orders([fixture("order_swap")[0] | {"state": "paused", "accFillSz": "0"}], units)
    assert order.status is OrderStatus.OPEN
    (stop,) = parse.algos([fixture("algo_live")[0] | {"state": "queued"}], units, no_parent)
    assert (stop.status, stop.triggered) == (OrderStatus.OPEN, False)


def test_orders_of_things_that_nija_never_trades_are_left_out() -> None:
    assert parse.orders([fixture("order_partial_ioc")[0] | {"instType": "OPTION", "sz": "?"}], units) == []


# -- algo orders ----------------------------------------------------------------------------------------------------------
def test_an_attached_stop_knows_its_entry_by_the_id_it_was_given() -> None:
    asked: list[tuple[str, str]] = []

    def parent(stop: str, symbol: str) -> str | None:
        asked.append((stop, symbol))
        return "680800019749904384"

    (stop,) = parse.algos(fixture("algo_live"), units, parent)
    assert asked == [(STOP, "BTC-USDT")]
    assert (stop.type, stop.status, stop.side) == (OrderType.STOP, OrderStatus.OPEN, Side.SELL)
    assert (stop.qty, stop.trigger_price, stop.limit_price) == (Decimal("0.00192834"), Decimal("50000.5"), None)
    assert (stop.client_id, stop.parent_id) == (STOP, "680800019749904384")


def test_a_fired_stop_is_over_has_filled_nothing_and_names_the_order_that_trades() -> None:
    (stop,) = parse.algos(fixture("algo_fired"), units, no_parent)
    assert (stop.status, stop.filled_qty, stop.reason) == (OrderStatus.CANCELED, Decimal(0), "triggered")
    assert (stop.triggered, stop.children) == (True, ("680800019749904500",))


def test_a_stop_that_failed_when_it_fired_is_rejected_and_says_why() -> None:
    (stop,) = parse.algos(fixture("algo_failed"), units, no_parent)
    assert (stop.status, stop.children) == (OrderStatus.REJECTED, ())
    assert "51008" in stop.reason


def test_kinds_of_algo_orders() -> None:
    found = {one.exchange_id[-1]: one for one in parse.algos(fixture("algo_kinds"), units, no_parent)}
    assert [found[number].type for number in "12345"] == [
        OrderType.BRACKET,
        OrderType.TAKE_PROFIT,
        OrderType.TRAILING_STOP,
        OrderType.STOP_LIMIT,
        OrderType.STOP,
    ]
    assert [found[number].trigger_price for number in "12345"] == [
        Decimal("50000.5"),
        Decimal(60000),
        Decimal(49000),
        Decimal("50000.5"),
        Decimal(48000),
    ]
    assert found["6"].type not in STOPS


# -- fills ----------------------------------------------------------------------------------------------------------------
def test_fills_come_oldest_first_under_their_full_identity_with_fees_as_they_were_taken() -> None:
    bought, sold, swap = parse.fills(fixture("fills"), units)
    assert bought.fill_id == "BTC-USDT:680800019749904384:744876980"
    assert (bought.fee, bought.fee_asset) == (Decimal("0.00000192834"), "BTC")
    assert bought.base_change == Decimal("0.00192834") - Decimal("0.00000192834")
    assert bought.fee_usd == Decimal("0.00000192834") * 51858
    assert (sold.fee, sold.fee_asset, sold.side) == (Decimal("-0.01"), "USDT", Side.SELL)  # a rebate
    assert (swap.qty, swap.fee, swap.fee_usd) == (Decimal("0.005"), Decimal("0.12"), Decimal("0.12"))


@pytest.mark.parametrize("word", ["ordId", "tradeId", "fillSz", "fillPx"])
def test_a_fill_without_its_identity_or_size_fails(word: str) -> None:
    with pytest.raises(BadAnswer):
        parse.fills([fixture("fills")[2] | {word: ""}], units)


# -- money ----------------------------------------------------------------------------------------------------------------
def test_balances() -> None:
    assert parse.balances(fixture("balance"), margin=False) == {
        "USDT": Balance(Decimal("4834.3"), Decimal("158.57")),
        "BTC": Balance(Decimal("0.5")),
    }
    margin = parse.balances(fixture("balance"), margin=True)["USDT"]
    assert (margin.free, margin.total) == (Decimal("4834.317"), Decimal("4850.4"))
    assert parse.balances([{"details": []}], margin=False) == {}


def test_what_lies_in_the_funding_account_is_unavailable() -> None:
    rows = [{"ccy": "USDT", "bal": "37.1", "frozenBal": "0", "availBal": "37.1"}, {"ccy": "BTC", "bal": "0"}]
    assert parse.pockets(rows) == {"USDT": Decimal("37.1")}


def test_fees_are_the_groups_and_negative_means_paid() -> None:
    rates = parse.rates(fixture("trade_fee")[0])
    assert rates.of("1", "") == FeeRate(Decimal("0.0008"), Decimal("0.001"))
    assert rates.of("2", "") == FeeRate(Decimal("-0.0001"), Decimal("0.0003"))
    assert rates.of("9", "") == FeeRate(Decimal("0.0009"), Decimal("0.0012"))


def test_fees_of_usdt_contracts() -> None:
    row = {"maker": "-0.0002", "taker": "-0.0006", "makerU": "-0.0002", "takerU": "-0.0005", "takerUSDC": ""}
    assert parse.rates(row).of("", "USDT") == FeeRate(Decimal("0.0002"), Decimal("0.0005"))


def test_settings() -> None:
    found = parse.settings(fixture("config")[0])
    assert found.permissions == {"read_only", "trade"}
    assert (found.ips, found.level, found.hedged, found.uid) == ("", "2", False, "44705892343619584")
    assert parse.settings({"uid": "1"}).permissions is None
    assert parse.settings({"uid": "1"}).ips is None


def test_positions_in_base_units_with_the_distance_to_liquidation() -> None:
    short, long = parse.positions(fixture("positions"), units)
    assert (short.side, short.qty, short.funding) == (Side.SELL, Decimal("0.015"), Decimal("-0.42"))
    assert short.distance == Decimal("0.5")
    assert (long.side, long.qty, long.distance) == (Side.BUY, Decimal("0.02"), None)


# -- markets --------------------------------------------------------------------------------------------------------------
def test_spot_markets() -> None:
    found, faults = parse_market.listings(fixture("instruments_spot"), 0)
    assert sorted(found) == ["BTC-USDT", "DOGE-USDC"]
    assert [fault.split(":")[0] for fault in faults] == ["BAD-USDT"]
    btc = found["BTC-USDT"].instrument
    assert (btc.tick, btc.lot, btc.min_qty, btc.unit) == (
        Decimal("0.1"),
        Decimal("0.00000001"),
        Decimal("0.00001"),
        ONE,
    )
    assert (btc.kind, btc.trading, btc.listed_at) == (Kind.SPOT, Trading.ONLINE, 1611907686000)
    assert (btc.max_leverage, btc.paid_in) == (ONE, ("USDT",))
    assert found["DOGE-USDC"].instrument.trading is Trading.SUSPENDED


def test_contracts_are_sized_in_base_units_and_inverse_ones_are_left_out() -> None:
    found, faults = parse_market.listings(fixture("instruments_swap"), 1_790_000_000_000)
    assert (sorted(found), faults) == (["BTC-USDT-261225", "BTC-USDT-SWAP"], [])
    swap = found["BTC-USDT-SWAP"].instrument
    assert (swap.kind, swap.base, swap.quote) == (Kind.SWAP, "BTC", "USDT")
    assert (swap.unit, swap.lot, swap.min_qty, swap.max_leverage) == (
        Decimal("0.01"),
        Decimal("0.0001"),
        Decimal("0.0001"),
        Decimal(100),
    )
    assert found["BTC-USDT-261225"].instrument.kind is Kind.FUTURE
    assert not found["BTC-USDT-261225"].instrument.exotic
    late, _ = parse_market.listings(fixture("instruments_swap"), 1_798_000_000_000)
    assert late["BTC-USDT-261225"].instrument.exotic


UNWANTED: dict[str, tuple[dict[str, Any], bool]] = {
    "usual": ({}, False),
    "a coin": ({"instCategory": "1"}, False),
    "before its market": ({"ruleType": "pre_market"}, True),
    "without an index": ({"ruleType": "rebase_contract"}, True),
    "another rule": ({"ruleType": "xperp"}, True),
    "a stock": ({"instCategory": "3"}, True),
    "a commodity": ({"instCategory": "4"}, True),
    "a currency": ({"instCategory": "5"}, True),
    "a bond": ({"instCategory": "6"}, True),
    "nobody knows what": ({"instCategory": "77"}, True),
}


@pytest.mark.parametrize("name", UNWANTED)
def test_contracts_that_nobody_asked_for_are_listed_and_not_traded(name: str) -> None:
    changes, unwanted = UNWANTED[name]
    row = fixture("instruments_swap")[0] | changes
    swap = parse_market.listings([row], 0)[0]["BTC-USDT-SWAP"].instrument
    assert (swap.exotic, swap.trading) == (unwanted, Trading.ONLINE)
    asked = parse_market.listings([row], 0, non_crypto=True)[0]["BTC-USDT-SWAP"].instrument
    assert asked.exotic is (unwanted and changes.get("instCategory") not in ("3", "4", "5", "6"))


STATES = {
    "live": Trading.ONLINE,
    "post_only": Trading.POST_ONLY,
    "suspend": Trading.SUSPENDED,
    "rebase": Trading.SUSPENDED,
    "a word of tomorrow": Trading.REDUCE_ONLY,
}


@pytest.mark.parametrize("state", STATES)
def test_a_market_in_a_state_that_nobody_wrote_down_can_still_be_left(state: str) -> None:
    row = fixture("instruments_spot")[0] | {"state": state}
    assert parse_market.listings([row], 0)[0]["BTC-USDT"].instrument.trading is STATES[state]


def test_a_new_market_takes_limit_orders_only_until_its_auction_has_ended() -> None:
    row = fixture("instruments_spot")[0] | {"contTdSwTime": "5000"}
    seen = [parse_market.listings([row], now)[0]["BTC-USDT"].instrument.trading for now in (4_999, 5_000)]
    assert seen == [Trading.LIMIT_ONLY, Trading.ONLINE]


def test_no_more_contracts_are_bought_than_one_stop_and_one_sale_can_take() -> None:
    row = fixture("instruments_swap")[0] | {"maxLmtSz": "100000000", "maxMktSz": "12000", "maxStopSz": "9000"}
    assert parse_market.listings([row], 0)[0]["BTC-USDT-SWAP"].instrument.max_qty == Decimal(90)
    pair = fixture("instruments_spot")[0] | {"maxLmtSz": "9999", "maxMktSz": "8", "maxStopSz": "7"}
    spot = parse_market.listings([pair], 0)[0]["BTC-USDT"].instrument
    assert (spot.max_qty, spot.max_cost) == (Decimal(9999), Decimal("6.65"))


@pytest.mark.parametrize(
    ("listed", "paid_in", "exotic"),
    [
        ([], (), False),
        (["USDT"], ("USDT",), False),
        (["USD", "USDC", "EUR"], ("USD", "USDC"), False),
        (["EUR"], (), True),
    ],
)
def test_what_a_pair_can_be_paid_in(listed: list[str], paid_in: tuple[str, ...], exotic: bool) -> None:
    row = fixture("instruments_spot")[0] | {"tradeQuoteCcyList": listed}
    pair = parse_market.listings([row], 0)[0]["BTC-USDT"].instrument
    assert (pair.paid_in, pair.exotic) == (paid_in, exotic)


@pytest.mark.parametrize("time", ["-1", "9300000000000000000"])
def test_a_candle_of_no_time_is_no_candle(time: str) -> None:
    with pytest.raises(BadAnswer):
        parse_market.candle([time, "1", "1", "1", "1", "1", "1"], ONE)


def test_only_closed_candles_are_closed() -> None:
    row = ["1597026300000", "3.721", "3.743", "3.677", "3.708", "8422410", "22698348.04", "12698348.04"]
    seen, closed = parse_market.candle([*row, "0"], ONE)
    assert (seen.time, seen.open, seen.high, seen.low, seen.close, seen.volume, closed) == (
        *(1597026300000, 3.721, 3.743, 3.677, 3.708, 8422410.0),
        False,
    )
    assert parse_market.candle([*row, "1"], Decimal("0.01"))[0].volume == 84224.10
    assert parse_market.candle([*row, "1"], ONE)[1]


def test_a_ticker_with_an_empty_side_is_none_and_turnover_is_in_the_quote() -> None:
    row = {"instId": "BTC-USDT", "last": "100", "bidPx": "99", "askPx": "101", "volCcy24h": "5000"}
    spot = parse_market.ticker(row)
    swap = parse_market.ticker(row | {"instId": "BTC-USDT-SWAP"})
    assert spot is not None
    assert swap is not None
    assert (spot.turnover, swap.turnover) == (Decimal(5000), Decimal(500000))
    assert parse_market.ticker(row | {"bidPx": ""}) is None


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", "abc", 1.5, True, None, [], "1e-30"])
def test_what_is_no_number_stops_at_the_door(value: Any) -> None:
    with pytest.raises(BadAnswer):
        exact(value, "sz")


# -- recorded at the exchange -----------------------------------------------------------------------------------------------
def test_recorded_instruments() -> None:
    rows = recorded("http_get_instruments_spot") + recorded("http_get_instruments_swap")
    found, faults = parse_market.listings(rows, 0)
    assert faults == []
    assert found["ETH-USDT-SWAP"].instrument.unit == Decimal("0.1")
    assert found["BTC-USD"].instrument.min_qty == Decimal("0.00001")
    assert "BTC-USD-SWAP" not in found


def test_recorded_orders() -> None:
    rows = recorded("http_get_orders_history") + recorded("http_get_orders_pending")
    done, live = (
        parse.orders(rows, units) if rows[0]["cTime"] > rows[1]["cTime"] else reversed(parse.orders(rows, units))
    )
    assert {done.status, live.status} == {OrderStatus.FILLED, OrderStatus.OPEN}


def test_recorded_algo_orders() -> None:
    (found,) = parse.algos(recorded("http_get_orders_algo_pending"), units, no_parent)
    assert (found.type, found.status, found.trigger_price) == (OrderType.STOP, OrderStatus.OPEN, Decimal(40000))


def test_recorded_money() -> None:
    held = parse.balances(recorded("http_get_account_balance"), margin=False)["USDT"]
    assert held == Balance(Decimal("94.42612990333333"), Decimal("5.468566666666667"))
    assert parse.rates(recorded("http_get_trade_fee_response")[0]).of("", "") == FeeRate(
        Decimal("0.0008"), Decimal("0.001")
    )
    (position,) = parse.positions(recorded("http_get_positions"), units)
    assert (position.qty, position.distance) == (Decimal("0.005"), Decimal("0.1"))


def test_recorded_prices() -> None:
    prints = parse_market.prints(recorded("http_get_trades"))
    assert (prints[0].price, prints[0].at) == (Decimal("102537.9"), 1747087163557)
    assert [parse_market.candle(row, ONE)[1] for row in recorded("http_get_candlesticks")] == [False, False]
