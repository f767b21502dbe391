"""A small file shared by all users of this host, whatever their HOME, in a world-writable folder.

Owns how such a file is opened: links are not followed, and only a regular file is trusted. Without a file that can be opened
and trusted, the caller does without. Any user of the host can write to it, so its contents count only within bounds.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

#: The first of these that exists and is writable is used. TMPDIR belongs to one user, so it is not considered.
HOST_FOLDERS = (Path("/var/tmp"), Path("/tmp"))  # noqa: S108 - see above
_EVERYBODY = 0o666
#: Do not follow a link, do not block on a pipe that somebody left there.
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def open_shared(name: str) -> int | None:
    """Open the file of this name, creating it if needed; None if that is impossible."""
    for folder in HOST_FOLDERS:
        if os.access(folder, os.W_OK):
            return _opened(folder / name)
    return None


def _opened(path: Path) -> int | None:
    """Open before creating: a kernel that protects such folders refuses O_CREAT on a file that another user created."""
    for step in (_open, _make, _open):
        try:
            return step(path)
        except (FileNotFoundError, FileExistsError):
            continue
        except OSError:
            return None
    return None


def _open(path: Path) -> int:
    handle = os.open(path, _FLAGS)
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(handle)
        raise OSError(f"{path} is no plain file")
    return handle


def _make(path: Path) -> int:
    handle = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, _EVERYBODY)
    os.fchmod(handle, _EVERYBODY)
    return handle
