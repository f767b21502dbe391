"""Crypto-USDC pairs are paid in USD or USDC: which balance moves, the currency of fees and proceeds, what may prevent it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.core.journal import Journal
from tests.sandbox.okx.okx_client import OkxClient

PAIR = "BTC-USDC"
USD = {"instId": PAIR, "tradeQuoteCcy": "USD"}


def funded(journal: Journal | None = None) -> OkxClient:
    client = OkxClient(pairs=9, journal=journal)
    client.exchange.deposit("main", "USD", Decimal(1000))
    client.exchange.deposit("main", "USDC", Decimal(500))
    return client


@pytest.fixture
def client() -> OkxClient:
    return funded()


def shown(client: OkxClient, row: dict[str, Any]) -> dict[str, Any]:
    assert row["sCode"] == "0", row
    return client.show(row["ordId"], PAIR)


def test_pairs_say_in_what_they_are_paid(client: OkxClient) -> None:
    rows = {row["instId"]: row["tradeQuoteCcyList"] for row in client.ask("public/instruments", instType="SPOT")}
    assert (rows[PAIR], rows["BTC-USDT"], rows["USDC-USDT"]) == (["USD", "USDC"], ["USDT"], ["USDT"])
    assert client.code_of("market/ticker", instId="BTC-USD") == "51001"
    assert client.order("buy", "0.001", tgtCcy="base_ccy", **{**USD, "instId": "BTC-USD"})["sCode"] == "51001"


@pytest.mark.parametrize(("words", "paid"), [({"instId": PAIR}, "USDC"), (USD, "USD")])
def test_the_order_names_whose_money_it_takes(client: OkxClient, words: dict[str, str], paid: str) -> None:
    other = {"USD": "USDC", "USDC": "USD"}[paid]
    before = {name: client.coins(name) for name in ("USD", "USDC")}
    bought = shown(client, client.order("buy", "0.002", tgtCcy="base_ccy", **words))
    cost = Decimal(bought["accFillSz"]) * Decimal(bought["avgPx"])
    assert (bought["tradeQuoteCcy"], bought["feeCcy"]) == (paid, "BTC")
    assert abs(before[paid] - client.coins(paid) - cost) < Decimal("0.001")
    sold = shown(client, client.order("sell", "0.001", **words))
    assert (sold["tradeQuoteCcy"], sold["feeCcy"]) == (paid, paid)
    fills = client.ask("trade/fills", ordId=sold["ordId"])
    assert {(fill["tradeQuoteCcy"], fill["feeCcy"]) for fill in fills} == {(paid, paid)}
    assert client.coins(other) == before[other]


def test_a_resting_order_holds_the_money_that_it_names(client: OkxClient) -> None:
    order = client.order("buy", "0.001", client.away(-4), **USD)
    held = client.ask("account/balance", ccy="USD")[0]["details"][0]
    assert Decimal(held["frozenBal"]) == Decimal(client.away(-4)) * Decimal("0.001")
    assert held["coinUsdPrice"] == "1"
    assert client.coins("USDC") == 500
    client.post("trade/cancel-order", {"instId": PAIR, "ordId": order["ordId"]})
    assert client.coins("USD") == 1000


def test_no_order_takes_money_of_the_other_currency(client: OkxClient) -> None:
    short = {"instId": PAIR, "ordType": "market", "tgtCcy": "base_ccy", "banAmend": True}
    assert client.order("buy", "0.008", **short)["sCode"] == "51008"
    assert client.order("buy", "0.008", **{**short, "tradeQuoteCcy": "USD"})["sCode"] == "0"
    assert client.order("buy", "0.001", **{**short, "tradeQuoteCcy": "EUR"})["sCode"] == "51000"
    assert client.order("buy", "0.001", **{**short, "tradeQuoteCcy": "USDT"})["sCode"] == "51000"


@pytest.mark.parametrize("attached", [True, False])
def test_a_stop_sells_for_the_currency_of_its_order(client: OkxClient, attached: bool) -> None:
    stop = {"slTriggerPx": client.away(-2), "slOrdPx": "-1"}
    terms = {"attachAlgoOrds": [stop]} if attached else {}
    shown(client, client.order("buy", "0.002", client.away(2), **{"ordType": "ioc", **USD, **terms}))
    if not attached:
        assert client.algo("sell", "0.001", **stop, **USD)["sCode"] == "0"
    assert [row["tradeQuoteCcy"] for row in client.ask("trade/orders-algo-pending", ordType="conditional")] == ["USD"]
    before = client.coins("USD")
    client.price(client.away(-3), PAIR)
    assert client.coins("USD") > before
    assert client.coins("USDC") == 500
    assert client.ask("trade/orders-history", instType="SPOT", ordType="market")[0]["feeCcy"] == "USD"


def test_sizes_follow_the_currency(client: OkxClient) -> None:
    usdc = client.ask("account/max-avail-size", instId=PAIR, tdMode="cash")[0]
    usd = client.ask("account/max-avail-size", instId=PAIR, tdMode="cash", tradeQuoteCcy="USD")[0]
    assert (usdc["availBuy"], usd["availBuy"]) == ("500", "1000")
    half, whole = (
        Decimal(client.ask("account/max-size", instId=PAIR, tdMode="cash", px="100000", **words)[0]["maxBuy"])
        for words in ({}, {"tradeQuoteCcy": "USD"})
    )
    assert half * 2 == whole


def test_some_regions_want_the_currency_named(client: OkxClient) -> None:
    client.venue.switches.set("trade_quote_required", True)
    assert client.order("buy", "100")["sCode"] == "51000"
    assert client.order("buy", "100", tradeQuoteCcy="USDT")["sCode"] == "0"
    assert client.swap("buy", "0.1")["sCode"] == "0"


def test_usdc_pairs_wait_for_their_activation(client: OkxClient) -> None:
    client.venue.switches.set("usdc_activation_needed", True)
    assert client.order("buy", "0.001", tgtCcy="base_ccy", **USD)["sCode"] == "54109"
    assert client.order("buy", "100")["sCode"] == "0"
    client.venue.switches.set("usdc_activation_missing", True)
    assert client.post("account/activate-feature", {"feature": "1"})["code"] == "51773"
    client.venue.switches.set("usdc_activation_missing", False)
    assert client.post("account/activate-feature", {"feature": "2"})["code"] == "51000"
    assert client.post("account/activate-feature", {"feature": "1"})["code"] == "0"
    assert client.order("buy", "0.001", tgtCcy="base_ccy", **USD)["sCode"] == "0"


def test_what_an_order_is_paid_in_survives_a_restart(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    client = funded(journal)
    order = client.order("buy", "0.001", client.away(-1), **USD)["ordId"]
    client.venue.switches.set("usdc_activation_needed", True)
    client.post("account/activate-feature", {"feature": "1"})
    journal.close()
    again = OkxClient(pairs=9, journal=Journal(tmp_path / "state"))
    again.venue.switches.set("usdc_activation_needed", True)
    assert again.show(order, PAIR)["tradeQuoteCcy"] == "USD"
    again.post("trade/cancel-order", {"instId": PAIR, "ordId": order})
    assert again.coins("USD") == 1000
    assert again.order("buy", "0.001", client.away(-1), **USD)["sCode"] == "0"
