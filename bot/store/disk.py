"""The disk under a database: whether it has room, whether it can be written at all.

Asked of the file system itself, since a database's own words for a full disk differ with the moment at which it fills.
Leaves nothing behind.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from enum import Enum
from pathlib import Path

#: Bytes below which a disk counts as full: a database needs some for its log before it notices by itself.
LEAST = 2 * 1024 * 1024
#: Bytes that must be free before a disk that was full counts as sound again, and those that are tried.
SOUND, TRIED = 2 * LEAST, 1024 * 1024
#: The permissions of what holds an owner's orders and balances, and those that nobody else must have.
PRIVATE, OTHERS = 0o600, 0o077


class DiskFault(Enum):
    """What keeps a disk from taking what is written."""

    FULL = "full"
    READ_ONLY = "read-only"


_FAULTS = {
    errno.ENOSPC: DiskFault.FULL,
    errno.EDQUOT: DiskFault.FULL,
    errno.EFBIG: DiskFault.FULL,
    errno.EROFS: DiskFault.READ_ONLY,
}


def fault_of(error: OSError) -> DiskFault | None:
    """What of the disk an error tells; None for one that is not the disk's."""
    return _FAULTS.get(error.errno or 0)


class Disk:
    """The file system that holds `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def free(self) -> int | None:
        """Bytes that we may still take; None where the file system does not say."""
        try:
            found = os.statvfs(self.folder)
        except OSError:
            return None
        if found.f_blocks == 0:
            return None
        return (found.f_bfree if os.geteuid() == 0 else found.f_bavail) * found.f_frsize

    def is_cramped(self) -> bool:
        """Whether so little is free that the next change may not fit."""
        free = self.free()
        return free is not None and free < LEAST

    def is_sound(self) -> bool:
        """Whether there is plenty of room, and a file that is really written takes it."""
        free = self.free()
        return (free is None or free >= SOUND) and self.fault() is None

    def fault(self) -> DiskFault | None:
        """What comes of writing a file: None when it worked, or when it failed for reasons that are not the disk's."""
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
    """What lay at some paths when this was made. An open file lives on without its name, and what is written to it is lost."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._found = {path: found for path in paths if (found := _identity(path)) is not None}

    def moved(self) -> Path | None:
        """The first path at which nothing lies any more, or something else."""
        return next((path for path, found in self._found.items() if _identity(path) != found), None)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def flush(path: Path) -> None:
    """A file, or the names in a folder, on the disk itself."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_private(file: Path) -> None:
    """An empty file that only its owner can read or write, unless there is one; raises `OSError`.

    Made before SQLite opens it: what SQLite puts beside a database then has its permissions.
    """
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, PRIVATE))
    except FileExistsError:
        keep_private(file)


def keep_private(file: Path) -> None:
    """Take others' permissions from a file that an older NIJA has made. Where it is another user's, that one decides.

    The file is not opened: closing it would take away the locks that SQLite holds on it in this process.
    """
    with suppress(FileNotFoundError, PermissionError):
        if file.stat().st_mode & OTHERS:
            file.chmod(PRIVATE)


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return
