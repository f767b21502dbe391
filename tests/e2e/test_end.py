"""The daemon's shutdown, however requested and whatever happens to its log: in time, with its last lines and status 0."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from bot.domain.log import Event
from tests.daemon_fixture import Daemon
from tests.sandbox_fixture import Sandbox

STOP_SECONDS = 10.0
PIPE = 4096


class Piped(Daemon):
    """A daemon whose console is a pipe; `reader` is its other end."""

    reader = -1

    def start(self) -> Self:
        self.reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE)
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module],
            cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer,
        )  # fmt: skip
        os.close(writer)
        self.console.touch()
        return self


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), "--speed", "60", "--pairs", "2", venues=("kraken",)) as running:
        yield running


def test_a_log_that_nobody_reads_stops_neither_trading_nor_the_end(sandbox: Sandbox, tmp_path: Path) -> None:
    with Piped(
        tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), LOG_FILE="/dev/stdout", LOG_LEVEL="DEBUG"
    ) as daemon:
        filled = b""
        while Event.FUNDED.encode() not in filled:
            filled += os.read(daemon.reader, 4096)
        before = asked(sandbox)
        daemon.until(lambda: asked(sandbox) > before + 100, "many requests, each with lines in the log")
        status, seconds = daemon.stop()
        assert status == 0
        assert seconds < STOP_SECONDS
        os.close(daemon.reader)


def asked(sandbox: Sandbox) -> int:
    counts: dict[str, int] = sandbox.ledger("kraken")["requests"]
    return sum(counts.values())


def test_a_console_whose_reader_has_left_changes_no_status(sandbox: Sandbox, tmp_path: Path) -> None:
    with Piped(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), PYTHONUNBUFFERED="") as daemon:
        daemon.says(Event.FUNDED)
        os.close(daemon.reader)
        entries = len(daemon.log)
        daemon.until(lambda: len(daemon.log) > entries, "another line")
        assert daemon.stop()[0] == 0
        assert daemon.lines(Event.STOPPED)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT])
def test_every_way_of_asking_ends_it_as_sigterm_does(sandbox: Sandbox, tmp_path: Path, number: int) -> None:
    with Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file)) as daemon:
        daemon.says(Event.FUNDED)
        daemon.running.send_signal(number)
        assert daemon.wait() == 0
        assert daemon.lines(Event.STOPPED)


def test_a_signal_that_asks_for_something_else_ends_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    with Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file)) as daemon:
        daemon.says(Event.FUNDED)
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM):
            daemon.running.send_signal(number)
        assert daemon.stop()[0] == 0
        assert daemon.lines(Event.STOPPED)


class Deaf(Daemon):
    """It ignores the signals that its parent ignores."""

    hears = ()


def test_a_hangup_that_whoever_started_it_ignores_is_ignored(sandbox: Sandbox, tmp_path: Path) -> None:
    """`nohup ./start.sh &`, after which the terminal is closed."""
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Deaf(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file)) as daemon:
            daemon.says(Event.FUNDED)
            daemon.running.send_signal(signal.SIGHUP)
            lines = len(daemon.log)
            daemon.until(lambda: len(daemon.log) > lines, "another line")
            assert daemon.running.poll() is None
            assert daemon.stop()[0] == 0
    finally:
        signal.signal(signal.SIGHUP, ignored)


def test_signals_in_a_row_end_it_as_one_does(sandbox: Sandbox, tmp_path: Path) -> None:
    with Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file)) as daemon:
        daemon.says(Event.FUNDED)
        while daemon.running.poll() is None:
            daemon.running.send_signal(signal.SIGTERM)
            time.sleep(0.005)
        assert daemon.wait() == 0
        assert daemon.lines(Event.STOPPED)


def signals_are_set(daemon: Daemon) -> bool:
    caught = next(
        line
        for line in Path(f"/proc/{daemon.running.pid}/status").read_text().splitlines()
        if line.startswith("SigCgt:")
    )
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not show handled signals")
@pytest.mark.parametrize("after", [0.0, 0.3])
def test_a_signal_while_it_loads_ends_it_too(sandbox: Sandbox, tmp_path: Path, after: float) -> None:
    with Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file)) as daemon:
        began = time.monotonic()
        while not signals_are_set(daemon):
            assert time.monotonic() - began < 5
        assert "pydantic_core" not in Path(f"/proc/{daemon.running.pid}/maps").read_text()  # nothing is loaded yet
        heard = time.monotonic()
        while time.monotonic() - heard < after:
            assert daemon.running.poll() is None
        status, _ = daemon.stop()
        assert status == 0
    assert not daemon.lines(Event.CONNECTED)
