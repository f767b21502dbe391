"""Recovery: sets damaged databases aside unchanged, so that the next start rebuilds them from the exchanges.

Nothing is ever deleted. An intact database is left alone, unless its owner wants to restore a backup.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, select

from bot.domain.clock import iso, system_ms
from bot.domain.events import Verb
from bot.domain.ids import AccountKey
from bot.store import older_book
from bot.store.account_transaction import Transaction
from bot.store.backup import backed_up, backups, put_back, set_aside
from bot.store.database import Store, StoreError
from bot.store.key_rotation import abandon_account
from bot.store.pending_commands import answer_all, post, unassigned
from bot.store.reader import Books, Seen
from bot.store.report import open_with_stops
from bot.store.schema import accounts


def set_aside_damaged(data_dir: Path, key: AccountKey | None = None) -> list[str]:
    """Rename every damaged database file; returns a line for each."""
    stamp = _stamp()
    lines = []
    for file in sorted(data_dir.glob(f"{key.stem if key else '*'}.db")):
        damage = _damage(file)
        if damage is not None:
            paused = _paused(file)
            kept = set_aside(file, f"{file.stem}.damaged-{stamp}")
            lines.append(
                f"{file.name} is damaged ({damage}): it is kept as {kept}; the next start rebuilds it from the exchange"
                + _keep_paused(file, paused)
            )
    return lines


def _paused(file: Path) -> set[tuple[str, AccountKey]] | None:
    """Mode and key of the paused accounts in a damaged database; None if that cannot be read."""
    query = "SELECT accounts.* FROM accounts JOIN facts ON account_id = accounts.id WHERE facts.name = 'paused'"
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            rows = [{"name": "", **row} for row in connection.execute(query)]  # an older book has no names
            return {(row["mode"], AccountKey(row["venue"], row["name"])) for row in rows}
    except sqlite3.Error:
        return None


def _keep_paused(file: Path, paused: set[tuple[str, AccountKey]] | None) -> str:
    """Post the pauses of the old database to the new one; returns a line for the owner about it."""
    if paused is None:
        return "; whether it was paused cannot be read: if it was, run `nija pause` before that start"
    for mode, key in paused:
        post(URL.create("sqlite", database=str(file.absolute())), Verb.PAUSE, unassigned(mode, key))
    return ", and makes no entries until `nija resume`: it was paused" if paused else ""


def put_backups_back(data_dir: Path, backup_dir: Path, key: AccountKey | None = None) -> list[str]:
    """Restore the newest backup of each database; returns a line for each. The daemon must not be running."""
    stamp = _stamp()
    lines = []
    for name in backed_up(backup_dir) if key is None else [key.stem]:
        for newest in backups(backup_dir, name)[-1:]:
            file = data_dir / f"{name}.db"
            try:
                kept = put_back(file, newest, stamp)
            except (sqlite3.Error, OSError) as error:
                raise StoreError(f"{newest}: cannot be restored: {error}") from error
            _pause(file)
            before = f", the previous file is kept as {kept}" if kept else ""
            lines.append(
                f"{file.name} was restored from {newest.name}{before}; the next start adds what is newer and makes no entries"
                " until `nija resume`: commands given since the backup are not in it"
            )
    return lines


def _pause(file: Path) -> None:
    """Pause every account of a restored database: it lacks a pause given since, and its pending commands may have been executed."""
    now = system_ms()
    with (
        closing(Store.open(URL.create("sqlite", database=str(file.absolute())))) as store,
        store.writing() as connection,
    ):
        answer_all(connection, "cancelled: the database was restored from a backup")
        for number in connection.execute(select(accounts.c.id)).scalars().all():
            tx = Transaction(connection, number, now, now)
            older_book.pause(tx, "the database was restored from a backup")


def at_stake(books: Books, key: AccountKey | None = None, among: Sequence[Seen] = ()) -> list[str]:
    """A line for each position that `forget_accounts` would give up, with its resting stops. `among` limits it to these
    accounts; the default is the current ones.
    """
    lines = []
    for seen in _meant(books, key, among):
        for one in books.read(seen, open_with_stops) or ():
            stops = " and ".join(f"{stop['qty']} at {stop['trigger_price']}" for stop in one["stops"])
            rests = (
                f"its stop rests at the exchange ({stops}) and may still sell: cancel it there, or keep it as protection"
                if stops
                else "no stop for it is known to rest at the exchange"
            )
            lines.append(f"{seen.account.key.label}: {one['qty']} {one['symbol']} of {seen.account}: {rests}")
    return lines


def forget_accounts(books: Books, key: AccountKey | None = None, among: Sequence[Seen] = ()) -> list[str]:
    """Give up the positions of accounts (`at_stake`), as the owner decided; returns a line for each that had any."""
    lines = []
    for seen in _meant(books, key, among):
        with closing(Store.open(seen.where)) as store:
            symbols = abandon_account(store, seen.number)
        if symbols:
            held = ", ".join(symbols)
            lines.append(f"{seen.account.key.label}: {held} given up in the ledger of {seen.account}; nothing was sold")
    return lines


def _meant(books: Books, key: AccountKey | None, among: Sequence[Seen]) -> list[Seen]:
    return [one for one in among or books.accounts() if key in (None, one.account.key)]


def _stamp() -> str:
    return iso(system_ms()).replace(":", "").partition(".")[0]


def _damage(file: Path) -> str | None:
    """What is wrong with a database file, or None. An empty file is damaged: SQLite never leaves one without a header."""
    if file.stat().st_size == 0:
        return "it is empty"
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)
    return None if found == "ok" else found
