"""Public client libraries trade at the local OKX with only its address changed, and meet its faults."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from typing import Any

import ccxt
import pytest
import requests

from tests.sandbox_fixture import Sandbox


@pytest.fixture
def okx(sandbox: Sandbox) -> Iterator[Sandbox]:
    yield sandbox
    sandbox.control("DELETE", "faults")


@pytest.fixture(scope="module")
def exchange(sandbox: Sandbox) -> Any:
    keys = sandbox.venue("okx")
    client = ccxt.okx({"apiKey": keys.api_key, "secret": keys.api_secret, "password": keys.passphrase})
    client.urls["api"]["rest"] = keys.rest
    client.load_markets()
    return client


def sdk(sandbox: Sandbox, kind: str, **words: Any) -> Any:
    keys = sandbox.venue("okx")
    return getattr(_sdk_module(), kind)(
        keys.api_key, keys.api_secret, keys.passphrase, proxy_host=keys.rest, retry_num=1, **words
    )


def _sdk_module() -> Any:
    """Imports the SDK, whose modules warn when they are compiled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module("okx.api")


def raw(
    sandbox: Sandbox, method: str, target: str, body: str = "", timeout: float = 5, **headers: str
) -> requests.Response:
    """One signed request made by hand, following the documentation."""
    keys = sandbox.venue("okx")
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    mac = hmac.new(keys.api_secret.encode(), f"{stamp}{method}{target}{body}".encode(), hashlib.sha256)
    usual = {
        "OK-ACCESS-KEY": keys.api_key,
        "OK-ACCESS-SIGN": base64.b64encode(mac.digest()).decode(),
        "OK-ACCESS-TIMESTAMP": stamp,
        "OK-ACCESS-PASSPHRASE": keys.passphrase,
        "Content-Type": "application/json",
    }
    url = f"{keys.rest}{target}"
    return requests.request(method, url, data=body or None, headers={**usual, **headers}, timeout=timeout)


def buy(sandbox: Sandbox, **words: Any) -> requests.Response:
    order = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "market", "sz": "20", **words}
    return raw(sandbox, "POST", "/api/v5/trade/order", json.dumps(order), timeout=2)


def arm(sandbox: Sandbox, kind: str, **words: Any) -> None:
    sandbox.control("POST", "faults", venue="okx", kind=kind, **words)


def orders(sandbox: Sandbox) -> int:
    return len(sandbox.ledger("okx")["orders"])


# ---- ccxt ----


def test_ccxt_knows_the_markets(exchange: Any) -> None:
    assert exchange.market("BTC/USDT")["precision"]["amount"] == 1e-8
    assert exchange.market("BTC/USDT:USDT")["contractSize"] == 0.01
    assert exchange.market("DOT/USDT")["active"] is False
    assert exchange.fetch_balance()["USDT"]["total"] > 0
    assert exchange.fetch_time() == pytest.approx(time.time() * 1000, abs=60_000)


def test_ccxt_reads_the_market(exchange: Any) -> None:
    rows = exchange.fetch_ohlcv("BTC/USDT", "5m", limit=50)
    assert len(rows) == 50
    days = exchange.fetch_ohlcv("BTC/USDT", "1d", limit=3)
    assert all(row[0] % 86_400_000 == 0 for row in days)
    assert exchange.fetch_ticker("ETH/USDT")["bid"] > 0
    assert len(exchange.fetch_tickers(["BTC/USDT", "ETH/USDT"])) == 2
    assert len(exchange.fetch_order_book("BTC/USDT", 10)["bids"]) == 10
    assert len(exchange.fetch_trades("BTC/USDT")) == 100
    assert exchange.fetch_funding_rate("BTC/USDT:USDT")["fundingRate"] is not None


def test_ccxt_trades_coins(exchange: Any) -> None:
    placed = exchange.create_order("BTC/USDT", "market", "buy", 0.002)
    done = exchange.fetch_order(placed["id"], "BTC/USDT")
    assert (done["status"], done["filled"], done["fee"]["currency"]) == ("closed", 0.002, "BTC")
    price = round(done["average"] * 0.97, 1)
    resting = exchange.create_order("BTC/USDT", "limit", "buy", 0.001, price)
    assert [row["id"] for row in exchange.fetch_open_orders("BTC/USDT")] == [resting["id"]]
    exchange.edit_order(resting["id"], "BTC/USDT", "limit", "buy", 0.0015, price)
    assert exchange.fetch_order(resting["id"], "BTC/USDT")["amount"] == 0.0015
    exchange.cancel_order(resting["id"], "BTC/USDT")
    assert exchange.fetch_order(resting["id"], "BTC/USDT")["status"] == "canceled"
    assert placed["id"] in {trade["order"] for trade in exchange.fetch_my_trades("BTC/USDT")}
    assert placed["id"] in {row["id"] for row in exchange.fetch_closed_orders("BTC/USDT")}
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order("BTC/USDT", "limit", "buy", 5, price)
    with pytest.raises(ccxt.OrderNotFound):
        exchange.fetch_order("123", "BTC/USDT")


def test_ccxt_places_and_cancels_stops(exchange: Any) -> None:
    exchange.create_order("BTC/USDT", "market", "buy", 0.002)
    trigger = round(exchange.fetch_ticker("BTC/USDT")["last"] * 0.95, 1)
    words = {"stopLossPrice": trigger, "tdMode": "cash"}
    stop = exchange.create_order("BTC/USDT", "market", "sell", 0.001, None, words)
    found = exchange.fetch_open_orders("BTC/USDT", params={"stop": True, "ordType": "conditional"})
    assert [row["id"] for row in found] == [stop["id"]]
    exchange.cancel_order(stop["id"], "BTC/USDT", {"stop": True})
    assert exchange.fetch_open_orders("BTC/USDT", params={"stop": True, "ordType": "conditional"}) == []


def test_ccxt_opens_and_closes_a_swap(exchange: Any) -> None:
    exchange.set_leverage(5, "BTC/USDT:USDT", {"mgnMode": "cross"})
    exchange.create_order("BTC/USDT:USDT", "market", "sell", 1, None, {"tdMode": "cross"})
    position = exchange.fetch_position("BTC/USDT:USDT")
    assert (position["side"], position["contracts"], position["leverage"]) == ("short", 1.0, 5.0)
    assert exchange.fetch_leverage("BTC/USDT:USDT", {"marginMode": "cross"})["longLeverage"] == 5
    exchange.create_order("BTC/USDT:USDT", "market", "buy", 1, None, {"tdMode": "cross", "reduceOnly": True})
    assert exchange.fetch_positions(["BTC/USDT:USDT"]) == []


# ---- the okx SDK ----


def test_the_sdk_trades(okx: Sandbox) -> None:
    trade, account, market = sdk(okx, "Trade"), sdk(okx, "Account"), sdk(okx, "Market")
    assert account.get_config()["data"][0]["acctLv"] == "2"
    assert account.get_balance(ccy="BTC,USDT")["code"] == "0"
    assert len(market.get_candles("BTC-USDT", bar="5m", limit="300")["data"]) == 300
    placed = trade.set_order(
        instId="BTC-USDT", tdMode="cash", side="buy", ordType="market", sz="0.001", tgtCcy="base_ccy", clOrdId="sdk1"
    )
    assert placed["data"][0]["sMsg"] == "Order placed"
    done = trade.get_order(instId="BTC-USDT", ordId=placed["data"][0]["ordId"])["data"][0]
    assert (done["state"], done["clOrdId"]) == ("filled", "sdk1")
    fills = trade.get_fills(instType="SPOT", ordId=done["ordId"])["data"]
    assert sum(Decimal(fill["fillSz"]) for fill in fills) == Decimal("0.001")
    assert trade.set_cancel_order(instId="BTC-USDT", ordId=done["ordId"])["data"][0]["sCode"] == "51400"
    assert trade.get_orders_pending()["code"] == "0"
    assert trade.get_orders_history(instType="SPOT")["code"] == "0"


def test_the_sdk_attaches_a_stop(okx: Sandbox) -> None:
    trade = sdk(okx, "Trade")
    last = Decimal(sdk(okx, "Market").get_ticker("BTC-USDT")["data"][0]["last"])
    order = {
        "instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "ioc", "sz": "0.001",
        "px": f"{last * 102 / 100:.1f}", "clOrdId": "sdk2",
        "attachAlgoOrds": [{"attachAlgoClOrdId": "sdk2s", "slTriggerPx": f"{last * 9 / 10:.1f}", "slOrdPx": "-1"}],
    }  # fmt: skip
    answer = trade.send_request("/api/v5/trade/order", "POST", proxy_host=None, **order)
    assert answer["data"][0]["sCode"] == "0"
    algo = sdk(okx, "AlgoTrade").get_order_algo(algoClOrdId="sdk2s")["data"][0]
    assert (algo["state"], algo["sz"]) == ("live", "0.001")
    cancel = [{"instId": "BTC-USDT", "algoId": algo["algoId"]}]
    answer = trade.send_request("/api/v5/trade/cancel-algos", "POST", cancel, proxy_host=None)
    assert answer["data"][0]["sCode"] == "0"


def test_the_sdk_throws_what_is_401(okx: Sandbox) -> None:
    module = _sdk_module()
    with pytest.raises(module._client.ResponseStatusError, match="50101"):
        sdk(okx, "Account", flag="1").get_balance()


# ---- by hand, with faults ----


def test_an_answer_that_is_lost_leaves_the_order(okx: Sandbox) -> None:
    before = orders(okx)
    arm(okx, "drop_after", path="trade/order$", method="POST", count=1)
    with pytest.raises(requests.ConnectionError):
        buy(okx)
    assert orders(okx) == before + 1
    arm(okx, "drop_before", path="trade/order$", method="POST", count=1)
    with pytest.raises(requests.ConnectionError):
        buy(okx)
    assert orders(okx) == before + 1


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ({"kind": "exchange_error"}, 200, "50013"),
        ({"kind": "exchange_error", "body": "50001"}, 503, "50001"),
        ({"kind": "exchange_error", "body": "50026"}, 500, "50026"),
        ({"kind": "exchange_error", "body": "50004", "status": 200}, 200, "50004"),
        ({"kind": "rate_limit"}, 429, "50011"),
        ({"kind": "maintenance"}, 503, "50001"),
    ],
)
@pytest.mark.parametrize("processed", [True, False])
def test_the_venues_own_errors(okx: Sandbox, words: dict[str, Any], status: int, code: str, processed: bool) -> None:
    before = orders(okx)
    arm(okx, path="trade/order$", count=1, processed=processed, **words)
    answer = buy(okx)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    executed = processed and words["kind"] == "exchange_error"
    assert orders(okx) == before + executed


@pytest.mark.parametrize(
    ("kind", "error"), [("malformed", ValueError), ("truncated", requests.RequestException), ("empty", ValueError)]
)
def test_answers_that_cannot_be_read(okx: Sandbox, kind: str, error: type[Exception]) -> None:
    arm(okx, kind, path="account/balance", count=1)
    with pytest.raises(error):
        raw(okx, "GET", "/api/v5/account/balance").json()


def test_a_proxys_page_instead_of_an_answer(okx: Sandbox) -> None:
    arm(okx, "http_status", status=502, path="account/balance", count=1)
    answer = raw(okx, "GET", "/api/v5/account/balance")
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")


def test_a_venue_that_hangs(okx: Sandbox) -> None:
    arm(okx, "hang", path="account/balance", count=1)
    with pytest.raises(requests.ReadTimeout):
        raw(okx, "GET", "/api/v5/account/balance", timeout=0.3)


def test_orders_that_are_refused_on_demand(okx: Sandbox) -> None:
    arm(okx, "reject_order")
    assert buy(okx).json()["data"][0]["sCode"] == "51008"
    arm(okx, "reject_order", body="51006")
    assert buy(okx).json()["data"][0]["sCode"] == "51006"


def test_an_old_balance(okx: Sandbox) -> None:
    old = raw(okx, "GET", "/api/v5/account/balance?ccy=USDT").json()["data"][0]["details"][0]["cashBal"]
    time.sleep(0.05)
    assert buy(okx).json()["code"] == "0"
    arm(okx, "stale_balance", seconds=0.02, count=1)
    fresh = raw(okx, "GET", "/api/v5/account/balance?ccy=USDT").json()["data"][0]["details"][0]["cashBal"]
    assert Decimal(fresh) <= Decimal(old)


def test_times_of_the_wall_and_of_the_market(okx: Sandbox) -> None:
    clock = okx.control("GET", "clock")
    wall = datetime.fromisoformat(clock["wall_time"]).timestamp()
    said = int(raw(okx, "GET", "/api/v5/public/time").json()["data"][0]["ts"]) / 1000
    assert abs(said - wall) < 5


def test_a_key_is_told_its_rights_by_the_control(okx: Sandbox) -> None:
    okx.control("POST", "keys", venue="okx", permissions="view trade withdraw", ip_bound=False)
    config = raw(okx, "GET", "/api/v5/account/config").json()["data"][0]
    assert (config["perm"], config["ip"]) == ("read_only,trade,withdraw", "")
    okx.control("POST", "keys", venue="okx", permissions="view trade", ip_bound=True)


def test_a_second_account_has_keys_and_money_of_its_own(okx: Sandbox) -> None:
    other = okx.control("POST", "accounts", venue="okx")
    assert other["passphrase"]
    client = ccxt.okx({"apiKey": other["api_key"], "secret": other["api_secret"], "password": other["passphrase"]})
    client.urls["api"]["rest"] = okx.venue("okx").rest
    assert client.fetch_balance()["USDT"]["total"] == 5000
