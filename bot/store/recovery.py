"""Recovery: damaged databases are set aside, kept as they are, so that the next start rebuilds from the exchanges.

Nothing is ever thrown away; a sound database is left alone, unless its owner wants a backup in its place.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.domain.clock import iso, system_ms
from bot.store.backup import backups, put_back, set_aside
from bot.store.database import Store, StoreError
from bot.store.reader import Books
from bot.store.rotation import give_up


def set_aside_damaged(data_dir: Path, venue: str | None = None) -> list[str]:
    """Rename every damaged database file; a line for each."""
    stamp = _stamp()
    lines = []
    for file in sorted(data_dir.glob(f"{venue or '*'}.db")):
        damage = _damage(file)
        if damage is not None:
            kept = set_aside(file, f"{file.stem}.damaged-{stamp}")
            lines.append(
                f"{file.name} is damaged ({damage}): kept as {kept}; the next start rebuilds it from the exchange"
            )
    return lines


def put_backups_back(data_dir: Path, backup_dir: Path, venue: str | None = None) -> list[str]:
    """Put the newest backup of each database in its place; a line for each. The daemon must not run."""
    stamp = _stamp()
    lines = []
    for name in sorted({made.name.split("-")[1] for made in backup_dir.glob(f"nija-{venue or '*'}-*.sqlite3")}):
        for newest in backups(backup_dir, name)[-1:]:
            file = data_dir / f"{name}.db"
            try:
                kept = put_back(file, newest, stamp)
            except (sqlite3.Error, OSError) as error:
                raise StoreError(f"{newest}: cannot be put back: {error}") from error
            lines.append(
                f"{file.name} is {newest.name} now, what was there is kept as {kept}; the next start adds what is newer"
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


def _stamp() -> str:
    return iso(system_ms()).replace(":", "").partition(".")[0]


def _damage(file: Path) -> str | None:
    """What is wrong with a database file, or None. An empty one was a database: SQLite leaves none without a header."""
    if file.stat().st_size == 0:
        return "it is empty"
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)
    return None if found == "ok" else found
