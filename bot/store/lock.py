"""One NIJA per account: an advisory lock that ends with its process.

On one host, the lock is a file named after the account, in a folder outside every data folder. So it also works between two
installations, and between two names for one account. In a database that several hosts can share, it is a lock of the server.
Owns no row of the database.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError

from bot.domain.clock import SECOND, Clock, Pause
from bot.domain.ids import Account
from bot.store.database import Store, StoreError, explaining, name_of, server
from bot.store.ledger import Ledger

#: Real ms between two checks that the server still holds the lock.
LOOK = 2 * SECOND
#: Tags of an account that a host remembers.
_TAGS = 100
#: How often, and at what interval (real s), the lock is retried after the session that held it was terminated.
_LOOKS, _NAP = 20, 0.1


class AccountLocked(Exception):
    """Another process trades this account; `pid` is None when it is not known, `host` names another host."""

    def __init__(self, account: Account, pid: int | None, host: str = "this host") -> None:
        holder = "another NIJA" if pid is None else f"another NIJA (process {pid})"
        super().__init__(f"{holder} on {host} already trades the {account.mode} account at {account.key}")
        self.account = account
        self.pid = pid


class AccountLock:
    """Held from construction to `release`, or to the end of the process, however it ends.

    Raises `AccountLocked` at once when another process holds it, `StoreError` when the folder cannot be used.
    """

    def __init__(self, state_dir: Path, account: Account) -> None:
        self.account = account
        self.file = state_dir / f"{hashlib.sha256(str(account.unnamed).encode()).hexdigest()[:32]}.lock"
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"{self.file}: the account cannot be locked ({error.strerror}): check the folder's permissions"
            ) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _holder(self._handle)
            os.close(self._handle)
            raise AccountLocked(account, pid) from None
        with suppress(OSError):  # on a full disk the lock is held, but does not say by which process
            os.ftruncate(self._handle, os.pwrite(self._handle, str(os.getpid()).encode(), 0))

    def tags(self, also: str) -> frozenset[str]:
        """The tags under which this host has traded the account, with `also` added. All but its own belong to NIJAs that have
        ended, since this one holds the lock. If the file cannot be written, `also` is not remembered."""
        file = self.file.with_suffix(".tags")
        known = frozenset(file.read_text(errors="replace").split()[-_TAGS:]) if file.exists() else frozenset()
        if also not in known:
            with suppress(OSError), file.open("a") as stream:
                stream.write(f"{also}\n")
        return known | {also}

    def close(self) -> None:
        """`release`, by the name that `contextlib.closing` calls."""
        self.release()

    def release(self) -> None:
        """Release the lock. The file stays, so that nobody locks a file that another process has just removed."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _holder(handle: int) -> int | None:
    found = os.pread(handle, 20, 0)
    return int(found) if found.isdigit() else None


#: The session that holds a lock, and its application name. `pg_locks` shows a 64-bit key in two halves (objsubid 1).
_HOLDER = """
SELECT held.pid, session.application_name FROM pg_locks held JOIN pg_stat_activity session USING (pid)
WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1
AND (held.classid::bigint << 32 | held.objid::bigint) = :key
"""


class ServerLock:
    """The account's lock in a PostgreSQL server, held by a session of its own until `close` or the session's end.

    Raises `AccountLocked` when another NIJA holds it, `StoreError` when the server does not answer. A session left by a process
    of this host that has ended is terminated: the server may not have noticed yet that the connection broke.
    """

    def __init__(self, where: URL, account: Account) -> None:
        self._account = account
        self._key = int.from_bytes(hashlib.sha256(str(account.unnamed).encode()).digest()[:8]) >> 1
        self._engine = server(where)
        with ExitStack() as opening:
            opening.callback(self._engine.dispose)
            with explaining(name_of(where)):
                self._session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                opening.callback(self._session.close)
                self._take()
            self._held = opening.pop_all()

    def holds(self) -> bool:
        """Whether the session is still alive, and therefore the lock."""
        try:
            self._session.execute(text("SELECT 1"))
        except DBAPIError:
            return False
        return True

    def close(self) -> None:
        self._held.close()

    def _take(self) -> None:
        if self._try():
            return
        held = self._session.execute(text(_HOLDER), {"key": self._key}).first()
        host, pid = _session_of(held[1]) if held is not None else ("", None)
        if held is None or host != socket.gethostname() or pid is None or (pid != os.getpid() and _lives(pid)):
            raise AccountLocked(self._account, pid, host or "some host")
        self._session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": held[0]})
        for _ in range(_LOOKS):
            if self._try():
                return
            time.sleep(_NAP)
        raise AccountLocked(self._account, pid)

    def _try(self) -> bool:
        return bool(self._session.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": self._key}).scalar_one())


class ServerLedger(Ledger):
    """The ledger in a server; asks to be closed when the account's lock is lost, because another NIJA may have taken it."""

    def __init__(self, store: Store, account: Account, clock: Clock, lock: ServerLock) -> None:
        super().__init__(store, account, clock)
        self._lock = lock
        self._pause = Pause(clock, LOOK)

    def outlived(self) -> bool:
        if not self._pause.is_over():
            return False
        self._pause.begin(LOOK)
        return not self._lock.holds()


def _session_of(name: str) -> tuple[str, int | None]:
    """Host and process from the application name of a session of ours (see `server`)."""
    host, _, pid = name.removeprefix("nija ").rpartition(" ")
    return host, int(pid) if pid.isdigit() else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
