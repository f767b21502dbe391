"""One sender at a time per API key on this host, and the facts about the key that must outlive a process.

Owns one small file per key under a file lock: the highest nonce ever used and until when the venue wants to be left alone.
The daemon and the check scripts share it. Never holds a key: the file is named by a hash.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.brokers.deadline import Deadline

_FIRST_NAP, _LONGEST_NAP = 0.001, 0.01


class KeyBusy(Exception):
    """Another program (or thread) of this host held the key's lock for longer than we could wait."""


def identity(api_key: str) -> str:
    """A name for an API key that does not give it away: 16 hex digits of its SHA-256."""
    return hashlib.sha256(api_key.encode()).hexdigest()[:16]


class KeyLock:
    """The lock of one key. `held` gives access to what its file remembers; nothing else may touch it.

    Whoever wants the key queues at a second lock and holds that while waiting, so that a busy program which has just let
    go of the key does not snatch it again before the one that waits.
    """

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{name}.key"
        self._file = _open(self._path)
        self._queue = _open(folder / f"{name}.queue")
        self._threads = threading.Lock()

    @contextmanager
    def held(self, deadline: Deadline) -> Iterator[KeyFile]:
        """Hold the key for one call: nonce, send and answer. Raises `KeyBusy` when the deadline passes first."""
        if not self._threads.acquire(timeout=max(deadline.left(), 0.001)):
            raise KeyBusy(f"{self._path.name} is in use by another thread")
        try:
            self._lock(deadline)
            try:
                yield KeyFile(self._file)
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def close(self) -> None:
        """Give the file back; safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
            os.close(self._queue)
            self._file = self._queue = -1

    def _lock(self, deadline: Deadline) -> None:
        self._take(self._queue, deadline)
        try:
            self._take(self._file, deadline)
        finally:
            fcntl.flock(self._queue, fcntl.LOCK_UN)

    def _take(self, file: int, deadline: Deadline) -> None:
        nap = _FIRST_NAP
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not deadline.pause(nap):
                    raise KeyBusy(f"{self._path.name} is in use by another program on this host") from None
                nap = min(2 * nap, _LONGEST_NAP)
            else:
                return


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


class KeyFile:
    """What a key's file remembers, read and written only under its lock.

    Written before the request leaves and not synced: it survives a killed process; after a power cut the clock, which
    has moved on meanwhile, takes over.
    """

    _WIDTH = 20

    def __init__(self, file: int) -> None:
        self._file = file

    def next_nonce(self, wall_ms: int, ahead: int = 0) -> int:
        """A nonce above every one before it: the wall clock's milliseconds, or the last one plus one (plus `ahead`)."""
        nonce = max(wall_ms, self._read(0) + 1) + ahead
        self._write(0, nonce)
        return nonce

    @property
    def quiet_until(self) -> int:
        """Wall time (ms) before which the venue must not be called with this key; 0 when it may."""
        return self._read(1)

    @quiet_until.setter
    def quiet_until(self, wall_ms: int) -> None:
        self._write(1, wall_ms)

    @property
    def spent(self) -> tuple[float, int]:
        """What the venue's counter for this key showed, and when (market ms); nothing for a new key."""
        return self._read(2) / 1000, self._read(3)

    @spent.setter
    def spent(self, state: tuple[float, int]) -> None:
        level, at = state
        self._write(2, round(level * 1000))
        self._write(3, at)

    def _read(self, slot: int) -> int:
        text = os.pread(self._file, self._WIDTH, slot * (self._WIDTH + 1)).strip()
        return int(text) if text.isdigit() else 0

    def _write(self, slot: int, number: int) -> None:
        length = self._WIDTH + 1
        for empty in range(os.fstat(self._file).st_size // length, slot):
            os.pwrite(self._file, f"{0:0{self._WIDTH}d}\n".encode(), empty * length)
        os.pwrite(self._file, f"{number:0{self._WIDTH}d}\n".encode(), slot * (self._WIDTH + 1))
