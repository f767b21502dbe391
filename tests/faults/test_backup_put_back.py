"""A backup replaces a damaged database: it keeps its history, and the exchange supplies what has happened since.

An older copy that somebody puts back by hand is paused, and what was ordered before it was made is not done twice.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bot.domain.clock import system_ms
from bot.domain.log import Event, Halt
from bot.store.backup import back_up
from bot.store.copies import copy_file
from bot.store.older_book import VOID
from bot.store.pending_commands import waiting
from bot.store.reader import Books
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


@pytest.mark.parametrize("known", [True, False])
def test_a_copy_put_back_by_hand_does_not_flatten_again(tmp_path: Path, known: bool) -> None:
    """The host that traded since knows it at once. Another one learns it from the history, for which the command waits."""
    with (
        Sandbox(tmp_path, "--speed", "60", venues=("kraken",)) as sandbox,
        Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), PAIRS_ALLOW="BTC-USD,ETH-USD") as daemon,
    ):
        file, copy = daemon.data / "kraken.db", tmp_path / "copy"
        daemon.until(lambda: bool(daemon.book().get("positions")), "a position")
        daemon.stop()
        assert daemon.order("flatten", "--yes").returncode == 4
        (given,) = waiting(Books(daemon.data))
        copy_file(file, copy)
        daemon.start()
        daemon.until(lambda: any(f"limit={Halt.OPERATOR}" in line for line in daemon.lines(Event.HALTED)), "the end")
        if known:
            daemon.command("resume")
            daemon.until(lambda: bool(daemon.book().get("positions")), "a position since")
        daemon.stop()
        file.write_bytes(copy.read_bytes())
        if not known:
            for mark in (daemon.folder / "state").rglob("*.newest"):
                mark.unlink()
        daemon.start()
        daemon.until(lambda: any(Halt.OLDER_DATABASE in line for line in daemon.lines(Event.HALTED)), "a word")
        daemon.until(lambda: Books(daemon.data).reply(given.at).result is not None, "an answer")
        assert Books(daemon.data).reply(given.at).result == VOID
        funded = len(daemon.lines(Event.FUNDED))
        daemon.says(Event.FUNDED, max(funded, 3))
        daemon.agrees(sandbox.ready)
        assert len([line for line in daemon.lines(Event.COMMAND) if "verb=flatten" in line]) == 1
        ended = len(daemon.lines(Event.RESUMED))
        daemon.command("resume")
        daemon.says(Event.RESUMED, ended + 1)
        assert daemon.stop()[0] == 0
