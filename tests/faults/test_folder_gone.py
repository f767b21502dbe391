"""The data folder is deleted under the daemon, or a file in it replaced: no order is sent with a book that is lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.domain.log import Event
from bot.store.database import Store, StoreMoved, address
from bot.store.disk import Disk, FileIdentity
from bot.store.fallback import LOOK, DiskLedger, files_of
from tests.daemon_fixture import Daemon, control, truth
from tests.sandbox_fixture import Sandbox
from tests.store.cases import KRAKEN, HandClock, intent


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), "--speed", "60", "--pairs", "2", venues=("kraken",)) as running:
        yield running


def sent(sandbox: Sandbox) -> set[str]:
    return {row["id"] for row in truth(sandbox.ready)["orders"] if row["origin"] == "api"}


def order(daemon: Daemon, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "bot", *words]
    ended = subprocess.run(
        command, cwd=daemon.folder, env=daemon.environment, capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_a_folder_that_is_moved_away_and_back(sandbox: Sandbox, tmp_path: Path) -> None:
    with Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), PAIRS_ALLOW="BTC-USD") as daemon:
        daemon.until(lambda: bool(daemon.book().get("positions")), "a position")
        (held,) = daemon.book()["positions"]
        aside = tmp_path / "aside"
        daemon.data.rename(aside)
        daemon.says(Event.HALTED)
        (line, *_) = daemon.lines(Event.HALTED)
        assert "ERROR" in line
        assert "put the file back" in line
        before = sent(sandbox)
        status, said = order(daemon, "pause", "kraken")
        assert status == 1
        assert f"process {daemon.running.pid}" in said
        higher = f"{float(held['entry_price']) * 1.02:.2f}"
        control(sandbox.ready, "price", venue="kraken", symbol="BTC-USD", price=higher)
        lives = len(daemon.lines(Event.HALTED))
        daemon.says(Event.HALTED, lives + 2)
        assert sent(sandbox) == before
        assert not daemon.data.exists()
        aside.rename(daemon.data)
        daemon.says(Event.RESUMED)
        daemon.command("pause")
        daemon.agrees(sandbox.ready)
        assert daemon.stop()[0] == 0
    assert not daemon.lines(Event.CRASHED)
    assert not daemon.lines(Event.ADOPTED)


def test_an_exchange_that_first_answers_when_the_folder_is_gone_begins_no_new_book(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.control("POST", "faults", venue="kraken", kind="refuse")
    with Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), PAIRS_ALLOW="BTC-USD") as daemon:
        daemon.says(Event.FAILED)
        aside = tmp_path / "aside"
        daemon.data.rename(aside)
        sandbox.control("DELETE", "faults")
        daemon.says(Event.HALTED)
        assert not daemon.data.exists()
        aside.rename(daemon.data)
        daemon.says(Event.FUNDED)
        assert daemon.stop()[0] == 0


# --- the ledger alone


def opened(folder: Path, clock: HandClock) -> DiskLedger:
    where = address(folder, "kraken")
    store = Store.open(where)
    with store.reading() as connection:
        connection.exec_driver_sql("SELECT 1")
    return DiskLedger(store, KRAKEN, clock, Disk(folder), FileIdentity(files_of(Path(where.database or ""))))


@pytest.mark.parametrize("end", ["", "-wal", "-shm"])
@pytest.mark.parametrize("harm", ["deleted", "replaced"])
def test_no_order_is_recorded_where_nobody_will_find_it(tmp_path: Path, end: str, harm: str) -> None:
    clock = HandClock()
    book = opened(tmp_path, clock)
    book.record(intent(1))
    clock.wall += LOOK
    assert not book.outlived()
    file = tmp_path / f"kraken.db{end}"
    if harm == "replaced":
        shutil.copy(file, tmp_path / "copy")
        (tmp_path / "copy").replace(file)
    else:
        file.unlink()
    with pytest.raises(StoreMoved, match="restart NIJA"):
        book.record(intent(2, attempt=2))
    with pytest.raises(StoreMoved):
        book.mark_unprotected("BTC-USD", clock.wall, "replacing")
    clock.wall += LOOK
    assert book.outlived()
