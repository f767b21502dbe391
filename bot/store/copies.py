"""Complete, checked copies of SQLite databases, made while another process writes them. Knows files, no tables."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from bot.store.disk import flush, make_private

#: How long a writer waits for another writer of the same file before it gives up.
BUSY_SECONDS = 10
#: The suffix of a copy that is not complete yet.
UNFINISHED = ".unfinished"


def in_memory(file: Path) -> sqlite3.Connection:
    """Copy a database into memory without using any space on its disk; raises `sqlite3.Error`.

    The shared index of the write-ahead log may be missing, and a full disk has no room to create it. Without a log, the file
    is complete and is opened as immutable. With one, exclusive locking makes SQLite keep the index in memory.
    """
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    log = file.with_name(file.name + "-wal")
    held = log.exists() and log.stat().st_size > 0
    for mode in ("mode=ro", "mode=rw" if held else "mode=ro&immutable=1"):
        try:
            with closing(sqlite3.connect(f"{file.absolute().as_uri()}?{mode}", uri=True, timeout=BUSY_SECONDS)) as raw:
                if mode == "mode=rw":
                    raw.execute("PRAGMA locking_mode=EXCLUSIVE")
                copy_into(copy, raw)
            break
        except sqlite3.OperationalError as error:
            if mode != "mode=ro" or "locked" in str(error):
                copy.close()
                raise
    copy.execute("PRAGMA foreign_keys=ON")
    return copy


def copy_into(copy: sqlite3.Connection, source: sqlite3.Connection) -> None:
    """Copy a whole database into an open one; raises `sqlite3.Error`.

    A database that stays locked for too long is an error, too: SQLite alone would wait forever.
    """
    until = time.monotonic() + BUSY_SECONDS

    def be_patient(status: int, _remaining: int, _pages: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > until:
            raise sqlite3.OperationalError("database is locked")

    source.backup(copy, progress=be_patient)


def copy_file(file: Path, copy: Path) -> None:
    """Copy a database to a single file without a log, readable by its owner only. Raises `sqlite3.Error`, `OSError`.

    The copy gets its final name once it is complete and has passed an integrity check.
    """
    fresh = copy.with_name(copy.name + UNFINISHED)
    fresh.unlink(missing_ok=True)
    make_private(fresh)
    uri = f"{file.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as source, closing(sqlite3.connect(fresh)) as raw:
            copy_into(raw, source)
            raw.execute("PRAGMA journal_mode=DELETE")
            found = raw.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged ({found})")
        flush(fresh)
        fresh.replace(copy)
    finally:
        fresh.unlink(missing_ok=True)
    flush(copy.parent)
