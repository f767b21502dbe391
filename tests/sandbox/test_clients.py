"""Public client libraries trade at the local Kraken with only its address changed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from typing import Any

import ccxt
import krakenex
import pandas as pd
import pytest
from pykrakenapi import KrakenAPI

from tests.sandbox_fixture import Sandbox

Ask = Callable[..., Any]


def krakenex_of(sandbox: Sandbox) -> Any:
    """krakenex with one increasing nonce for the whole module."""
    api = krakenex.API(sandbox.kraken.api_key, sandbox.kraken.api_secret)
    api.uri = sandbox.kraken.rest
    return api


def asker(api: Any) -> Ask:
    def ask(method: str, **words: Any) -> Any:
        answer = api.query_private(method, words, timeout=5)
        assert answer["error"] == [], answer
        return answer["result"]

    return ask


@pytest.fixture(scope="module")
def nonces(sandbox: Sandbox) -> Callable[[], int]:
    numbers = count(sandbox.process.pid + 10**15)
    return lambda: next(numbers)


def test_krakenex_buys_protects_amends_cancels_and_sells(sandbox: Sandbox, nonces: Callable[[], int]) -> None:
    api = krakenex_of(sandbox)
    api._nonce = nonces
    ask = asker(api)
    last = Decimal(api.query_public("Ticker", {"pair": "XBTUSD"}, timeout=5)["result"]["XXBTZUSD"]["c"][0])
    words = {"close[ordertype]": "stop-loss", "close[price]": f"{last * Decimal('0.9'):.1f}"}
    placed = ask("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.002", cl_ord_id="njx1", **words)
    txid = placed["txid"][0]
    assert ask("QueryOrders", txid=txid)[txid]["status"] == "closed"
    stops = {t: o for t, o in ask("OpenOrders")["open"].items() if o["refid"] == txid}
    assert sum(Decimal(stop["vol"]) for stop in stops.values()) == Decimal("0.002")
    first = next(iter(stops))
    ask("AmendOrder", txid=first, trigger_price=f"{last * Decimal('0.92'):.1f}")
    assert ask("CancelAll")["count"] == len(stops)
    sale = ask("AddOrder", pair="XBTUSD", type="sell", ordertype="market", volume="0.002")["txid"][0]
    trades = ask("TradesHistory", consolidate_taker="false")["trades"].values()
    assert sum(Decimal(t["vol"]) for t in trades if t["ordertxid"] in {txid, sale}) == Decimal("0.004")
    truth = sandbox.ledger()
    assert {o["id"]: o["client_id"] for o in truth["orders"]}[txid] == "njx1"
    assert truth["balances"]["BTC"] == {"free": "0", "held": "0"}


def test_krakenex_sees_krakens_refusals(sandbox: Sandbox, nonces: Callable[[], int]) -> None:
    api = krakenex_of(sandbox)
    api._nonce = nonces
    assert api.query_private("Balance", timeout=5)["error"] == []
    api._nonce = lambda: 1
    assert api.query_private("Balance", timeout=5)["error"] == ["EAPI:Invalid nonce"]
    api._nonce = nonces
    api.secret = "AAAA"
    assert api.query_private("Balance", timeout=5)["error"] == ["EAPI:Invalid signature"]


@pytest.mark.filterwarnings("ignore")
def test_pykrakenapi_reads_and_trades(sandbox: Sandbox, nonces: Callable[[], int]) -> None:
    api = krakenex_of(sandbox)
    api._nonce = nonces
    kraken = KrakenAPI(api, retry=0, crl_sleep=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pairs = kraken.get_tradable_asset_pairs()
        assert pairs.loc["XXBTZUSD", "altname"] == "XBTUSD"
        kraken.time_of_last_public_query = None
        candles, last = kraken.get_ohlc_data("XBTUSD", interval=5)
        assert isinstance(candles, pd.DataFrame)
        assert len(candles) == 721
        placed = kraken.add_standard_order(
            ordertype="limit", type="buy", pair="XBTUSD", price="50000", volume="0.001", validate=False
        )
        assert placed["txid"][0] in kraken.get_open_orders().index
        assert kraken.cancel_open_order(placed["txid"][0])["count"] == 1
        assert float(kraken.get_account_balance().loc["ZUSD", "vol"]) > 0
        assert last > 0


def test_ccxt_trades_unchanged(sandbox: Sandbox) -> None:
    key = sandbox.control("POST", "accounts", venue="kraken", same_account=True)
    exchange = ccxt.kraken({"apiKey": key["api_key"], "secret": key["api_secret"], "enableRateLimit": False})
    exchange.urls["api"]["public"] = exchange.urls["api"]["private"] = sandbox.kraken.rest
    assert exchange.load_markets()["BTC/USD"]["limits"]["amount"]["min"] == 0.00005
    assert len(exchange.fetch_ohlcv("ETH/USD", "5m")) == 721
    assert len(exchange.fetch_trades("ETH/USD")) == 1000
    assert exchange.fetch_trading_fee("ETH/USD")["taker"] == 0.002
    assert exchange.fetch_tickers(["ETH/USD", "BTC/USD"]).keys() == {"ETH/USD", "BTC/USD"}
    last = exchange.fetch_ticker("ETH/USD")["last"]
    bought = exchange.create_order("ETH/USD", "market", "buy", 0.1)
    assert exchange.fetch_order(bought["id"])["status"] == "closed"
    assert exchange.fetch_balance()["ETH"]["free"] == 0.1
    limit = exchange.create_order("ETH/USD", "limit", "sell", 0.05, round(last * 1.2, 2), {"clientOrderId": "njc1"})
    exchange.edit_order(limit["id"], "ETH/USD", "limit", "sell", 0.04, round(last * 1.3, 2))
    assert exchange.fetch_balance()["ETH"]["used"] == 0.04
    exchange.cancel_order(limit["id"])
    stop = exchange.create_order("ETH/USD", "market", "sell", 0.05, None, {"stopLossPrice": round(last * 0.9, 2)})
    trail = exchange.create_order("ETH/USD", "market", "sell", 0.05, None, {"trailingPercent": 5})
    assert {order["id"] for order in exchange.fetch_open_orders()} == {stop["id"], trail["id"]}
    batch = [{"symbol": "ETH/USD", "type": "limit", "side": "buy", "amount": 0.01, "price": round(last / 2, 2)}] * 2
    assert len(exchange.create_orders(batch)) == 2
    exchange.cancel_all_orders()
    assert {trade["order"] for trade in exchange.fetch_my_trades()} >= {bought["id"]}
    assert limit["id"] in {order["id"] for order in exchange.fetch_closed_orders()}
    assert exchange.fetch_positions() == []
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order("ETH/USD", "market", "buy", 1000)
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order("OAAAAA-BBBBB-CCCCCC")
