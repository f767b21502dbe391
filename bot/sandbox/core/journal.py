"""Durable state: one append-only file of JSON records under keys; the newest record of a key counts.

Each line holds the CRC-32 of a JSON object and the object itself, and is one atomic change. A last line torn by a
crash was never acknowledged and is dropped; any other damage is an error. Knows nothing about what it stores.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import orjson

from bot.sandbox.core.values import sure

COMPACT_ABOVE = 8 * 1024 * 1024
PATIENCE_SECONDS = 5.0
Record = dict[str, Any] | list[Any] | str | int | float | None


class DamagedState(Exception):
    """The state file cannot be used; the message is one line for the user."""


class Journal:
    """A key-value store in one file, or in memory without one. Thread-safe."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._records: dict[str, bytes] = {}
        self._file = -1
        self._size = 0
        self._lock_file = -1
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock_file = _own(path)
            self._records = _load(path)
            self._rewrite()

    def get(self, key: str) -> Any:
        raw = self._records.get(key)
        return None if raw is None else orjson.loads(raw)

    def under(self, prefix: str) -> list[tuple[str, Any]]:
        """All records whose key begins with `prefix`, as (rest of the key, record), oldest key first."""
        with self._lock:
            found = [(key[len(prefix) :], raw) for key, raw in self._records.items() if key.startswith(prefix)]
        return [(key, orjson.loads(raw)) for key, raw in found]

    def put(self, changes: dict[str, Record], *, durable: bool = True) -> None:
        """Stores all `changes` or none; None deletes a key. With `durable` it returns once they are on disk."""
        if self._path is None:
            return
        fragments = {key: orjson.dumps(record) for key, record in changes.items()}
        line = _line(fragments)
        with self._lock:
            self._remember(fragments)
            os.write(self._file, line)
            self._size += len(line)
            if durable:
                os.fdatasync(self._file)
            if self._size > COMPACT_ABOVE and self._size > 4 * self._live_size():
                self._rewrite()

    def close(self) -> None:
        with self._lock:
            if self._file >= 0:
                os.fsync(self._file)
                os.close(self._file)
                os.close(self._lock_file)
                self._file = -1
                self._path = None

    def _remember(self, fragments: dict[str, bytes]) -> None:
        for key, raw in fragments.items():
            if raw == b"null":
                self._records.pop(key, None)
            else:
                self._records[key] = raw

    def _live_size(self) -> int:
        return sum(len(key) + len(raw) + 16 for key, raw in self._records.items())

    def _rewrite(self) -> None:
        """Replaces the file with one that holds only the newest records."""
        path = sure(self._path)
        fresh = path.with_name(path.name + ".new")
        file = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND, 0o600)
        self._size = 0
        for key, raw in self._records.items():
            self._size += os.write(file, _line({key: raw}))
        os.fsync(file)
        fresh.replace(path)
        _sync_folder(path.parent)
        if self._file >= 0:
            os.close(self._file)
        self._file = file


def _own(path: Path) -> int:
    """Locks the file for this process; waits briefly for another process that is about to exit."""
    handle = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError as error:
            if time.monotonic() > until:
                os.close(handle)
                raise DamagedState(f"the state file {path} is in use by another sandbox") from error
            time.sleep(0.05)


def _line(fragments: dict[str, bytes]) -> bytes:
    body = b",".join(orjson.dumps(key) + b":" + raw for key, raw in fragments.items())
    body = b"{" + body + b"}"
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _load(path: Path) -> dict[str, bytes]:
    records: dict[str, bytes] = {}
    if not path.exists():
        return records
    lines = path.read_bytes().split(b"\n")
    torn = lines.pop()
    if torn and not lines:
        raise DamagedState(f"the state file {path} is damaged in line 1")
    for number, line in enumerate(lines, start=1):
        for key, record in _parse(line, path, number).items():
            if record is None:
                records.pop(key, None)
            else:
                records[key] = orjson.dumps(record)
    return records


def _parse(line: bytes, path: Path, number: int) -> dict[str, Any]:
    checksum, _, body = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(body):
        raise DamagedState(f"the state file {path} is damaged in line {number}")
    parsed: dict[str, Any] = orjson.loads(body)
    return parsed


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
