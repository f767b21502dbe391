"""Parsing of Coinbase's payloads: orders, fills, wallets, products, prices."""

from __future__ import annotations

import copy
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.coinbase import parse as wire
from bot.brokers.coinbase import parse_market as market
from bot.brokers.common.answers import BadAnswer
from bot.domain.candles import Candles, Fault, inspect
from bot.domain.clock import parse_iso
from bot.domain.instrument import Balance, FeeRate, Trading
from bot.domain.order import OrderStatus, OrderType, Side, VenueOrder
from tests.brokers.coinbase.conftest import payload

PORTFOLIO = "b87a2d3f-8a1e-49b3-a4ea-402d8c389aca"


def orders() -> dict[str, VenueOrder]:
    return {one.exchange_id: one for one in wire.orders(payload("orders")["orders"])}


# -- orders -------------------------------------------------------------------------------------------------------
def test_orders_come_oldest_first() -> None:
    assert [one.created_at for one in orders().values()] == sorted(one.created_at for one in orders().values())


def test_a_bracket_is_a_stop_that_an_entry_brought_along() -> None:
    bracket = orders()["bracket-order"]
    assert (bracket.type, bracket.parent_id, bracket.side) == (OrderType.BRACKET, "entry-order", Side.SELL)
    assert (bracket.trigger_price, bracket.limit_price) == (Decimal(65000), Decimal(75000))
    assert (bracket.status, bracket.qty, bracket.triggered) == (OrderStatus.OPEN, Decimal("0.01"), False)
    assert bracket.client_id is None


@pytest.mark.parametrize(
    ("attached", "stop"),
    [
        ({"trigger_bracket_gtc": {"limit_price": "75000", "stop_trigger_price": "65000.5"}}, Decimal("65000.5")),
        ({"trigger_bracket_gtc": {"limit_price": "75000", "stop_trigger_price": ""}}, None),
        ({"trigger_bracket_gtc": None}, None),
        ({}, None),
        (None, None),
    ],
)
def test_an_entry_tells_the_stop_it_was_sent_with(attached: Any, stop: Decimal | None) -> None:
    rows = payload("orders")["orders"]
    rows[0]["attached_order_configuration"] = attached
    assert {one.exchange_id: one for one in wire.orders(rows)}[rows[0]["order_id"]].attached_stop == stop


def test_a_bracket_whose_stop_fired_says_so() -> None:
    fired = orders()["fired-order"]
    assert fired.triggered
    assert fired.status is OrderStatus.PARTIALLY_FILLED


def test_a_stop_whose_cancel_is_queued_is_still_alive() -> None:
    stop = orders()["stop-order"]
    assert (stop.type, stop.status) == (OrderType.STOP, OrderStatus.OPEN)
    assert (stop.trigger_price, stop.limit_price) == (Decimal(65000), Decimal(61750))
    assert stop.client_id == "nj0000000000000001"


def test_an_immediate_order_that_was_cut_off_keeps_what_it_filled() -> None:
    entry = orders()["entry-order"]
    assert (entry.status, entry.filled_qty, entry.qty) == (OrderStatus.CANCELED, Decimal("0.004"), Decimal("0.01"))
    assert entry.avg_price == Decimal("69990.6399999973697697")
    assert entry.created_at == parse_iso("2023-11-26T10:19:47.423+00:00")
    assert entry.reason == "User requested cancel"


def test_an_order_by_quote_has_the_size_it_filled() -> None:
    assert orders()["by_quote-order"].qty == orders()["by_quote-order"].filled_qty == Decimal("0.000297920684505")


def test_a_failed_order_is_rejected_with_its_reason() -> None:
    failed = orders()["failed-order"]
    assert (failed.status, failed.reason) == (OrderStatus.REJECTED, "HOLD_FAILURE: no funds")


def test_a_status_nobody_wrote_down_is_alive() -> None:
    assert orders()["new_kind-order"].status is OrderStatus.OPEN


@pytest.mark.parametrize("word", ["UNKNOWN_ORDER_TYPE", "", None])
def test_an_order_whose_type_is_not_said_is_what_its_configuration_says(word: str | None) -> None:
    rows = payload("orders")["orders"]
    unsaid = wire.orders(row | {"order_type": word} for row in rows)
    assert [one.type for one in unsaid] == [one.type for one in orders().values()]


def test_only_the_order_that_used_an_id_up_is_good_until_a_date() -> None:
    rows = payload("orders")["orders"]
    for unsaid in ({}, {"time_in_force": "UNKNOWN_TIME_IN_FORCE"}):
        assert [row["order_id"] for row in rows if wire.is_burnt(row | unsaid)] == ["burnt-order"]


@pytest.mark.parametrize("key", ["order_id", "product_id", "side"])
def test_an_order_without_what_names_it_fails_the_answer(key: str) -> None:
    rows = payload("orders")["orders"]
    del rows[0][key]
    with pytest.raises(BadAnswer):
        wire.orders(rows)


@pytest.mark.parametrize("name", ["-1", "0", "1e-400", "-Infinity", "2026-11-28T10:00:00Z", "y" * 65, "an order"])
def test_what_cannot_be_an_orders_id_fails_the_answer(name: str) -> None:
    rows = payload("orders")["orders"]
    rows[0]["order_id"] = name
    with pytest.raises(BadAnswer):
        wire.orders(rows)


@pytest.mark.parametrize(
    ("key", "value"), [("filled_size", "NaN"), ("filled_size", 0.1), ("created_time", "soon"), ("filled_size", "1e400")]
)
def test_an_order_with_an_unusable_value_fails_the_answer(key: str, value: object) -> None:
    rows = payload("orders")["orders"]
    rows[0][key] = value
    with pytest.raises(BadAnswer):
        wire.orders(rows)


# -- fills --------------------------------------------------------------------------------------------------------
def test_fills_are_executions_each_once_oldest_first() -> None:
    fills = wire.fills(payload("fills")["fills"])
    assert [one.fill_id for one in fills] == ["a", "b"]
    first = fills[0]
    assert (first.exchange_order_id, first.side, first.qty, first.price) == (
        "entry",
        Side.BUY,
        Decimal("0.004"),
        Decimal(69990),
    )
    assert (first.fee, first.fee_asset, first.fee_usd) == (Decimal("3.35952"), "USD", Decimal("3.35952"))


def test_a_fill_of_a_product_whose_kind_is_not_said_may_be_ours() -> None:
    rows = payload("fills")["fills"]
    unsaid = wire.fills(row | {"product_type": "UNKNOWN_PRODUCT_TYPE"} for row in rows)
    assert unsaid == wire.fills(rows)


def test_a_fill_in_quote_units_is_converted() -> None:
    fill = wire.fills(payload("fills")["fills"])[1]
    assert fill.qty == Decimal("0.000297921443450")
    assert fill.fee_asset == "USDC"


@given(
    lots=st.integers(1, 10**12), cents=st.integers(1, 10**9)
)  # fmt: skip
def test_a_size_in_quote_of_whole_lots_comes_back_exactly(lots: int, cents: int) -> None:
    size, price = Decimal(lots).scaleb(-8), Decimal(cents).scaleb(-2)
    row: dict[str, Any] = payload("fills")["fills"][1] | {"size": str(size * price), "price": str(price)}
    fill = wire.fill(row)
    assert fill is not None
    assert fill.qty == size


@pytest.mark.parametrize(
    ("key", "value"),
    [("price", "0"), ("size", ""), ("trade_time", ""), ("entry_id", ""), ("order_id", None), ("side", "MAYBE")],
)
def test_a_fill_that_cannot_be_booked_fails_the_answer(key: str, value: object) -> None:
    row = payload("fills")["fills"][2] | {key: value}
    with pytest.raises(BadAnswer):
        wire.fill(row)


# -- money and key ------------------------------------------------------------------------------------------------
def test_balances_are_what_orders_of_this_portfolio_can_use() -> None:
    wallets = [wire.wallet(row, PORTFOLIO) for row in payload("accounts")["accounts"]]
    assert wire.balances(wallets) == {
        "BTC": Balance(Decimal("2.23456789"), Decimal("0.005")),
        "USD": Balance(Decimal("100.50"), Decimal("20.25")),
    }
    assert wire.pockets(wallets) == {"ETH": 2, "SOL": 4, "DOT": 4, "XRP": 5}


def test_fees_are_fractions() -> None:
    assert wire.fee_rate(payload("transaction_summary")) == FeeRate(maker=Decimal("0.006"), taker=Decimal("0.012"))


def test_the_keys_rights_and_portfolio() -> None:
    info = wire.key_info(payload("key_permissions"))
    assert info == wire.KeyInfo(frozenset({"view", "trade"}), PORTFOLIO)


# -- market -------------------------------------------------------------------------------------------------------
def test_markets_in_dollars_with_their_rules() -> None:
    found, faults = market.instruments(payload("products")["products"])
    assert "ETH-EUR" not in found
    assert "PERP-USD" not in found
    assert faults == ["BAD-USD: base_increment is missing"]
    doge = found["DOGE-USD"]
    assert (doge.tick, doge.lot, doge.min_qty, doge.min_cost) == (
        Decimal("0.00001"),
        Decimal("0.1"),
        Decimal("0.1"),
        Decimal(1),
    )
    assert found["BTC-USDC"].quote == "USDC"
    assert [name for name, one in found.items() if one.exotic] == ["TOK-USD"]


@pytest.mark.parametrize(
    ("symbol", "state"),
    [
        ("BTC-USD", Trading.ONLINE),
        ("HALT-USD", Trading.SUSPENDED),
        ("VIEW-USD", Trading.SUSPENDED),
        ("GONE-USD", Trading.SUSPENDED),
        ("AUC-USD", Trading.SUSPENDED),
        ("QUIET-USD", Trading.CANCEL_ONLY),
        ("NEW-USD", Trading.POST_ONLY),
        ("LIM-USD", Trading.LIMIT_ONLY),
    ],
)
def test_what_a_market_takes(symbol: str, state: Trading) -> None:
    assert market.instruments(payload("products")["products"])[0][symbol].trading is state


def test_an_empty_side_of_a_book_quotes_nothing() -> None:
    assert market.best(payload("best_bid_ask")) == {"BTC-USD": (Decimal("68923.66"), Decimal("68923.67"))}


def test_the_days_turnover_is_in_quote_units() -> None:
    days = market.days(payload("products")["products"])
    assert days["BTC-USD"].turnover == Decimal("758506771.41")
    assert days["DOGE-USD"].turnover == Decimal("190.1")


def test_candles_come_oldest_first_within_the_stretch() -> None:
    rows = market.candles(payload("candles"), 1712192400_000, 1712192400_000)
    assert rows == [(1712192400_000, 66010.0, 66080.0, 66000.14, 66060.01, 12.25)]
    all_rows = market.candles(payload("candles"), 0, 1712192700_000)
    assert [row[0] for row in all_rows] == [1712192100_000, 1712192400_000, 1712192700_000]
    assert math.isnan(float(all_rows[0][3]))


def test_faults_of_candles_survive_the_reading() -> None:
    answer = payload("candles")
    answer["candles"] = [answer["candles"][1], answer["candles"][0], copy.deepcopy(answer["candles"][0])]
    faults = {flaw.fault for flaw in inspect(Candles.of(300_000, market.candles(answer, 0, 1712192700_000)))}
    assert faults == {Fault.DUPLICATE, Fault.OUT_OF_ORDER}


def test_trades_oldest_first_and_the_clock() -> None:
    assert [one.price for one in market.prints(payload("trades"))] == [Decimal("68920.00"), Decimal("68923.67")]
    assert market.server_ms(payload("time")) == 1709005034333


@pytest.mark.parametrize("value", [None, [], "text", {"orders": 3}, {"candles": [1]}, {"candles": None}])
def test_an_answer_of_another_shape_is_a_bad_answer(value: object) -> None:
    with pytest.raises(BadAnswer):
        market.candles(wire.mapping(value, "answer"), 0, 0)


@pytest.mark.parametrize(("of_day", "last"), [("100.5", "100.5"), ("97", "100"), ("103", "101"), ("0", "100.5")])
def test_a_last_price_that_the_best_prices_left_behind_follows_them(of_day: str, last: str) -> None:
    found = market.ticker((Decimal(100), Decimal(101)), market.Day(Decimal(of_day), Decimal(7)))
    assert (found.last, found.turnover) == (Decimal(last), Decimal(7))
