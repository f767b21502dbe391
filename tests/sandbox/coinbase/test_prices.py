"""Prices that Coinbase rejects: far from the market, of stops, of attached brackets; and the fields of a child order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.sandbox.coinbase.coinbase_client import CoinbaseClient

UNKNOWN = "UNKNOWN_FAILURE_REASON"


def codes(error: dict[str, str]) -> tuple[str, str]:
    return error["error"], error["preview_failure_reason"]


def both(word: str) -> tuple[str, str]:
    return word, f"PREVIEW_{word}"


def limit(client: CoinbaseClient, factor: str) -> dict[str, Any]:
    return {"limit_limit_gtc": {"base_size": "0.005", "limit_price": client.away(factor)}}


def entry(client: CoinbaseClient, factor: str = "1.01") -> dict[str, Any]:
    return {"sor_limit_ioc": {"base_size": "0.01", "limit_price": client.away(factor)}}


def bracket(
    client: CoinbaseClient, target: str | None = "1.05", stop: str | None = "0.97", **fields: str
) -> dict[str, Any]:
    prices = {"limit_price": target, "stop_trigger_price": stop}
    shown = {name: client.away(factor) for name, factor in prices.items() if factor is not None}
    return {"trigger_bracket_gtc": {**shown, **fields}}


# ---- the band ----


@pytest.mark.parametrize(("factor", "side"), [("0.5", "BUY"), ("3", "BUY"), ("0.5", "SELL"), ("3", "SELL")])
def test_a_limit_far_from_the_market_is_refused(client: CoinbaseClient, factor: str, side: str) -> None:
    client.buy()
    word = f"LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_{side}"
    assert codes(client.refusal(limit(client, factor), side)) == both(word)
    shown = client.post("orders/preview", product_id="BTC-USD", side=side, order_configuration=limit(client, factor))
    assert shown["errs"] == [f"PREVIEW_{word}"]


def test_the_band_has_a_width_and_other_words(client: CoinbaseClient) -> None:
    client.switch("price_band_percent", 5)
    assert client.limit("0.96").working
    for name, word in {
        "too_far": "PREVIEW_LIMIT_PRICE_TOO_FAR_FROM_MARKET",
        "breached": "PREVIEW_BREACHED_PRICE_LIMIT",
    }.items():
        client.switch("price_band_word", name)
        assert codes(client.refusal(limit(client, "0.94"))) == (UNKNOWN, word)
    client.switch("price_band_percent", 0)
    assert client.limit("0.3").working


def test_an_edit_does_not_leave_the_band(client: CoinbaseClient) -> None:
    order = client.limit("0.9")
    answer = client.post("orders/edit", order_id=order.id, price=client.away("0.5"), size="0.005")
    assert answer["errors"] == [
        {
            "edit_failure_reason": "INVALID_EDITED_PRICE",
            "preview_failure_reason": "PREVIEW_LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_BUY",
        }
    ]


# ---- stops ----


@pytest.mark.parametrize(
    ("side", "way", "at", "price", "word"),
    [
        ("SELL", "DOWN", "0.98", "0.99", "STOP_PRICE_BELOW_LIMIT_PRICE"),
        ("BUY", "UP", "1.02", "1.01", "STOP_PRICE_ABOVE_LIMIT_PRICE"),
    ],
)
def test_a_stops_limit_lies_beyond_its_trigger(
    client: CoinbaseClient, side: str, way: str, at: str, price: str, word: str
) -> None:
    client.buy()
    fields = {"base_size": "0.001", "stop_direction": f"STOP_DIRECTION_STOP_{way}", "stop_price": client.away(at)}
    wrong = {"stop_limit_stop_limit_gtc": {**fields, "limit_price": client.away(price)}}
    assert codes(client.refusal(wrong, side)) == both(word)
    at_trigger = {"stop_limit_stop_limit_gtc": {**fields, "limit_price": client.away(at)}}
    assert client.place(at_trigger, side).working


# ---- attached brackets ----


@pytest.mark.parametrize(
    ("attached", "word"),
    [
        ({"base_size": "0.01"}, "ATTACHED_ORDER_SIZE_MUST_BE_NIL"),
        ({"stop": None}, "SINGLE_LEGGED_TPSL_NOT_ALLOWED"),
        ({"target": None}, "SINGLE_LEGGED_TPSL_NOT_ALLOWED"),
        ({"target": "1.009"}, "INVALID_ATTACHED_TAKE_PROFIT_PRICE_TOO_LOW"),
        ({"stop": "1.001"}, "INVALID_ATTACHED_STOP_LOSS_PRICE_TOO_HIGH"),
        ({"target": "1.6"}, "INVALID_ATTACHED_TAKE_PROFIT_PRICE_OUT_OF_BOUNDS"),
        ({"stop": "0.4"}, "INVALID_ATTACHED_STOP_LOSS_PRICE_OUT_OF_BOUNDS"),
        ({"limit_price": "99999.001"}, "INVALID_ATTACHED_TAKE_PROFIT_PRICE_PRECISION"),
    ],
)
def test_an_attached_bracket_has_no_size_two_legs_and_prices_around_the_entry(
    client: CoinbaseClient, attached: dict[str, Any], word: str
) -> None:
    asked = bracket(client, **attached)
    assert codes(client.refusal(entry(client), attached_order_configuration=asked)) == both(word)
    assert not client.exchange.state.orders


def test_only_brackets_without_a_deadline_are_carried(client: CoinbaseClient) -> None:
    asked = {"trigger_bracket_gtd": bracket(client)["trigger_bracket_gtc"]}
    error = client.refusal(entry(client), attached_order_configuration=asked)
    assert error["preview_failure_reason"] == "PREVIEW_INVALID_ORDER_TYPE_FOR_ATTACHED"


def test_bounds_of_attached_prices_move_with_the_market(client: CoinbaseClient) -> None:
    client.switch("attached_bounds_percent", 4)
    asked = bracket(client, stop="0.99")
    word = "INVALID_ATTACHED_TAKE_PROFIT_PRICE_OUT_OF_BOUNDS"
    assert client.refusal(entry(client), attached_order_configuration=asked)["error"] == word
    client.jump("1.015")
    assert client.place(entry(client), attached_order_configuration=asked).close is not None


def test_immediate_entries_may_not_be_allowed_to_carry_one(client: CoinbaseClient) -> None:
    client.switch("attached_refused_on_ioc", True)
    error = client.refusal(entry(client), attached_order_configuration=bracket(client))
    assert error["preview_failure_reason"] == "PREVIEW_INVALID_ORDER_TYPE_FOR_ATTACHED"
    assert client.place(limit(client, "0.99"), attached_order_configuration=bracket(client)).working


# ---- the child ----


def child_of_half(client: CoinbaseClient) -> dict[str, Any]:
    client.venue.faults.arm({"kind": "partial_fill"})
    parent = client.place(entry(client), client_id="mine", attached_order_configuration=bracket(client))
    client.real_seconds(1)
    shown: dict[str, Any] = client.get(f"orders/historical/{parent.tags['attached_id']}")["order"]
    return shown


@pytest.mark.parametrize(("by_order", "size", "part"), [(False, "0.005", "100.00"), (True, "0.01", "50.00")])
def test_a_child_of_a_part_shows_the_size_of_the_fill_or_of_the_order(
    client: CoinbaseClient, by_order: bool, size: str, part: str
) -> None:
    client.switch("attached_sized_by_order", by_order)
    child = child_of_half(client)
    assert child["order_configuration"]["trigger_bracket_gtc"]["base_size"] == size
    assert (child["workable_size"], child["workable_size_completion_pct"]) == ("0.005", part)
    assert client.exchange.state.orders[child["order_id"]].qty == Decimal("0.005")


def test_a_childs_client_id_is_none_the_venues_own_or_its_parents(client: CoinbaseClient) -> None:
    assert UUID(child_of_half(client)["client_order_id"]).version == 4
    for word, expected in {"none": "", "parent": "again"}.items():
        client.switch("child_client_id", word)
        parent = client.place(
            entry(client),
            client_id=f"again{'' if word == 'parent' else word}",
            attached_order_configuration=bracket(client),
        )
        client.real_seconds(1)
        child = client.get(f"orders/historical/{parent.tags['attached_id']}")["order"]
        assert child["client_order_id"] == expected
    assert client.place(entry(client), client_id="again") is parent
