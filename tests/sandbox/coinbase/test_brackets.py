"""Brackets: a stop and a target in one order, alone and attached to an entry; what does and does not cover a position."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.sandbox.coinbase.words import rfc3339
from bot.sandbox.core import truth
from bot.sandbox.core.values import Order
from tests.sandbox.coinbase.coinbase_client import CoinbaseClient


def prices(client: CoinbaseClient, target: str = "1.05", stop: str = "0.97") -> dict[str, str]:
    return {"limit_price": client.away(target), "stop_trigger_price": client.away(stop)}


def bracket(client: CoinbaseClient, size: str = "0.005", **factors: str) -> Order:
    return client.place({"trigger_bracket_gtc": {"base_size": size, **prices(client, **factors)}}, "SELL")


def attached(client: CoinbaseClient, **factors: str) -> dict[str, Any]:
    return {"trigger_bracket_gtc": prices(client, **factors)}


def enter(client: CoinbaseClient, size: str = "0.005") -> tuple[Order, Order]:
    """An immediate entry with its bracket."""
    entry = client.place(
        {"sor_limit_ioc": {"base_size": size, "limit_price": client.away("1.01")}},
        attached_order_configuration=attached(client),
    )
    client.real_seconds(1)
    return entry, client.exchange.state.orders[entry.tags["attached_id"]]


def naked(client: CoinbaseClient) -> Any:
    return client.exchange.state.exposure["BTC-USD"].report(client.wall.ms)


# ---- alone ----


def test_a_bracket_holds_the_coins_and_waits(client: CoinbaseClient) -> None:
    client.buy()
    order = bracket(client)
    client.real_seconds(1)
    shown = client.order(order)
    assert (shown["status"], shown["order_type"], shown["trigger_status"]) == ("OPEN", "BRACKET", "STOP_PENDING")
    assert client.wallet("BTC") == (0, Decimal("0.005"))


def test_its_stop_sells_at_the_market_down_to_five_percent_worse(client: CoinbaseClient) -> None:
    client.buy()
    order = bracket(client)
    client.jump("0.965")
    client.seconds(30)
    shown = client.order(order)
    assert (shown["status"], shown["trigger_status"]) == ("FILLED", "STOP_TRIGGERED")
    assert Decimal(shown["average_filled_price"]) == pytest.approx(client.last, rel=Decimal("0.01"))
    assert order.price == (order.trigger or 0) - ((order.trigger or 0) * 5 / 100).quantize(
        Decimal("0.01"), "ROUND_DOWN"
    )


def test_a_gap_below_the_stops_limit_leaves_it_resting_unfilled(client: CoinbaseClient) -> None:
    client.buy()
    order = bracket(client)
    client.jump("0.90")
    client.seconds(10)
    shown = client.order(order)
    assert (shown["status"], shown["trigger_status"], shown["filled_size"]) == ("OPEN", "STOP_TRIGGERED", "0")
    assert client.wallet("BTC") == (0, Decimal("0.005"))


def test_its_target_sells_at_its_price_as_maker(client: CoinbaseClient) -> None:
    client.buy()
    order = bracket(client)
    client.jump("1.055")
    client.seconds(60)
    shown = client.order(order)
    assert (shown["status"], shown["trigger_status"]) == ("FILLED", "STOP_PENDING")
    assert Decimal(shown["average_filled_price"]) == order.target
    fills = client.get("orders/historical/fills", order_ids=order.id)["fills"]
    assert {fill["liquidity_indicator"] for fill in fills} == {"MAKER"}


def test_a_bracket_that_would_fire_at_once_is_refused(client: CoinbaseClient) -> None:
    client.buy()
    size = {"base_size": "0.005"}
    above = client.refusal({"trigger_bracket_gtc": {**size, **prices(client, stop="1.01")}}, "SELL")
    below = client.refusal({"trigger_bracket_gtc": {**size, **prices(client, target="0.99")}}, "SELL")
    assert above["preview_failure_reason"] == "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE"
    assert below["preview_failure_reason"] == "PREVIEW_INVALID_LIMIT_PRICE"


def test_a_bracket_may_have_a_deadline(client: CoinbaseClient) -> None:
    client.buy()
    fields = {"base_size": "0.005", **prices(client), "end_time": rfc3339(client.wall.ms + 5000)}
    order = client.place({"trigger_bracket_gtd": fields}, "SELL")
    client.real_seconds(5)
    assert client.order(order)["status"] == "EXPIRED"


def test_a_bracket_cannot_be_edited(client: CoinbaseClient) -> None:
    client.buy()
    order = bracket(client)
    answer = client.post("orders/edit", order_id=order.id, price=client.away("1.1"), size="0.005")
    assert answer["errors"][0]["edit_failure_reason"] == "ONLY_LIMIT_ORDER_EDITS_SUPPORTED"


# ---- attached ----


def test_an_entry_announces_its_bracket_and_both_name_each_other(client: CoinbaseClient) -> None:
    asked = attached(client)
    answer = client.create(
        {"sor_limit_ioc": {"base_size": "0.005", "limit_price": client.away("1.01")}},
        attached_order_configuration=asked,
    )
    client.real_seconds(1)
    success = answer["success_response"]
    parent = client.get(f"orders/historical/{success['order_id']}")["order"]
    child = client.get(f"orders/historical/{success['attached_order_id']}")["order"]
    assert (parent["attached_order_id"], child["originating_order_id"]) == (child["order_id"], parent["order_id"])
    assert parent["attached_order_configuration"] == asked
    assert child["order_configuration"] == {
        "trigger_bracket_gtc": {**asked["trigger_bracket_gtc"], "base_size": "0.005"}
    }
    assert (child["side"], child["order_type"], child["status"]) == ("SELL", "BRACKET", "OPEN")


def test_a_position_with_its_bracket_was_never_naked(client: CoinbaseClient) -> None:
    entry, child = enter(client)
    assert client.wallet("BTC") == (0, Decimal("0.005"))
    report = naked(client)
    assert (report["held"], report["covered"], report["naked_events"]) == ("0.005", "0.005", [])
    rows = {row["id"]: row for row in truth.ledger(client.venue)["orders"]}
    row = rows[child.id]
    assert (row["type"], row["origin"], row["parent_id"], row["qty"]) == ("bracket", "attached", entry.id, "0.005")


def test_a_position_is_naked_while_its_bracket_is_gone(client: CoinbaseClient) -> None:
    _, child = enter(client)
    client.post("orders/batch_cancel", order_ids=[child.id])
    client.real_seconds(3)
    bracket(client)
    client.real_seconds(5)
    assert [event["end"] is None for event in naked(client)["naked_events"]] == [False]
    assert naked(client)["naked_seconds"] == "2.98"


def test_the_bracket_is_as_big_as_what_was_filled(client: CoinbaseClient) -> None:
    client.venue.faults.arm({"kind": "partial_fill"})
    entry, child = enter(client, "0.01")
    assert (entry.filled, child.qty) == (Decimal("0.005"), Decimal("0.005"))
    assert client.order(child)["order_configuration"]["trigger_bracket_gtc"]["base_size"] == "0.005"


def test_a_buy_of_money_is_covered_too(client: CoinbaseClient) -> None:
    entry = client.place({"market_market_ioc": {"quote_size": "100"}}, attached_order_configuration=attached(client))
    client.real_seconds(1)
    assert client.exchange.state.orders[entry.tags["attached_id"]].qty == entry.filled


def test_an_entry_that_buys_nothing_has_no_bracket(client: CoinbaseClient) -> None:
    entry = client.place(
        {"sor_limit_ioc": {"base_size": "0.005", "limit_price": client.away("0.98")}},
        attached_order_configuration=attached(client),
    )
    client.real_seconds(1)
    assert client.order(entry)["status"] == "CANCELLED"
    assert client.refused("GET", f"orders/historical/{entry.tags['attached_id']}")[0] == 404


def test_a_resting_entry_is_covered_once_it_has_filled(client: CoinbaseClient) -> None:
    entry = client.limit("0.99", attached_order_configuration=attached(client))
    assert list(client.exchange.state.orders) == [entry.id]
    client.jump("0.989")
    client.seconds(60)
    child = client.exchange.state.orders[entry.tags["attached_id"]]
    assert (child.qty, child.working) == (entry.qty, True)


def test_the_attached_stop_fires_as_the_same_order(client: CoinbaseClient) -> None:
    _, child = enter(client)
    client.jump("0.965")
    client.seconds(30)
    assert client.order(child)["status"] == "FILLED"
    assert len(client.exchange.state.orders) == 2
    assert client.wallet("BTC") == (0, 0)


def test_a_resend_of_an_entry_announces_the_same_bracket(client: CoinbaseClient) -> None:
    body = {"sor_limit_ioc": {"base_size": "0.005", "limit_price": client.away("1.01")}}
    asked = attached(client)
    first, second = (client.create(body, client_id="mine", attached_order_configuration=asked) for _ in range(2))
    assert first == second
    assert len(client.exchange.state.orders) == 2


@pytest.mark.parametrize(
    ("configuration", "side", "attach", "code"),
    [
        ("market_market_ioc", "SELL", "trigger_bracket_gtc", "PREVIEW_INVALID_ORDER_SIDE_FOR_ATTACHED_TPSL"),
        ("market_market_ioc", "BUY", "limit_limit_gtc", "PREVIEW_INVALID_ORDER_TYPE_FOR_ATTACHED"),
        ("trigger_bracket_gtc", "SELL", "trigger_bracket_gtc", "PREVIEW_INVALID_ORDER_TYPE_FOR_ATTACHED"),
    ],
)
def test_only_buys_at_market_or_limit_carry_a_bracket(
    client: CoinbaseClient, configuration: str, side: str, attach: str, code: str
) -> None:
    client.buy()
    fields = {"base_size": "0.005", **(prices(client) if "bracket" in configuration else {})}
    error = client.refusal({configuration: fields}, side, attached_order_configuration={attach: prices(client)})
    assert error["preview_failure_reason"] == code


def test_brackets_on_entries_can_be_switched_off(client: CoinbaseClient) -> None:
    for switch in ("attached_refused", "stops_refused_on_spot"):
        client.switch(switch, True)
        error = client.refusal(
            {"market_market_ioc": {"base_size": "0.005"}}, attached_order_configuration=attached(client)
        )
        assert error["preview_failure_reason"] == "PREVIEW_INVALID_ORDER_TYPE_FOR_ATTACHED"
        client.switch(switch, False)


def test_a_bracket_below_the_minimum_can_be_dropped(client: CoinbaseClient) -> None:
    small = {"market_market_ioc": {"quote_size": "1"}}
    client.switch("attached_below_minimum_dropped", True)
    entry = client.place(small, attached_order_configuration=attached(client))
    assert entry.tags["attached_id"] not in client.exchange.state.orders
    client.switch("attached_below_minimum_dropped", False)
    entry = client.place(small, attached_order_configuration=attached(client))
    assert entry.tags["attached_id"] in client.exchange.state.orders
