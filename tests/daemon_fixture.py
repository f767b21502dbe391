"""The daemon as a process in its own folder, for tests that stop, kill and restart it.

`with Daemon(folder) as daemon:` starts it; `stop` is the operator's SIGTERM, `kill` a power cut. Book and log are read
from the files that it writes, the true state from the sandbox it trades on.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bot.domain.log import Event
from bot.store.reader import Books
from bot.store.report import document
from tests.log_lines import lines_of
from tests.torture.agreement import differences

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0
EAGER = "tests.rig:Eager"


def hear(numbers: Sequence[int]) -> None:
    """Restores signals that the tests' parent may ignore, as a shell does for background jobs: the daemon must handle them."""
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)


class Daemon:
    """`python -m bot` in `folder`; `settings` are environment variables of this process only."""

    module = "bot"
    hears: Sequence[int] = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log_file = folder / "nija.log"
        self.console = folder / "console.txt"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".env").touch()
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "NIJA_HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "NIJA_DATA_DIR": str(self.data),
            "LOG_FILE": str(self.log_file),
            "TRADING_MODE": "",
            "STRATEGY": EAGER,
            "PAIRS_ALLOW": "BTC-USD,ETH-USD,SOL-USD,XRP-USD",
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    # -- start and stop -----------------------------------------------------------------------------------------------------
    def start(self) -> Self:
        with self.console.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=partial(hear, self.hears),  # noqa: PLW1509 - no other thread of ours holds a lock that this needs
            )
        return self

    @property
    def running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    def stop(self) -> tuple[int, float]:
        """Sends SIGTERM; returns the exit status and how many seconds it took."""
        began = time.monotonic()
        self.running.send_signal(signal.SIGTERM)
        return self.running.wait(30), time.monotonic() - began

    def kill(self) -> None:
        self.running.kill()
        self.running.wait(10)

    def wait(self) -> int:
        """Waits until it exits on its own."""
        return self.running.wait(PATIENCE)

    def command(self, *words: str) -> str:
        """The output of another `nija` command."""
        ended = self.order(*words)
        ended.check_returncode()
        return ended.stdout

    def order(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The result of another `nija` command."""
        command = [sys.executable, "-m", "bot", *words]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    # -- log -----------------------------------------------------------------------------------------------
    @property
    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    def lines(self, event: Event) -> list[str]:
        return lines_of(self.log, event)

    def until(self, done: Callable[[], bool], why: str, patience: float = PATIENCE) -> None:
        end = time.monotonic() + patience
        while not done():
            alive = self.running.poll() is None
            if time.monotonic() > end or not alive:
                tail = "\n".join(self.log.splitlines()[-15:])
                raise AssertionError(
                    f"{why} never came about (alive: {alive}):\n{tail}\n{self.console.read_text()[-800:]}"
                )
            time.sleep(0.1)

    def says(self, event: Event, times: int = 1) -> None:
        """Waits until the log has an event that many times."""
        self.until(lambda: len(self.lines(event)) >= times, event)

    # -- book and exchange -----------------------------------------------------------------------------------------------
    def book(self, venue: str = "kraken") -> dict[str, Any]:
        brokers: dict[str, Any] = document(Books(self.data))["brokers"]
        found: dict[str, Any] = brokers.get(venue, {})
        return found

    def agrees(self, ready: dict[str, Any], venue: str = "kraken", account: str = "main") -> None:
        """Waits for a moment at which the book matches the exchange; raises AssertionError with the differences."""
        lines: list[str] = []

        def quiet() -> bool:
            lines[:] = differences(self.book(venue), truth(ready, venue, account))
            return not lines

        try:
            self.until(quiet, "agreement", 40)
        except AssertionError as error:
            raise AssertionError(f"{lines} {error}") from None


def truth(ready: dict[str, Any], venue: str = "kraken", account: str = "main") -> dict[str, Any]:
    """The sandbox's ledger of one account."""
    found: dict[str, Any] = control(ready, f"ledger?venue={venue}")
    mine = {name: [row for row in found[name] if row["account"] == account] for name in ("orders", "fills")}
    return {**found, **mine, "balances": found["accounts"].get(account, {})}


def control(ready: dict[str, Any], path: str, **words: str) -> Any:
    """One call of the control API of a sandbox started elsewhere: a GET, or with parameters a POST."""
    request = urllib.request.Request(
        f"{ready['control']['url']}/sandbox/{path}",
        data=json.dumps(words).encode() if words else None,
        headers={"Authorization": f"Bearer {ready['control']['token']}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def total(held: dict[str, str]) -> Decimal:
    return Decimal(held["free"]) + Decimal(held["held"])
