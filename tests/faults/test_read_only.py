"""The file system turns read-only, as with a failing disk: nothing is sent, stops protect, and it recovers after repair."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.domain.log import Event
from tests.daemon_fixture import Daemon, control, truth
from tests.sandbox_fixture import Sandbox
from tests.store.small_disk import Ext4, ext4


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Ext4]:
    with ext4(tmp_path / "disk") as made:
        yield made


def sent(sandbox: Sandbox) -> set[str]:
    """Orders that the exchange received from us."""
    return {row["id"] for row in truth(sandbox.ready)["orders"] if row["origin"] == "api"}


@pytest.mark.timeout(240)
def test_a_disk_that_takes_no_more_writes(tmp_path: Path, disk: Ext4) -> None:
    with (
        Sandbox(tmp_path, "--speed", "60") as sandbox,
        Daemon(
            tmp_path / "nija",
            SANDBOX_READY_FILE=str(sandbox.ready_file),
            NIJA_DATA_DIR=str(disk.folder / "data"),
            PAIRS_ALLOW="BTC-USD",
        ) as daemon,
    ):
        daemon.data = disk.folder / "data"
        daemon.until(lambda: bool(daemon.book().get("positions")), "a position")
        (held,) = daemon.book()["positions"]
        disk.spoil()
        daemon.says(Event.HALTED)
        (line, *_) = daemon.lines(Event.HALTED)
        assert "ERROR" in line
        assert "kraken.db" in line
        assert "read-only" in line
        before = sent(sandbox)
        higher, lower = (f"{float(held['entry_price']) * factor:.2f}" for factor in (1.02, 0.9))
        control(sandbox.ready, "price", venue="kraken", symbol="BTC-USD", price=higher)
        time.sleep(3)  # a target is reached, and is not sold
        control(sandbox.ready, "price", venue="kraken", symbol="BTC-USD", price=lower)
        time.sleep(3)
        assert sent(sandbox) == before
        stops = [row for row in truth(sandbox.ready)["orders"] if row["origin"] == "attached"]
        assert {row["status"] for row in stops} == {"filled"}

        daemon.until(disk.mend, "nobody holds the broken disk", 40)
        funded = len(daemon.lines(Event.FUNDED))
        daemon.says(Event.FUNDED, funded + 1)
        daemon.says(Event.EXIT)
        daemon.command("pause")
        daemon.agrees(sandbox.ready)
        assert daemon.stop()[0] == 0
    assert not daemon.lines(Event.CRASHED)


@pytest.mark.thorough
@pytest.mark.timeout(240)
def test_a_disk_that_is_read_only_at_the_start(tmp_path: Path, disk: Ext4) -> None:
    """With all files of the daemon on it, including the locks of its keys: it says so and does not start."""
    with Sandbox(tmp_path, "--speed", "60") as sandbox:
        daemon = Daemon(
            disk.folder / "nija",
            SANDBOX_READY_FILE=str(sandbox.ready_file),
            LOG_FILE=str(tmp_path / "nija.log"),
            PAIRS_ALLOW="BTC-USD",
        )
        daemon.console, daemon.log_file = tmp_path / "console.txt", tmp_path / "nija.log"
        with daemon:
            daemon.says(Event.FUNDED)
            assert daemon.stop()[0] == 0
        disk.spoil()
        with daemon:
            assert daemon.wait() == 2
        (line, *_) = daemon.console.read_text().splitlines()[-1:]
        assert "XDG_STATE_HOME" in line
        assert "Read-only file system" in line
        assert disk.mend()
        with daemon:
            daemon.says(Event.FUNDED, 2)
            daemon.command("pause")
            daemon.agrees(sandbox.ready)
            assert daemon.stop()[0] == 0
    assert not daemon.lines(Event.CRASHED)
