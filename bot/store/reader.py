"""Access to the databases for checks and commands, whether or not the daemon is running.

Reads over connections that cannot write; the only thing it ever writes is a command of the operator. Finds the current
accounts: for each account key the one seen last, either in the sandbox or with real money.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, select

from bot.domain.clock import system_ms
from bot.domain.events import Verb
from bot.domain.ids import Account, AccountKey
from bot.domain.status import BrokerStatus
from bot.store import migrate
from bot.store.account_transaction import Transaction, account_of
from bot.store.database import APPLICATION_ID, Store, StoreError, address, name_of, shared
from bot.store.health import status_of
from bot.store.schema import accounts, commands

T = TypeVar("T")

_MAGIC = b"SQLite format 3\0"
#: The page sizes that a SQLite header may contain (bytes; 1 means 65536; "The Database Header", offset 16).
_PAGE_SIZES = frozenset({1, 512, 1024, 2048, 4096, 8192, 16384, 32768})
_PLAY = "sandbox"
#: Accounts that a trader has opened, without the placeholder rows of unassigned commands (`bot.store.pending_commands`).
_TRADED = select(accounts).where(accounts.c.identity != "")


@dataclass(frozen=True, slots=True)
class Seen:
    """An account found in a database: its database, its row number, and when a daemon last opened it (wall ms)."""

    where: URL
    number: int
    account: Account
    last_seen: int


@dataclass(frozen=True, slots=True)
class Reply:
    """The state of a command: its verb, when it was posted (wall ms), and its result (None: not answered yet)."""

    verb: Verb
    posted_at: int
    answered_at: int | None
    result: str | None


@dataclass(frozen=True, slots=True)
class Posted:
    """Where to look for the answer to a command."""

    where: URL
    number: int


class Books:
    """All databases of one installation: the files of a data folder, or the one that DATABASE_URL names.

    `venues` says in which order accounts are listed; others follow by name.
    """

    def __init__(self, data_dir: Path, url: str | None = None, venues: Sequence[str] = ()) -> None:
        self._data_dir = data_dir
        self._url = url
        self._venues = venues
        self.unreadable: dict[str, str] = {}
        """The databases that could not be read the last time, each with the reason in one line."""

    def accounts(self, *, every: bool = False) -> tuple[Seen, ...]:
        """The current accounts in the order of their venues, or `every` account there ever was, newest first.

        A damaged database does not hide the others: it is listed in `unreadable`. Raises `StoreError` when none can be read.
        """
        self.unreadable = {}
        found = sorted(self._all(), key=lambda seen: seen.last_seen, reverse=True)
        if self.unreadable and not found:
            raise StoreError("; ".join(self.unreadable.values()))
        if every or not found:
            return tuple(found)
        play = found[0].account.mode == _PLAY
        current: dict[AccountKey, Seen] = {}
        for seen in found:
            if (seen.account.mode == _PLAY) is play:
                current.setdefault(seen.account.key, seen)
        return tuple(current[key] for key in sorted(current, key=self._place))

    def _place(self, key: AccountKey) -> tuple[int, AccountKey]:
        known = key.venue in self._venues
        return self._venues.index(key.venue) if known else len(self._venues), key

    def misses(self, key: AccountKey | None) -> bool:
        """Whether an account (by default any) may be in a database that could not be read the last time."""
        if self._url is not None or key is None:
            return bool(self.unreadable)
        return any(Path(where).name == f"{key.stem}.db" for where in self.unreadable)

    @contextmanager
    def page(self, seen: Seen) -> Iterator[Transaction]:
        """One consistent view of an account's rows."""
        with closing(Store.look(seen.where)) as store, store.reading() as connection:
            yield Transaction(connection, seen.number, wall=0, market=0)

    def read(self, seen: Seen, ask: Callable[[Transaction], T]) -> T | None:
        """The result of `ask` on an account's rows; None if they cannot be read, with the reason in `unreadable`."""
        try:
            with self.page(seen) as tx:
                return ask(tx)
        except StoreError as error:
            self.unreadable[name_of(seen.where)] = str(error)
            return None

    def statuses(self) -> dict[AccountKey, BrokerStatus]:
        """The status of each account's trader; an account whose trader has not reported yet is left out."""
        found = {}
        for seen in self.accounts():
            said = self.read(seen, partial(status_of, seen.account))
            if said is not None:
                found[seen.account.key] = said
        return found

    def post(self, verb: Verb, key: AccountKey | None = None) -> dict[AccountKey, Posted]:
        """Post a command to the traders of all accounts, or of one; returns the posted commands by account key."""
        posted = {}
        for seen in self.accounts():
            if key in (None, seen.account.key):
                with closing(Store.open(seen.where)) as store, store.writing() as connection:
                    row = {"account_id": seen.number, "verb": verb, "posted_at": system_ms()}
                    number = connection.execute(commands.insert(), row).inserted_primary_key
                    posted[seen.account.key] = Posted(seen.where, number[0] if number else 0)
        return posted

    def reply(self, posted: Posted) -> Reply:
        """The state of a command; raises KeyError when there is no such command."""
        query = select(commands).where(commands.c.id == posted.number)
        with closing(Store.look(posted.where)) as store, store.reading() as connection:
            for row in Transaction(connection, 0, wall=0, market=0).rows(query):
                return Reply(row["verb"], row["posted_at"], row["answered_at"], row["result"])
        raise KeyError(posted.number)

    def _all(self) -> Iterator[Seen]:
        for where in self.databases():
            try:
                yield from _accounts_in(where)
            except StoreError as error:
                self.unreadable[name_of(where)] = str(error)

    def where(self, key: AccountKey) -> URL:
        """The database where an account's rows are or will be; raises `StoreError` for an invalid DATABASE_URL."""
        return address(self._data_dir, key.stem, self._url)

    def databases(self) -> Iterator[URL]:
        """Every database of the installation; a file that is not a valid database is listed in `unreadable`."""
        if self._url is not None:
            where = shared(self._url)
            if where.get_backend_name() != "sqlite" or Path(where.database or "").exists():
                yield where
            return
        for file in sorted(self._data_dir.glob("*.db")):
            try:
                if _is_ours(file):
                    yield URL.create("sqlite", database=str(file.absolute()))
            except StoreError as error:
                self.unreadable[str(file)] = str(error)


def _accounts_in(where: URL) -> list[Seen]:
    """Every account in one database; none if no trader has created its tables yet."""
    with closing(Store.look(where)) as store, store.reading() as connection:
        if migrate.version(connection) is None:
            return []
        return [_seen(where, row) for row in Transaction(connection, 0, wall=0, market=0).rows(_TRADED)]


def _seen(where: URL, row: dict[str, Any]) -> Seen:
    return Seen(where, row["id"], account_of(row), row["last_seen"])


def _is_ours(file: Path) -> bool:
    """Whether a file is a database of NIJA. Another program's is left alone; a damaged one raises `StoreError`."""
    try:
        with file.open("rb") as stream:
            header = stream.read(100)
    except OSError as error:
        raise StoreError(f"{file}: cannot be read ({error.strerror}): check its permissions") from error
    if header and not header.startswith(_MAGIC):
        raise StoreError(f"{file}: is not a database: move the file away (keep it)")
    if header and int.from_bytes(header[16:18]) not in _PAGE_SIZES:
        raise StoreError(f"{file}: is damaged: `nija recover` sets the file aside (it is kept)")
    return int.from_bytes(header[68:72]) == APPLICATION_ID
