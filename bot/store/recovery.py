"""Recovery: damaged databases are set aside, kept as they are, so that the next start rebuilds from the exchanges.

Only ever renames; a sound database is left alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bot.domain.clock import iso, system_ms
from bot.domain.events import Verb
from bot.store.reader import Books

_SIDE_FILES = ("", "-wal", "-shm")


def set_aside_damaged(data_dir: Path, venue: str | None = None) -> list[str]:
    """Rename every damaged database file; a line for each."""
    stamp = iso(system_ms()).replace(":", "").partition(".")[0]
    lines = []
    for file in sorted(data_dir.glob(f"{venue or '*'}.db")):
        damage = _damage(file)
        if damage is not None:
            kept = _set_aside(file, stamp)
            lines.append(
                f"{file.name} is damaged ({damage}): kept as {kept}; the next start rebuilds it from the exchange"
            )
    return lines


def forget_accounts(books: Books, venue: str | None = None) -> list[str]:
    """Give up what earlier accounts still hold, by the owner's decision; a line for each account."""
    return list(_forget(books, venue))


def _forget(books: Books, venue: str | None) -> Iterator[str]:
    for name in books.post(Verb.RESUME, venue):
        yield f"{name.upper()}: the positions of earlier accounts are given up; nothing is sold"


def _damage(file: Path) -> str | None:
    """What is wrong with a database file, or None."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)
    return None if found == "ok" else found


def _set_aside(file: Path, stamp: str) -> str:
    kept = f"{file.stem}.damaged-{stamp}"
    for end in _SIDE_FILES:
        part = file.with_name(file.name + end)
        if part.exists():
            part.rename(file.with_name(f"{kept}{end}.kept"))
    return f"{kept}.kept"
