"""Whatever requests Coinbase receives, in whatever order, no money appears, vanishes or is promised twice."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sandbox.core.values import Side
from tests.sandbox.coinbase.coinbase_client import CoinbaseClient

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


def do(client: CoinbaseClient, step: tuple[Any, ...]) -> None:
    match step:
        case ("market", side, size):
            client.create({"market_market_ioc": {"base_size": size}}, side)
        case ("money", product, money):
            client.create({"market_market_ioc": {"quote_size": money}}, product_id=product)
        case ("limit", side, size, factor):
            client.create({"limit_limit_gtc": {"base_size": size, "limit_price": client.away(factor)}}, side)
        case ("ioc", side, size, factor):
            client.create({"sor_limit_ioc": {"base_size": size, "limit_price": client.away(factor)}}, side)
        case ("entry", size):
            bracket = {"limit_price": client.away("1.02"), "stop_trigger_price": client.away("0.98")}
            order = {"sor_limit_ioc": {"base_size": size, "limit_price": client.away("1.01")}}
            client.create(order, attached_order_configuration={"trigger_bracket_gtc": bracket})
        case ("bracket", size):
            prices = {"limit_price": client.away("1.02"), "stop_trigger_price": client.away("0.98")}
            client.create({"trigger_bracket_gtc": {"base_size": size, **prices}}, "SELL")
        case ("stop", size):
            fields = {"base_size": size, "limit_price": client.away("0.97"), "stop_price": client.away("0.98")}
            fields["stop_direction"] = "STOP_DIRECTION_STOP_DOWN"
            client.create({"stop_limit_stop_limit_gtc": fields}, "SELL")
        case ("cancel", number):
            resting = list(client.exchange.state.open)
            if resting:
                client.post("orders/batch_cancel", order_ids=[resting[number % len(resting)]])
                client.real_seconds(0.005)
        case ("edit", number, size, factor):
            for order in list(client.exchange.state.orders.values())[number : number + 1]:
                client.post("orders/edit", order_id=order.id, size=size, price=client.away(factor))
        case ("jump", factor):
            client.jump(factor)
        case ("wait", seconds):
            client.seconds(seconds)
        case ("finer", on):
            client.switch("quote_buys_finer_than_lot", on)
        case ("free", on):
            client.switch("stops_hold_base", not on)
        case ("clears", delay_ms):
            client.switch("hold_release_ms", delay_ms)


def check(client: CoinbaseClient) -> None:
    state = client.exchange.state
    account = state.account("main")
    promised: dict[str, Decimal] = {}
    for order in state.open.values():
        promised[order.held_asset] = promised.get(order.held_asset, Decimal(0)) + order.held
    for row in client.exchange.funds.clearings.rows():
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
        client = CoinbaseClient(Path(folder), pairs=1)
        client.switch("cancel_ms", 5)
        client.switch("hold_release_ms", 250)
        do(client, ("market", "BUY", "0.01"))
        do(client, ("limit", "BUY", "0.003", "0.9"))
        for step in steps:
            do(client, step)
            check(client)
        client.real_seconds(10)
        assert client.exchange.funds.clearings.rows() == []
        for row in client.get("accounts")["accounts"]:
            total, held = client.exchange.state.account("main").snapshot().get(row["currency"], (0, 0))
            assert Decimal(row["available_balance"]["value"]) == total - held
