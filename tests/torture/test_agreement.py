"""A consistent pair of documents agrees; every kind of error in either of them is found."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from tests.torture.agreement import differences, too_naked

Doc = dict[str, Any]


def _order(name: str, side: str, kind: str, qty: str, filled: str, status: str, **more: object) -> Doc:
    row = {"id": name, "client_id": f"c{name}", "symbol": "BTC-USD", "side": side, "type": kind, "qty": qty}
    return {**row, "filled": filled, "status": status, "origin": "api", "parent_id": None, **more}


def _fill(name: str, order: str, side: str, qty: str) -> Doc:
    row = {"id": name, "order_id": order, "symbol": "BTC-USD", "side": side, "qty": qty}
    return {**row, "price": "100", "fee": "0.2", "fee_asset": "USD"}


def truth() -> Doc:
    """Bought 1, sold 0.5, the rest under a stop that the exchange spawned; and an order of the owner."""
    return {
        "orders": [
            _order("E", "buy", "limit", "1", "1", "filled"),
            _order("S", "sell", "stop", "0.5", "0", "open", origin="attached", client_id=None, parent_id="E"),
            _order("T", "sell", "market", "0.5", "0.5", "filled"),
            _order("M", "sell", "market", "3", "3", "filled", origin="manual", client_id=None),
        ],
        "fills": [_fill("f1", "E", "buy", "1"), _fill("f2", "T", "sell", "0.5"), _fill("f3", "M", "sell", "3")],
    }


def book() -> Doc:
    def order(real: Doc, purpose: str, key: str | None) -> Doc:
        return {
            "exchange_id": real["id"],
            "filled_qty": real["filled"],
            "purpose": purpose,
            "decision_key": key,
            **{name: real[name] for name in ("client_id", "symbol", "side", "type", "qty", "status")},
        }

    def fill(real: Doc) -> Doc:
        more = {"exchange_fill_id": real["id"], "exchange_order_id": real["order_id"]}
        return more | {name: real[name] for name in ("symbol", "side", "qty", "price", "fee", "fee_asset")}

    real = truth()
    entry, stop, target, _ = real["orders"]
    stops = [{"exchange_id": "S", "qty": "0.5", "trigger_price": "95"}]
    return {
        "orders": [
            order(entry, "entry", "a/BTC-USD/1/entry/0"),
            order(stop, "stop", None),
            order(target, "tp1", "a/BTC-USD/1/tp1/0"),
        ],
        "fills": [fill(one) for one in real["fills"][:2]],
        "positions": [{"symbol": "BTC-USD", "qty": "0.5", "stops": stops}],
        "dust": {},
    }


def test_a_good_pair_agrees() -> None:
    assert differences(book(), truth()) == []


def _without(rows: list[Doc], number: int) -> None:
    rows.pop(number)


LIES: list[tuple[str, Callable[[Doc, Doc], object], str]] = [
    ("order missing in the book", lambda b, t: _without(b["orders"], 2), "at the exchange and not in the book"),
    ("order missing at the exchange", lambda b, t: _without(t["orders"], 2), "in the book and not at the exchange"),
    ("status", lambda b, t: b["orders"][0].update(status="canceled"), "order E status"),
    ("size", lambda b, t: b["orders"][0].update(qty="2"), "order E qty"),
    ("filled size", lambda b, t: b["orders"][0].update(filled_qty="0.9"), "order E filled_qty"),
    ("side", lambda b, t: b["orders"][2].update(side="buy"), "order T side"),
    ("symbol", lambda b, t: b["orders"][2].update(symbol="ETH-USD"), "order T symbol"),
    ("client id", lambda b, t: b["orders"][2].update(client_id="x"), "order T client_id"),
    (
        "doubt",
        lambda b, t: b["orders"].append(book()["orders"][0] | {"exchange_id": None, "status": "unknown"}),
        "still",
    ),
    ("fill missing", lambda b, t: _without(b["fills"], 0), "fill f1 is missing"),
    ("fill invented", lambda b, t: _without(t["fills"], 1), "fill f2 is in the book and not"),
    ("fill twice", lambda b, t: b["fills"].append(b["fills"][0]), "fill f1 is booked 2 times"),
    ("foreign fill booked", lambda b, t: b["fills"].append(b["fills"][0] | {"exchange_fill_id": "f3"}), "fill f3"),
    ("fill size", lambda b, t: b["fills"][0].update(qty="0.9"), "fill f1 qty"),
    ("fill price", lambda b, t: b["fills"][0].update(price="99"), "fill f1 price"),
    ("fee", lambda b, t: b["fills"][0].update(fee="0"), "fill f1 fee"),
    ("fee asset", lambda b, t: b["fills"][0].update(fee_asset="BTC"), "fill f1 fee_asset"),
    ("fill of another order", lambda b, t: b["fills"][0].update(exchange_order_id="T"), "fill f1 exchange_order_id"),
    ("fill of the other side", lambda b, t: b["fills"][1].update(side="buy"), "fill f2 side"),
    ("position too large", lambda b, t: b["positions"][0].update(qty="0.6"), "coins of BTC"),
    ("position forgotten", lambda b, t: b["positions"].clear(), "coins of BTC"),
    ("dust invented", lambda b, t: b["dust"].update(BTC="0.1"), "coins of BTC"),
    (
        "stop for nothing",
        lambda b, t: b["positions"][0]["stops"].clear(),
        "stop S rests at the exchange for no position",
    ),
    ("stop gone", lambda b, t: t["orders"][1].update(status="canceled"), "believed to rest"),
    ("stop too small", lambda b, t: t["orders"][1].update(qty="0.4"), "is covered by stops of 0.4"),
    ("stop too large", lambda b, t: t["orders"][1].update(qty="0.7"), "is covered by stops of 0.7"),
    ("one id, two orders", lambda b, t: t["orders"][2].update(client_id="cE"), "client id cE was accepted 2 times"),
    ("one decision twice", lambda b, t: b["orders"][2].update(decision_key="a/BTC-USD/1/entry/0"), "decision key"),
    (
        "two entries of one candle",
        lambda b, t: b["orders"][2].update(decision_key="a/BTC-USD/1/entry/1", purpose="entry"),
        "entry of symbol and candle",
    ),
    (
        "more than an entry's rest",
        lambda b, t: _sent_again(b, filled="0.6", again="0.5"),
        "accepted for 0.5, with 0.4 left",
    ),
]


def _sent_again(believed: Doc, filled: str, again: str) -> None:
    believed["orders"][0].update(filled_qty=filled)
    believed["orders"][2].update(decision_key="a/BTC-USD/1/entry/1", purpose="entry", qty=again)


def test_the_rest_of_an_entry_may_be_sent_again() -> None:
    believed = deepcopy(book())
    _sent_again(believed, filled="0.5", again="0.5")
    assert not [line for line in differences(believed, truth()) if "candle" in line]


@pytest.mark.parametrize(("lie", "said"), [row[1:] for row in LIES], ids=[row[0] for row in LIES])
def test_each_lie_is_found(lie: Callable[[Doc, Doc], object], said: str) -> None:
    believed, real = deepcopy(book()), deepcopy(truth())
    lie(believed, real)
    assert [line for line in differences(believed, real) if said in line]


def test_a_sandbox_with_nothing_of_ours_and_an_empty_book_agree() -> None:
    empty: Doc = {"orders": [], "fills": [], "positions": [], "dust": {}}
    assert differences(empty, {**truth(), "orders": truth()["orders"][3:], "fills": truth()["fills"][2:]}) == []


def test_a_fee_taken_in_the_coin_is_no_loss_of_coins() -> None:
    believed, real = book(), truth()
    for document in (believed["fills"], real["fills"]):
        document[0].update(fee="0.01", fee_asset="BTC")
    believed["positions"][0]["qty"] = "0.49"
    believed["positions"][0]["stops"][0]["qty"] = "0.49"
    for row in (*believed["orders"], *real["orders"]):
        if row.get("exchange_id", row.get("id")) == "S":
            row["qty"] = "0.49"
    assert differences(believed, real) == []


@pytest.mark.parametrize(
    ("why", "end", "found"),
    [
        ("amend", "00.350", 0),
        ("amend", "00.351", 1),
        ("entry", "00.001", 1),
        ("entry", "00.000", 0),
        ("amend", None, 1),
    ],
)
def test_too_naked(why: str, end: str | None, found: int) -> None:
    start, ended = "2026-01-01T00:00:00.000Z", None if end is None else f"2026-01-01T00:00:{end}Z"
    exposure = {"BTC-USD": {"naked_events": [{"why": why, "start": start, "end": ended}]}}
    assert len(too_naked(exposure, Decimal("0.35"))) == found


def test_a_stop_that_failed_when_it_fired_is_cancelled_to_the_exchange_and_rejected_to_us() -> None:
    believed, real = deepcopy(book()), deepcopy(truth())
    name = real["orders"][0]["id"]
    next(row for row in believed["orders"] if row["exchange_id"] == name)["status"] = "rejected"
    real["orders"][0] |= {"status": "canceled", "reason": "insufficient_funds"}
    assert not [line for line in differences(believed, real) if "status" in line]
    real["orders"][0]["reason"] = "user"
    assert [line for line in differences(believed, real) if "status" in line]
