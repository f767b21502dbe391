"""Backups of SQLite databases: whole, checked, under their names only when they are both, and not too many of them.

Made over a connection of their own by SQLite's online backup, so that whoever writes the database never waits for one.
Knows files, no tables.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from bot.domain.clock import SECOND
from bot.store.database import StoreError, copy_into
from bot.store.disk import SOUND, Disk, flush, keep_private, make_private

_STAMP = "%Y%m%dT%H%M%SZ"
_FRESH = ".unfinished"
#: The name of a backup: of which database, and when.
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
    """A new backup of the database in `file` as it is at wall time `now`; the newest `keep` stay. Raises `StoreError`."""
    stamp = datetime.fromtimestamp(now / SECOND, UTC).strftime(_STAMP)
    done = folder / f"nija-{file.stem}-{stamp}.sqlite3"
    fresh = done.with_name(done.name + _FRESH)
    try:
        folder.mkdir(exist_ok=True)  # not the data folder itself: one that was taken away is not made again
        for left in folder.glob(f"nija-{file.stem}-*{_FRESH}"):
            left.unlink()
        _need_room(file, folder)
        _copy(file, fresh)
        flush(fresh)
        fresh.replace(done)
        flush(folder)
        made = backups(folder, file.stem)
        for old in made[:-keep]:
            old.unlink()
        for kept in made[-keep:]:
            keep_private(kept)
    except (sqlite3.Error, OSError) as error:
        fresh.unlink(missing_ok=True)
        raise StoreError(f"no backup of {file} was made: {error}") from error
    return done


def put_back(file: Path, backup: Path, stamp: str) -> str:
    """A backup takes the place of a database that nobody has open; what was there is kept, under the name that is returned."""
    fresh = file.with_name(f"{file.name}{_FRESH}")
    _copy(backup, fresh)
    flush(fresh)
    kept = set_aside(file, f"{file.stem}.replaced-{stamp}")
    fresh.replace(file)
    flush(file.parent)
    return kept


def set_aside(file: Path, name: str) -> str:
    """Rename a database and its side files; the new name, which no program takes for a database."""
    for end in ("", "-wal", "-shm"):
        part = file.with_name(file.name + end)
        if part.exists():
            part.rename(file.with_name(f"{name}{end}.kept"))
    return f"{name}.kept"


def _database(backup: Path) -> str:
    """Of which database it is a backup, by its name; "" for another file."""
    found = _NAME.fullmatch(backup.stem)
    return found[1] if found else ""


def _need_room(file: Path, folder: Path) -> None:
    """A backup must not be what fills the disk."""
    free = Disk(folder).free()
    if free is not None and free < file.stat().st_size + 2 * SOUND:
        raise OSError(f"its disk has no room for one ({free // 1_000_000} MB free)")


def _copy(file: Path, fresh: Path) -> None:
    """One file, without a log beside it, that was looked at from end to end; for its owner alone."""
    fresh.unlink(missing_ok=True)
    make_private(fresh)
    uri = f"{file.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(fresh)) as copy:
        copy_into(copy, source)
        copy.execute("PRAGMA journal_mode=DELETE")
        found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(f"the copy is damaged ({found})")
