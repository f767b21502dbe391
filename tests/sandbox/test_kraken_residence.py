"""What Kraken refuses by the owner's place of residence: the agreement, restricted markets, tokenised pairs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.desk import Desk

RESTRICTED = "EAccount:Invalid permissions:BTC trading restricted for NL."
AGREEMENT = "EOrder:Trading agreement required"
LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "50000", "volume": "0.001"}
MARKET = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.001"}


def conditional(desk: Desk, ordertype: str) -> dict[str, Any]:
    """A sale of that type; its coins are bought first."""
    price = "+1%" if ordertype.startswith("trailing") else desk.away("1.1" if ordertype.startswith("take") else "0.9")
    second = "+0" if ordertype.startswith("trailing") else desk.away("0.89")
    limit = {"price2": second} if ordertype.endswith("-limit") else {}
    return {"pair": "XBTUSD", "type": "sell", "ordertype": ordertype, "volume": "0.001", "price": price, **limit}


@pytest.mark.parametrize("extra", [{}, {"validate": "true"}])
@pytest.mark.parametrize("ordertype", ["market", "stop-loss", "take-profit", "trailing-stop"])
def test_what_becomes_a_market_order_needs_the_agreement(desk: Desk, ordertype: str, extra: dict[str, str]) -> None:
    desk.buy("0.002")
    words = MARKET if ordertype == "market" else conditional(desk, ordertype)
    desk.venue.switches.set("trading_agreement_required", True)
    assert desk.error("AddOrder", **words, **extra) == AGREEMENT
    assert desk.error("AddOrder", **words, **extra, trading_agreement="yes") == AGREEMENT
    assert "descr" in desk.result("AddOrder", **words, **extra, trading_agreement="agree")


@pytest.mark.parametrize("ordertype", ["limit", "stop-loss-limit", "take-profit-limit", "trailing-stop-limit"])
def test_limit_orders_need_no_agreement(desk: Desk, ordertype: str) -> None:
    desk.buy("0.002")
    desk.venue.switches.set("trading_agreement_required", True)
    assert "txid" in desk.result("AddOrder", **(LIMIT if ordertype == "limit" else conditional(desk, ordertype)))


def test_close_terms_need_the_agreement_too(desk: Desk) -> None:
    desk.venue.switches.set("trading_agreement_required", True)
    stop = {"close__ordertype": "stop-loss", "close__price": "40000"}
    assert desk.error("AddOrder", **LIMIT, **stop) == AGREEMENT
    assert "txid" in desk.result("AddOrder", **LIMIT, **stop, trading_agreement="agree")
    limited = {"close__ordertype": "stop-loss-limit", "close__price": "40000", "close__price2": "39000"}
    assert "txid" in desk.result("AddOrder", **LIMIT, **limited)


def test_a_batch_carries_the_agreement_once(desk: Desk) -> None:
    desk.venue.switches.set("trading_agreement_required", True)
    orders = [{"type": "buy", "ordertype": "market", "volume": "0.001"}] * 2
    assert desk.ask_json("AddOrderBatch", pair="XBTUSD", orders=orders)["error"] == [AGREEMENT]
    agreed = desk.ask_json("AddOrderBatch", pair="XBTUSD", orders=orders, trading_agreement="agree")
    assert len(agreed["result"]["orders"]) == 2


@pytest.mark.parametrize("extra", [{}, {"validate": "true"}])
def test_a_restricted_market_takes_no_orders(desk: Desk, extra: dict[str, str]) -> None:
    order = desk.buy("0.001", ordertype="limit", price="50000")
    desk.venue.switches.set("restricted.BTC-USD", True)
    assert desk.error("AddOrder", **LIMIT, **extra) == RESTRICTED
    assert desk.error("AddOrder", **{**LIMIT, "type": "sell"}, **extra) == RESTRICTED
    assert desk.error("EditOrder", txid=order.id, pair="XBTUSD", price="49000") == RESTRICTED
    assert desk.error("AddOrder", **{**LIMIT, "pair": "USDTZUSD", "volume": "-1"}).startswith("EGeneral:Invalid arg")
    assert desk.result("CancelOrder", txid=order.id) == {"count": 1}
    desk.venue.switches.set("residence", "GB")
    assert desk.error("AddOrder", **LIMIT, **extra) == RESTRICTED.replace("NL", "GB")


def test_a_restricted_market_reads_as_online_unless_asked_for_the_country(desk: Desk) -> None:
    desk.venue.switches.set("restricted.BTC-USD", True)
    assert desk.public("AssetPairs", pair="XBTUSD")["result"]["XXBTZUSD"]["status"] == "online"
    assert "XXBTZUSD" in desk.public("AssetPairs", country_code="DE")["result"]
    here = desk.public("AssetPairs", country_code="NL")["result"]
    assert "XXBTZUSD" not in here
    assert "USDTZUSD" in here
    assert desk.public("OHLC", pair="XBTUSD")["error"] == []
    assert desk.public("Ticker", pair="XBTUSD")["error"] == []


def test_a_tokenised_pair_is_read_but_not_traded(desk: Desk) -> None:
    desk.venue.switches.set("tokenised.BTC-USD", True)
    assert desk.error("AddOrder", **LIMIT) == "EGeneral:Permission denied"
    assert desk.error("AddOrder", **LIMIT, validate="true") == "EGeneral:Permission denied"
    assert desk.public("Ticker", pair="XBTUSD")["error"] == []
    assert list(desk.public("AssetPairs", aclass_base="tokenized_asset")["result"]) == ["XXBTZUSD"]
    assert "XXBTZUSD" not in desk.public("AssetPairs", aclass_base="currency")["result"]
