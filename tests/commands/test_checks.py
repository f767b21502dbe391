"""The operator's checks as the operator runs them: plain `python3`, against a running exchange, cause by cause."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.brokers.kraken.errors import REMEDIES
from tests.sandbox_fixture import ROOT, Sandbox

MONEY = ("USD", "USDT")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path, "--seed", "7") as running:
        yield running


def run(script: str, folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """One script in an environment of its own; its data, locks and nonce floors are the test's."""
    places = {"NIJA_HOME": str(folder), "NIJA_DATA_DIR": str(folder / "data")}
    own = {**places, "XDG_STATE_HOME": str(folder / "state"), "TRADING_MODE": "auto"}
    command = [sys.executable, str(ROOT / "scripts" / script), *options]
    return subprocess.run(
        command,
        env={**os.environ, **own, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        check=False,
    )


def keys(sandbox: Sandbox, **other: str) -> dict[str, str]:
    found = sandbox.kraken
    held = {"KRAKEN_API_URL": found.rest, "KRAKEN_API_KEY": found.api_key, "KRAKEN_API_SECRET": found.api_secret}
    return held | other


def kraken(folder: Path, *options: str, **variables: str) -> tuple[int, dict[str, Any]]:
    done = run("check_kraken_connection_status.py", folder, "--json", *options, **variables)
    return done.returncode, json.loads(done.stdout)["brokers"]["kraken"]


def test_a_good_account_is_ready_and_its_orders_are_judged(sandbox: Sandbox, tmp_path: Path) -> None:
    status, found = kraken(tmp_path, "--validate", **keys(sandbox))
    assert (status, found["status"], found["problem"]) == (0, "ready", "")
    assert found["balances"] == {"USD": "3000", "USDT": "2000"}
    assert [(shape["name"], shape["accepted"]) for shape in found["shapes"]] == [("entry", True), ("stop", True)]
    assert sandbox.ledger()["orders"] == []


def test_a_wrong_key_is_told_from_a_wrong_secret(sandbox: Sandbox, tmp_path: Path) -> None:
    status, found = kraken(tmp_path, **keys(sandbox, KRAKEN_API_KEY="A" * 56))
    assert (status, found["remedy"]) == (1, REMEDIES["key"])
    wrong = base64.b64encode(b"x" * 64).decode()
    status, found = kraken(tmp_path, **keys(sandbox, KRAKEN_API_SECRET=wrong))
    assert (status, found["remedy"]) == (1, REMEDIES["secret"])


def test_a_key_that_may_not_trade_names_what_is_missing(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.control("POST", "keys", venue="kraken", permissions=["view"], ip_bound=True)
    status, found = kraken(tmp_path, **keys(sandbox))
    assert status == 1
    before, after = REMEDIES["permission"].split("{missing}")
    assert found["remedy"].startswith(before)
    assert found["remedy"].endswith(after)
    assert "orders" in found["remedy"].lower()


def test_a_key_that_may_withdraw_is_refused_unless_allowed(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.control("POST", "keys", venue="kraken", permissions=["view", "trade", "withdraw"], ip_bound=True)
    status, found = kraken(tmp_path, **keys(sandbox))
    assert (status, found["remedy"]) == (1, REMEDIES["withdraw"])
    status, found = kraken(tmp_path, **keys(sandbox, ALLOW_WITHDRAW_KEYS="true"))
    assert (status, found["status"]) == (0, "ready")
    assert found["warnings"]


def test_a_clock_that_is_off_says_by_how_much(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.control("POST", "faults", venue="kraken", kind="clock_skew", seconds=300)
    status, found = kraken(tmp_path, **keys(sandbox))
    assert status == 1
    assert found["remedy"].startswith(REMEDIES["clock"].split("{seconds}")[0])
    assert "300" in found["remedy"] or "299" in found["remedy"]


def test_an_empty_account_is_not_funded(sandbox: Sandbox, tmp_path: Path) -> None:
    for asset, amount in zip(MONEY, ("-3000", "-2000"), strict=True):
        sandbox.control("POST", "deposit", venue="kraken", asset=asset, amount=amount)
    status, found = kraken(tmp_path, **keys(sandbox))
    assert (status, found["status"], found["funded"]) == (1, "unfunded", False)
    assert found["remedy"] == "deposit USD or USDT at Kraken; NIJA then starts trading"


def test_an_exchange_that_is_gone_is_not_reachable(tmp_path: Path) -> None:
    gone = {"KRAKEN_API_URL": "http://127.0.0.1:9", "KRAKEN_API_KEY": "A" * 56, "KRAKEN_API_SECRET": "eHg="}
    status, found = kraken(tmp_path, **gone)
    assert (status, found["remedy"]) == (1, REMEDIES["unreachable"])


def test_an_incomplete_set_names_the_missing_variable(tmp_path: Path) -> None:
    done = run("check_broker_status.py", tmp_path, KRAKEN_API_KEY="A" * 56)
    assert done.returncode == 2
    assert "KRAKEN_API_SECRET is not set" in done.stderr


def test_without_credentials_only_the_sandbox_option_checks_the_sandbox(tmp_path: Path) -> None:
    done = run("check_broker_status.py", tmp_path)
    assert done.returncode == 2
    assert "--sandbox" in done.stderr
    done = run("check_broker_status.py", tmp_path, "--sandbox", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["brokers"]["kraken"]["connected"]


def test_people_get_a_table_and_no_secret(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run("check_broker_status.py", tmp_path, **keys(sandbox))
    assert done.returncode == 0
    assert "KRAKEN" in done.stdout
    assert "$5,000.00" in done.stdout
    assert sandbox.kraken.api_secret not in done.stdout + done.stderr


def test_readiness_gives_one_verdict(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run("validate_multi_broker_readiness.py", tmp_path, "--json", **keys(sandbox))
    found = json.loads(done.stdout)
    assert (done.returncode, found["ready"]) == (0, True)
    names = {check["name"] for check in found["checks"] if check["broker"] == "kraken"}
    assert names >= {"credentials", "SDK", "connection", "permissions", "IP binding", "clock", "balances", "funding"}
    (evidence,) = [check for check in found["checks"] if check["name"] == "evidence"]
    assert (evidence["broker"], evidence["verdict"]) == ("kraken", "warning")
    assert evidence["found"] == "no backtest of bot.strategy.apex:ApexStrategy is known"
    assert evidence["remedy"] == "./start.sh backtest --data candles --broker kraken --fee 0.004"
    sandbox.control("POST", "keys", venue="kraken", permissions=["view", "trade", "withdraw"], ip_bound=False)
    done = run("validate_multi_broker_readiness.py", tmp_path, "--json", **keys(sandbox))
    assert (done.returncode, json.loads(done.stdout)["ready"]) == (1, False)


def test_activity_before_the_first_start(tmp_path: Path) -> None:
    done = run("check_active_trading_per_broker.py", tmp_path, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["brokers"] == {}
