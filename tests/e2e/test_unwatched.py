"""A start reports the positions at an exchange that is no longer traded, once, and raises an alarm."""

from __future__ import annotations

from pathlib import Path

from bot.domain.log import Event
from tests.daemon_fixture import Daemon
from tests.sandbox_fixture import Sandbox
from tests.store.cases import bought, ledger


def test_one_line_at_each_start(tmp_path: Path) -> None:
    folder = tmp_path / "nija"
    bought(ledger(folder / "data"))
    with Sandbox(tmp_path, "--speed", "60", venues=("okx",)) as sandbox:
        for start in (1, 2):
            with Daemon(
                folder, SANDBOX_READY_FILE=str(sandbox.ready_file), PAIRS_ALLOW="ETH-USDT", STRATEGY=""
            ) as daemon:
                daemon.until(lambda daemon=daemon, start=start: len(daemon.lines(Event.FUNDED)) == start, "a start")  # type: ignore[misc]
                lines = daemon.lines(Event.UNWATCHED)
                assert len(lines) == start
                assert " WARN  KRAKEN " in lines[-1]
                assert "1 position (1 BTC-USD): nobody watches it" in lines[-1]
                assert "stops rest at the exchange" in lines[-1]
                assert daemon.stop()[0] == 0
