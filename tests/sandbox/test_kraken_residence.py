"""What Kraken rejects because of the owner's residence: the agreement, restricted markets, tokenised pairs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.kraken_client import KrakenClient

RESTRICTED = "EAccount:Invalid permissions:BTC trading restricted for NL."
AGREEMENT = "EOrder:Trading agreement required"
LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "50000", "volume": "0.001"}
MARKET = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.001"}


def conditional(client: KrakenClient, ordertype: str) -> dict[str, Any]:
    """Sells with that order type; buys the coins first."""
    price = "+1%" if ordertype.startswith("trailing") else client.away("1.1" if ordertype.startswith("take") else "0.9")
    second = "+0" if ordertype.startswith("trailing") else client.away("0.89")
    limit = {"price2": second} if ordertype.endswith("-limit") else {}
    return {"pair": "XBTUSD", "type": "sell", "ordertype": ordertype, "volume": "0.001", "price": price, **limit}


@pytest.mark.parametrize("extra", [{}, {"validate": "true"}])
@pytest.mark.parametrize("ordertype", ["market", "stop-loss", "take-profit", "trailing-stop"])
def test_what_becomes_a_market_order_needs_the_agreement(
    client: KrakenClient, ordertype: str, extra: dict[str, str]
) -> None:
    client.buy("0.002")
    words = MARKET if ordertype == "market" else conditional(client, ordertype)
    client.venue.switches.set("trading_agreement_required", True)
    assert client.error("AddOrder", **words, **extra) == AGREEMENT
    assert client.error("AddOrder", **words, **extra, trading_agreement="yes") == AGREEMENT
    assert "descr" in client.result("AddOrder", **words, **extra, trading_agreement="agree")


@pytest.mark.parametrize("ordertype", ["limit", "stop-loss-limit", "take-profit-limit", "trailing-stop-limit"])
def test_limit_orders_need_no_agreement(client: KrakenClient, ordertype: str) -> None:
    client.buy("0.002")
    client.venue.switches.set("trading_agreement_required", True)
    assert "txid" in client.result("AddOrder", **(LIMIT if ordertype == "limit" else conditional(client, ordertype)))


def test_close_terms_need_the_agreement_too(client: KrakenClient) -> None:
    client.venue.switches.set("trading_agreement_required", True)
    stop = {"close__ordertype": "stop-loss", "close__price": "40000"}
    assert client.error("AddOrder", **LIMIT, **stop) == AGREEMENT
    assert "txid" in client.result("AddOrder", **LIMIT, **stop, trading_agreement="agree")
    limited = {"close__ordertype": "stop-loss-limit", "close__price": "40000", "close__price2": "39000"}
    assert "txid" in client.result("AddOrder", **LIMIT, **limited)


def test_a_batch_carries_the_agreement_once(client: KrakenClient) -> None:
    client.venue.switches.set("trading_agreement_required", True)
    orders = [{"type": "buy", "ordertype": "market", "volume": "0.001"}] * 2
    assert client.ask_json("AddOrderBatch", pair="XBTUSD", orders=orders)["error"] == [AGREEMENT]
    agreed = client.ask_json("AddOrderBatch", pair="XBTUSD", orders=orders, trading_agreement="agree")
    assert len(agreed["result"]["orders"]) == 2


@pytest.mark.parametrize("extra", [{}, {"validate": "true"}])
def test_a_restricted_market_takes_no_orders(client: KrakenClient, extra: dict[str, str]) -> None:
    order = client.buy("0.001", ordertype="limit", price="50000")
    client.venue.switches.set("restricted.BTC-USD", True)
    assert client.error("AddOrder", **LIMIT, **extra) == RESTRICTED
    assert client.error("AddOrder", **{**LIMIT, "type": "sell"}, **extra) == RESTRICTED
    assert client.error("EditOrder", txid=order.id, pair="XBTUSD", price="49000") == RESTRICTED
    assert client.error("AddOrder", **{**LIMIT, "pair": "USDTZUSD", "volume": "-1"}).startswith("EGeneral:Invalid arg")
    assert client.result("CancelOrder", txid=order.id) == {"count": 1}
    client.venue.switches.set("residence", "GB")
    assert client.error("AddOrder", **LIMIT, **extra) == RESTRICTED.replace("NL", "GB")


def test_a_restricted_market_reads_as_online_unless_asked_for_the_country(client: KrakenClient) -> None:
    client.venue.switches.set("restricted.BTC-USD", True)
    assert client.public("AssetPairs", pair="XBTUSD")["result"]["XXBTZUSD"]["status"] == "online"
    assert "XXBTZUSD" in client.public("AssetPairs", country_code="DE")["result"]
    here = client.public("AssetPairs", country_code="NL")["result"]
    assert "XXBTZUSD" not in here
    assert "USDTZUSD" in here
    assert client.public("OHLC", pair="XBTUSD")["error"] == []
    assert client.public("Ticker", pair="XBTUSD")["error"] == []


def test_a_tokenised_pair_is_read_but_not_traded(client: KrakenClient) -> None:
    client.venue.switches.set("tokenised.BTC-USD", True)
    assert client.error("AddOrder", **LIMIT) == "EGeneral:Permission denied"
    assert client.error("AddOrder", **LIMIT, validate="true") == "EGeneral:Permission denied"
    assert client.public("Ticker", pair="XBTUSD")["error"] == []
    assert list(client.public("AssetPairs", aclass_base="tokenized_asset")["result"]) == ["XXBTZUSD"]
    assert "XXBTZUSD" not in client.public("AssetPairs", aclass_base="currency")["result"]
