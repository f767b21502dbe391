"""Valid keys that a failing exchange, or a proxy in front of it, rejects: they are tried again soon, not after minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.domain.log import Event
from tests.daemon_fixture import Daemon
from tests.sandbox_fixture import Sandbox

LOGIN_PAGE: dict[str, Any] = {"kind": "http_status", "status": 401}
UNAUTHORIZED: dict[str, Any] = {"kind": "http_status", "status": 401, "body": "Unauthorized\n"}


def few(sandbox: Sandbox) -> dict[str, str]:
    return {"SANDBOX_READY_FILE": str(sandbox.ready_file), "PAIRS_ALLOW": "ETH-USD,ETH-USDT", "MAX_PAIRS": "1"}


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_a_page_in_between_at_the_first_connect(tmp_path: Path, venue: str) -> None:
    with Sandbox(tmp_path, "--speed", "60", "--pairs", "2", venues=(venue,)) as sandbox:
        sandbox.control("POST", "faults", venue=venue, **LOGIN_PAGE)
        with Daemon(tmp_path / "nija", **few(sandbox)) as daemon:
            daemon.says(Event.FAILED, times=2)
            sandbox.control("DELETE", "faults")
            daemon.says(Event.FUNDED)
            assert daemon.stop()[0] == 0


@pytest.mark.thorough
def test_a_key_that_was_taken_and_is_refused_for_a_while(tmp_path: Path) -> None:
    """Coinbase has one error text for everything, so only earlier successes show that the key is valid."""
    with (
        Sandbox(tmp_path, "--speed", "60", "--pairs", "2", venues=("coinbase",)) as sandbox,
        Daemon(tmp_path / "nija", **few(sandbox)) as daemon,
    ):
        daemon.says(Event.FUNDED)
        sandbox.control("POST", "faults", venue="coinbase", **UNAUTHORIZED)
        daemon.says(Event.FAILED, times=3)
        sandbox.control("DELETE", "faults")
        daemon.says(Event.CONNECTED, times=2)
        assert daemon.stop()[0] == 0
