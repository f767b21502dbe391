"""One NIJA per account on this host: an advisory lock that dies with its process.

The lock's file is named by the account, in a folder outside every data folder, so that two installations meet there.
Owns nothing of the database.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from bot.domain.ids import Account
from bot.store.database import StoreError


class AccountLocked(Exception):
    """Another process of this host trades this account; `pid` is its number, None while it is not known."""

    def __init__(self, account: Account, pid: int | None) -> None:
        holder = "another NIJA" if pid is None else f"another NIJA (process {pid})"
        super().__init__(f"{holder} on this host already trades the {account.mode} account at {account.venue}")
        self.account = account
        self.pid = pid


class AccountLock:
    """Held from construction to `release`, or to the end of the process, however it ends.

    Raises `AccountLocked` at once when somebody else holds it, `StoreError` when the folder cannot be used.
    """

    def __init__(self, state_dir: Path, account: Account) -> None:
        self.account = account
        self.file = state_dir / f"{hashlib.sha256(str(account).encode()).hexdigest()[:32]}.lock"
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"{self.file}: the account cannot be locked ({error.strerror}): see to the folder's permissions"
            ) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _holder(self._handle)
            os.close(self._handle)
            raise AccountLocked(account, pid) from None
        with suppress(OSError):  # a full disk: who holds it is not told, held it is
            os.ftruncate(self._handle, os.pwrite(self._handle, str(os.getpid()).encode(), 0))

    def close(self) -> None:
        """`release`, by the name that `contextlib.closing` calls."""
        self.release()

    def release(self) -> None:
        """Let the account go; the file stays, so that nobody locks a file that somebody else has just removed."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _holder(handle: int) -> int | None:
    text = os.pread(handle, 20, 0)
    return int(text) if text.isdigit() else None
