"""The local exchanges as a child process: started for play money, ended with us, found through their ready file.

Knows how to start, find and end the process and how to read its ready file; it knows nothing about the exchanges themselves.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from bot.domain.clock import Clock, ScaledClock, parse_iso
from bot.runtime.pacer import SteppedClock
from bot.settings.load import playful_environment

#: Real seconds that the sandbox may take to start listening.
PATIENCE = 60.0
_LOOK = 0.05
_TIMEOUT = (2.0, 10.0)


class SandboxError(Exception):
    """The sandbox cannot be used; the text is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What a running sandbox announces: process, addresses, keys and its two clocks."""

    pid: int
    control_url: str
    token: str
    venues: dict[str, dict[str, str]]
    market_ms: int
    wall_ms: int
    speed: float

    @classmethod
    def read(cls, file: Path) -> Ready:
        """Read a ready file; raises `SandboxError`."""
        try:
            content = json.loads(file.read_text())
            return cls.of(content)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SandboxError(f"{file}: not a ready file of a sandbox ({type(error).__name__})") from error

    @classmethod
    def of(cls, content: dict[str, Any]) -> Ready:
        control = content["control"]
        return cls(
            pid=int(content["pid"]),
            control_url=str(control["url"]),
            token=str(control["token"]),
            venues={name: value for name, value in content.items() if isinstance(value, dict) and "rest" in value},
            market_ms=parse_iso(content["market_time"]),
            wall_ms=parse_iso(content["wall_time"]),
            speed=float(content["speed"]),
        )

    @property
    def alive(self) -> bool:
        return is_alive(self.pid)


def running(ready_file: Path) -> Ready | None:
    """What a running sandbox announces; None if the one of this file does not run."""
    try:
        ready = Ready.read(ready_file)
    except SandboxError:
        return None
    return ready if ready.alive else None


class Control:
    """The part of the sandbox's control API that a trader needs: its clock and, in lock-step, our acknowledgement."""

    def __init__(self, ready: Ready, daemon: str) -> None:
        self._url = ready.control_url
        self._daemon = daemon
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {ready.token}"

    def clock(self, after: str = "", seconds: float = 0) -> dict[str, Any]:
        """`market_time wall_time speed lockstep`; raises `SandboxError`.

        In lock-step the answer may wait up to `seconds` (real) for the market to move on `after` a time.
        """
        return self._call(
            "GET", "/sandbox/clock", params={"daemon": self._daemon, "after": after or None, "seconds": str(seconds)}
        )

    def acknowledge(self, market_time: str, wake: str | None = None) -> None:
        """Report that all work up to this market time is done, and at which time the market must stop for us again."""
        self._call("POST", "/sandbox/ack", json={"market_time": market_time, "daemon": self._daemon, "wake": wake})

    def close(self) -> None:
        self._session.close()

    def _call(self, method: str, path: str, **how: Any) -> dict[str, Any]:
        try:
            answer = self._session.request(method, self._url + path, timeout=_TIMEOUT, **how)
            answer.raise_for_status()
            content: dict[str, Any] = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise SandboxError(f"the sandbox's control API does not answer ({type(error).__name__})") from error
        return content


def clock_of(control: Control) -> Clock:
    """The market clock of a running sandbox."""
    now = control.clock()
    if now.get("lockstep"):
        return SteppedClock(parse_iso(now["market_time"]))
    return ScaledClock(parse_iso(now["market_time"]), parse_iso(now["wall_time"]), float(now["speed"]))


class SandboxChild:
    """Our own sandbox: it ends when this process ends, however that happens, and continues from its saved state next time."""

    def __init__(self, data_dir: Path, options: list[str], log_file: Path) -> None:
        self._ready_file = data_dir / "sandbox.json"
        self._state = data_dir / "sandbox-state.journal"
        self._log_file = log_file
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Ready:
        """Start it and wait until it listens; raises `SandboxError`."""
        self._wait_for_predecessor()
        self._ready_file.parent.mkdir(parents=True, exist_ok=True)
        self._ready_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "bot.sandbox", "--parent-pipe", "--ready-file", str(self._ready_file)]
        with self._log_file.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own arguments
                [*command, "--state", str(self._state), *self._options],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=out,
                start_new_session=True,
                env=playful_environment(),
                cwd=Path(__file__).resolve().parents[2],
            )
        return self._await()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Close its pipe and wait for it to save and end."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _await(self) -> Ready:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if not self.alive:
                self.stop()
                raise SandboxError(f"the sandbox ended while starting: {self._last_words()}")
            if self._ready_file.exists():
                return Ready.read(self._ready_file)
            time.sleep(_LOOK)
        self.stop()
        raise SandboxError(f"the sandbox did not get ready within {PATIENCE:.0f} s")

    def _wait_for_predecessor(self) -> None:
        """Wait until the sandbox of a killed daemon has saved and ended, which takes milliseconds, before its state is reopened."""
        before = running(self._ready_file)
        if before is None:
            return
        until = time.monotonic() + 5
        while before.alive and time.monotonic() < until:
            time.sleep(_LOOK)

    def _last_words(self) -> str:
        try:
            lines = self._log_file.read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1][:300] if lines else "it said nothing"


def is_alive(pid: int) -> bool:
    """Whether a process on this host is running (a zombie is not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True
    return state != "Z"
