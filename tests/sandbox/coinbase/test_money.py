"""Whatever is asked of Coinbase in whatever order, no money appears, vanishes or is promised twice."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sandbox.core.values import Side
from tests.sandbox.coinbase.desk import Desk

SIZES = st.sampled_from(["0.0005", "0.003", "0.01", "0.02"])
FACTORS = st.sampled_from(["0.9", "0.97", "0.99", "0.999", "1", "1.001", "1.01", "1.03", "1.1"])
STEPS = st.one_of(
    st.tuples(st.just("market"), st.sampled_from(["BUY", "SELL"]), SIZES),
    st.tuples(st.just("money"), st.sampled_from(["BTC-USD", "BTC-USDC"]), st.sampled_from(["1", "25.5", "900"])),
    st.tuples(st.just("limit"), st.sampled_from(["BUY", "SELL"]), SIZES, FACTORS),
    st.tuples(st.just("ioc"), st.sampled_from(["BUY", "SELL"]), SIZES, FACTORS),
    st.tuples(st.just("entry"), SIZES),
    st.tuples(st.just("bracket"), SIZES),
    st.tuples(st.just("stop"), SIZES),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
    st.tuples(st.just("edit"), st.integers(0, 20), SIZES, FACTORS),
    st.tuples(st.just("jump"), FACTORS),
    st.tuples(st.just("wait"), st.sampled_from([0.01, 2.0, 45.0])),
    st.tuples(st.just("finer"), st.booleans()),
    st.tuples(st.just("free"), st.booleans()),
    st.tuples(st.just("clears"), st.sampled_from([0, 250, 5_000])),
)


def do(desk: Desk, step: tuple[Any, ...]) -> None:
    match step:
        case ("market", side, size):
            desk.create({"market_market_ioc": {"base_size": size}}, side)
        case ("money", product, money):
            desk.create({"market_market_ioc": {"quote_size": money}}, product_id=product)
        case ("limit", side, size, factor):
            desk.create({"limit_limit_gtc": {"base_size": size, "limit_price": desk.away(factor)}}, side)
        case ("ioc", side, size, factor):
            desk.create({"sor_limit_ioc": {"base_size": size, "limit_price": desk.away(factor)}}, side)
        case ("entry", size):
            bracket = {"limit_price": desk.away("1.02"), "stop_trigger_price": desk.away("0.98")}
            order = {"sor_limit_ioc": {"base_size": size, "limit_price": desk.away("1.01")}}
            desk.create(order, attached_order_configuration={"trigger_bracket_gtc": bracket})
        case ("bracket", size):
            prices = {"limit_price": desk.away("1.02"), "stop_trigger_price": desk.away("0.98")}
            desk.create({"trigger_bracket_gtc": {"base_size": size, **prices}}, "SELL")
        case ("stop", size):
            fields = {"base_size": size, "limit_price": desk.away("0.97"), "stop_price": desk.away("0.98")}
            fields["stop_direction"] = "STOP_DIRECTION_STOP_DOWN"
            desk.create({"stop_limit_stop_limit_gtc": fields}, "SELL")
        case ("cancel", number):
            resting = list(desk.exchange.state.open)
            if resting:
                desk.post("orders/batch_cancel", order_ids=[resting[number % len(resting)]])
                desk.real_seconds(0.005)
        case ("edit", number, size, factor):
            for order in list(desk.exchange.state.orders.values())[number : number + 1]:
                desk.post("orders/edit", order_id=order.id, size=size, price=desk.away(factor))
        case ("jump", factor):
            desk.jump(factor)
        case ("wait", seconds):
            desk.seconds(seconds)
        case ("finer", on):
            desk.switch("quote_buys_finer_than_lot", on)
        case ("free", on):
            desk.switch("stops_hold_base", not on)
        case ("clears", delay_ms):
            desk.switch("hold_release_ms", delay_ms)


def check(desk: Desk) -> None:
    state = desk.exchange.state
    account = state.account("main")
    promised: dict[str, Decimal] = {}
    for order in state.open.values():
        promised[order.held_asset] = promised.get(order.held_asset, Decimal(0)) + order.held
    for row in desk.exchange.funds.clearings.rows():
        promised[row.asset] = promised.get(row.asset, Decimal(0)) + row.amount
    for asset, total in account.total.items():
        moved = sum(m.amount - m.fee for m in state.movements.values() if m.asset == asset)
        assert total == moved >= 0, asset
        assert account.held.get(asset, 0) == promised.get(asset, 0) <= total, asset
    for order in state.orders.values():
        fills = [state.fills[fill_id] for fill_id in order.fill_ids]
        assert sum((fill.qty for fill in fills), Decimal(0)) == order.filled <= order.qty
        assert order.held == 0 or order.working
        for fill in fills if order.price is not None and order.amended_ms is None else []:
            assert fill.price <= order.price if order.side is Side.BUY else fill.price >= order.price


@settings(max_examples=25, deadline=None)
@given(st.lists(STEPS, min_size=5, max_size=25))
def test_the_books_hold_after_every_step(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder), pairs=1)
        desk.switch("cancel_ms", 5)
        desk.switch("hold_release_ms", 250)
        do(desk, ("market", "BUY", "0.01"))
        do(desk, ("limit", "BUY", "0.003", "0.9"))
        for step in steps:
            do(desk, step)
            check(desk)
        desk.real_seconds(10)
        assert desk.exchange.funds.clearings.rows() == []
        for row in desk.get("accounts")["accounts"]:
            total, held = desk.exchange.state.account("main").snapshot().get(row["currency"], (0, 0))
            assert Decimal(row["available_balance"]["value"]) == total - held
