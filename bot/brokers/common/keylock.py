"""One sender at a time per API key on this host, and the facts about the key that must outlive a process.

Owns one small file per key under a file lock: the highest nonce ever used, the pause that the venue asked for, and how much of
the venue's counter for the key is used. The daemon and the check scripts share it. A second file is shared by all users of
this host, whose HOMEs differ (`sudo`). Neither contains a key: the files are named by a hash.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from bot.brokers.common.deadline import Deadline
from bot.brokers.common.hostfile import open_shared
from bot.domain.backoff import Backoff
from bot.domain.clock import DAY, SECOND

#: Waits (ms) between attempts to lock a key that is in use.
_NAPS = Backoff(1, 2, 10)
_WIDTH = 20
#: How far ahead of the wall clock (ms) a nonce from the file of all users may be. Any of them could have written it, and a
#: larger one would spoil the key for good. Our own nonces are ahead of the clock only if it was set back.
FARTHEST = DAY


class KeyBusy(Exception):
    """Another program or thread on this host held the key's lock for longer than we could wait."""


def identity(api_key: str) -> str:
    """A name for an API key that does not reveal it: 16 hex digits of its SHA-256."""
    return hashlib.sha256(api_key.encode()).hexdigest()[:16]


class KeyLock:
    """The lock of one key. Its file is accessible only through `held`.

    A program that wants the key first takes a second lock, the queue, and holds it while waiting. So a busy program that has
    just released the key cannot take it again ahead of one that is waiting.
    """

    def __init__(self, folder: Path, name: str, *, shared: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{name}.key"
        self._file = _open(self._path)
        self._queue = _open(folder / f"{name}.queue")
        self._shared = open_shared(f"nija-{name}.key") if shared else None
        self._threads = threading.Lock()
        self._closed = False

    @classmethod
    def of(cls, folder: Path, mode: str, venue: str, environment: str, key: str) -> KeyLock:
        """The lock of an API key. Sandbox keys are not shared beyond one HOME."""
        return cls(folder, f"{mode}-{venue}-{environment}-{identity(key)}", shared=mode != "sandbox")

    @contextmanager
    def held(self, deadline: Deadline) -> Iterator[KeyFile]:
        """Hold the key for one call: nonce, request and answer. Raises `KeyBusy` if the deadline passes first."""
        if not self._threads.acquire(timeout=max(deadline.left(), 0.001)):
            raise KeyBusy(f"{self._path.name} is in use by another thread")
        try:
            if self._closed:
                raise KeyBusy(f"{self._path.name} was released")
            self._lock(deadline)
            try:
                yield KeyFile(self._file, self._shared)
            finally:
                self._unlock()
        finally:
            self._threads.release()
            if self._closed:
                self.close()

    def close(self) -> None:
        """Release the key now, and close its files once none of our threads uses them: a closed descriptor may be reused for
        another file at once. Safe to call twice.
        """
        self._closed = True
        if not self._threads.acquire(blocking=False):
            with suppress(OSError, ValueError):  # the thread that used them has just closed them
                self._unlock()
            return
        try:
            self._give_back()
        finally:
            self._threads.release()

    def _give_back(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            os.close(self._queue)
            if self._shared is not None:
                os.close(self._shared)
            self._file = self._queue = -1
            self._shared = None

    def _lock(self, deadline: Deadline) -> None:
        self._take(self._queue, deadline)
        try:
            self._take(self._file, deadline)
        finally:
            fcntl.flock(self._queue, fcntl.LOCK_UN)
        if self._shared is not None:
            try:
                self._take(self._shared, deadline)
            except KeyBusy:
                fcntl.flock(self._file, fcntl.LOCK_UN)
                raise

    def _unlock(self) -> None:
        if self._shared is not None:
            fcntl.flock(self._shared, fcntl.LOCK_UN)
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def _take(self, file: int, deadline: Deadline) -> None:
        nap = 0
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                nap = _NAPS.after(nap)
                if not deadline.pause(nap / SECOND):
                    raise KeyBusy(f"{self._path.name} is in use by another program on this host") from None
            else:
                return


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


class PauseLeft(NamedTuple):
    """What is left of a requested pause (real ms), and whether it is a lockout."""

    ms: int
    locked_out: bool


class KeyFile:
    """The contents of a key's files, read and written only under its lock.

    Written before the request is sent, without fsync. That survives a killed process; after a power cut the wall clock has
    moved past the lost nonce. Six numbers: the last nonce; when the venue asked for a pause (steady ms) and for how long (ms);
    the level of its counter for the key (thousandths) and when that was (market ms); 1 if the pause is a lockout.
    """

    def __init__(self, own: int, shared: int | None = None) -> None:
        self._own = own
        self._shared = shared

    def next_nonce(self, wall_ms: int, ahead: int = 0) -> int:
        """A nonce above all earlier ones: the wall clock's milliseconds, or the last nonce plus one; plus `ahead`."""
        last = _read(self._own, 0)
        if self._shared is not None and (theirs := _read(self._shared, 0)) <= wall_ms + FARTHEST:
            last = max(last, theirs)
        nonce = max(wall_ms, last + 1) + ahead
        self._write(0, nonce)
        return nonce

    def pause_left(self, steady_ms: int) -> PauseLeft:
        """How long (real ms) the venue must not be called with this key, 0 if it may be, and whether that is a lockout."""
        return max(_pause_left(file, steady_ms) for file in self._files())

    def set_pause(self, steady_ms: int, left: PauseLeft) -> None:
        """Record a pause that starts now; a longer one already recorded is kept."""
        if left > self.pause_left(steady_ms):
            self._write(1, steady_ms)
            self._write(2, left.ms)
            self._write(5, int(left.locked_out))

    @property
    def spent(self) -> tuple[float, int]:
        """The last known level of the venue's counter for this key, and when it was read (market ms); zeros for a new key."""
        at, level = max((_read(file, 4), _read(file, 3)) for file in self._files())
        return level / 1000, at

    @spent.setter
    def spent(self, state: tuple[float, int]) -> None:
        level, at = state
        self._write(3, round(level * 1000))
        self._write(4, at)

    def _files(self) -> tuple[int, ...]:
        return (self._own,) if self._shared is None else (self._own, self._shared)

    def _write(self, slot: int, number: int) -> None:
        for file in self._files():
            if slot and not os.fstat(file).st_size:
                os.pwrite(file, _line(0), 0)
            os.pwrite(file, _line(number), slot * (_WIDTH + 1))


def _pause_left(file: int, steady_ms: int) -> PauseLeft:
    """What is left of a pause. If steady time is before its start, the host has rebooted since, and the pause is over."""
    began, length = _read(file, 1), _read(file, 2)
    left = max(began + length - steady_ms, 0) if began <= steady_ms else 0
    return PauseLeft(left, _read(file, 5) == 1)


def _read(file: int, slot: int) -> int:
    text = os.pread(file, _WIDTH, slot * (_WIDTH + 1)).strip()
    return int(text) if text.isascii() and text.isdigit() else 0


def _line(number: int) -> bytes:
    return f"{number:0{_WIDTH}d}\n".encode()
