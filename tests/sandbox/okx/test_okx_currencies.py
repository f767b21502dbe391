"""Crypto-USDC pairs are paid in USD or USDC: whose money moves, in what fees and proceeds are, what may stand in the way."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.core.journal import Journal
from tests.sandbox.okx.okx_desk import OkxDesk

PAIR = "BTC-USDC"
USD = {"instId": PAIR, "tradeQuoteCcy": "USD"}


def funded(journal: Journal | None = None) -> OkxDesk:
    desk = OkxDesk(pairs=9, journal=journal)
    desk.exchange.deposit("main", "USD", Decimal(1000))
    desk.exchange.deposit("main", "USDC", Decimal(500))
    return desk


@pytest.fixture
def desk() -> OkxDesk:
    return funded()


def shown(desk: OkxDesk, row: dict[str, Any]) -> dict[str, Any]:
    assert row["sCode"] == "0", row
    return desk.show(row["ordId"], PAIR)


def test_pairs_say_in_what_they_are_paid(desk: OkxDesk) -> None:
    rows = {row["instId"]: row["tradeQuoteCcyList"] for row in desk.ask("public/instruments", instType="SPOT")}
    assert (rows[PAIR], rows["BTC-USDT"], rows["USDC-USDT"]) == (["USD", "USDC"], ["USDT"], ["USDT"])
    assert desk.tell_code("market/ticker", instId="BTC-USD") == "51001"
    assert desk.order("buy", "0.001", tgtCcy="base_ccy", **{**USD, "instId": "BTC-USD"})["sCode"] == "51001"


@pytest.mark.parametrize(("words", "paid"), [({"instId": PAIR}, "USDC"), (USD, "USD")])
def test_the_order_names_whose_money_it_takes(desk: OkxDesk, words: dict[str, str], paid: str) -> None:
    other = {"USD": "USDC", "USDC": "USD"}[paid]
    before = {name: desk.coins(name) for name in ("USD", "USDC")}
    bought = shown(desk, desk.order("buy", "0.002", tgtCcy="base_ccy", **words))
    cost = Decimal(bought["accFillSz"]) * Decimal(bought["avgPx"])
    assert (bought["tradeQuoteCcy"], bought["feeCcy"]) == (paid, "BTC")
    assert abs(before[paid] - desk.coins(paid) - cost) < Decimal("0.001")
    sold = shown(desk, desk.order("sell", "0.001", **words))
    assert (sold["tradeQuoteCcy"], sold["feeCcy"]) == (paid, paid)
    fills = desk.ask("trade/fills", ordId=sold["ordId"])
    assert {(fill["tradeQuoteCcy"], fill["feeCcy"]) for fill in fills} == {(paid, paid)}
    assert desk.coins(other) == before[other]


def test_a_resting_order_holds_the_money_that_it_names(desk: OkxDesk) -> None:
    order = desk.order("buy", "0.001", desk.away(-4), **USD)
    held = desk.ask("account/balance", ccy="USD")[0]["details"][0]
    assert Decimal(held["frozenBal"]) == Decimal(desk.away(-4)) * Decimal("0.001")
    assert held["coinUsdPrice"] == "1"
    assert desk.coins("USDC") == 500
    desk.tell("trade/cancel-order", {"instId": PAIR, "ordId": order["ordId"]})
    assert desk.coins("USD") == 1000


def test_no_order_takes_money_of_the_other_currency(desk: OkxDesk) -> None:
    short = {"instId": PAIR, "ordType": "market", "tgtCcy": "base_ccy", "banAmend": True}
    assert desk.order("buy", "0.008", **short)["sCode"] == "51008"
    assert desk.order("buy", "0.008", **{**short, "tradeQuoteCcy": "USD"})["sCode"] == "0"
    assert desk.order("buy", "0.001", **{**short, "tradeQuoteCcy": "EUR"})["sCode"] == "51000"
    assert desk.order("buy", "0.001", **{**short, "tradeQuoteCcy": "USDT"})["sCode"] == "51000"


@pytest.mark.parametrize("attached", [True, False])
def test_a_stop_sells_for_the_currency_of_its_order(desk: OkxDesk, attached: bool) -> None:
    stop = {"slTriggerPx": desk.away(-2), "slOrdPx": "-1"}
    terms = {"attachAlgoOrds": [stop]} if attached else {}
    shown(desk, desk.order("buy", "0.002", desk.away(2), **{"ordType": "ioc", **USD, **terms}))
    if not attached:
        assert desk.algo("sell", "0.001", **stop, **USD)["sCode"] == "0"
    assert [row["tradeQuoteCcy"] for row in desk.ask("trade/orders-algo-pending", ordType="conditional")] == ["USD"]
    before = desk.coins("USD")
    desk.price(desk.away(-3), PAIR)
    assert desk.coins("USD") > before
    assert desk.coins("USDC") == 500
    assert desk.ask("trade/orders-history", instType="SPOT", ordType="market")[0]["feeCcy"] == "USD"


def test_sizes_follow_the_currency(desk: OkxDesk) -> None:
    usdc = desk.ask("account/max-avail-size", instId=PAIR, tdMode="cash")[0]
    usd = desk.ask("account/max-avail-size", instId=PAIR, tdMode="cash", tradeQuoteCcy="USD")[0]
    assert (usdc["availBuy"], usd["availBuy"]) == ("500", "1000")
    half, whole = (
        Decimal(desk.ask("account/max-size", instId=PAIR, tdMode="cash", px="100000", **words)[0]["maxBuy"])
        for words in ({}, {"tradeQuoteCcy": "USD"})
    )
    assert half * 2 == whole


def test_some_regions_want_the_currency_named(desk: OkxDesk) -> None:
    desk.venue.switches.set("trade_quote_required", True)
    assert desk.order("buy", "100")["sCode"] == "51000"
    assert desk.order("buy", "100", tradeQuoteCcy="USDT")["sCode"] == "0"
    assert desk.swap("buy", "0.1")["sCode"] == "0"


def test_usdc_pairs_wait_for_their_activation(desk: OkxDesk) -> None:
    desk.venue.switches.set("usdc_activation_needed", True)
    assert desk.order("buy", "0.001", tgtCcy="base_ccy", **USD)["sCode"] == "54109"
    assert desk.order("buy", "100")["sCode"] == "0"
    desk.venue.switches.set("usdc_activation_missing", True)
    assert desk.tell("account/activate-feature", {"feature": "1"})["code"] == "51773"
    desk.venue.switches.set("usdc_activation_missing", False)
    assert desk.tell("account/activate-feature", {"feature": "2"})["code"] == "51000"
    assert desk.tell("account/activate-feature", {"feature": "1"})["code"] == "0"
    assert desk.order("buy", "0.001", tgtCcy="base_ccy", **USD)["sCode"] == "0"


def test_what_an_order_is_paid_in_survives_a_restart(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    desk = funded(journal)
    order = desk.order("buy", "0.001", desk.away(-1), **USD)["ordId"]
    desk.venue.switches.set("usdc_activation_needed", True)
    desk.tell("account/activate-feature", {"feature": "1"})
    journal.close()
    again = OkxDesk(pairs=9, journal=Journal(tmp_path / "state"))
    again.venue.switches.set("usdc_activation_needed", True)
    assert again.show(order, PAIR)["tradeQuoteCcy"] == "USD"
    again.tell("trade/cancel-order", {"instId": PAIR, "ordId": order})
    assert again.coins("USD") == 1000
    assert again.order("buy", "0.001", desk.away(-1), **USD)["sCode"] == "0"
