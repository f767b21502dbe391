"""A PostgreSQL server for tests, that can go away and come back. Its programs are this machine's own, or a package's.

PostgreSQL refuses to run as root: then it runs as `nobody`, in a folder that is its own.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

_NOBODY = "nobody"


def programs() -> Path | None:
    """Where PostgreSQL's server programs are; Debian keeps them off the path."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    package = find_spec("pgserver")
    if not places and package is not None and package.submodule_search_locations:
        places = [Path(package.submodule_search_locations[0]) / "pginstall" / "bin"]
    return places[-1] if places else None


class Server:
    """One server on a port of its own; `stop` is immediate: what it was doing is cut off."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._run("initdb", "-D", "data", "-A", "trust", "-U", "nija", "-E", "UTF8", "--no-sync")
        self.start()
        self.url = f"postgresql://nija@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        self._run("pg_ctl", "-D", "data", "-w", "-o", options, "-l", "log", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "stop")

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *words],
            cwd=self._folder,
            user=_NOBODY if os.geteuid() == 0 else None,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "PGTZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            check=False,
        )
        if done.returncode != 0:
            raise OSError(f"{program}: exit status {done.returncode} {done.stderr or b''!r}")


@contextmanager
def running() -> Iterator[Server]:
    """A server while the block runs; skips the test where there is none to be had."""
    where = programs()
    if where is None:
        pytest.skip("no PostgreSQL server program here")
    folder = Path(tempfile.mkdtemp(prefix="nija-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, _NOBODY)
    try:
        try:
            server = Server(where, folder)
        except OSError as error:
            pytest.skip(f"PostgreSQL does not start here: {error}")
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
