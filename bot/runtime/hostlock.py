"""Allows one NIJA on this host per data folder and per API key, for any user and any HOME.

A lock is an abstract socket of the kernel. It ends with its process, and needs no file that one user creates and another cannot
open. Owns nothing of what is locked.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from bot.brokers.common.hostfile import open_shared

#: Where Linux lists the abstract sockets. A holder opens a second one whose name ends in its process id.
_SOCKETS = Path("/proc/net/unix")


class AlreadyRuns(Exception):
    """Another NIJA holds a lock that this one needs (exit status 3); the text is one line."""


class HostLock:
    """Locks a name on this host until `close` or the process's end; raises `AlreadyRuns`, whose text ends with `what`."""

    def __init__(self, name: str, what: str) -> None:
        self._held = ExitStack()
        with ExitStack() as taken:
            (_take_socket if sys.platform == "linux" else _take_file)(_digest(name), what, taken)
            self._held.push(taken.pop_all())

    def close(self) -> None:
        self._held.close()


def holder_of(name: str) -> int | None:
    """The process that holds a name; None if none does, or the host does not show it."""
    return _pid_beside(_digest(name))


def _pid_beside(digest: str) -> int | None:
    try:
        listed = _SOCKETS.read_text(errors="replace")
    except OSError:
        return None
    found = re.search(rf"@{digest}-(\d+)$", listed, re.MULTILINE)
    return int(found[1]) if found else None


def _digest(name: str) -> str:
    return f"nija-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _take_socket(name: str, what: str, taken: ExitStack) -> None:
    for one in (name, f"{name}-{os.getpid()}"):
        mine = taken.enter_context(closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)))
        try:
            mine.bind(f"\0{one}")
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise AlreadyRuns(_line(what, _pid_beside(name))) from None


def _take_file(name: str, what: str, taken: ExitStack) -> None:
    handle = open_shared(f"{name}.lock")
    if handle is None:
        return
    taken.callback(os.close, handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyRuns(_line(what, None)) from None


def _line(what: str, pid: int | None) -> str:
    holder = "another NIJA" if pid is None else f"another NIJA (process {pid})"
    return f"{holder} on this host {what}"


def place(data_dir: Path) -> str:
    """A name for a data folder's location, valid even when the folder is gone."""
    return f"{itself(data_dir.resolve().parent)} {data_dir.resolve()}"


def itself(folder: Path) -> str:
    """A name for the folder itself, wherever it is moved; a name for "no folder" if it does not exist."""
    try:
        found = folder.stat()
    except OSError:
        return f"no folder {folder}"
    return f"folder {found.st_dev} {found.st_ino}"


@contextmanager
def holding_folder(data_dir: Path) -> Iterator[None]:
    """Lock the data folder, by its location and by its identity. Nothing in it is kept open, so that its disk can be unmounted and
    repaired. Raises `AlreadyRuns`, `OSError`."""
    what = f"already uses the data folder {data_dir}"
    with closing(HostLock(place(data_dir), what)), closing(HostLock(itself(data_dir), what)):
        yield


@contextmanager
def holding_keys(keys: Iterable[tuple[str, str]]) -> Iterator[None]:
    """Lock every key, each given as its exchange and a unique text. Raises `AlreadyRuns`."""
    with ExitStack() as held:
        for venue, name in keys:
            lock = HostLock(f"key {venue} {name}", f"already trades with this API key of {venue.upper()}")
            held.enter_context(closing(lock))
        yield
