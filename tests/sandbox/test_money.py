"""No cent appears or vanishes, whatever is done to the exchange and in whatever order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.sandbox.core.values import Side
from tests.sandbox.kraken_client import KrakenClient

MONEY = {"USD": Decimal(3000), "USDT": Decimal(2000)}
FACTORS = st.sampled_from(["0.9", "0.97", "0.995", "0.9995", "1.0005", "1.005", "1.03", "1.1"])
SIDES = st.sampled_from(["buy", "sell"])
VOLUMES = st.sampled_from(["0.00005", "0.0007", "0.00312345", "0.01", "0.03"])
ORDERS = st.fixed_dictionaries(
    {
        "type": SIDES,
        "ordertype": st.sampled_from(
            ["market", "limit", "stop-loss", "take-profit", "stop-loss-limit", "trailing-stop", "take-profit-limit"]
        ),
        "volume": VOLUMES,
        "factor": FACTORS,
        "oflags": st.sampled_from(["fciq", "fcib"]),
        "close": st.booleans(),
        "timeinforce": st.sampled_from(["GTC", "IOC"]),
    }
)
ACTIONS = st.one_of(
    st.tuples(st.just("order"), ORDERS),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("amend"), st.tuples(st.integers(0, 5), VOLUMES, FACTORS)),
    st.tuples(st.just("price"), FACTORS),
    st.tuples(st.just("wait"), st.sampled_from([1, 60, 3600])),
    st.tuples(st.just("switch"), st.booleans()),
)


def act(client: KrakenClient, action: str, how: Any) -> None:
    if action == "order":
        words = {"pair": "XBTUSD", **{k: how[k] for k in ("type", "ordertype", "volume", "oflags")}}
        if how["ordertype"] == "limit":
            words["timeinforce"] = how["timeinforce"]
        if how["ordertype"] != "market":
            words["price"] = "+1%" if how["ordertype"] == "trailing-stop" else client.away(how["factor"])
            words["price2"] = client.away(how["factor"])
        if how["close"]:
            words |= {"close__ordertype": "stop-loss", "close__price": client.away("0.98")}
        client.ask("AddOrder", **words)
    elif action == "price":
        client.jump(how)
    elif action == "wait":
        client.seconds(how)
    elif action == "switch":
        client.venue.switches.set("stop_holds_base", how)
    else:
        change(client, action, how)


def change(client: KrakenClient, action: str, how: Any) -> None:
    number = how if action == "cancel" else how[0]
    working = list(client.exchange.state.open)
    if number >= len(working):
        return
    if action == "cancel":
        client.ask("CancelOrder", txid=working[number])
    else:
        name = "trigger_price" if client.exchange.state.orders[working[number]].waiting else "limit_price"
        client.ask("AmendOrder", txid=working[number], order_qty=how[1], **{name: client.away(how[2])})


def check_books(client: KrakenClient) -> None:
    """Checks that balances are the sum of fills, holds the sum of open orders, and fills the sum of orders."""
    state = client.exchange.state
    wanted = dict(MONEY)
    for fill in state.fills.values():
        sign = 1 if fill.side is Side.BUY else -1
        wanted["BTC"] = wanted.get("BTC", Decimal(0)) + sign * fill.qty
        wanted["USD"] -= sign * fill.cost
        wanted[fill.fee_asset] -= fill.fee
    account = state.account("main")
    assert {a: t for a, t in account.total.items() if t} == {a: t for a, t in wanted.items() if t}
    for asset, held in account.held.items():
        assert held == sum((o.held for o in state.open.values() if o.held_asset == asset), Decimal(0))
        assert 0 <= held <= account.total[asset]
    for order in state.orders.values():
        fills = [state.fills[i] for i in order.fill_ids]
        assert order.filled == sum((f.qty for f in fills), Decimal(0)) <= order.qty
        assert order.cost == sum((f.cost for f in fills), Decimal(0))
        assert order.working or order.held == 0
    check_ledger(client)


def check_ledger(client: KrakenClient) -> None:
    running: dict[str, Decimal] = {}
    for movement in client.exchange.state.movements.values():
        running[movement.asset] = running.get(movement.asset, Decimal(0)) + movement.amount - movement.fee
        assert movement.balance == running[movement.asset]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 3), st.lists(ACTIONS, max_size=14))
def test_money_is_conserved(seed: int, actions: list[tuple[str, Any]]) -> None:
    client = KrakenClient(seed)
    client.buy("0.01")
    for action, how in actions:
        client.nonce += 1
        client.wall.ms += 30_000
        act(client, action, how)
        check_books(client)
    times = [fill.time_ms for fill in client.exchange.state.fills.values()]
    assert times == sorted(times)
