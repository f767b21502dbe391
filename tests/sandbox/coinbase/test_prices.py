"""Prices that Coinbase refuses: far from the market, of stops, of attached brackets; and what a child looks like."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.sandbox.coinbase.desk import Desk

UNKNOWN = "UNKNOWN_FAILURE_REASON"


def codes(error: dict[str, str]) -> tuple[str, str]:
    return error["error"], error["preview_failure_reason"]


def both(word: str) -> tuple[str, str]:
    return word, f"PREVIEW_{word}"


def limit(desk: Desk, factor: str) -> dict[str, Any]:
    return {"limit_limit_gtc": {"base_size": "0.005", "limit_price": desk.away(factor)}}


def entry(desk: Desk, factor: str = "1.01") -> dict[str, Any]:
    return {"sor_limit_ioc": {"base_size": "0.01", "limit_price": desk.away(factor)}}


def bracket(desk: Desk, target: str | None = "1.05", stop: str | None = "0.97", **fields: str) -> dict[str, Any]:
    prices = {"limit_price": target, "stop_trigger_price": stop}
    shown = {name: desk.away(factor) for name, factor in prices.items() if factor is not None}
    return {"trigger_bracket_gtc": {**shown, **fields}}


# ---- the band ----


@pytest.mark.parametrize(("factor", "side"), [("0.5", "BUY"), ("3", "BUY"), ("0.5", "SELL"), ("3", "SELL")])
def test_a_limit_far_from_the_market_is_refused(desk: Desk, factor: str, side: str) -> None:
    desk.buy()
    word = f"LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_{side}"
    assert codes(desk.refusal(limit(desk, factor), side)) == both(word)
    shown = desk.post("orders/preview", product_id="BTC-USD", side=side, order_configuration=limit(desk, factor))
    assert shown["errs"] == [f"PREVIEW_{word}"]


def test_the_band_has_a_width_and_other_words(desk: Desk) -> None:
    desk.switch("price_band_percent", 5)
    assert desk.limit("0.96").working
    for name, word in {
        "too_far": "PREVIEW_LIMIT_PRICE_TOO_FAR_FROM_MARKET",
        "breached": "PREVIEW_BREACHED_PRICE_LIMIT",
    }.items():
        desk.switch("price_band_word", name)
        assert codes(desk.refusal(limit(desk, "0.94"))) == (UNKNOWN, word)
    desk.switch("price_band_percent", 0)
    assert desk.limit("0.3").working


def test_an_edit_does_not_leave_the_band(desk: Desk) -> None:
    order = desk.limit("0.9")
    answer = desk.post("orders/edit", order_id=order.id, price=desk.away("0.5"), size="0.005")
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
def test_a_stops_limit_lies_beyond_its_trigger(desk: Desk, side: str, way: str, at: str, price: str, word: str) -> None:
    desk.buy()
    fields = {"base_size": "0.001", "stop_direction": f"STOP_DIRECTION_STOP_{way}", "stop_price": desk.away(at)}
    wrong = {"stop_limit_stop_limit_gtc": {**fields, "limit_price": desk.away(price)}}
    assert codes(desk.refusal(wrong, side)) == both(word)
    at_trigger = {"stop_limit_stop_limit_gtc": {**fields, "limit_price": desk.away(at)}}
    assert desk.place(at_trigger, side).working


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
    desk: Desk, attached: dict[str, Any], word: str
) -> None:
    asked = bracket(desk, **attached)
    assert codes(desk.refusal(entry(desk), attached_order_configuration=asked)) == both(word)
    assert not desk.exchange.state.orders


def test_only_brackets_without_a_deadline_are_carried(desk: Desk) -> None:
    asked = {"trigger_bracket_gtd": bracket(desk)["trigger_bracket_gtc"]}
    error = desk.refusal(entry(desk), attached_order_configuration=asked)
    assert error["preview_failure_reason"] == "PREVIEW_INVALID_ORDER_TYPE_FOR_ATTACHED"


def test_bounds_of_attached_prices_move_with_the_market(desk: Desk) -> None:
    desk.switch("attached_bounds_percent", 4)
    asked = bracket(desk, stop="0.99")
    word = "INVALID_ATTACHED_TAKE_PROFIT_PRICE_OUT_OF_BOUNDS"
    assert desk.refusal(entry(desk), attached_order_configuration=asked)["error"] == word
    desk.jump("1.015")
    assert desk.place(entry(desk), attached_order_configuration=asked).close is not None


def test_immediate_entries_may_not_be_allowed_to_carry_one(desk: Desk) -> None:
    desk.switch("attached_refused_on_ioc", True)
    error = desk.refusal(entry(desk), attached_order_configuration=bracket(desk))
    assert error["preview_failure_reason"] == "PREVIEW_INVALID_ORDER_TYPE_FOR_ATTACHED"
    assert desk.place(limit(desk, "0.99"), attached_order_configuration=bracket(desk)).working


# ---- the child ----


def child_of_half(desk: Desk) -> dict[str, Any]:
    desk.venue.faults.arm({"kind": "partial_fill"})
    parent = desk.place(entry(desk), client_id="mine", attached_order_configuration=bracket(desk))
    desk.real_seconds(1)
    shown: dict[str, Any] = desk.get(f"orders/historical/{parent.tags['attached_id']}")["order"]
    return shown


@pytest.mark.parametrize(("by_order", "size", "part"), [(False, "0.005", "100.00"), (True, "0.01", "50.00")])
def test_a_child_of_a_part_shows_the_size_of_the_fill_or_of_the_order(
    desk: Desk, by_order: bool, size: str, part: str
) -> None:
    desk.switch("attached_sized_by_order", by_order)
    child = child_of_half(desk)
    assert child["order_configuration"]["trigger_bracket_gtc"]["base_size"] == size
    assert (child["workable_size"], child["workable_size_completion_pct"]) == ("0.005", part)
    assert desk.exchange.state.orders[child["order_id"]].qty == Decimal("0.005")


def test_a_childs_client_id_is_none_the_venues_own_or_its_parents(desk: Desk) -> None:
    assert UUID(child_of_half(desk)["client_order_id"]).version == 4
    for word, expected in {"none": "", "parent": "again"}.items():
        desk.switch("child_client_id", word)
        parent = desk.place(
            entry(desk),
            client_id=f"again{'' if word == 'parent' else word}",
            attached_order_configuration=bracket(desk),
        )
        desk.real_seconds(1)
        child = desk.get(f"orders/historical/{parent.tags['attached_id']}")["order"]
        assert child["client_order_id"] == expected
    assert desk.place(entry(desk), client_id="again") is parent
