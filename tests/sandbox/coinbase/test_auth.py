"""Coinbase's authentication: tokens of both variants and algorithms, every invalid form, scopes, portfolios."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from bot.sandbox.coinbase.auth import new_credential, private_key
from bot.sandbox.core.credentials import Credential
from tests.sandbox.coinbase.coinbase_client import BROKERAGE, HOST, CoinbaseClient

ACCOUNTS = BROKERAGE + "accounts"


def status(client: CoinbaseClient, token: str, path: str = ACCOUNTS) -> int:
    return client.send("GET", path, token=token).status


def another_key(client: CoinbaseClient, kind: str) -> Credential:
    client.switch("new_key_type", kind)
    return client.venue.keyring.add(client.venue.wire.new_credential("main"))


def test_a_token_of_the_sdk_is_accepted(client: CoinbaseClient) -> None:
    assert status(client, client.token("GET", ACCOUNTS)) == 200


def test_a_token_of_the_other_dialect_is_accepted(client: CoinbaseClient) -> None:
    now = client.wall.ms // 1000
    token = client.token("GET", ACCOUNTS, iss="coinbase-cloud", aud=["retail_rest_api_proxy"], iat=now)
    assert status(client, token) == 200


@pytest.mark.parametrize("kind", ["ed25519", "ed25519_pem", "ecdsa"])
def test_each_kind_of_key_signs(client: CoinbaseClient, kind: str) -> None:
    key = another_key(client, kind)
    assert status(client, client.token("GET", ACCOUNTS, key=key)) == 200


def test_an_ed25519_token_may_name_a_list_of_uris(client: CoinbaseClient) -> None:
    key = another_key(client, "ed25519")
    uris = [f"GET {HOST}{ACCOUNTS}"]
    token = client.token("GET", ACCOUNTS, key=key, uri=None, uris=uris, aud=["cdp_service"])
    assert status(client, token) == 200


def test_a_venue_that_knows_no_ed25519_refuses_such_keys(client: CoinbaseClient) -> None:
    key = another_key(client, "ed25519")
    client.switch("ed25519_accepted", False)
    assert status(client, client.token("GET", ACCOUNTS, key=key)) == 401
    assert status(client, client.token("GET", ACCOUNTS)) == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"uri": f"POST {HOST}{ACCOUNTS}"},
        {"uri": f"GET api.coinbase.com{ACCOUNTS}"},
        {"uri": f"GET {HOST}{ACCOUNTS}?limit=250"},
        {"uri": f"GET https://{HOST}{ACCOUNTS}"},
        {"uri": None},
        {"uris": []},
        {"uris": f"GET {HOST}{ACCOUNTS}"},
        {"sub": "organizations/x/apiKeys/y"},
        {"iss": "somebody"},
        {"aud": ["elsewhere"]},
        {"nbf": None},
        {"exp": None},
        {"exp": "soon"},
    ],
)
def test_a_token_with_a_wrong_claim_is_unauthorized(client: CoinbaseClient, claims: dict[str, Any]) -> None:
    response = client.send("GET", ACCOUNTS, token=client.token("GET", ACCOUNTS, **claims))
    assert (response.status, response.body) == (401, b"Unauthorized\n")


@pytest.mark.parametrize("header", [{"nonce": ""}, {"nonce": 7}, {"kid": "organizations/x/apiKeys/y"}])
def test_a_token_with_a_wrong_header_is_unauthorized(client: CoinbaseClient, header: dict[str, Any]) -> None:
    assert status(client, client.token("GET", ACCOUNTS, header=header)) == 401


def test_the_token_lives_as_long_as_it_says_and_no_longer(client: CoinbaseClient) -> None:
    leeway = 30
    token = client.token("GET", ACCOUNTS)
    client.real_seconds(120 + leeway - 1)
    assert status(client, token) == 200
    client.real_seconds(1)
    assert status(client, token) == 401


def test_a_token_of_tomorrow_or_for_a_whole_day_is_refused(client: CoinbaseClient) -> None:
    now = client.wall.ms // 1000
    assert status(client, client.token("GET", ACCOUNTS, nbf=now + 31, exp=now + 121)) == 401
    assert status(client, client.token("GET", ACCOUNTS, nbf=now + 29, exp=now + 121)) == 200
    assert status(client, client.token("GET", ACCOUNTS, exp=now + 86_400)) == 401


def test_a_skewed_clock_refuses_good_tokens_and_shows_in_the_server_time(client: CoinbaseClient) -> None:
    client.venue.faults.arm({"kind": "clock_skew", "seconds": 600})
    assert status(client, client.token("GET", ACCOUNTS)) == 401
    shown = int(client.get("time")["epochMillis"])
    assert shown == client.wall.ms + 600_000


def test_a_signature_of_another_key_is_refused(client: CoinbaseClient) -> None:
    forged = Credential(client.key.key, new_credential("main", "ecdsa", Random(5), 0).secret, "main")
    assert status(client, client.token("GET", ACCOUNTS, key=forged)) == 401


@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES384"])
def test_the_algorithm_is_the_keys_and_not_the_tokens(client: CoinbaseClient, algorithm: str) -> None:
    good = jwt.decode(client.token("GET", ACCOUNTS), options={"verify_signature": False})
    headers = {"kid": client.key.key, "nonce": "a"}
    secret: Any = {"none": None, "HS256": "x" * 64}.get(algorithm)
    if algorithm == "ES384":
        secret = ec.generate_private_key(ec.SECP384R1())
    assert status(client, jwt.encode(good, secret, algorithm=algorithm, headers=headers)) == 401


def test_a_tampered_token_is_refused(client: CoinbaseClient) -> None:
    head, body, mark = client.token("GET", ACCOUNTS).split(".")
    assert status(client, f"{head}.{body}.{mark[:-8]}AAAAAAAA") == 401
    assert status(client, f"{head}.{body}") == 401
    assert status(client, "not-a-token") == 401
    assert status(client, "") == 401


def test_a_used_nonce_is_refused_only_when_the_switch_says_so(client: CoinbaseClient) -> None:
    token = client.token("GET", ACCOUNTS)
    assert [status(client, token), status(client, token)] == [200, 200]
    client.switch("nonce_replay_refused", True)
    token = client.token("GET", ACCOUNTS)
    assert [status(client, token), status(client, token)] == [200, 401]


def test_public_paths_need_no_token_and_look_at_one_only_when_told_to(client: CoinbaseClient) -> None:
    path = BROKERAGE + "time"
    assert client.send("GET", path, token="").status == 200
    assert client.send("GET", path, token="rubbish").status == 200
    client.switch("public_checks_token", True)
    assert client.send("GET", path, token="rubbish").status == 401
    assert client.send("GET", path, token="").status == 200


def test_a_key_that_may_only_look_cannot_trade(client: CoinbaseClient) -> None:
    client.venue.keyring.permit(client.key, ["view"], True)
    order = {"market_market_ioc": {"quote_size": "10"}}
    code, text = client.refused(
        "POST", "orders", client_order_id="a", product_id="BTC-USD", side="BUY", order_configuration=order
    )
    assert code == 403
    assert '"error_details":"Missing required scopes"' in text
    assert client.get("accounts")["accounts"]
    assert not client.exchange.state.orders


def test_a_key_that_may_not_look_still_sees_its_permissions(client: CoinbaseClient) -> None:
    client.venue.keyring.permit(client.key, ["withdraw"], True)
    assert client.refused("GET", "accounts")[0] == 403
    shown = client.get("key_permissions")
    assert {name: shown[name] for name in ("can_view", "can_trade", "can_transfer")} == {
        "can_view": False,
        "can_trade": False,
        "can_transfer": True,
    }


def test_a_key_is_bound_to_its_portfolio(client: CoinbaseClient) -> None:
    own = client.get("key_permissions")["portfolio_uuid"]
    assert client.get("portfolios")["portfolios"] == [
        {"name": "Default", "uuid": own, "type": "DEFAULT", "deleted": False}
    ]
    assert client.get("accounts", retail_portfolio_id=own)["accounts"]
    code, text = client.refused("GET", "accounts", "retail_portfolio_id=another")
    assert code == 403
    assert json.loads(text)["message"] == "User does not have access to portfolio"


def test_secrets_are_of_the_kinds_that_coinbase_hands_out(client: CoinbaseClient) -> None:
    assert client.key.secret.startswith("-----BEGIN EC PRIVATE KEY-----\n")
    assert client.key.key.startswith("organizations/")
    assert isinstance(private_key(client.key.secret), ec.EllipticCurvePrivateKey)
    assert len(another_key(client, "ed25519").secret) == 88
