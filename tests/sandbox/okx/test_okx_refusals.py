"""Errors on demand over a real socket: for any call in both envelopes, for one market's orders, for an account's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import requests

from tests.sandbox.okx.okx_client import OkxClient
from tests.sandbox.okx.test_okx_clients import raw
from tests.sandbox_fixture import Sandbox

PAIR = "BTC-USDT"
ORDER = {"instId": PAIR, "tdMode": "cash", "side": "buy", "ordType": "market", "sz": "20"}
NAMED = {"instId": PAIR, "ordId": "2500000000000000001"}
ALGO = {"instId": PAIR, "algoId": "2500000000000000001"}
CALLS: list[tuple[str, Any]] = [
    ("trade/order", ORDER),
    ("trade/batch-orders", [ORDER]),
    ("trade/order-algo", {**ORDER, "ordType": "conditional", "slTriggerPx": "1", "slOrdPx": "-1"}),
    ("trade/amend-order", {**NAMED, "newSz": "1"}),
    ("trade/amend-algos", {**ALGO, "newSz": "1"}),
    ("trade/cancel-order", NAMED),
    ("trade/cancel-algos", [ALGO]),
    ("trade/order-precheck", ORDER),
]
READS = ["account/balance", "trade/orders-pending", "trade/fills", "market/ticker?instId=BTC-USDT"]
PASSING = ["54094", "54031", "54012", "51290", "51412", "51416"]


@pytest.fixture
def okx(sandbox: Sandbox) -> Iterator[Sandbox]:
    yield sandbox
    sandbox.control("DELETE", "faults")


def call(okx: Sandbox, path: str, body: Any = None) -> requests.Response:
    method = "GET" if body is None else "POST"
    return raw(okx, method, f"/api/v5/{path}", "" if body is None else json.dumps(body))


def arm(okx: Sandbox, path: str, body: str, **words: Any) -> None:
    where = path.partition("?")[0] + "$"
    okx.control("POST", "faults", venue="okx", kind="exchange_error", path=where, body=body, count=1, **words)


@pytest.mark.parametrize(("path", "words"), CALLS, ids=[path for path, _ in CALLS])
@pytest.mark.parametrize("code", [*PASSING, "59999"])
def test_a_code_refuses_a_call_in_either_envelope(okx: Sandbox, path: str, words: Any, code: str) -> None:
    before = len(okx.ledger("okx")["orders"])
    arm(okx, path, code)
    answer = call(okx, path, words)
    assert (answer.status_code, answer.json()["code"], answer.json()["data"]) == (200, code, [])
    arm(okx, path, f"row:{code}")
    answer = call(okx, path, words).json()
    assert (answer["code"], [row["sCode"] for row in answer["data"]]) == ("1", [code])
    assert len(okx.ledger("okx")["orders"]) == before


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("code", ["50032", "50033", "50062"])
def test_a_code_refuses_a_question(okx: Sandbox, path: str, code: str) -> None:
    arm(okx, path, code)
    answer = call(okx, path)
    assert (answer.status_code, answer.json()["code"]) == (200, code)
    assert answer.json()["msg"] != "Operation failed."
    assert call(okx, path).json()["code"] == "0"


BARE = {"code": "1", "msg": "All operations failed", "data": [{"ordId": "", "clOrdId": "nj1", "tag": "", "ts": "1"}]}
DOUBT = {"code": "0", "msg": "", "data": [{"algoId": "2500000000000000001", "sCode": "51149", "sMsg": ""}]}


@pytest.mark.parametrize("body", [BARE, DOUBT, {"code": 404, "data": {}, "msg": "Not Found"}, []])
def test_any_body_is_answered_as_it_is(okx: Sandbox, body: Any) -> None:
    arm(okx, "trade/order", json.dumps(body), status=404)
    answer = call(okx, "trade/order", ORDER)
    assert (answer.status_code, answer.json()) == (404, body)


@pytest.mark.parametrize(
    ("body", "unknown"),
    [
        (None, True),
        ("50004", True),
        ("row:51149", True),
        (json.dumps(DOUBT), True),
        ('{"code": 50026}', True),
        ("51008", False),
        ("row:51290", False),
        ('{"code": "1", "data": [{"sCode": "51008", "ts": "1750026500045"}]}', False),
        ("[1]", False),
    ],
)
def test_only_its_codes_leave_an_answers_fate_open(client: OkxClient, body: str | None, unknown: bool) -> None:
    assert client.venue.wire.fate_unknown(body) is unknown


def test_what_is_not_there_has_a_number_for_its_code(okx: Sandbox) -> None:
    answer = call(okx, "trade/no-such-thing")
    assert (answer.status_code, answer.json()["code"], answer.json()["data"]) == (404, 404, {})


# ---- one market, one account ----


def test_one_markets_orders_and_stops_are_refused(client: OkxClient) -> None:
    client.post("account/set-account-level", {"acctLv": "3"})
    client.venue.switches.set(f"refused.{PAIR}", "51155")
    crossed = {"tdMode": "cross"}
    assert client.order("buy", "100", **crossed)["sCode"] == "51155"
    assert client.algo("sell", "0.001", slTriggerPx=client.away(-2), slOrdPx="-1", **crossed)["sCode"] == "51155"
    assert client.post("trade/order-precheck", {**ORDER, **crossed})["code"] == "51155"
    assert client.swap("buy", "0.1")["sCode"] == "0"
    assert client.ask("account/balance")[0]["details"] != []
    client.venue.switches.set(f"refused.{PAIR}", "")
    assert client.order("buy", "100", **crossed)["sCode"] == "0"


def test_an_account_that_must_identify_itself_orders_nothing(client: OkxClient) -> None:
    resting = client.order("buy", "0.001", client.away(-4))["ordId"]
    client.venue.switches.set("orders_refused", "59113")
    assert client.order("buy", "100")["sCode"] == "59113"
    assert client.swap("buy", "1")["sCode"] == "59113"
    assert client.post("trade/cancel-order", {"instId": PAIR, "ordId": resting})["code"] == "0"


@pytest.mark.parametrize("code", ["54094", "54031"])
def test_a_contract_that_cools_off_takes_what_closes(client: OkxClient, code: str) -> None:
    client.swap("buy", "2")
    client.venue.switches.set("refused.BTC-USDT-SWAP", code)
    assert client.swap("buy", "1")["sCode"] == code
    assert client.swap("sell", "1", reduceOnly=True)["sCode"] == "0"
    assert client.post("trade/close-position", {"instId": "BTC-USDT-SWAP", "mgnMode": "cross"})["code"] == "0"


def test_a_hedged_leg_is_closed_while_the_contract_cools_off(client: OkxClient) -> None:
    client.post("account/set-position-mode", {"posMode": "long_short_mode"})
    client.swap("buy", "1", posSide="long")
    client.venue.switches.set("refused.BTC-USDT-SWAP", "54094")
    assert client.swap("sell", "1", posSide="short")["sCode"] == "54094"
    assert client.swap("sell", "1", posSide="long")["sCode"] == "0"


def test_a_thin_book_takes_post_only_orders(client: OkxClient) -> None:
    client.venue.switches.set(f"refused.{PAIR}", "54012")
    assert client.order("buy", "100")["sCode"] == "54012"
    assert client.order("buy", "0.001", client.away(-2), ordType="post_only")["sCode"] == "0"


# ---- prices that orders cannot get ----


def test_retail_prints_reach_what_no_order_gets(client: OkxClient) -> None:
    client.buy("0.01")
    target = Decimal(client.away(2))
    client.venue.switches.set("rpi_prints", True)
    client.price(target + 50)
    ticker = client.ask("market/ticker", instId=PAIR)[0]
    high = Decimal(client.ask("market/candles", instId=PAIR, bar="5m", limit=1)[0][2])
    assert min(Decimal(ticker["last"]), high) > target > Decimal(ticker["bidPx"])
    assert client.ask("market/books", instId=PAIR, sz=5)[0]["bids"][0][0] == ticker["bidPx"]
    missed = client.show(client.order("sell", "0.001", str(target), ordType="ioc")["ordId"])
    assert (missed["state"], missed["accFillSz"]) == ("canceled", "0")
    assert Decimal(client.show(client.order("sell", "0.001")["ordId"])["avgPx"]) < target
    client.venue.switches.set("rpi_prints", False)
    sold = client.show(client.order("sell", "0.001", str(target), ordType="ioc")["ordId"])
    assert sold["state"] == "filled"
