"""Parsing of Kraken's answers: payloads written by the documentation, and recorded ones where available."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.common.answers import BadAnswer
from bot.brokers.kraken import parse, parse_market
from bot.brokers.kraken.names import Names, read_names
from bot.domain.candles import inspect
from bot.domain.instrument import Balance, FeeRate, Trading
from bot.domain.order import OrderStatus, OrderType, Side, VenueOrder

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "tests" / "fixtures" / "kraken"
RECORDED = ROOT.parent / "shared" / "exchanges" / "recorded" / "kraken"


def result_of(path: Path) -> Any:
    return json.loads(path.read_text(), parse_float=Decimal)["result"]


def fixture(name: str) -> Any:
    return result_of(FIXTURES / f"{name}.json")


def recorded(name: str) -> Any:
    path = RECORDED / f"http_{name}.json"
    if not path.exists():
        pytest.skip(f"no recorded payloads at {RECORDED}")
    return result_of(path)


@pytest.fixture(scope="module")
def names() -> Names:
    return read_names(fixture("assets"), fixture("asset_pairs"))


# -- names ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kraken", "ours"),
    [("XXBTZUSD", "BTC-USD"), ("XBTUSD", "BTC-USD"), ("XBT/USD", "BTC-USD"), ("XDGUSD", "DOGE-USD"), ("XTZUSD", "XTZ-USD"),
     ("ETHEUR", "ETH-EUR"), ("XBTUSDT", "BTC-USDT")],
)  # fmt: skip
def test_all_of_krakens_names_for_a_pair_are_one_symbol(names: Names, kraken: str, ours: str) -> None:
    assert names.symbol(kraken) == ours


def test_a_symbol_is_asked_for_by_the_pair_id_of_the_open_market(names: Names) -> None:
    assert names.pair("BTC-USD") == "XXBTZUSD"
    assert names.pair("BTC-GBP") is None


def test_letters_are_not_stripped_on_a_guess(names: Names) -> None:
    assert [names.asset(name) for name in ("XTZ", "XXBT", "XBT", "ZUSD", "ZRX", "XCN")] == [
        "XTZ",
        "BTC",
        "BTC",
        "USD",
        "ZRX",
        "XCN",
    ]


# -- instruments ------------------------------------------------------------------------------------------------------
def test_instruments_carry_krakens_rules_exactly(names: Names) -> None:
    found, faults = parse_market.instruments(fixture("asset_pairs"), names, fixture("assets"))
    btc = found["BTC-USD"]
    assert (btc.tick, btc.lot, btc.min_qty, btc.min_cost) == (
        Decimal("0.1"), Decimal("0.00000001"), Decimal("0.00005"), Decimal("0.5"))  # fmt: skip
    assert str(found["DOGE-USD"].tick) == "1E-7"
    assert not faults
    assert "ETH-EUR" not in found


def test_missing_tick_and_cost_fall_back_to_the_decimals(names: Names) -> None:
    dot = parse_market.instruments(fixture("asset_pairs"), names, fixture("assets"))[0]["DOT-USD"]
    assert (dot.tick, dot.min_cost) == (Decimal("0.0001"), Decimal(0))


@pytest.mark.parametrize(
    ("decimals", "lot"),
    [(5, "0.00001"), (8, "0.00000001"), (10, "0.00000001"), (0, "1"), (None, "0.00000001")],
)
def test_a_lot_is_no_finer_than_what_the_wallet_keeps(names: Names, decimals: int | None, lot: str) -> None:
    assets = fixture("assets")
    if decimals is None:
        del assets["XXBT"]["decimals"]
    else:
        assets["XXBT"]["decimals"] = decimals
    found = parse_market.instruments(fixture("asset_pairs"), names, assets)[0]
    assert found["BTC-USD"].lot == Decimal(lot)
    assert found["BTC-USD"].min_qty == max(Decimal("0.00005"), Decimal(lot))
    assert found["DOGE-USD"].lot == Decimal("0.00000001")


@pytest.mark.parametrize("decimals", ["many", -1, 19, None])
def test_a_market_whose_wallet_is_not_understood_is_left_out(names: Names, decimals: object) -> None:
    assets = fixture("assets") | {"XXBT": {"altname": "XBT", "decimals": decimals}}
    found, faults = parse_market.instruments(fixture("asset_pairs"), names, assets)
    assert "BTC-USD" not in found
    assert "DOGE-USD" in found
    assert any("decimals" in fault for fault in faults)


def test_what_may_not_be_traded_says_so(names: Names) -> None:
    found = parse_market.instruments(fixture("asset_pairs"), names, fixture("assets"))[0]
    assert found["DOGE-USD"].trading is Trading.CANCEL_ONLY
    assert found["XTZ-USD"].trading is Trading.REDUCE_ONLY
    assert found["AAPLx-USD"].trading is Trading.SUSPENDED
    assert [symbol for symbol, one in found.items() if one.exotic] == ["AAPLx-USD"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("ordermin", "NaN"), ("tick_size", "0"), ("tick_size", "-1"), ("lot_decimals", 400), ("ordermin", None)],
)
def test_a_market_with_unreadable_rules_is_left_out_and_the_others_stay(names: Names, key: str, value: object) -> None:
    pairs = fixture("asset_pairs")
    pairs["XXBTZUSD"][key] = value
    found, faults = parse_market.instruments(pairs, names, {})
    assert "BTC-USD" not in found
    assert "BTC-USDT" in found
    assert len(faults) == 1


# -- orders -----------------------------------------------------------------------------------------------------------
def by_number(name: str, names: Names) -> dict[str, VenueOrder]:
    rows = fixture(f"{name}_orders")[name]
    return {order.exchange_id[-1]: order for order in parse.orders(rows, names)}


def test_open_orders_of_all_kinds(names: Names) -> None:
    found = by_number("open", names)
    assert [(o.type, o.status) for _, o in sorted(found.items())] == [
        (OrderType.LIMIT, OrderStatus.OPEN),
        (OrderType.LIMIT, OrderStatus.PARTIALLY_FILLED),
        (OrderType.STOP, OrderStatus.OPEN),
        (OrderType.STOP, OrderStatus.OPEN),
        (OrderType.STOP_LIMIT, OrderStatus.OPEN),
        (OrderType.TRAILING_STOP, OrderStatus.OPEN),
        (OrderType.TAKE_PROFIT, OrderStatus.OPEN),
    ]
    assert found["1"].client_id == "njabc0000000000001"
    assert found["1"].created_at == 1767225600123
    assert (found["2"].filled_qty, found["2"].avg_price) == (Decimal("0.04"), Decimal("25000.1"))
    assert found["2"].fill_ids == ("TAAAAA-AAAAA-AAAAA1",)
    assert (found["3"].parent_id, found["3"].client_id) == ("OAAAAA-AAAAA-AAAAA2", None)
    assert (found["3"].trigger_price, found["3"].limit_price) == (Decimal(24000), None)
    assert [found[n].triggered for n in "345"] == [False, True, False]
    assert (found["5"].trigger_price, found["5"].limit_price) == (Decimal(22000), Decimal(21000))
    assert found["6"].trigger_price is None
    assert found["7"].symbol == "ETH-EUR"


@pytest.mark.parametrize(
    ("close", "stop"),
    [
        ("close position @ stop loss 22000.0", Decimal(22000)),
        ("close position @ stop loss 22000.5 -> limit 21000.0", Decimal("22000.5")),
        ("close position @ stop loss 22000", Decimal(22000)),
        ("close position @ stop loss 5.0000%", None),
        ("close position @ stop loss -5.0000%", None),
        ("close position @ take profit 31000.0", None),
        ("close position @ limit 31000.0", None),
        ("", None),
    ],
)
def test_an_entry_tells_the_stop_it_was_sent_with(names: Names, close: str, stop: Decimal | None) -> None:
    rows = fixture("open_orders")["open"]
    rows["OAAAAA-AAAAA-AAAAA1"]["descr"]["close"] = close
    (order,) = [one for one in parse.orders(rows, names) if one.exchange_id == "OAAAAA-AAAAA-AAAAA1"]
    assert order.attached_stop == stop


def test_ended_orders_say_what_they_traded(names: Names) -> None:
    found = by_number("closed", names)
    assert [o.status for _, o in sorted(found.items())] == [
        OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.FILLED, OrderStatus.FILLED,
    ]  # fmt: skip
    assert (found["2"].filled_qty, found["2"].reason) == (Decimal("0.03"), "User requested")
    assert found["5"].qty == Decimal("0.004")  # volume was given in dollars
    assert found["6"].symbol == "GONEUSD"  # a pair that Kraken no longer lists does not fail the read


@pytest.mark.parametrize(
    "damage",
    [
        lambda row: row.update(vol="NaN"),
        lambda row: row.update(vol_exec="1e999"),
        lambda row: row.pop("vol"),
        lambda row: row.pop("descr"),
        lambda row: row.update(descr="buy"),
        lambda row: row["descr"].update(type="hold"),
        lambda row: row.update(opentm="yesterday"),
        lambda row: row.update(trades="T"),
        lambda row: row.update(vol=True),
    ],
)
def test_one_unreadable_order_fails_the_whole_list(names: Names, damage: Callable[[Any], Any]) -> None:
    rows = fixture("open_orders")["open"]
    damage(rows["OAAAAA-AAAAA-AAAAA1"])
    with pytest.raises(BadAnswer, match="OAAAAA-AAAAA-AAAAA1"):
        parse.orders(rows, names)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["descr", "vol", "vol_exec", "status", "x"]), inner, max_size=4)))  # fmt: skip
def test_nonsense_is_refused_and_never_crashes(value: object) -> None:
    for read in (parse.orders, parse.fills, parse.balances, parse.pockets, parse.fee_rates, parse_market.tickers):
        try:
            read({"O": value}, Names())
            read(value, Names())
        except BadAnswer:
            continue


def test_control_characters_of_a_venue_are_escaped(names: Names) -> None:
    rows = fixture("closed_orders")["closed"]
    rows["OBBBBB-BBBBB-BBBBB2"]["reason"] = "\x1b[2J" + "y" * 900
    reason = parse.orders(rows, names)[1].reason
    assert reason.isprintable()
    assert len(reason) == 250


@pytest.mark.parametrize("word", ["untouched", "pending_new", "dreaming", "", None, 7])
def test_an_order_with_an_unknown_status_counts_as_live(names: Names, word: object) -> None:
    rows = fixture("open_orders")["open"]
    rows["OAAAAA-AAAAA-AAAAA1"]["status"] = rows["OAAAAA-AAAAA-AAAAA2"]["status"] = word
    found = {one.exchange_id[-1]: one.status for one in parse.orders(rows, names)}
    assert (found["1"], found["2"]) == (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED)


def test_no_trades_may_be_null(names: Names) -> None:
    rows = fixture("open_orders")["open"]
    rows["OAAAAA-AAAAA-AAAAA1"]["trades"] = None
    assert parse.orders(rows, names)[0].fill_ids == ()


# -- fills ------------------------------------------------------------------------------------------------------------
def test_fills_are_exact_and_oldest_first(names: Names) -> None:
    first, second = parse.fills(fixture("trades_history")["trades"], names)
    assert (first.fill_id, first.symbol, first.time, first.side) == (
        "TAAAAA-AAAAA-AAAAA1",
        "ETH-EUR",
        1767225600500,
        Side.SELL,
    )
    assert (first.fee_asset, first.fee_usd) == ("EUR", Decimal(0))
    assert (second.exchange_order_id, second.time) == ("OBBBBB-BBBBB-BBBBB1", 1767225600987)
    assert (second.qty, second.price) == (Decimal("0.04"), Decimal("25000.1"))
    assert (second.fee, second.fee_asset, second.fee_usd) == (Decimal("2.00001"), "USD", Decimal("2.00001"))


@pytest.mark.parametrize(
    ("word", "executed", "status"),
    [
        ("closed", "0.09999999", OrderStatus.FILLED),
        ("closed", "0.09999998", OrderStatus.FILLED),
        ("closed", "0.09999", OrderStatus.FILLED),
        ("canceled", "0.09999999", OrderStatus.CANCELED),
        ("canceled", "0.10000000", OrderStatus.FILLED),
    ],
)
def test_an_order_that_ends_with_an_insignificant_rest(
    names: Names, word: str, executed: str, status: OrderStatus
) -> None:
    row = fixture("closed_orders")["closed"]["OBBBBB-BBBBB-BBBBB1"]
    (order,) = parse.orders({"OBBBBB-BBBBB-BBBBB1": row | {"status": word, "vol_exec": executed}}, names)
    assert (order.status, order.filled_qty) == (status, Decimal(executed))


def test_no_parent_by_another_name_a_trigger_elsewhere_and_a_fill_that_cost_nothing(names: Names) -> None:
    row = fixture("closed_orders")["closed"]["OBBBBB-BBBBB-BBBBB1"]
    row |= {"refid": "None", "stopprice": "24000.0", "cost": "0.00000", "price": "0", "vol": "0.00000001"}
    row |= {"vol_exec": "0.00000001", "descr": row["descr"] | {"ordertype": "stop-loss", "price": "0"}}
    (order,) = parse.orders({"OBBBBB-BBBBB-BBBBB1": row}, names)
    assert (order.parent_id, order.trigger_price, order.avg_price) == (None, Decimal(24000), None)
    trade = fixture("trades_history")["trades"]["TAAAAA-AAAAA-AAAAA2"]
    (fill,) = parse.fills({"T1": trade | {"cost": "0.00000", "fee": "-0.0001", "vol": "0.00000001"}}, names)
    assert (fill.qty, fill.fee) == (Decimal("0.00000001"), Decimal("-0.0001"))


def test_pairs_that_do_not_tell_their_fees_are_traded_and_rebates_are_fees_below_nothing(names: Names) -> None:
    pairs = {name: row | {"fees": [], "fees_maker": []} for name, row in fixture("asset_pairs").items()}
    assert (
        parse_market.instruments(pairs, names, {})[0].keys()
        == parse_market.instruments(fixture("asset_pairs"), names, fixture("assets"))[0].keys()
    )
    volume = fixture("trade_volume")
    volume["fees_maker"]["XXBTZUSD"]["fee"] = "-0.0200"
    assert parse.fee_rates(volume, names)["BTC-USD"].maker == Decimal("-0.0002")


@pytest.mark.parametrize("key", ["price", "vol", "fee", "time", "type", "ordertxid"])
def test_a_fill_without_a_part_fails_the_list(names: Names, key: str) -> None:
    rows = fixture("trades_history")["trades"]
    del rows["TAAAAA-AAAAA-AAAAA2"][key]
    with pytest.raises(BadAnswer):
        parse.fills(rows, names)


# -- money ------------------------------------------------------------------------------------------------------------
def test_free_is_what_can_be_spent(names: Names) -> None:
    found = parse.balances(fixture("balance_ex"), names)
    assert found["USD"] == Balance(Decimal("755.5"), Decimal("250.5"))
    assert found["BTC"] == Balance(Decimal("0.46"), Decimal("0.04"))
    assert found["USDT"] == Balance(Decimal(0), Decimal(6))
    assert set(found) == {"USD", "BTC", "DOGE", "USDT"}
    assert parse.pockets(fixture("balance_ex"), names) == {"BTC": Decimal("0.12"), "DOT": Decimal(3), "USD": Decimal(7)}


def test_fees_are_fractions_and_fall_back_to_one_schedule(names: Names) -> None:
    assert parse.fee_rates(fixture("trade_volume"), names) == {
        "BTC-USD": FeeRate(maker=Decimal("0.001"), taker=Decimal("0.002")),
        "XTZ-USD": FeeRate(maker=Decimal("0.004"), taker=Decimal("0.004")),
    }


# -- the key ------------------------------------------------------------------------------------------------------------
def test_the_keys_rights_in_both_spellings() -> None:
    camel, snake = parse.key_info(fixture("key_info")), parse.key_info(fixture("key_info_snake"))
    assert camel.permissions is not None
    assert "modify-trades" in camel.permissions
    assert (camel.ip_allowlist, camel.valid_until) == (("192.0.2.1",), 1798761600000)
    assert (snake.permissions, snake.ip_allowlist, snake.valid_until) == (
        frozenset({"query-funds", "withdraw-funds"}),
        (),
        0,
    )


@pytest.mark.parametrize("answer", [{}, {"permissions": None}, {"permissions": "query-funds"}])
def test_a_key_whose_rights_are_not_said_has_unknown_rights(answer: Any) -> None:
    assert parse.key_info(answer).permissions is None


# -- prices -------------------------------------------------------------------------------------------------------------
def ohlc(*rows: Any, last: Any) -> Any:
    return {"XXBTZUSD": list(rows), "last": last}


ROW = [1767225600, "1", "2", "0.5", "1.5", "1.2", "10", 3]


@pytest.mark.parametrize("last", [1767225600, "1767225600", Decimal(1767225600)])
def test_the_running_candle_is_dropped_by_krakens_word_not_by_our_clock(last: Any) -> None:
    found = parse_market.candles(ohlc(ROW, [1767225660, *ROW[1:]], last=last), 60_000, 720)
    assert list(found.time) == [1767225600000]
    assert tuple(found.candle(0))[1:] == (1.0, 2.0, 0.5, 1.5, 10.0)


def test_a_price_that_is_none_reaches_the_inspection_as_such() -> None:
    found = parse_market.candles(ohlc([ROW[0], "NaN", None, "x", *ROW[4:]], last=ROW[0]), 60_000, 720)
    assert inspect(found)


@pytest.mark.parametrize(
    "answer",
    [
        {"last": 1},
        {"A": [], "B": [], "last": 1},
        {"A": [[1]], "last": 1},
        {"A": {}, "last": 1},
        {"A": []},
        [],
        {"A": [ROW], "last": "soon"},
    ],
)
def test_candles_in_no_shape_are_no_answer(answer: Any) -> None:
    with pytest.raises(BadAnswer):
        parse_market.candles(answer, 60_000, 720)


def test_trades_go_on_from_their_last_id_and_keep_their_prices() -> None:
    rows = [
        ["100.10000", "1", Decimal("1767225600.1234567"), "b", "l", "", 7],
        ["99", "1", Decimal(1767225601), "s", "m", "", 8, "new"],
    ]
    found, last = parse_market.prints({"XXBTZUSD": rows, "last": "1767225601000000001"}, 0)
    assert [(one.price, one.at) for one in found] == [(Decimal("100.1"), 1767225600123), (Decimal(99), 1767225601000)]
    assert last == 1767225601000000000


@pytest.mark.parametrize("row", [["0", "1", 1], ["NaN", "1", 1], ["1", "1"], "row", ["1", "1", "later"]])
def test_a_trade_that_cannot_be_read_fails_the_look(row: Any) -> None:
    with pytest.raises(BadAnswer):
        parse_market.prints({"X": [row], "last": "1"}, 0)


# -- recorded -----------------------------------------------------------------------------------------------------------
def test_recorded_pairs_candles_trades_and_ticker_are_understood() -> None:
    pairs = recorded("asset_pairs")
    names = read_names({"XXBT": {"altname": "XBT"}}, pairs)
    assert parse_market.instruments(pairs, names, {})[0]["BTC-USDT"].min_qty == Decimal("0.00005")
    candles = parse_market.candles(recorded("ohlc"), 60_000, 720)
    assert len(candles) == 720
    assert not inspect(candles)
    assert int(candles.time[-1]) == 1762820160000
    assert np.count_nonzero(candles.volume == 0.0) > 0
    trades, last = parse_market.prints(recorded("trades"), 0)
    assert (len(trades), last) == (1000, 1762820035982277753)
    ticker = parse_market.tickers(recorded("ticker"), names)["BTC-USDT"]
    assert (ticker.bid, ticker.ask, ticker.last) == (Decimal("105944.2"), Decimal("105944.3"), Decimal("105899.4"))
    assert Decimal(17_000_000) < ticker.turnover < Decimal(18_000_000)
    assert parse_market.server_ms(recorded("server_time")) == 1762820224500
