"""A backup replaces a damaged database: it keeps its history, and the exchange supplies what has happened since."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bot.domain.clock import system_ms
from bot.domain.log import Event
from bot.store.backup import back_up
from tests.daemon_fixture import Daemon
from tests.sandbox_fixture import Sandbox


@pytest.mark.thorough
def test_trading_goes_on_from_an_older_backup(tmp_path: Path) -> None:
    with (
        Sandbox(tmp_path, "--speed", "60") as sandbox,
        Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), PAIRS_ALLOW="BTC-USD,ETH-USD") as daemon,
    ):
        daemon.until(lambda: bool(daemon.book().get("positions")), "a position")
        back_up(daemon.data / "kraken.db", daemon.data / "backups", system_ms(), keep=3)
        held = daemon.book()["positions"][0]
        low = f"{float(held['entry_price']) * 0.9:.2f}"
        sandbox.control("POST", "price", venue="kraken", symbol=held["symbol"], price=low)
        daemon.says(Event.EXIT)
        time.sleep(3)
        daemon.kill()
        known = {order["client_id"] for order in daemon.book()["orders"]}
        (daemon.data / "kraken.db").write_bytes(b"ruined" * 1000)
        assert "kraken.db was restored from nija-kraken-" in daemon.command("recover", "--backup")
        funded = len(daemon.lines(Event.FUNDED))
        daemon.start()
        daemon.says(Event.FUNDED, funded + 1)
        daemon.command("pause")
        daemon.agrees(sandbox.ready)
        assert known <= {order["client_id"] for order in daemon.book()["orders"]}
        assert daemon.stop()[0] == 0
