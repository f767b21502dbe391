"""Recovery: damaged databases are set aside, kept as they are, so that the next start rebuilds from the exchanges.

Only ever renames; a sound database is left alone.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.domain.clock import iso, system_ms
from bot.store.database import Store
from bot.store.reader import Books
from bot.store.rotation import give_up

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
    """Give up what the current accounts still hold, by the owner's decision; a line for each that held something."""
    lines = []
    for seen in books.accounts():
        if venue in (None, seen.account.venue):
            with closing(Store.open(seen.where)) as store:
                symbols = give_up(store, seen.number)
            if symbols:
                held = ", ".join(symbols)
                lines.append(
                    f"{seen.account.venue.upper()}: {held} given up in the book of {seen.account}; nothing was sold"
                )
    return lines


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
