"""Opens, checks and upgrades a database: a SQLite file per account, or one PostgreSQL for all.

Owns connections and transactions; knows no table. A `Store` belongs to one thread's ledger: nothing here is shared.
An unusable database raises a `StoreError` that says what to do; nothing is ever repaired or deleted.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.pool import Pool, QueuePool, StaticPool

from bot.store import migrate
from bot.store.copies import BUSY_SECONDS, copy_file, in_memory
from bot.store.disk import Disk, keep_private, make_private

#: Marks our SQLite files in their header ("NIJA"), so that other programs' files are recognised.
APPLICATION_ID = 0x4E494A41
#: Compiled statements that an engine caches (up to 1.5 times as many before it evicts). Changes write only the columns that
#: differ, in many combinations: SQLAlchemy's default of 500 would grow for hours and take many megabytes.
STATEMENTS = 100
#: Size of a SQLite connection's page cache (kB). Small, because mostly the newest rows are read.
CACHE_KB = 1_000


class StoreError(Exception):
    """The database cannot be used. The text is one line that names it and says what to do; `remedy` is only the latter."""

    def __init__(self, line: str, remedy: str = "") -> None:
        super().__init__(line)
        self.remedy = remedy or "check this database; NIJA retries automatically"


class StoreFull(StoreError):
    """The disk has no room for the change; none of it was kept."""


class StoreReadOnly(StoreError):
    """The disk cannot be written at all."""


class StoreMoved(StoreReadOnly):
    """The file at the database's path is not the one that was opened: whatever is written would be lost."""


class StoreDamaged(StoreError):
    """The file is not an intact database of ours: only `nija recover` helps."""


def address(data_dir: Path, stem: str, url: str | None = None) -> URL:
    """The database of an account: `url` (DATABASE_URL) if given, else `<data_dir>/<stem>.db` (`AccountKey.stem`)."""
    if url is None:
        return URL.create("sqlite", database=str((data_dir / f"{stem}.db").absolute()))
    return shared(url)


def shared(url: str) -> URL:
    """Parse DATABASE_URL; raises `StoreError` if it is not an address, or names a database that is not supported."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(
            "DATABASE_URL is not a database address: write it as postgresql://user:password@host/name"
        ) from error
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        if find_spec("psycopg") is None:
            raise StoreError(
                "DATABASE_URL names a PostgreSQL database, but psycopg is missing: pip install 'psycopg[binary]'"
            )
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database:
        return parsed
    raise StoreError(f"DATABASE_URL names a {parsed.drivername} database: use postgresql:// or sqlite:///FILE")


def name_of(where: URL) -> str:
    """The name of a database for its owner: the file, or the server's address without the password."""
    if where.get_backend_name() == "sqlite":
        return str(Path(where.database or ""))
    return where.render_as_string(hide_password=True)


class Store:
    """An open database. `reading` and `writing` are transactions; a `writing` one is on disk when it ends."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._writer = engine.execution_options(begin="BEGIN IMMEDIATE")
        self._name = name
        self._closed = False

    @classmethod
    def open(cls, where: URL) -> Store:
        """Open the database at `where`, creating or upgrading it if necessary; raises `StoreError`."""
        if where.get_backend_name() == "sqlite":
            file = Path(where.database or "")
            _make_folder(file.parent)
            return cls(_sqlite(file, "rwc"), name_of(where)).prepared(file)
        return cls(server(where), name_of(where)).prepared()

    @classmethod
    def copy(cls, where: URL) -> Store:
        """A copy in memory of the SQLite database at `where`; writes to it never reach the file."""
        return cls._of_copy(Path(where.database or "")).prepared()

    @classmethod
    def _of_copy(cls, file: Path) -> Store:
        name = f"{file} (its copy in memory)"
        with explaining(name):
            raw = in_memory(file)
        return cls(_engine(lambda: raw, StaticPool), name)

    @classmethod
    def look(cls, where: URL) -> Store:
        """Open the database at `where` for reading only, while another process may write it; raises `StoreError`.

        A database of an older NIJA is refused until the daemon has upgraded it. On a full disk, a copy in memory is read.
        """
        if where.get_backend_name() == "sqlite":
            file = Path(where.database or "")
            try:
                return cls(_sqlite(file, "ro"), str(file)).readable()
            except StoreDamaged:
                raise
            except StoreError:
                if not Disk(file.parent).is_cramped():
                    raise
                return cls._of_copy(file).readable()
        return cls(server(where), name_of(where)).readable()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent, read-only view."""
        with self._explained(), self._engine.connect() as connection, connection.begin() as transaction:
            yield connection
            transaction.rollback()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One exclusive transaction; durable when the block ends, rolled back when it raises."""
        with self._explained(), self._writer.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Close the database; later transactions are refused in every thread."""
        self._closed = True
        self._engine.dispose()

    def prepared(self, file: Path | None = None) -> Store:
        """Check the database and upgrade it to this NIJA's schema; returns itself. Closed when it raises `StoreError`.

        Before an upgrade, a copy of `file` is kept beside it for going back to the older NIJA.
        """
        with self._closed_on_error():
            if self._engine.dialect.name == "sqlite":
                self._check_file()
            with self.reading() as connection:
                self._refuse_newer(connection)
                ready = migrate.version(connection) == migrate.HEAD
            if not ready:
                with self.writing() as connection:
                    before = migrate.version(connection)
                    if file is not None and before not in (migrate.HEAD, None):
                        _keep(file, file.with_name(f"{file.stem}.schema-{before}.kept"))
                    migrate.upgrade(connection)
        return self

    def readable(self) -> Store:
        """Check that this NIJA can read the database; returns itself. Closed when it raises `StoreError`."""
        with self._closed_on_error(), self.reading() as connection:
            self._refuse_newer(connection)
            if migrate.version(connection) not in (migrate.HEAD, None):
                raise StoreError(f"{self._name} is from an older NIJA: start the daemon once to upgrade it")
        return self

    def _check_file(self) -> None:
        with self._explained(), self._engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if found != "ok":
            raise StoreDamaged(f"{self._name} is damaged ({found}): {_RESCUE}")

    def _refuse_newer(self, connection: Connection) -> None:
        version = migrate.version(connection)
        if version is not None and version > migrate.HEAD:
            raise StoreError(
                f"{self._name} was written by a newer NIJA (schema {version}; this version knows {migrate.HEAD}):"
                " run that version, or set NIJA_DATA_DIR to another folder"
            )

    @contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        if self._closed:
            raise StoreError(f"{self._name} is closed")
        with explaining(self._name):
            yield


_RESCUE = (
    "nothing was changed; `nija recover` sets the file aside (it is kept), and the next start finds NIJA's orders at the"
    " exchange"
)
#: A part of a database's error text; what it means, and what its owner can do.
_ADVICE: Mapping[str, tuple[str, str]] = {
    "file is not a database": ("is not a database", _RESCUE),
    "malformed": ("is damaged", _RESCUE),
    "unable to open": ("cannot be opened", "check that the folder exists and can be read and written"),
    "read-only transaction": (
        "the server refuses writes (it is a standby, or set to read-only)",
        "point DATABASE_URL at the primary server, or turn default_transaction_read_only off; NIJA retries automatically",
    ),
    "readonly": ("cannot be written", "check its permissions"),
    "disk is full": ("the disk is full", "the last change was not kept; free some space"),
    "disk I/O": ("the disk reports an I/O error", "the last change was not kept; check the disk"),
    "locked": (f"another process has kept it locked for {BUSY_SECONDS} s", "end that process"),
}


_KINDS = {
    "file is not a database": StoreDamaged,
    "malformed": StoreDamaged,
    "disk is full": StoreFull,
}


@contextmanager
def explaining(name: str) -> Iterator[None]:
    """Turn a database's errors into `StoreError`; a violated constraint is left for the caller to explain."""
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, sqlite3.Error) as error:
        text = str(error.orig if isinstance(error, DBAPIError) else error)
        kind = next((kind for sign, kind in _KINDS.items() if sign in text), StoreError)
        what, remedy = next((advice for sign, advice in _ADVICE.items() if sign in text), (" ".join(text.split()), ""))
        raise kind(f"{name}: {what}: {remedy}" if remedy else f"{name}: {what}", remedy) from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be created ({error.strerror}): choose another NIJA_DATA_DIR") from error


def server(where: URL) -> Engine:
    """An engine for PostgreSQL. A server that does not answer, or dies silently, is an error within seconds."""
    patience = {
        "application_name": f"nija {socket.gethostname()} {os.getpid()}",
        "connect_timeout": BUSY_SECONDS,
        "keepalives_idle": BUSY_SECONDS,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": BUSY_SECONDS * 1000,
        "options": f"-c lock_timeout={BUSY_SECONDS}s -c statement_timeout={3 * BUSY_SECONDS}s",
    }
    return create_engine(
        where, pool_size=1, pool_pre_ping=True, hide_parameters=True, connect_args=patience, query_cache_size=STATEMENTS
    )


def _sqlite(file: Path, mode: str) -> Engine:
    """An engine whose connections are configured for the ledger; `mode` is rwc or ro."""

    def connect() -> sqlite3.Connection:
        uri = f"{file.absolute().as_uri()}?mode={mode}"
        if mode != "ro":
            _make_private(file)
        raw = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        with ExitStack() as opening:
            opening.callback(raw.close)
            raw.execute("PRAGMA foreign_keys=ON")
            raw.execute(f"PRAGMA cache_size=-{CACHE_KB}")
            if mode != "ro":
                _make_durable(raw)
            opening.pop_all()
        return raw

    return _engine(connect, QueuePool, pool_size=1)


def _make_private(file: Path) -> None:
    """Make the database's file and its side files private to their owner. Errors are left for SQLite, which explains them better."""
    with suppress(OSError):
        make_private(file)
        for end in ("-wal", "-shm"):
            keep_private(file.with_name(file.name + end))


def _keep(file: Path, copy: Path) -> None:
    """Copy a database before it is upgraded."""
    try:
        copy_file(file, copy)
    except OSError as error:
        raise StoreFull(
            f"{copy}: cannot be created before the upgrade ({error.strerror}): free some disk space"
        ) from error


def _engine(connect: Callable[[], sqlite3.Connection], pool: type[Pool], **words: int) -> Engine:
    engine = create_engine(
        "sqlite://", creator=connect, poolclass=pool, hide_parameters=True, query_cache_size=STATEMENTS, **words
    )
    event.listen(engine, "begin", _begin)
    return engine


def _begin(connection: Connection) -> None:
    options: dict[str, Any] = dict(connection.get_execution_options())
    connection.exec_driver_sql(options.get("begin", "BEGIN"))


def _make_durable(raw: sqlite3.Connection) -> None:
    """Use a write-ahead log and flush every commit, so that a commit that has returned survives a power cut.

    Switching to the log fails at once, regardless of the time-out, while another process does the same; so it is retried.
    """
    raw.execute("PRAGMA synchronous=FULL")
    until = time.monotonic() + BUSY_SECONDS
    while raw.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            raw.execute(f"PRAGMA application_id={APPLICATION_ID}")
            raw.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)
