"""An older copy of a database that somebody put back: how it is recognised, and what it may not do.

The exchange supplies the orders and fills that such a copy lacks, but not the owner's commands: a pause given since is missing,
and commands that are pending in the copy may have been executed since. So its account is paused and these commands are void.
`BookMark` recognises it before anything else happens. Where there is no mark, the engine does, by its own orders at the exchange.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import bindparam, func, select

from bot.domain.booking import OLDER_BOOK
from bot.store import account_state
from bot.store.account_transaction import Transaction
from bot.store.disk import PRIVATE
from bot.store.pending_commands import FLATTENING
from bot.store.schema import commands, journal

#: The answer to a command of an older database.
VOID = "cancelled: this database is older than what happened since, so it may have been executed already"
#: The state of an account whose database is an older copy.
PAUSED: Mapping[str, str | None] = MappingProxyType({"paused": "yes", FLATTENING: None, OLDER_BOOK: "yes"})
_NEWEST = select(func.max(journal.c.id)).where(journal.c.account_id == bindparam("account"))
_ANSWER = commands.update().where(commands.c.id == bindparam("number"), commands.c.answered_at.is_(None))
#: Digits of an entry's number in the file: always as many, so that a new one replaces the old one in place.
_DIGITS = 19


class BookMark:
    """A small file outside the data folder: the newest journal entry that this host has committed for an account.

    It is written after the commit and not flushed, so it is never ahead of the database, and costs microseconds. A database that
    was moved to another host and back is ahead of it, which says nothing. A file that cannot be read or written counts as none.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def newest(self, tag: str) -> int | None:
        """The number of the newest entry of the database with this tag; None if this host has not seen that database last."""
        try:
            words = self._file.read_text(errors="replace").split()
        except OSError:
            return None
        known = len(words) == 2 and words[0] == tag and len(words[1]) == _DIGITS and words[1].isdecimal()
        return int(words[1]) if known else None

    def keep(self, tag: str, number: int) -> None:
        """Remember the number of an entry that was committed."""
        with suppress(OSError):
            handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
            try:
                os.pwrite(handle, f"{tag} {number:0{_DIGITS}d}\n".encode(), 0)
            finally:
                os.close(handle)


def newest_entry(tx: Transaction) -> int:
    """The number of the account's newest journal entry; 0 without one."""
    return int(tx.connection.execute(_NEWEST, {"account": tx.account}).scalar_one() or 0)


def pause(tx: Transaction, why: str) -> None:
    """Pause an account whose database is older than what happened since."""
    account_state.keep(tx, PAUSED)
    tx.write_journal("paused", why)


def void(tx: Transaction, numbers: Iterable[int]) -> None:
    """Answer those of these commands that are still pending."""
    for number in numbers:
        done = tx.connection.execute(_ANSWER, {"number": number, "answered_at": tx.wall, "result": VOID})
        if done.rowcount:
            tx.write_journal("answered", str(number), result=VOID)
