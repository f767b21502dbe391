"""Where log lines go: a file that `tail -f` can follow for ever, and a console.

Each is written to by the thread of its own queue, so either may stand still without harm; neither raises. A full disk is told
once on stderr, and in the file itself: a little room beside it is kept back for the lines that say so.
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
"""Bytes kept back for what must be said when the disk is full."""
RESERVE_SECONDS: Final = 60.0
"""Seconds between two attempts to keep them back."""
_CLOSED: Final = -1
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class FollowedFile:
    """Appends to `path`; past `max_bytes` it is copied to `path`.1 (… .5 the oldest) and emptied in place.

    The file stays the same file, so that a `tail -f` goes on. If somebody moves it away, it is made anew.
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
        """A line with its end; what cannot be written is lost, and told on stderr once."""
        try:
            self._reopen_if_moved()
            self._append(line.encode("utf-8", "backslashreplace"))
            self._rotate_if_large()
            self._keep_back()
        except OSError as error:
            self._complain(error)
        else:
            self._complained = False

    def close(self) -> None:
        if self._file != _CLOSED:
            os.close(self._file)
            self._file = _CLOSED

    def _open(self) -> int:
        """A pipe that nobody reads is refused instead of waited for."""
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
        """Now and then: see that the reserve is there; where there is no room for it, the disk is as good as full."""
        if time.monotonic() < self._next_reserve or not stat.S_ISREG(os.fstat(self._file).st_mode):
            return
        self._next_reserve = time.monotonic() + RESERVE_SECONDS
        try:
            if not self._reserve.exists():
                self._reserve.write_bytes(bytes(RESERVE))
        except OSError:
            self._release()

    def _release(self) -> bool:
        """Give the reserve to the log; False when there is none."""
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
        # Should the copy fail (a full disk), the next try comes after another tenth, not with every line.
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
            tell_stderr(f"{self._path} cannot be written ({error.strerror}): log lines are lost until it can")


class Console:
    """A terminal or pipe. It is written to past Python's own buffer, which would fail once more when the process ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        """One that is gone is left alone: the file has everything."""
        try:
            _put(self._stream, line)
        except (OSError, ValueError):
            return

    def close(self) -> None:
        """The stream is somebody else's."""


def tell_stderr(text: str) -> None:
    """The last resort when the log itself is what fails."""
    try:
        _put(sys.stderr, text + "\n")
    except (OSError, ValueError, AttributeError):
        return


def _put(stream: TextIO, text: str) -> None:
    """Write text, with signs that the stream does not know escaped; raises OSError, and ValueError for a closed stream."""
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
        except BlockingIOError:  # whoever shares the pipe has made it so
            select.select([], [descriptor], [])
