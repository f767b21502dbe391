"""Authentication: the signature's published vectors, the form of every error, environment and permissions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.sandbox.core.venue import Request
from bot.sandbox.okx.auth import sign
from tests.sandbox.okx.okx_client import OkxClient

SECRET = "22582BD0CFF14C41EDBF1AB98506286D"
COMPACT = '{"instId":"BTC-USDT","tdMode":"cash","side":"buy","ordType":"limit","px":"2.15","sz":"2"}'
SPACED = COMPACT.replace(",", ", ").replace(":", ": ")


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        ("2020-12-08T09:08:57.715ZGET/api/v5/account/balance?ccy=BTC", "HiZhvSfMtWJA3uUIVXV3a/bSXNPCWvYFXoGCVS8V4zY="),
        ("2020-12-08T09:08:57.715ZGET/api/v5/account/balance", "AkD5YszBhggtIyjDlmTy/9PpNVntel+1Lff8wh0qpQw="),
        (f"2020-12-08T09:08:57.715ZPOST/api/v5/trade/order{COMPACT}", "iwrdSpN7pm4G4u8+fswZUyH6mOM48+sBF6WvKpj4Dvk="),
        (f"2020-12-08T09:08:57.715ZPOST/api/v5/trade/order{SPACED}", "ndhLECBZOdEnKUoXpFMXtL/rmKwKjNKUys4V5s4RLDc="),
        ("1538054050GET/users/self/verify", "+LdIr8lkkvhr5hoA3g9TMC0+uQJ849ftAcocA/ouu4M="),
    ],
)
def test_signatures_are_okx_own(text: str, signature: str) -> None:
    assert sign(SECRET, text.encode()) == signature


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"ok_access_key": ""}, "50103"),
        ({"ok_access_passphrase": ""}, "50104"),
        ({"ok_access_sign": ""}, "50106"),
        ({"ok_access_timestamp": ""}, "50107"),
        ({"ok_access_timestamp": "yesterday"}, "50112"),
        ({"ok_access_timestamp": "2020-12-08T09:08:57.715Z"}, "50102"),
        ({"ok_access_key": "nonsense"}, "50111"),
        ({"ok_access_key": "01234567-89ab-4def-a123-456789abcdef"}, "50119"),
        ({"x_simulated_trading": "1"}, "50101"),
        ({"ok_access_passphrase": "login-password"}, "50105"),
        ({"ok_access_sign": "AkD5YszBhggtIyjDlmTy/9PpNVntel+1Lff8wh0qpQw="}, "50113"),
    ],
)
def test_each_refusal_is_401_with_message_and_code_only(client: OkxClient, headers: dict[str, Any], code: str) -> None:
    answer = client.send(client.request("GET", "account/balance", **headers))
    body = json.loads(answer.body)
    assert (answer.status, body["code"], list(body)) == (401, code, ["msg", "code"])


def test_the_query_is_signed_as_it_was_sent(client: OkxClient) -> None:
    request = client.request("GET", "account/balance", {"ccy": "BTC,USDT"})
    assert "%2C" in request.query
    tampered = Request("GET", request.path, "ccy=BTC", request.headers, b"")
    assert json.loads(client.send(request).body)["code"] == "0"
    assert json.loads(client.send(tampered).body)["code"] == "50113"


def test_the_window_is_thirty_seconds_of_a_clock_that_may_be_wrong(client: OkxClient) -> None:
    early = client.request("GET", "account/balance")
    client.wall.ms += 29_000
    assert client.send(early).status == 200
    client.wall.ms += 2_000
    assert json.loads(client.send(early).body)["code"] == "50102"
    client.venue.faults.arm({"kind": "clock_skew", "seconds": 45})
    assert json.loads(client.send(client.request("GET", "account/balance")).body)["code"] == "50102"
    time = json.loads(client.send(client.request("GET", "public/time")).body)["data"][0]["ts"]
    assert int(time) == client.wall.ms + 45_000


def test_a_demo_key_wants_the_demo_header(client: OkxClient) -> None:
    client.venue.switches.set("demo_account", True)
    assert json.loads(client.send(client.request("GET", "account/balance")).body)["code"] == "50101"
    assert client.send(client.request("GET", "account/balance", x_simulated_trading="1")).status == 200


@pytest.mark.parametrize(("switch", "code"), [("wrong_region", "50119"), ("ip_refused", "50110")])
def test_region_and_address_are_refused_on_demand(client: OkxClient, switch: str, code: str) -> None:
    client.venue.switches.set(switch, True)
    answer = client.send(client.request("GET", "account/balance"))
    assert (answer.status, json.loads(answer.body)["code"]) == (401, code)


def test_public_calls_need_no_key_and_ignore_a_wrong_one(client: OkxClient) -> None:
    bare = Request("GET", "/api/v5/public/time", "", {}, b"")
    empty = Request("GET", "/api/v5/public/time", "", {"ok-access-key": "", "ok-access-sign": "x"}, b"")
    assert client.send(bare).status == client.send(empty).status == 200


def test_a_key_without_the_right_to_trade_reads_only(client: OkxClient) -> None:
    client.venue.keyring.permit(client.key, ["view"], ip_bound=False)
    config = client.ask("account/config")[0]
    assert (config["perm"], config["ip"]) == ("read_only", "")
    body = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "market", "sz": "100"}
    answer = client.send(client.request("POST", "trade/order", body=body))
    assert (answer.status, json.loads(answer.body)["code"]) == (200, "50120")


def test_the_config_says_that_a_key_may_withdraw(client: OkxClient) -> None:
    client.venue.keyring.permit(client.key, ["view", "trade", "withdraw"], ip_bound=True)
    config = client.ask("account/config")[0]
    assert config["perm"].split(",") == ["read_only", "trade", "withdraw"]
    assert config["ip"] == "127.0.0.1"


def test_a_wrong_method_is_405(client: OkxClient) -> None:
    answer = client.send(client.request("GET", "trade/batch-orders"))
    assert (answer.status, json.loads(answer.body)["code"]) == (405, "50115")
