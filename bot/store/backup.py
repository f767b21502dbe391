"""Backups of SQLite databases. A backup gets its final name only when it is complete and checked; old ones are deleted.

Uses SQLite's online backup over its own connection, so that the writer of the database never waits. Knows files, no tables.
"""

from __future__ import annotations

import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from bot.domain.clock import SECOND
from bot.store.copies import UNFINISHED, copy_file
from bot.store.database import StoreError
from bot.store.disk import SOUND, Disk, flush, keep_private

_STAMP = "%Y%m%dT%H%M%SZ"
#: The name of a backup: its database and its time.
_NAME = re.compile(r"nija-(.+)-(\d{8}T\d{6}Z)")


def backed_up(folder: Path) -> list[str]:
    """The names of the databases that have a backup, as `kraken`."""
    return sorted({_database(file) for file in folder.glob("nija-*.sqlite3")} - {""})


def backups(folder: Path, database: str) -> list[Path]:
    """The backups of a database, oldest first."""
    return sorted(file for file in folder.glob("nija-*.sqlite3") if _database(file) == database)


def made_at(backup: Path) -> int:
    """When a backup was made (wall ms), by its name."""
    stamp = backup.stem.rpartition("-")[2]
    return int(datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC).timestamp()) * SECOND


def back_up(file: Path, folder: Path, now: int, keep: int) -> Path:
    """Back up the database in `file`, under the wall time `now` (ms); the newest `keep` backups stay. Raises `StoreError`."""
    stamp = datetime.fromtimestamp(now / SECOND, UTC).strftime(_STAMP)
    done = folder / f"nija-{file.stem}-{stamp}.sqlite3"
    try:
        folder.mkdir(exist_ok=True)  # without parents: a data folder that was removed is not created again
        for left in folder.glob(f"nija-{file.stem}-*{UNFINISHED}"):
            left.unlink()
        _need_room(file, folder)
        copy_file(file, done)
        made = backups(folder, file.stem)
        for old in made[:-keep]:
            old.unlink()
        for kept in made[-keep:]:
            keep_private(kept)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"no backup of {file} was made: {error}") from error
    return done


def put_back(file: Path, backup: Path, stamp: str) -> str:
    """Replace a database that nobody has open with a backup. The old database is kept; returns its new name, "" if there was none."""
    fresh = file.with_name(f"{file.name}.restored")
    copy_file(backup, fresh)
    kept = set_aside(file, f"{file.stem}.replaced-{stamp}") if file.exists() else ""
    fresh.replace(file)
    flush(file.parent)
    return kept


def set_aside(file: Path, name: str) -> str:
    """Rename a database and its side files; returns the new name, which no program mistakes for a database."""
    for end in ("", "-wal", "-shm"):
        part = file.with_name(file.name + end)
        if part.exists():
            part.rename(file.with_name(f"{name}{end}.kept"))
    return f"{name}.kept"


def _database(backup: Path) -> str:
    """The database a file is a backup of, by its name; "" for any other file."""
    found = _NAME.fullmatch(backup.stem)
    return found[1] if found else ""


def _need_room(file: Path, folder: Path) -> None:
    """Raise OSError if the backup could fill the disk."""
    free = Disk(folder).free()
    if free is not None and free < file.stat().st_size + 2 * SOUND:
        raise OSError(f"the disk has no room for one ({free // 1_000_000} MB free)")
