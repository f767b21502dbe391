"""File systems of a few megabytes, for tests that fill them, spoil them and set them right again.

`tmpfs` and `ext4` mount one at a folder and skip the test where this machine allows no mounting; `fill` takes all that is free.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FILLER = ".filler"


def _run(*words: str | Path) -> str | None:
    """What a command complains of, None when it worked."""
    if shutil.which(str(words[0])) is None:
        return f"there is no {words[0]} here"
    done = subprocess.run([str(word) for word in words], check=False, capture_output=True, text=True)
    return None if done.returncode == 0 else done.stderr.strip() or f"exit status {done.returncode}"


@contextmanager
def tmpfs(folder: Path, megabytes: int = 16) -> Iterator[Path]:
    """A file system in memory at `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    trouble = _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder)
    if trouble is not None:
        pytest.skip(f"no file system can be mounted here: {trouble}")
    try:
        yield folder
    finally:
        _run("umount", "-l", folder)


class Ext4:
    """An ext4 file system in a file, at `folder`, that can be broken as a failing disk breaks it, and mended."""

    def __init__(self, folder: Path, megabytes: int = 24) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._image = folder.with_name(folder.name + ".image")
        with self._image.open("wb") as stream:
            stream.truncate(megabytes * 1024 * 1024)
        self._try("mkfs.ext4", "-q", self._image)
        self._try("mount", "-o", "loop,errors=remount-ro", self._image, folder)

    @staticmethod
    def _try(*words: str | Path) -> None:
        trouble = _run(*words)
        if trouble is not None:
            pytest.skip(f"no file system can be mounted here: {trouble}")

    def spoil(self) -> None:
        """The kernel finds an error and takes no more writes, also through files that are open."""
        trigger = Path(f"/sys/fs/ext4/{Path(_device(self.folder)).name}/trigger_fs_error")
        try:
            trigger.write_text("1")
        except OSError as error:
            pytest.skip(f"this kernel cannot break a file system on demand: {error.strerror}")

    def mend(self) -> bool:
        """Checked and mounted again; False while somebody keeps it busy."""
        if _run("umount", self.folder) is not None:
            return False
        _run("e2fsck", "-fy", self._image)
        return _run("mount", "-o", "loop,errors=remount-ro", self._image, self.folder) is None

    def close(self) -> None:
        _run("umount", "-l", self.folder)


def _device(folder: Path) -> str:
    for line in Path("/proc/mounts").read_text().splitlines():
        device, place, *_ = line.split()
        if place == str(folder):
            return device
    raise LookupError(folder)


@contextmanager
def ext4(folder: Path, megabytes: int = 24) -> Iterator[Ext4]:
    """An `Ext4` while the block runs."""
    made = Ext4(folder, megabytes)
    try:
        yield made
    finally:
        made.close()


def fill(folder: Path) -> None:
    """Take every block that is free, also those that were freed since the last time."""
    with (folder / FILLER).open("ab", buffering=0) as stream:
        for size in (1024 * 1024, 4096, 512, 1):
            try:
                while True:
                    stream.write(bytes(size))
            except OSError:
                continue


def relieve(folder: Path) -> None:
    """Give back what `fill` took."""
    (folder / FILLER).unlink(missing_ok=True)
