"""The processes of a torture: a sandbox and a daemon in their own folder, with a clean environment.

Owns their start and end; whatever happens, none of them outlives `close`.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from bot.domain.log import Event
from bot.store.reader import Books
from bot.store.report import document
from tests.log_lines import lines_of

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60.0
#: Real seconds allowed from SIGTERM to the daemon's exit.
STOP_SECONDS = 8.0
_CALL = 30.0
#: Size of the console's pipe in bytes: small, so that it fills quickly when nobody reads.
_PIPE = 4096


class TortureError(Exception):
    """The torture itself cannot continue; the text is one line."""


class Exchange:
    """A running sandbox and its control API. It ends when its standard input closes, so also when this process dies."""

    def __init__(self, folder: Path, venues: tuple[str, ...], seed: int, speed: float) -> None:
        self.ready_file = folder / "sandbox.json"
        words = ["--ready-file", str(self.ready_file), "--state", str(folder / "sandbox.journal"), "--parent-pipe"]
        command = [sys.executable, "-m", "bot.sandbox", *venues, *words, "--seed", str(seed), "--speed", str(speed)]
        with (folder / "sandbox.txt").open("ab") as out:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=_environment(folder), stdin=subprocess.PIPE, stdout=out, stderr=out
            )
        self._session = requests.Session()
        self._session.trust_env = False
        self.ready = self._wait()
        self._session.headers["Authorization"] = f"Bearer {self.ready['control']['token']}"

    def _wait(self) -> dict[str, Any]:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if self.ready_file.exists():
                found: dict[str, Any] = json.loads(self.ready_file.read_text())
                return found
            time.sleep(0.05)
        self.close()
        raise TortureError("the sandbox did not start")

    def call(self, method: str, path: str, /, **words: Any) -> Any:
        """One call of the control API; raises `TortureError`."""
        url = f"{self.ready['control']['url']}/sandbox/{path}"
        try:
            answer = self._session.request(method, url, json=words or None, timeout=_CALL)
        except requests.RequestException as error:
            raise TortureError(f"the sandbox does not answer {path}: {type(error).__name__}") from error
        if not answer.ok:
            raise TortureError(f"{path}: {answer.text}")
        return answer.json()

    def close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        _end(self.process, 10)


class Trader:
    """The daemon: started, killed and stopped. Its book is read from its database, as `nija ledger --json` does."""

    def __init__(self, folder: Path, ready_file: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self.log_file = folder / "nija.log"
        self.books = Books(folder / "data")
        self._settings = {"SANDBOX_READY_FILE": str(ready_file), **settings}
        self._process: subprocess.Popen[bytes] | None = None
        self._console: Console | None = None
        self._logged = 0
        (folder / ".env").touch()

    def start(self) -> None:
        self._logged = self._size()
        own = {"NIJA_DATA_DIR": str(self.folder / "data"), "LOG_FILE": str(self.log_file)}
        self._console = Console(self.folder / "console.txt")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bot"],
            cwd=self.folder,
            env=_environment(self.folder) | own | self._settings,
            stdin=subprocess.DEVNULL,
            stdout=self._console.end,
            stderr=self._console.end,
        )
        self._console.read()

    def start_a_second(self) -> int:
        """Starts another daemon on the same data folder and keys, under another HOME; returns its exit status."""
        home = self.folder / "second"
        home.mkdir(exist_ok=True)
        (home / ".env").touch()
        own = {"NIJA_DATA_DIR": str(self.folder / "data"), "LOG_FILE": str(home / "nija.log")}
        with (home / "console.txt").open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "bot"],
                cwd=home,
                env=_environment(home) | own | self._settings,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        return _end(process, 10 * _crowd())

    def stall_console(self, seconds: float) -> None:
        """Stops reading its output for `seconds`, while it continues."""
        if self._console is not None:
            self._console.stall(seconds)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stops the process (SIGSTOP) until the block ends."""
        process = self._process
        if process is None or process.poll() is not None:
            yield
            return
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    @property
    def speaks(self) -> bool:
        """Whether it has logged since its start."""
        return self._size() != self._logged

    @property
    def ended(self) -> int | None:
        """Its exit status, if it ended on its own."""
        return None if self._process is None else self._process.poll()

    @property
    def pid(self) -> int:
        """The process of the last start; 0 before the first."""
        return 0 if self._process is None else self._process.pid

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_CALL)

    def stop(self) -> str | None:
        """Sends SIGTERM once it has logged; returns what was wrong with its exit, if anything."""
        if self._process is None:
            return None
        until = time.monotonic() + START_SECONDS
        while not self.speaks and time.monotonic() < until:
            time.sleep(0.05)
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        status = _end(self._process, STOP_SECONDS * _crowd() + 7)
        took = time.monotonic() - began
        bound = STOP_SECONDS * _crowd()
        if status == 0 and took <= bound:
            return None
        return f"SIGTERM: exit status {status} after {took:.1f} s (0 within {bound:.1f} s is right)"

    def close(self) -> None:
        if self._process is not None:
            self.kill()

    def _size(self) -> int:
        return self.log_file.stat().st_size if self.log_file.exists() else 0

    def brokers(self) -> dict[str, Any]:
        """The brokers of `nija ledger --json`."""
        found: dict[str, Any] = document(self.books)["brokers"]
        return found

    def crashes(self) -> list[str]:
        """Log lines, oldest first, about actors that died of a bug."""
        files = sorted(self.folder.glob(f"{self.log_file.name}*"), reverse=True)
        return [line for file in files for line in lines_of(file.read_text(encoding="utf-8"), Event.CRASHED)]


class Console:
    """A daemon's output: a pipe that a thread reads into a file, or does not read for a while."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._begin, self.end = os.pipe()
        fcntl.fcntl(self.end, fcntl.F_SETPIPE_SZ, _PIPE)
        self._resumes = 0.0

    def read(self) -> None:
        """Starts reading; call it once the daemon has its end of the pipe."""
        os.close(self.end)
        threading.Thread(target=self._copy, name="console", daemon=True).start()

    def stall(self, seconds: float) -> None:
        self._resumes = time.monotonic() + seconds

    def _copy(self) -> None:
        with os.fdopen(self._begin, "rb", buffering=0) as source, self._file.open("ab") as out:
            while block := source.read(_PIPE):
                out.write(block)
                time.sleep(max(0.0, self._resumes - time.monotonic()))


def _environment(folder: Path) -> dict[str, str]:
    """An environment without the owner's credentials, settings and locks."""
    own = {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"), "NIJA_HOME": str(folder)}
    return {"PATH": os.defpath, "PYTHONPATH": str(ROOT)} | own


def _crowd() -> float:
    """Factor for all time limits: a machine with more than two programs waiting for each core is slow."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1) / 2)


def _end(process: subprocess.Popen[bytes], patience: float) -> int:
    """The exit status of a process; it is killed if it does not end in time."""
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(patience)
