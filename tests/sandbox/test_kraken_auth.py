"""Kraken's authentication: signature, nonce, permissions, lockout and rate limits, each with Kraken's own errors."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.kraken.auth import sign
from tests.sandbox.kraken_client import KrakenClient


def test_signature_equals_the_documented_vector() -> None:
    secret = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
    body = b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
    wanted = "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
    assert sign(secret, "/0/private/AddOrder", "1616492376594", body) == wanted


def test_a_wrong_signature_is_refused(client: KrakenClient) -> None:
    answer = client.send("Balance", b"nonce=1", "1", **{"api-sign": "AAAA"})
    assert answer == {"error": ["EAPI:Invalid signature"]}


def test_an_unknown_key_is_refused(client: KrakenClient) -> None:
    assert client.send("Balance", b"nonce=1", "1", **{"api-key": "nobody"}) == {"error": ["EAPI:Invalid key"]}


@pytest.mark.parametrize("later", ["5", "4", "0", "-1", "x", ""])
def test_a_nonce_not_above_the_last_is_refused(client: KrakenClient, later: str) -> None:
    assert client.send("Balance", b"nonce=5", "5")["error"] == []
    assert client.send("Balance", f"nonce={later}".encode(), later) == {"error": ["EAPI:Invalid nonce"]}
    assert client.send("Balance", b"nonce=6", "6")["error"] == []


def test_a_refused_signature_does_not_spend_the_nonce(client: KrakenClient) -> None:
    client.send("Balance", b"nonce=9", "9", **{"api-sign": "AAAA"})
    assert client.send("Balance", b"nonce=9", "9")["error"] == []


def test_a_nonce_window_lets_late_requests_in_once(client: KrakenClient) -> None:
    client.venue.switches.set("nonce_window", 10)
    errors = [client.send("Balance", f"nonce={n}".encode(), str(n))["error"] for n in (20, 15, 15, 9, 21)]
    assert errors == [[], [], ["EAPI:Invalid nonce"], ["EAPI:Invalid nonce"], []]


def test_json_bodies_are_signed_and_read_as_they_came(client: KrakenClient) -> None:
    assert client.ask_json("BalanceEx")["result"]["ZUSD"] == {"balance": "3000.0000", "hold_trade": "0.0000"}
    assert client.send("Balance", b'{"nonce": 77}', "77", "json")["error"] == []


@pytest.mark.parametrize(
    ("method", "words"),
    [("AddOrder", {"pair": "XBTUSD"}), ("CancelOrder", {"txid": "O"}), ("AmendOrder", {"txid": "O"})],
)
def test_a_key_that_may_not_trade_is_refused(client: KrakenClient, method: str, words: dict[str, Any]) -> None:
    client.venue.keyring.permit(client.key, ["view"], ip_bound=True)
    assert client.error(method, **words) == "EGeneral:Permission denied"
    assert client.ask("Balance")["error"] == []


def test_withdrawal_is_probed_without_moving_money(client: KrakenClient) -> None:
    assert client.error("WithdrawInfo", asset="XBT", key="none", amount="1") == "EGeneral:Permission denied"
    client.venue.keyring.permit(client.key, ["view", "trade", "withdraw"], ip_bound=True)
    assert client.error("WithdrawInfo", asset="XBT", key="none", amount="1") == "EFunding:Unknown withdraw key"
    assert "withdraw-funds" in client.result("GetApiKeyInfo")["permissions"]


def test_key_info_in_both_spellings(client: KrakenClient) -> None:
    assert client.result("GetApiKeyInfo")["ipAllowlist"] == ["127.0.0.1"]
    client.venue.switches.set("key_info_snake_case", True)
    client.venue.keyring.permit(client.key, ["view"], ip_bound=False)
    info = client.result("GetApiKeyInfo")
    assert (info["ip_allowlist"], info["nonce_window"]) == ([], "0")
    assert "ipAllowlist" not in info


def test_repeated_failures_lock_the_key_out_for_real_minutes(client: KrakenClient) -> None:
    for _ in range(10):
        client.send("Balance", b"nonce=1", "1", **{"api-sign": "AAAA"})
    assert client.error("Balance") == "EGeneral:Temporary lockout"
    client.clock.advance(100_000)
    assert client.error("Balance") == "EGeneral:Temporary lockout"
    client.wall.ms += 900_000
    assert client.ask("Balance")["error"] == []


def test_the_private_counter_refuses_and_recovers_with_the_market(client: KrakenClient) -> None:
    errors = [client.ask("TradesHistory")["error"] for _ in range(8)]
    assert errors == [[]] * 7 + [["EAPI:Rate limit exceeded"]]
    client.seconds(30)
    assert client.ask("Balance")["error"] == []


def test_orders_are_free_of_the_private_counter(client: KrakenClient) -> None:
    for _ in range(25):
        assert "Rate limit" not in client.error("AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="9")


def test_public_calls_are_one_a_second_after_a_burst(client: KrakenClient) -> None:
    errors = [client.public("Time")["error"] for _ in range(11)]
    assert errors == [[]] * 10 + [["EAPI:Rate limit exceeded"]]
    assert client.public("Assets")["error"] == []


def test_quick_cancels_exhaust_the_matching_engine(client: KrakenClient) -> None:
    """An order costs 1, its cancel within five seconds 8."""
    refused = []
    for _ in range(20):
        answer = client.ask(
            "AddOrder", pair="XBTUSD", type="buy", ordertype="limit", price=client.away("0.5"), volume="0.0001"
        )
        refused += answer["error"]
        if not answer["error"]:
            refused += client.ask("CancelOrder", txid=answer["result"]["txid"][0])["error"]
    assert set(refused) == {"EOrder:Rate limit exceeded"}
    assert len(refused) > 5


def test_unknown_methods_and_verbs_are_refused(client: KrakenClient) -> None:
    assert client.error("Nonsense") == "EGeneral:Unknown method"
    assert client.public("Nonsense")["error"] == ["EGeneral:Unknown method"]
