"""Every cause of trouble at Coinbase that docs/operations.md lists, as the check scripts say it: the remedy word for word, exit 1."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.brokers.coinbase.errors import REMEDIES
from bot.brokers.coinbase.keys import canonical, private_key
from tests.commands.scripts import Operator, credentials, run
from tests.sandbox_fixture import Sandbox

SCRIPT = "check_broker_status.py"
OTHER_NAME = "organizations/0f0e0d0c-0b0a-4908-8706-050403020100/apiKeys/10111213-1415-4617-9819-1a1b1c1d1e1f"
EDGE_REFUSAL = "Too many errors"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), "--pairs", "3", venues=("coinbase",)) as running:
        yield running


@pytest.fixture
def venue(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The exchange as it was, also after the test."""
    yield sandbox
    sandbox.control("DELETE", "faults")
    sandbox.control("POST", "keys", venue="coinbase", permissions=["view", "trade"], ip_bound=True)


@pytest.fixture
def operator(venue: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(venue, "coinbase", tmp_path, capsys)


def test_a_good_portfolio_is_ready(operator: Operator) -> None:
    status, found = operator.check()
    assert (status, found["status"], found["problem"], found["warnings"]) == (0, "ready", "", [])
    assert (found["ip_bound"], found["permissions"]) == (None, ["trade", "view"])


# -- the key as it was copied -----------------------------------------------------------------------------------------
def sec1(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


FORMS: dict[str, Callable[[str], str]] = {
    "real line breaks": lambda pem: pem,
    "of Windows": lambda pem: pem.replace("\n", "\r\n"),
    "escaped": lambda pem: pem.replace("\n", "\\n"),
    "escaped twice": lambda pem: pem.replace("\n", "\\\\n"),
    "turned into blanks": lambda pem: pem.replace("\n", " "),
    "gone": lambda pem: pem.replace("\n", ""),
    "in quotes": lambda pem: f'"{pem}"',
    "PKCS8": lambda pem: canonical(private_key(pem)),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_pem_in_whatever_form_it_was_copied(form: str, operator: Operator) -> None:
    pem = operator.sandbox.venue("coinbase").api_secret
    status, found = operator.check(COINBASE_API_SECRET=FORMS[form](pem))
    assert (status, found["status"], found["problem"]) == (0, "ready", "")


@pytest.mark.parametrize("form", ["padded", "without padding", "for URLs", "with its public key", "PEM"])
def test_an_ed25519_key_in_whatever_form_it_was_copied(form: str, operator: Operator) -> None:
    kind = "ed25519_pem" if form == "PEM" else "ed25519"
    operator.sandbox.control("POST", "switches", venue="coinbase", name="new_key_type", value=kind)
    keys = operator.sandbox.control("POST", "accounts", venue="coinbase", same_account=True)
    operator.sandbox.control("POST", "switches", venue="coinbase", name="new_key_type", value="ecdsa")
    secret = keys["api_secret"]
    if kind == "ed25519":
        seed = base64.b64decode(secret)[:32]
        public = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        secret = {
            "padded": base64.b64encode(seed).decode(),
            "without padding": base64.b64encode(seed).decode().rstrip("="),
            "for URLs": base64.urlsafe_b64encode(seed).decode(),
            "with its public key": base64.b64encode(seed + public).decode(),
        }[form]
    status, found = operator.check(COINBASE_API_KEY=keys["api_key"], COINBASE_API_SECRET=secret)
    assert (status, found["status"], found["problem"]) == (0, "ready", "")


@pytest.mark.parametrize(
    "garbled",
    ["my secret", "AAAA", "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE", "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----"],
)  # fmt: skip
def test_a_key_that_is_none_is_a_wrong_configuration(garbled: str, venue: Sandbox, tmp_path: Path) -> None:
    done = run(SCRIPT, tmp_path, **credentials(venue, "coinbase", COINBASE_API_SECRET=garbled))
    assert done.returncode == 2
    assert done.stderr.startswith("nija: COINBASE_API_SECRET has")
    assert garbled not in done.stderr + done.stdout


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "a name that is none": ({"COINBASE_API_KEY": "garbled"}, "name"),
    "an unknown name": ({"COINBASE_API_KEY": OTHER_NAME}, "refused"),
    "the secret of another key": ({"COINBASE_API_SECRET": sec1(ec.generate_private_key(ec.SECP256R1()))}, "refused"),
    "a PEM without a key in it": (
        {"COINBASE_API_SECRET": "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----"},
        "pem",
    ),
    "a key on another curve": ({"COINBASE_API_SECRET": sec1(ec.generate_private_key(ec.SECP384R1()))}, "pem"),
    "no trust root": ({"NIJA_CA_FILE": ""}, "tls"),
    "an address": ({"COINBASE_API_URL": "https://127.0.0.1:9"}, "unreachable"),
    "an address without https": ({"COINBASE_API_URL": "http://127.0.0.1:9"}, "url"),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_wrong_setting_has_its_remedy(name: str, operator: Operator) -> None:
    other, remedy = WRONG[name]
    status, found = operator.check(other)
    assert (status, found["connected"], found["remedy"]) == (1, False, REMEDIES[remedy])


# -- rights, portfolio, clock, money ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("permissions", "remedies"),
    [(["view"], ("trade",)), (["trade"], ("view", "scopes")), (["view", "trade", "withdraw"], ("withdraw",))],
)
def test_each_wrong_right_has_its_remedy(permissions: list[str], remedies: tuple[str, ...], operator: Operator) -> None:
    operator.sandbox.control("POST", "keys", venue="coinbase", permissions=permissions, ip_bound=True)
    status, found = operator.check()
    assert status == 1
    assert found["remedy"] in {REMEDIES[name] for name in remedies}


def test_a_key_that_may_withdraw_is_taken_when_allowed_and_warned_about(operator: Operator) -> None:
    operator.sandbox.control("POST", "keys", venue="coinbase", permissions=["view", "trade", "withdraw"], ip_bound=True)
    status, found = operator.check(ALLOW_WITHDRAW_KEYS="true")
    assert (status, found["status"]) == (0, "ready")
    assert ["ALLOW_WITHDRAW_KEYS" in line for line in found["warnings"]] == [True]


NO_ACCESS = '{"error":"PERMISSION_DENIED","error_details":"","message":"User does not have access to portfolio"}'


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        ({"kind": "http_status", "status": 403, "body": NO_ACCESS, "path": "accounts|key_permissions"}, "portfolio"),
        ({"kind": "http_status", "status": 403, "body": EDGE_REFUSAL}, "throttled"),
        ({"kind": "http_status", "status": 401}, "unreachable"),
        ({"kind": "http_status", "status": 503}, "unreachable"),
        ({"kind": "malformed"}, "unreachable"),
        ({"kind": "refuse"}, "unreachable"),
        ({"kind": "rate_limit"}, "throttled"),
    ],
)
def test_a_sick_exchange_is_not_taken_for_a_wrong_key(fault: dict[str, Any], remedy: str, operator: Operator) -> None:
    operator.sandbox.control("POST", "faults", venue="coinbase", **fault)
    status, found = operator.check()
    assert (status, found["remedy"]) == (1, REMEDIES[remedy])


def test_a_clock_that_is_off_says_by_how_much(operator: Operator) -> None:
    operator.sandbox.control("POST", "faults", venue="coinbase", kind="clock_skew", seconds=90)
    status, found = operator.check()
    assert status == 1
    assert found["remedy"] in {REMEDIES["clock"].format(seconds=seconds) for seconds in (89, 90)}


def test_an_empty_portfolio_is_not_funded(operator: Operator) -> None:
    keys = operator.sandbox.control("POST", "accounts", venue="coinbase")
    held = operator.sandbox.ledger("coinbase")["accounts"][keys["account"]]
    for asset, amounts in held.items():
        operator.sandbox.control(
            "POST", "deposit", venue="coinbase", asset=asset, amount=f"-{amounts['free']}", account=keys["account"]
        )
    other = {"COINBASE_API_KEY": keys["api_key"], "COINBASE_API_SECRET": keys["api_secret"]}
    status, found = operator.check(other)
    assert (status, found["status"], found["remedy"]) == (1, "unfunded", REMEDIES["unfunded"])
