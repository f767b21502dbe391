"""A sandbox process on free ports, for tests that need a real exchange on a real socket.

`with Sandbox(tmp_path) as sandbox:` starts it; `sandbox.kraken` has address and keys, `sandbox.control` calls the
control API. `stop` ends it cleanly, `kill` without warning.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30


@dataclass(frozen=True)
class Keys:
    """A venue's address and the credentials of its account."""

    rest: str
    api_key: str
    api_secret: str
    passphrase: str = ""


class ControlError(Exception):
    """An error of the control API: `status` and its one line."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(f"{status}: {line}")
        self.status = status
        self.line = line


class Sandbox:
    """A running `python -m bot.sandbox` with the given command-line arguments."""

    def __init__(self, folder: Path, *arguments: str, venues: tuple[str, ...] = ("kraken",)) -> None:
        self.ready_file = folder / "sandbox.json"
        command = [sys.executable, "-m", "bot.sandbox", *venues, "--ready-file", str(self.ready_file)]
        self.process = subprocess.Popen(
            [*command, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        self.ready: dict[str, Any] = self._wait()

    def _wait(self) -> dict[str, Any]:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if self.ready_file.exists():
                ready: dict[str, Any] = json.loads(self.ready_file.read_text())
                if ready["pid"] == self.process.pid:
                    return ready
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"the sandbox did not start (exit status {self.process.returncode})")

    def venue(self, name: str) -> Keys:
        part = self.ready[name]
        return Keys(part["rest"], part["api_key"], part["api_secret"], part.get("passphrase", ""))

    @property
    def kraken(self) -> Keys:
        return self.venue("kraken")

    def control(self, method: str, path: str, /, **words: Any) -> Any:
        """One call of the control API, e.g. `control("GET", "ledger?venue=kraken")`; raises ControlError."""
        control = self.ready["control"]
        request = urllib.request.Request(
            f"{control['url']}/sandbox/{path}",
            data=json.dumps(words).encode() if method != "GET" else None,
            method=method,
            headers={"Authorization": f"Bearer {control['token']}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise ControlError(error.code, error.read().decode()) from error

    def ledger(self, venue: str = "kraken") -> dict[str, Any]:
        answer: dict[str, Any] = self.control("GET", f"ledger?venue={venue}")
        return answer

    def stop(self) -> int:
        """Ends it as an operator would; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self) -> None:
        """Ends it without warning."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.stop()
        else:
            self.kill()
