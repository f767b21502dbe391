"""One database, opened, checked and brought up to date: a SQLite file per account, or one PostgreSQL for all.

Owns connections and transactions; knows no table. A `Store` belongs to one thread's ledger: nothing here is shared.
What makes a database unusable is one `StoreError` that says what to do; nothing is ever repaired or thrown away.
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

#: Stands in the header of every SQLite file of ours ("NIJA"), so that other files are told apart.
APPLICATION_ID = 0x4E494A41
#: Compiled statements that an engine keeps (half as many again until it clears up). A change writes what is new and no more,
#: in ever other combinations of columns: SQLAlchemy's own 500 would take hours and many megabytes to fill.
STATEMENTS = 100
#: Pages (kB) that a SQLite connection keeps in memory: the newest rows are what is asked for.
CACHE_KB = 1_000


class StoreError(Exception):
    """The database cannot be used; the text is one line that names it and says what to do, `remedy` that alone."""

    def __init__(self, line: str, remedy: str = "") -> None:
        super().__init__(line)
        self.remedy = remedy or "see to this database: NIJA tries again by itself"


class StoreFull(StoreError):
    """The disk has no room for the change: nothing of it was kept."""


class StoreReadOnly(StoreError):
    """The disk takes no writes at all."""


class StoreMoved(StoreReadOnly):
    """What lies at the database's path is not what was opened there: what is written would be lost."""


class StoreDamaged(StoreError):
    """What is in the file is no sound database of ours: only `nija recover` helps."""


def address(data_dir: Path, stem: str, url: str | None = None) -> URL:
    """Where an account's rows live: `url` when there is one (DATABASE_URL), else `<data_dir>/<stem>.db` (`AccountKey.stem`)."""
    if url is None:
        return URL.create("sqlite", database=str((data_dir / f"{stem}.db").absolute()))
    return shared(url)


def shared(url: str) -> URL:
    """DATABASE_URL as an address; raises `StoreError` for a text that is none or a database we do not speak."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError("DATABASE_URL is no database address: postgresql://user:password@host/name is") from error
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        if find_spec("psycopg") is None:
            raise StoreError("DATABASE_URL names a PostgreSQL, but psycopg is missing: pip install 'psycopg[binary]'")
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database:
        return parsed
    raise StoreError(f"DATABASE_URL names a {parsed.drivername} database: postgresql:// or sqlite:///FILE is needed")


def name_of(where: URL) -> str:
    """What its owner knows a database by: the file, or the server's address without the password."""
    if where.get_backend_name() == "sqlite":
        return str(Path(where.database or ""))
    return where.render_as_string(hide_password=True)


class Store:
    """An open database. `reading` and `writing` are transactions: what `writing` holds is on disk when it ends."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._writer = engine.execution_options(begin="BEGIN IMMEDIATE")
        self._name = name
        self._closed = False

    @classmethod
    def open(cls, where: URL) -> Store:
        """The database at `where`, made or brought up to this NIJA's schema if need be; raises `StoreError`."""
        if where.get_backend_name() == "sqlite":
            file = Path(where.database or "")
            _make_folder(file.parent)
            return cls(_sqlite(file, "rwc"), name_of(where)).prepared(file)
        return cls(server(where), name_of(where)).prepared()

    @classmethod
    def copy(cls, where: URL) -> Store:
        """A copy in memory of the SQLite database at `where`: what is written to it never reaches the file."""
        return cls._of_copy(Path(where.database or "")).prepared()

    @classmethod
    def _of_copy(cls, file: Path) -> Store:
        name = f"{file} (its copy in memory)"
        with explaining(name):
            raw = in_memory(file)
        return cls(_engine(lambda: raw, StaticPool), name)

    @classmethod
    def look(cls, where: URL) -> Store:
        """The database at `where` to read from, beside whoever writes it; raises `StoreError`.

        Changes nothing: a database of an older NIJA is refused, too, until its daemon has started once. On a full disk it is
        read from a copy in memory.
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
        """One consistent view; changes nothing."""
        with self._explained(), self._engine.connect() as connection, connection.begin() as transaction:
            yield connection
            transaction.rollback()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, alone from its first statement on; durable when the block ends, undone when it raises."""
        with self._explained(), self._writer.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Let go of the database; from then on every transaction is refused, in whatever thread it begins."""
        self._closed = True
        self._engine.dispose()

    def prepared(self, file: Path | None = None) -> Store:
        """Itself, found sound and brought up to this NIJA's schema; closed when it raises `StoreError`.

        A database `file` that is brought up is kept beside it as it was, for whoever goes back to the older NIJA.
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
        """Itself, if this NIJA can read it; closed when it raises `StoreError`."""
        with self._closed_on_error(), self.reading() as connection:
            self._refuse_newer(connection)
            if migrate.version(connection) not in (migrate.HEAD, None):
                raise StoreError(f"{self._name} is of an older NIJA: start the daemon once to bring it up to date")
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
                f"{self._name} was written by a newer NIJA (schema {version}, this one knows {migrate.HEAD}):"
                " run that one, or point NIJA_DATA_DIR elsewhere"
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
#: What a database says, in short; what that means, and what its owner can do.
_ADVICE: Mapping[str, tuple[str, str]] = {
    "file is not a database": ("is not a database", _RESCUE),
    "malformed": ("is damaged", _RESCUE),
    "unable to open": ("cannot be opened", "see that the folder exists and may be read and written"),
    "read-only transaction": (
        "the server takes no writes (it is a standby, or set to read-only)",
        "point DATABASE_URL at the server that is written to, or set default_transaction_read_only off; NIJA tries again by itself",
    ),
    "readonly": ("cannot be written", "see to its permissions"),
    "disk is full": ("the disk is full", "nothing of the last change was kept; make room"),
    "disk I/O": ("the disk does not answer as it should", "nothing of the last change was kept; look at the disk"),
    "locked": (f"another process has kept it locked for {BUSY_SECONDS} s", "end that process"),
}


_KINDS = {
    "file is not a database": StoreDamaged,
    "malformed": StoreDamaged,
    "disk is full": StoreFull,
}


@contextmanager
def explaining(name: str) -> Iterator[None]:
    """What a database says, as our own error; a broken constraint is the caller's to explain."""
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
        raise StoreError(f"{folder}: cannot be made ({error.strerror}): choose another NIJA_DATA_DIR") from error


def server(where: URL) -> Engine:
    """An engine on a PostgreSQL; one that does not answer, or dies without a word, is an error after seconds."""
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
    """An engine whose every connection is tuned as the ledger needs it; `mode` is rwc or ro."""

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
    """The database's file, and what lies beside it, for its owner alone. What keeps us from it SQLite says better."""
    with suppress(OSError):
        make_private(file)
        for end in ("-wal", "-shm"):
            keep_private(file.with_name(file.name + end))


def _keep(file: Path, copy: Path) -> None:
    """A copy of a database as it is before it is brought up to date."""
    try:
        copy_file(file, copy)
    except OSError as error:
        raise StoreFull(
            f"{copy}: cannot be made before the upgrade ({error.strerror}): make room on the disk"
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
    """Write-ahead log and a flush at every commit: a commit that returned survives a power cut.

    The change to the log mode fails at once, whatever the time-out, when another process is making it: tried again.
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
