"""Perpetual swaps: margin, profit and loss, funding, liquidation, both position modes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.sandbox.core.journal import Journal
from bot.sandbox.core.values import Kind, Origin, Side, Ticket
from tests.sandbox.okx.okx_client import OkxClient

SWAP = "BTC-USDT-SWAP"


@pytest.fixture
def client() -> OkxClient:
    client = OkxClient()
    client.price("100000")
    return client


def position(client: OkxClient) -> dict[str, Any]:
    rows = client.ask("account/positions", instType="SWAP")
    assert len(rows) == 1
    row: dict[str, Any] = rows[0]
    return row


def usdt(client: OkxClient) -> dict[str, Any]:
    row: dict[str, Any] = client.ask("account/balance", ccy="USDT")[0]["details"][0]
    return row


def opened(client: OkxClient, side: str = "buy", sz: str = "1", **words: Any) -> dict[str, Any]:
    placed = client.swap(side, sz, **words)
    assert placed["sCode"] == "0", placed
    return client.show(placed["ordId"], SWAP)


def test_contracts_are_hundredths_of_a_coin(client: OkxClient) -> None:
    row = opened(client, sz="1.5")
    assert (row["accFillSz"], row["sz"], row["feeCcy"], row["lever"]) == ("1.5", "1.5", "USDT", "3")
    paid = Decimal(row["avgPx"]) * Decimal("0.015") * Decimal("0.0005")
    assert abs(Decimal(row["fee"]) + paid) < Decimal("1e-9")
    truth = client.ledger()
    assert [order["qty"] for order in truth["orders"]] == ["0.015"]
    assert sum(Decimal(fill["qty"]) for fill in truth["fills"]) == Decimal("0.015")
    assert truth["positions"][0]["qty"] == "0.015"


def test_a_position_locks_its_margin_and_gives_it_back(client: OkxClient) -> None:
    row = opened(client)
    held = Decimal(usdt(client)["frozenBal"])
    assert abs(held - Decimal(row["avgPx"]) / 100 / 3) < Decimal("0.01")
    shown = position(client)
    assert (shown["pos"], shown["posSide"], shown["mgnMode"], shown["lever"]) == ("1", "net", "cross", "3")
    closed = opened(client, "sell", reduceOnly=True)
    assert client.ask("account/positions") == []
    assert usdt(client)["frozenBal"] == "0"
    money = Decimal(5000) + Decimal(row["fee"]) + Decimal(closed["fee"]) + Decimal(closed["pnl"])
    assert abs(Decimal(usdt(client)["cashBal"]) - money) < Decimal("1e-9")


def test_profit_is_unrealised_until_it_is_taken(client: OkxClient) -> None:
    row = opened(client)
    client.price("104000")
    shown = position(client)
    assert abs(Decimal(shown["upl"]) - (Decimal(104000) - Decimal(row["avgPx"])) / 100) < Decimal("0.001")
    assert Decimal(usdt(client)["eq"]) - Decimal(usdt(client)["cashBal"]) == Decimal(shown["upl"])
    closed = opened(client, "sell", reduceOnly=True)
    assert Decimal(closed["pnl"]) > 35
    fills = client.ask("trade/fills", instType="SWAP")
    assert sum(Decimal(fill["fillPnl"]) for fill in fills) == Decimal(closed["pnl"])


def test_shorts_earn_when_it_falls_and_an_order_can_turn_a_position(client: OkxClient) -> None:
    opened(client, "sell")
    assert position(client)["pos"] == "-1"
    client.price("96000")
    assert Decimal(position(client)["upl"]) > 35
    turned = opened(client, "buy", "3")
    assert Decimal(turned["pnl"]) > 35
    assert position(client)["pos"] == "2"
    assert abs(Decimal(position(client)["avgPx"]) - Decimal(turned["avgPx"])) < 1


def test_reduce_only_never_opens_nor_exceeds(client: OkxClient) -> None:
    assert client.swap("sell", "1", reduceOnly=True)["sCode"] == "51169"
    opened(client)
    assert client.swap("sell", "1.01", reduceOnly=True)["sCode"] == "51112"
    assert client.swap("buy", "1", reduceOnly=True)["sCode"] == "51169"


@pytest.mark.parametrize(("side", "falls"), [("buy", True), ("sell", False)])
def test_funding_is_paid_every_eight_hours(client: OkxClient, side: str, falls: bool) -> None:
    opened(client, side)
    before = Decimal(usdt(client)["cashBal"])
    due = client.ask("public/funding-rate", instId=SWAP)[0]
    client.seconds((int(due["fundingTime"]) - client.clock.market_ms()) / 1000 + 1)
    paid = Decimal(usdt(client)["cashBal"]) - before
    rate = Decimal(due["fundingRate"])
    assert rate != 0
    assert (paid < 0) == ((rate > 0) == falls)
    assert Decimal(position(client)["fundingFee"]) == paid
    assert abs(abs(paid) - abs(rate) * client.exchange.market.last(SWAP, int(due["fundingTime"])) / 100) < Decimal(
        "0.001"
    )
    history = client.ask("public/funding-rate-history", instId=SWAP, limit=1)[0]
    assert (history["fundingTime"], history["realizedRate"]) == (due["fundingTime"], due["fundingRate"])


def test_an_isolated_position_is_liquidated_and_loses_its_margin_only(client: OkxClient) -> None:
    client.post("account/set-leverage", {"instId": SWAP, "lever": 20, "mgnMode": "isolated"})
    opened(client, tdMode="isolated")
    shown = position(client)
    assert (shown["lever"], shown["mgnMode"]) == ("20", "isolated")
    liquidation = Decimal(shown["liqPx"])
    assert Decimal(95_000) < liquidation < Decimal(96_000)
    resting = client.swap("sell", "1", "104000", tdMode="isolated", reduceOnly=True)
    client.price(liquidation - 1_500)
    assert client.ask("account/positions") == []
    assert client.show(resting["ordId"], SWAP)["state"] == "canceled"
    lost = Decimal(5000) - Decimal(usdt(client)["cashBal"])
    assert abs(lost - Decimal(shown["margin"]) + Decimal(shown["fee"])) < Decimal("0.01")
    done = client.ask("trade/orders-history", instType="SWAP", ordType="market")[0]
    assert (done["category"], done["side"]) == ("full_liquidation", "sell")


def test_a_cross_position_is_backed_by_the_whole_account(client: OkxClient) -> None:
    client.post("account/set-leverage", {"instId": SWAP, "lever": "20", "mgnMode": "cross"})
    opened(client, sz="50")
    shown = position(client)
    assert Decimal(89_000) < Decimal(shown["liqPx"]) < Decimal(92_000)
    client.price(str(Decimal(shown["liqPx"]).to_integral_value() - 20_000))
    assert client.ask("account/positions") == []
    assert 0 <= Decimal(usdt(client)["cashBal"] if client.coins("USDT") else "0") < 100


def test_margin_that_is_not_there_is_refused(client: OkxClient) -> None:
    row = client.swap("buy", "16")
    assert (row["sCode"], row["subCode"]) == ("51008", "1001")
    assert client.swap("buy", "14")["sCode"] == "0"
    client.price("90000")
    assert client.swap("buy", "1")["sCode"] == "51008"


def test_leverage_belongs_to_instrument_and_margin_mode(client: OkxClient) -> None:
    answer = client.post("account/set-leverage", {"instId": SWAP, "lever": 10, "mgnMode": "cross"})
    assert answer["data"][0] == {"instId": SWAP, "lever": "10", "mgnMode": "cross", "posSide": "net"}
    assert client.ask("account/leverage-info", instId=SWAP, mgnMode="cross")[0]["lever"] == "10"
    assert client.ask("account/leverage-info", instId=SWAP, mgnMode="isolated")[0]["lever"] == "3"
    assert client.post("account/set-leverage", {"instId": SWAP, "lever": 101, "mgnMode": "cross"})["code"] == "59102"


def test_more_leverage_frees_margin_of_an_open_position(client: OkxClient) -> None:
    opened(client)
    before = Decimal(usdt(client)["frozenBal"])
    client.post("account/set-leverage", {"instId": SWAP, "lever": 6, "mgnMode": "cross"})
    assert abs(Decimal(usdt(client)["frozenBal"]) * 2 - before) < Decimal("0.001")
    assert position(client)["lever"] == "6"


def test_hedged_legs_stand_side_by_side(client: OkxClient) -> None:
    assert client.post("account/set-position-mode", {"posMode": "long_short_mode"})["code"] == "0"
    assert client.swap("buy", "1")["sCode"] == "51000"
    opened(client, posSide="long")
    opened(client, "sell", posSide="short")
    rows = client.ask("account/positions")
    assert {(row["posSide"], row["pos"]) for row in rows} == {("long", "1"), ("short", "1")}
    assert client.post("account/set-position-mode", {"posMode": "net_mode"})["code"] == "59000"
    opened(client, "sell", posSide="long")
    assert [row["posSide"] for row in client.ask("account/positions")] == ["short"]
    assert client.swap("sell", "1", posSide="long")["sCode"] == "51169"


def test_closing_a_position_names_no_order(client: OkxClient) -> None:
    body = {"instId": SWAP, "mgnMode": "cross"}
    assert client.post("trade/close-position", body)["code"] == "51023"
    opened(client, sz="2")
    client.swap("sell", "1", "104000", reduceOnly=True)
    assert client.post("trade/close-position", body)["code"] == "51115"
    answer = client.post("trade/close-position", {**body, "autoCxl": True})
    assert answer["data"] == [{"instId": SWAP, "posSide": "net", "clOrdId": "", "tag": ""}]
    assert client.ask("account/positions") == []


@pytest.mark.parametrize(("level", "mode", "code"), [("1", "cross", "51010"), ("3", "isolated", "50072")])
def test_account_modes_decide_what_may_be_traded(client: OkxClient, level: str, mode: str, code: str) -> None:
    client.post("account/set-account-level", {"acctLv": level})
    assert client.ask("account/config")[0]["acctLv"] == level
    assert client.swap("buy", "1", tdMode=mode)["sCode"] == code


def test_multi_currency_accounts_trade_spot_cross(client: OkxClient) -> None:
    client.post("account/set-account-level", {"acctLv": "3"})
    assert client.order("buy", "100", tdMode="cross")["sCode"] == "0"
    assert client.order("buy", "100")["sCode"] == "51000"
    client.venue.switches.set("cash_in_multi_currency", True)
    assert client.order("buy", "100")["sCode"] == "0"


def test_an_attached_stop_covers_a_short_and_closes_it(client: OkxClient) -> None:
    stop = [{"slTriggerPx": "102000", "slOrdPx": "-1"}]
    opened(client, "sell", attachAlgoOrds=stop)
    exposure = client.exchange.state.exposure[SWAP]
    assert (exposure.held, exposure.covered, exposure.periods) == (Decimal("0.01"), Decimal("0.01"), [])
    client.price("103000")
    assert client.ask("account/positions") == []
    assert client.exchange.state.bought[SWAP] == 0
    algo = client.ask("trade/orders-algo-history", ordType="conditional", state="effective")[0]
    assert (algo["sz"], algo["side"], algo["reduceOnly"]) == ("1", "buy", "true")


def test_a_stop_of_the_whole_position_may_be_a_fraction(client: OkxClient) -> None:
    body = {"instId": SWAP, "tdMode": "cross", "side": "sell", "ordType": "conditional", "closeFraction": "1",
            "slTriggerPx": "98000", "slOrdPx": "-1", "reduceOnly": True}  # fmt: skip
    assert client.post("trade/order-algo", body)["data"][0]["sCode"] == "51023"
    opened(client, sz="2")
    assert client.post("trade/order-algo", body)["data"][0]["sCode"] == "0"
    client.price("97000")
    assert client.ask("account/positions") == []


def test_positions_survive_a_restart(tmp_path: Any) -> None:
    journal = Journal(tmp_path / "state")
    client = OkxClient(journal=journal)
    opened(client)
    client.post("account/set-leverage", {"instId": SWAP, "lever": 5, "mgnMode": "cross"})
    before, money = position(client), usdt(client)
    journal.close()
    again = OkxClient(journal=Journal(tmp_path / "state"))
    assert {**position(again), "pTime": ""} == {**before, "pTime": ""}
    assert usdt(again) == money
    assert again.ask("account/leverage-info", instId=SWAP, mgnMode="cross")[0]["lever"] == "5"
    order = again.swap("sell", "1", reduceOnly=True)
    assert int(order["ordId"]) > max(int(row["id"]) for row in client.ledger()["orders"])


def test_the_owner_trades_swaps_by_hand_too(client: OkxClient) -> None:
    client.exchange.place(Ticket("main", SWAP, Side.BUY, Kind.MARKET, qty=Decimal("0.02"), origin=Origin.MANUAL))
    assert position(client)["pos"] == "2"
    assert SWAP not in client.exchange.state.bought
