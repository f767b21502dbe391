"""Coins that the venue still holds after a cancel or a fill: the wallet, the next order, and what counts as naked."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.core.journal import Journal
from tests.sandbox.coinbase.coinbase_client import CoinbaseClient

SIZE = "0.005"
STOP = {"base_size": SIZE, "stop_direction": "STOP_DIRECTION_STOP_DOWN"}


@pytest.fixture
def slow(client: CoinbaseClient) -> CoinbaseClient:
    """A venue that releases coins 250 ms after it has reported the release."""
    client.switch("hold_release_ms", 250)
    return client


def stop(client: CoinbaseClient) -> dict[str, Any]:
    return {
        "stop_limit_stop_limit_gtc": {**STOP, "limit_price": client.away("0.96"), "stop_price": client.away("0.98")}
    }


def canceled_stop(client: CoinbaseClient) -> None:
    """Coins bought and protected by a stop, which the venue has just cancelled."""
    client.buy(SIZE)
    order = client.place(stop(client), "SELL")
    client.real_seconds(1)
    client.post("orders/batch_cancel", order_ids=[order.id])
    client.real_seconds(0.02)
    assert client.order(order)["status"] == "CANCELLED"


def exposure(client: CoinbaseClient) -> Any:
    return client.exchange.state.exposure["BTC-USD"].report(client.wall.ms)


def test_a_cancelled_orders_coins_stay_on_hold_for_a_moment(slow: CoinbaseClient) -> None:
    canceled_stop(slow)
    slow.real_seconds(0.249)
    assert slow.wallet("BTC") == (0, Decimal(SIZE))
    slow.real_seconds(0.001)
    assert slow.wallet("BTC") == (Decimal(SIZE), 0)


def test_an_order_on_coins_that_are_still_held_lacks_funds(slow: CoinbaseClient) -> None:
    canceled_stop(slow)
    for order in (stop(slow), {"market_market_ioc": {"base_size": SIZE}}):
        assert slow.refusal(order, "SELL")["error"] == "INSUFFICIENT_FUND"
        shown = slow.post("orders/preview", product_id="BTC-USD", side="SELL", order_configuration=order)
        assert shown["errs"] == ["PREVIEW_INSUFFICIENT_FUND"]
    slow.real_seconds(0.25)
    assert slow.place(stop(slow), "SELL").working


def test_money_of_a_cancelled_buy_stays_on_hold_too(slow: CoinbaseClient) -> None:
    order = slow.limit("0.9")
    held = slow.wallet("USD")[1]
    slow.post("orders/batch_cancel", order_ids=[order.id])
    slow.real_seconds(0.02)
    assert slow.wallet("USD") == (3000 - held, held)
    slow.real_seconds(0.25)
    assert slow.wallet("USD") == (3000, 0)


def test_what_a_fill_brings_reaches_the_wallet_later(slow: CoinbaseClient) -> None:
    order = slow.place({"market_market_ioc": {"base_size": SIZE}})
    assert slow.order(order)["status"] == "FILLED"
    assert slow.wallet("BTC") == (0, Decimal(SIZE))
    assert slow.refusal(stop(slow), "SELL")["error"] == "INSUFFICIENT_FUND"
    slow.real_seconds(0.25)
    assert slow.wallet("BTC") == (Decimal(SIZE), 0)
    before = slow.wallet("USD")[0]
    sold = slow.place({"market_market_ioc": {"base_size": SIZE}}, "SELL")
    proceeds = sold.cost - sold.fee
    assert slow.wallet("USD") == (before, proceeds)
    slow.real_seconds(0.25)
    assert slow.wallet("USD") == (before + proceeds, 0)


def test_the_wallet_follows_the_time_at_which_the_order_shows_as_filled(slow: CoinbaseClient) -> None:
    slow.switch("pending_ms", 30)
    order = slow.place({"market_market_ioc": {"base_size": SIZE}})
    slow.real_seconds(0.03)
    assert slow.order(order)["status"] == "FILLED"
    slow.real_seconds(0.249)
    assert slow.wallet("BTC") == (0, Decimal(SIZE))
    slow.real_seconds(0.001)
    assert slow.wallet("BTC") == (Decimal(SIZE), 0)


def test_an_attached_bracket_takes_the_coins_over_at_once(slow: CoinbaseClient) -> None:
    prices = {"limit_price": slow.away("1.05"), "stop_trigger_price": slow.away("0.97")}
    entry = slow.place(
        {"sor_limit_ioc": {"base_size": SIZE, "limit_price": slow.away("1.01")}},
        attached_order_configuration={"trigger_bracket_gtc": prices},
    )
    child = slow.exchange.state.orders[entry.tags["attached_id"]]
    assert child.held == Decimal(SIZE)
    slow.real_seconds(1)
    assert (slow.wallet("BTC"), exposure(slow)["naked_events"], exposure(slow)["venue_held_events"]) == (
        (0, Decimal(SIZE)),
        [],
        [],
    )


def test_time_in_which_the_venue_holds_the_coins_is_not_naked_but_told(slow: CoinbaseClient) -> None:
    canceled_stop(slow)
    slow.real_seconds(2)
    slow.place(stop(slow), "SELL")
    slow.real_seconds(5)
    report = exposure(slow)
    assert [event["why"] for event in report["naked_events"]] == ["entry", "cancel"]
    assert [event["why"] for event in report["venue_held_events"]] == [
        "entry; the exchange still held the coins",
        "cancel; the exchange still held the coins",
    ]
    assert (report["naked_seconds"], report["naked_max_seconds"]) == ("2.5", "1.75")
    assert report["venue_held_seconds"] == "0.5"
    for held, naked in zip(report["venue_held_events"], report["naked_events"], strict=True):
        assert held["end"] == naked["start"]


def test_time_is_counted_from_its_own_moment_however_late_somebody_looks(slow: CoinbaseClient) -> None:
    """Cancel and release fall between two requests: each counts from when it happened."""
    slow.buy(SIZE)
    order = slow.place(stop(slow), "SELL")
    slow.real_seconds(1)
    before = Decimal(exposure(slow)["naked_seconds"])
    slow.post("orders/batch_cancel", order_ids=[order.id])
    slow.real_seconds(3)
    assert Decimal(exposure(slow)["naked_seconds"]) - before == Decimal("2.73")
    assert exposure(slow)["venue_held_seconds"] == "0.5"


def test_a_restart_remembers_what_is_still_held(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    first = CoinbaseClient(tmp_path, journal)
    first.switch("hold_release_ms", 250)
    canceled_stop(first)
    journal.close()
    second = CoinbaseClient(tmp_path, Journal(tmp_path / "state"))
    assert second.wallet("BTC") == (0, Decimal(SIZE))
    second.real_seconds(60)
    assert second.wallet("BTC") == (Decimal(SIZE), 0)


def test_an_edit_needs_no_coins_but_its_own(slow: CoinbaseClient) -> None:
    slow.buy(SIZE)
    order = slow.limit("1.1", SIZE, "SELL")
    slow.real_seconds(1)
    answer = slow.post("orders/edit", order_id=order.id, price=slow.away("1.2"), size=SIZE)
    assert (answer["success"], slow.wallet("BTC")) == (True, (0, Decimal(SIZE)))
