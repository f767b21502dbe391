"""Every cause of trouble at OKX that docs/operations.md lists, as its check script says it: the remedy word for word, exit 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.brokers.base import Priority
from bot.brokers.okx import OkxConfig
from bot.brokers.okx.errors import REMEDIES
from bot.brokers.okx.transport import OkxTransport
from bot.domain.clock import SystemClock, system_ms
from tests.brokers.kraken.conftest import Notes
from tests.commands.scripts import Operator
from tests.sandbox_fixture import Sandbox

USDT = "3000"
#: What the sandbox's pairs may be paid in.
QUOTES = ("USDT", "USDC or USDT", "USD or USDC or USDT", "USD or USDT")
OTHER_KEY = "9d32a206-00aa-41b8-aa1e-007681615991"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), "--pairs", "3", venues=("okx",)) as running:
        yield running


@pytest.fixture
def venue(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The exchange as it was, also after the test."""
    switches = sandbox.control("GET", "switches")["okx"]
    yield sandbox
    sandbox.control("DELETE", "faults")
    sandbox.control("POST", "keys", venue="okx", permissions=["view", "trade"], ip_bound=True)
    for name, value in switches.items():
        if sandbox.control("GET", "switches")["okx"][name] != value:
            sandbox.control("POST", "switches", venue="okx", name=name, value=value)


@pytest.fixture
def operator(venue: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(venue, "okx", tmp_path, capsys)


def account(sandbox: Sandbox, folder: Path, path: str, **fields: str) -> None:
    """The owner changes a setting of the account."""
    keys = sandbox.venue("okx")
    config = OkxConfig(keys.api_key, keys.api_secret, keys.passphrase, folder, api_url=keys.rest, mode="sandbox")
    with closing(OkxTransport(config, SystemClock(), Notes())) as transport:
        transport.request(path, fields, Priority.EXIT, system_ms() + 5_000)


def test_a_good_account_is_ready(operator: Operator) -> None:
    status, found = operator.check(validate=True)
    assert (status, found["status"], found["problem"], found["warnings"]) == (0, "ready", "", [])
    assert (found["ip_bound"], found["permissions"]) == (True, ["read_only", "trade"])
    assert [(shape["name"], shape["judged"]) for shape in found["shapes"]] == [("entry", False), ("stop", False)]
    assert operator.sandbox.ledger("okx")["orders"] == []


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "another key": ({"OKX_API_KEY": OTHER_KEY}, "key"),
    "no key at all": ({"OKX_API_KEY": "garbled"}, "malformed"),
    "secret": ({"OKX_API_SECRET": "A" * 32}, "secret"),
    "secret that cannot be sent": ({"OKX_API_SECRET": "sécret" * 5}, "missing"),
    "passphrase": ({"OKX_PASSPHRASE": "another"}, "passphrase"),
    "demo flag": ({"OKX_USE_TESTNET": "true"}, "demo"),
    "address": ({"OKX_API_URL": "http://127.0.0.1:9"}, "unreachable"),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_wrong_setting_has_its_remedy(name: str, operator: Operator) -> None:
    other, remedy = WRONG[name]
    status, found = operator.check(other)
    facts = {"host": operator.sandbox.venue("okx").rest, "missing": "OKX_API_SECRET"}
    assert (status, found["connected"], found["remedy"]) == (1, False, REMEDIES[remedy].format(**facts))


SWITCHES: dict[str, tuple[str, object, str]] = {
    "another region": ("wrong_region", True, "key"),
    "an address the key is not bound to": ("ip_refused", True, "ip"),
    "a key of Demo Trading": ("demo_account", True, "demo"),
}


@pytest.mark.parametrize("name", SWITCHES)
def test_each_wrong_account_has_its_remedy(name: str, operator: Operator) -> None:
    switch, value, remedy = SWITCHES[name]
    operator.sandbox.control("POST", "switches", venue="okx", name=switch, value=value)
    status, found = operator.check()
    assert (status, found["remedy"]) == (1, REMEDIES[remedy].format(host=operator.sandbox.venue("okx").rest))


@pytest.mark.parametrize(
    ("permissions", "remedy"),
    [(["view"], "read_only"), (["trade"], "no_read"), (["view", "trade", "withdraw"], "withdraw")],
)
def test_each_wrong_right_has_its_remedy(permissions: list[str], remedy: str, operator: Operator) -> None:
    operator.sandbox.control("POST", "keys", venue="okx", permissions=permissions, ip_bound=True)
    status, found = operator.check()
    assert (status, found["remedy"]) == (1, REMEDIES[remedy])


def test_a_key_that_may_withdraw_is_taken_when_allowed_and_warned_about(operator: Operator) -> None:
    operator.sandbox.control("POST", "keys", venue="okx", permissions=["view", "trade", "withdraw"], ip_bound=True)
    status, found = operator.check(ALLOW_WITHDRAW_KEYS="true")
    assert (status, found["status"]) == (0, "ready")
    assert ["ALLOW_WITHDRAW_KEYS" in line for line in found["warnings"]] == [True]


def test_an_unbound_key_is_a_warning(operator: Operator) -> None:
    operator.sandbox.control("POST", "keys", venue="okx", permissions=["view", "trade"], ip_bound=False)
    status, found = operator.check()
    assert (status, found["ip_bound"]) == (0, False)
    assert ["any IP address" in line for line in found["warnings"]] == [True]


def test_a_clock_that_is_off_says_by_how_much(operator: Operator) -> None:
    operator.sandbox.control("POST", "faults", venue="okx", kind="clock_skew", seconds=-300)
    status, found = operator.check()
    assert status == 1
    assert found["remedy"] in {REMEDIES["clock"].format(seconds=seconds) for seconds in (299, 300)}


@pytest.mark.parametrize(("level", "swaps", "remedy"), [("1", "true", "mode"), ("1", "false", ""), ("2", "true", "")])
def test_the_account_mode_must_have_what_is_traded(level: str, swaps: str, remedy: str, operator: Operator) -> None:
    account(operator.sandbox, operator.folder, "/api/v5/account/set-account-level", acctLv=level)
    try:
        status, found = operator.check(OKX_TRADE_SWAPS=swaps)
    finally:
        account(operator.sandbox, operator.folder, "/api/v5/account/set-account-level", acctLv="2")
    assert (status, found["remedy"]) == (1 if remedy else 0, REMEDIES[remedy] if remedy else "")


@pytest.mark.parametrize("mode", ["long_short_mode", "net_mode"])
def test_either_position_mode_will_do(mode: str, operator: Operator) -> None:
    account(operator.sandbox, operator.folder, "/api/v5/account/set-position-mode", posMode=mode)
    try:
        status, found = operator.check(validate=True, OKX_TRADE_SWAPS="true")
    finally:
        account(operator.sandbox, operator.folder, "/api/v5/account/set-position-mode", posMode="net_mode")
    assert (status, found["problem"]) == (0, "")


def test_no_usdt_is_told_with_where_it_may_lie(operator: Operator) -> None:
    held = operator.sandbox.ledger("okx")["balances"]
    for asset in ("USDT", "USDC", "USD"):
        if asset in held:
            operator.sandbox.control("POST", "deposit", venue="okx", asset=asset, amount=f"-{held[asset]['free']}")
    try:
        status, found = operator.check()
    finally:
        for asset in held:
            operator.sandbox.control("POST", "deposit", venue="okx", asset=asset, amount=held[asset]["free"])
    assert (status, found["status"], found["remedy"]) == (1, "unfunded", REMEDIES["unfunded"])
    (warning,) = found["warnings"]
    assert warning in {REMEDIES["no_usdt"].format(elsewhere="", quotes=quotes) for quotes in QUOTES}


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        ({"kind": "maintenance"}, "maintenance"),
        ({"kind": "http_status", "status": 401}, "unreachable"),
        ({"kind": "http_status", "status": 403}, "blocked"),
        ({"kind": "http_status", "status": 502}, "unreachable"),
        ({"kind": "malformed"}, "unreachable"),
        ({"kind": "refuse"}, "unreachable"),
    ],
)
def test_a_sick_exchange_is_not_taken_for_a_wrong_key(fault: dict[str, Any], remedy: str, operator: Operator) -> None:
    operator.sandbox.control("POST", "faults", venue="okx", **fault)
    status, found = operator.check()
    assert (status, found["remedy"]) == (1, REMEDIES[remedy])
