"""Each script as an operator starts it: plain `python3` from any folder, exit status 0, 1 or 2, beside the running daemon."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.settings.load import VENUES
from tests.commands.scripts import run
from tests.daemon_fixture import Daemon
from tests.sandbox_fixture import Sandbox

ACTIVITY = "check_active_trading_per_broker.py"
ASKING = (
    "check_broker_status.py",
    "check_kraken_connection_status.py",
    "test_okx_connection.py",
    "check_independent_broker_status.py",
    "validate_multi_broker_readiness.py",
)
#: The interpreter that the environment was made with: it has none of our packages.
PLAIN = str(Path(sys.base_prefix) / "bin" / "python3")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), "--speed", "60", "--pairs", "3", venues=VENUES) as running:
        yield running


@pytest.mark.parametrize("script", ASKING)
def test_plain_python_from_any_folder(script: str, sandbox: Sandbox, tmp_path: Path) -> None:
    there = {"SANDBOX_READY_FILE": str(sandbox.ready_file), "PATH": "/usr/bin:/bin"}
    done = run(script, tmp_path, "--sandbox", "--json", python=PLAIN, **there)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found.get("ok", found.get("ready")) is True


@pytest.mark.parametrize("script", ASKING)
def test_without_credentials_nothing_is_checked_by_mistake(script: str, tmp_path: Path) -> None:
    done = run(script, tmp_path, python=PLAIN)
    assert done.returncode == 2
    assert "--sandbox" in done.stderr


@pytest.mark.parametrize("script", [*ASKING, ACTIVITY])
def test_a_wrong_configuration_is_one_line_and_2(script: str, tmp_path: Path) -> None:
    done = run(script, tmp_path, MAX_PAIRS="many")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert 'MAX_PAIRS is "many"' in done.stderr


@pytest.mark.thorough
def test_beside_a_running_daemon(sandbox: Sandbox, tmp_path: Path) -> None:
    """What the daemon knows is taken from it; what has to be asked does not disturb it."""
    there = {"SANDBOX_READY_FILE": str(sandbox.ready_file)}
    with Daemon(tmp_path, PAIRS_ALLOW="", **there) as daemon:
        daemon.until(lambda: all(daemon.book(venue).get("cycles_ok", 0) > 0 for venue in VENUES), "a cycle everywhere")
        for script in ASKING:
            done = run(script, tmp_path, "--sandbox", "--json", **there)
            assert done.returncode == 0, f"{script}: {done.stdout} {done.stderr}"
            brokers = json.loads(done.stdout).get("brokers", {})
            assert {one["source"] for one in brokers.values()} <= {"daemon"}
        done = run(ACTIVITY, tmp_path, "--json", **there, TRADING_MODE="sandbox")
        trading = json.loads(done.stdout)["brokers"]
        assert {venue: trading[venue]["trades_now"] for venue in VENUES} == dict.fromkeys(VENUES, True)
        assert done.returncode == 0
        assert [line for line in daemon.log.splitlines() if " ERROR " in line or "Invalid nonce" in line] == []
        assert daemon.stop()[0] == 0


def test_activity_when_nobody_trades(tmp_path: Path) -> None:
    done = run(ACTIVITY, tmp_path, "--json", python=PLAIN)
    assert done.returncode == 1
    assert json.loads(done.stdout)["brokers"] == {}
