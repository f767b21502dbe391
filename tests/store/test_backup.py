"""Backups: whole while somebody writes, never in their way, few enough, and good for going on from."""

from __future__ import annotations

import sqlite3
import stat
import threading
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.log import Event
from bot.runtime.backups import backing_up, databases
from bot.settings.variables import OperationSettings
from bot.store import backup
from bot.store.backup import back_up, backups, made_at
from bot.store.database import Store, StoreError, address
from bot.store.emergency import EmergencyJournal
from bot.store.recovery import put_backups_back
from tests.rig import Notes
from tests.store.cases import fill, intent, ledger
from tests.store.small_disk import fill as fill_up
from tests.store.small_disk import tmpfs

NOON = 1_790_000_000_000
DAY = 86_400_000


def rows(file: Path) -> tuple[int, str, str]:
    """Fills, what the position holds and what its order has booked."""
    query = "SELECT (SELECT count(*) FROM fills), (SELECT qty FROM positions), (SELECT booked_qty FROM orders)"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as raw:
        found: tuple[int, str, str] = raw.execute(query).fetchone()
    return found


def test_a_backup_is_one_whole_file_of_a_moment_while_the_ledger_writes(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    book.record(intent(0, qty="5000"))
    book.record_fill(fill("F", "X0", "0.5", client_id=intent(0).client_id))
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            book.record_fill(fill(f"F{number}", "X0", "0.5"))

    writer = threading.Thread(target=write)
    writer.start()
    made = [back_up(tmp_path / "kraken.db", tmp_path / "backups", NOON + day * DAY, keep=9) for day in range(5)]
    done.set()
    writer.join()
    for file in made:
        count, held, booked = rows(file)
        assert Decimal(held) == Decimal(booked) == Decimal(count) / 2
    assert sorted(tmp_path.joinpath("backups").iterdir()) == made


def test_the_newest_are_kept_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    ledger(tmp_path).record(intent(0))
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "nija-kraken-mine.sqlite3").write_text("the owner's")
    (folder / "nija-kraken-20200101T000000Z.sqlite3.unfinished").write_text("a killed one's")
    made = [back_up(tmp_path / "kraken.db", folder, NOON + day * DAY, keep=3) for day in range(5)]
    assert backups(folder, "kraken") == made[-3:]
    assert {one.name for one in folder.iterdir()} == {"nija-kraken-mine.sqlite3", *(one.name for one in made[-3:])}
    assert made_at(made[0]) == NOON


def test_a_damaged_copy_never_gets_the_name_of_a_backup(tmp_path: Path) -> None:
    ledger(tmp_path).record(intent(0))
    with sqlite3.connect(tmp_path / "kraken.db") as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    content = bytearray((tmp_path / "kraken.db").read_bytes())
    content[4096 * 3 : 4096 * 9] = b"\xa5" * (4096 * 6)
    (tmp_path / "kraken.db").write_bytes(content)
    with pytest.raises(StoreError, match="no backup of"):
        back_up(tmp_path / "kraken.db", tmp_path / "backups", NOON, keep=3)
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_backup_is_not_what_fills_the_disk(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "small", 8) as small:
        ledger(small).record(intent(0))
        with pytest.raises(StoreError, match="no room for one"):
            back_up(small / "kraken.db", small / "backups", NOON, keep=3)
        fill_up(small)
        with pytest.raises(StoreError, match="no backup of"):
            back_up(small / "kraken.db", small / "backups", NOON, keep=3)


def test_the_newest_backup_is_put_back_and_what_was_there_is_kept(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    book.record(intent(1))
    back_up(tmp_path / "kraken.db", tmp_path / "backups", NOON, keep=3)
    book.record(intent(2, attempt=2))
    back_up(tmp_path / "kraken.db", tmp_path / "backups", NOON + DAY, keep=3)
    (tmp_path / "kraken.db").write_bytes(b"ruined")
    (line,) = put_backups_back(tmp_path, tmp_path / "backups")
    assert "kraken.db was restored from nija-kraken-" in line
    assert b"ruined" in {kept.read_bytes() for kept in tmp_path.glob("*.kept")}
    assert [one.client_id for one in ledger(tmp_path).unsettled()] == [intent(1).client_id, intent(2).client_id]


def settings(folder: Path, **words: object) -> OperationSettings:
    return OperationSettings.model_validate({"data_dir": str(folder), **words}, context={"home": folder})


def test_the_schedule_counts_from_the_newest_backup_and_keeps_so_many(tmp_path: Path) -> None:
    ledger(tmp_path).record(intent(0))
    notes = Notes()
    with backing_up(settings(tmp_path, backup_hours="0.0003", backup_keep="2"), notes):
        until = time.monotonic() + 20
        while len(notes.said(Event.BACKUP)) < 3 and time.monotonic() < until:
            time.sleep(0.05)
    assert len(notes.said(Event.BACKUP)) >= 3
    assert {level for level, _, _ in notes.lines} == {"info"}
    assert len(backups(tmp_path / "backups", "kraken")) == 2


def test_a_backup_that_fails_is_a_warning_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "kraken.db").write_text("not a database")
    notes = Notes()
    with backing_up(settings(tmp_path, backup_hours="0.0003"), notes):
        until = time.monotonic() + 20
        while len(notes.lines) < 2 and time.monotonic() < until:
            time.sleep(0.05)
    assert {(level, event) for level, event, _ in notes.lines} == {("warning", Event.BACKUP)}


def test_no_hours_no_backups(tmp_path: Path) -> None:
    before = threading.active_count()
    with backing_up(settings(tmp_path, backup_hours="0"), Notes()):
        assert threading.active_count() == before


def test_what_is_backed_up_is_where_the_books_are(tmp_path: Path) -> None:
    (tmp_path / "kraken.db").touch()
    (tmp_path / "all.sqlite").touch()
    assert databases(settings(tmp_path)) == [tmp_path / "kraken.db"]
    shared = settings(tmp_path, database_url=f"sqlite:///{tmp_path}/all.sqlite")
    assert databases(shared) == [tmp_path / "all.sqlite"]
    assert databases(settings(tmp_path, database_url="postgresql://u:p@h/n")) == []
    assert backup.backups(tmp_path, "kraken") == []


def test_what_an_older_nija_made_readable_is_private_again(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    file = tmp_path / "kraken.db"
    Store.open(address(tmp_path, "kraken")).close()
    back_up(file, folder, 1_000, 7)
    journal = tmp_path / "kraken.emergency"
    EmergencyJournal.open(journal).close()
    made = [file, journal, *folder.glob("*")]
    for one in made:
        assert mode(one) == 0o600, one
        one.chmod(0o644)
    store = Store.open(address(tmp_path, "kraken"))
    with store.writing():
        beside = [file.with_name(file.name + end) for end in ("-wal", "-shm")]
        assert [mode(one) for one in beside] == [0o600, 0o600]
    store.close()
    back_up(file, folder, 5_000, 7)
    EmergencyJournal.open(journal).close()
    assert {mode(one) for one in [*made, *folder.glob("*")]} == {0o600}


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)
