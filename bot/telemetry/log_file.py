"""The outputs of the log: a file that `tail -f` can follow indefinitely, and a console.

Each is written by the thread of its own queue, so that either may block without harm; neither raises. A full disk is reported
once on stderr, and in the file itself: a small reserve file is kept to make room for those lines.
"""

from __future__ import annotations

import errno
import os
import select
import shutil
import stat
import sys
import time
from pathlib import Path
from typing import Final, TextIO

MAX_BYTES: Final = 10_000_000
KEEP: Final = 5
RESERVE: Final = 64 * 1024
"""Bytes reserved for the lines that report a full disk."""
RESERVE_SECONDS: Final = 60.0
"""Real seconds between two attempts to reserve them."""
_CLOSED: Final = -1
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class FollowedFile:
    """Appends to `path`. Beyond `max_bytes`, the file is copied to `path`.1 (… .5 is the oldest) and truncated in place.

    The file stays the same, so that `tail -f` keeps working. If it is moved away, a new one is created.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, keep: int = KEEP) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._rotate_at = max_bytes
        self._complained = False
        self._file = self._open()
        self._reserve = path.with_name(path.name + ".reserve")
        self._next_reserve = 0.0
        self._keep_back()

    def write(self, line: str) -> None:
        """Write a line with its line break. If that fails, the line is lost, and the error is reported on stderr once."""
        try:
            self._reopen_if_moved()
            self._append(line.encode("utf-8", "backslashreplace"))
            self._rotate_if_large()
            self._keep_back()
        except OSError as error:
            self._complain(error)
        else:
            self._complained = False

    def check(self) -> None:
        """Raise OSError for a device that takes no line, such as /dev/full. Unlike a full disk, it will never have room."""
        if stat.S_ISCHR(os.fstat(self._file).st_mode) and not os.isatty(self._file):
            os.write(self._file, b"\n")

    def close(self) -> None:
        if self._file != _CLOSED:
            os.close(self._file)
            self._file = _CLOSED

    def _open(self) -> int:
        """Open the file; a pipe without a reader is refused instead of waited for."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        file = os.open(self._path, flags, 0o600)
        os.set_blocking(file, True)
        return file

    def _reopen_if_moved(self) -> None:
        try:
            moved = not os.path.samestat(self._path.stat(), os.fstat(self._file))
        except FileNotFoundError:
            moved = True
        if moved:
            fresh = self._open()
            os.close(self._file)
            self._file = fresh

    def _append(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._file, data) :]
            except OSError as error:
                if error.errno not in _FULL or not self._release():
                    raise

    def _keep_back(self) -> None:
        """Create the reserve file if it is missing, once per RESERVE_SECONDS. Without room for it, the disk counts as full."""
        if time.monotonic() < self._next_reserve or not stat.S_ISREG(os.fstat(self._file).st_mode):
            return
        self._next_reserve = time.monotonic() + RESERVE_SECONDS
        try:
            if not self._reserve.exists():
                self._reserve.write_bytes(bytes(RESERVE))
        except OSError:
            self._release()

    def _release(self) -> bool:
        """Free the reserve for the log; False if there is none."""
        try:
            self._reserve.unlink()
        except OSError:
            return False
        self._next_reserve = time.monotonic() + RESERVE_SECONDS
        return True

    def _rotate_if_large(self) -> None:
        size = self._size()
        if size < self._rotate_at:
            return
        # If the copy fails (a full disk), try again after another tenth of the size, not with every line.
        self._rotate_at = size + self._max_bytes // 10
        self._shift()
        copy = self._numbered(1)
        shutil.copyfile(self._path, copy)
        copy.chmod(0o600)
        os.truncate(self._file, 0)
        self._rotate_at = self._max_bytes

    def _size(self) -> int:
        found = os.fstat(self._file)
        return found.st_size if stat.S_ISREG(found.st_mode) else 0

    def _shift(self) -> None:
        for number in range(self._keep - 1, 0, -1):
            if self._numbered(number).exists():
                self._numbered(number).replace(self._numbered(number + 1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            print_stderr(f"{self._path} cannot be written ({error.strerror}): log lines are lost until it can")


class Console:
    """A terminal or pipe. Writes bypass Python's buffer, which would fail again when the process ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        """Write a line. A console that is gone is ignored: the file has everything."""
        try:
            _put(self._stream, line)
        except (OSError, ValueError):
            return

    def close(self) -> None:
        """Does nothing: the stream belongs to the process."""


def print_stderr(text: str) -> None:
    """Report on stderr, for when the log itself fails."""
    try:
        _put(sys.stderr, text + "\n")
    except (OSError, ValueError, AttributeError):
        return


def _put(stream: TextIO, text: str) -> None:
    """Write text, escaping characters that the stream cannot encode; raises OSError, or ValueError for a closed stream."""
    encoding = stream.encoding or "utf-8"
    data = text.encode(encoding, "backslashreplace")
    try:
        descriptor = stream.fileno()
    except OSError:
        stream.write(data.decode(encoding))
        stream.flush()
        return
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:  # another process that shares the pipe has made it non-blocking
            select.select([], [descriptor], [])
