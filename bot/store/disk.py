"""The disk under a database: whether it has room, whether it can be written at all.

Asks the file system, because a database reports a full disk differently depending on when it fills up. Leaves nothing behind.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from enum import Enum
from pathlib import Path

#: Free bytes below which a disk counts as full: a database needs some for its log before it notices.
LEAST = 2 * 1024 * 1024
#: Free bytes at which a disk that was full counts as sound again, and the size of the test write.
SOUND, TRIED = 2 * LEAST, 1024 * 1024
#: The permissions of files with an owner's orders and balances, and the bits that others must not have.
PRIVATE, OTHERS = 0o600, 0o077


class DiskFault(Enum):
    """Why a disk cannot be written."""

    FULL = "full"
    READ_ONLY = "read-only"


_FAULTS = {
    errno.ENOSPC: DiskFault.FULL,
    errno.EDQUOT: DiskFault.FULL,
    errno.EFBIG: DiskFault.FULL,
    errno.EROFS: DiskFault.READ_ONLY,
}


def fault_of(error: OSError) -> DiskFault | None:
    """The disk fault behind an error; None if the disk is not the cause."""
    return _FAULTS.get(error.errno or 0)


class Disk:
    """The file system that holds `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def free(self) -> int | None:
        """Bytes that we may still use; None if the file system does not say."""
        try:
            found = os.statvfs(self.folder)
        except OSError:
            return None
        if found.f_blocks == 0:
            return None
        return (found.f_bfree if os.geteuid() == 0 else found.f_bavail) * found.f_frsize

    def is_cramped(self) -> bool:
        """Whether so little space is free that the next change may not fit."""
        free = self.free()
        return free is not None and free < LEAST

    def is_sound(self) -> bool:
        """Whether there is enough room, and a test write succeeds."""
        free = self.free()
        return (free is None or free >= SOUND) and self.fault() is None

    def fault(self) -> DiskFault | None:
        """Write a test file; None if that worked, or failed for a reason other than the disk."""
        probe = self.folder / ".nija-probe"
        try:
            with probe.open("wb") as stream:
                stream.write(bytes(TRIED))
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            return fault_of(error)
        finally:
            _remove(probe)
        return None


class FileIdentity:
    """Remembers which files were at some paths. A file that was removed while open can still be written, but its data is lost."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._found = {path: found for path in paths if (found := _identity(path)) is not None}

    def moved(self) -> Path | None:
        """The first path whose file was removed or replaced."""
        return next((path for path, found in self._found.items() if _identity(path) != found), None)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def flush(path: Path) -> None:
    """Flush a file, or a folder's directory entries, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_private(file: Path) -> None:
    """Create an empty file that only its owner can read and write, unless it exists; raises `OSError`.

    Done before SQLite opens it, because SQLite gives the side files of a database the same permissions.
    """
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, PRIVATE))
    except FileExistsError:
        keep_private(file)


def keep_private(file: Path) -> None:
    """Remove others' permissions from a file that an older NIJA created; another user's file is left alone.

    The file is not opened: closing it would release the locks that SQLite holds on it in this process.
    """
    with suppress(FileNotFoundError, PermissionError):
        if file.stat().st_mode & OTHERS:
            file.chmod(PRIVATE)


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return
