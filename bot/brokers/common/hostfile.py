"""A small file that every user of this host can share, whatever its HOME, in a folder that everybody may write to.

Owns how such a file is opened: no link is followed, nothing is trusted but a plain file, and one that cannot be trusted or
had is done without. What it holds is to be believed within bounds only: any user of the host can write to it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

#: Where it lies: the first that is there and can be written. TMPDIR is a user's own, so it does not count.
HOST_FOLDERS = (Path("/var/tmp"), Path("/tmp"))  # noqa: S108 - see above
_EVERYBODY = 0o666
#: A link is not followed, a pipe that somebody left there is not waited for.
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def open_shared(name: str) -> int | None:
    """The file of this name, made if need be; None where there can be none."""
    for folder in HOST_FOLDERS:
        if os.access(folder, os.W_OK):
            return _opened(folder / name)
    return None


def _opened(path: Path) -> int | None:
    """Opened first and made only then: a kernel that protects such folders refuses to make what another user has made."""
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
