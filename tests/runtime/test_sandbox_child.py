"""The sandbox as a child: found by its ready file, gone with its parent, going on from its state."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.clock import ScaledClock
from bot.runtime.pacer import SteppedClock
from bot.runtime.sandbox_child import Control, Ready, SandboxChild, SandboxError, clock_of, is_alive
from tests.sandbox_fixture import ROOT, Sandbox

OPTIONS = ["kraken", "--speed", "60", "--pairs", "2"]
READY = {
    "pid": 1,
    "control": {"url": "http://127.0.0.1:1", "token": "t"},
    "kraken": {"rest": "http://127.0.0.1:2", "api_key": "k", "api_secret": "s"},
    "market_time": "2026-01-01T00:00:00Z",
    "wall_time": "2026-01-01T00:00:00Z",
    "speed": 60,
}


def eventually(done: Callable[[], bool]) -> bool:
    until = time.monotonic() + 15
    while not done() and time.monotonic() < until:
        time.sleep(0.02)
    return done()


def child(folder: Path, *options: str) -> SandboxChild:
    return SandboxChild(folder, [*OPTIONS, *options], folder / "sandbox.log")


def test_start_stop_and_start_again(tmp_path: Path) -> None:
    first = child(tmp_path)
    ready = first.start()
    assert ready.alive
    assert set(ready.venues) == {"kraken"}
    assert os.getsid(ready.pid) != os.getsid(0), "a Ctrl-C for us is none for it"
    before = ready.market_ms
    first.stop()
    assert not is_alive(ready.pid)
    second = child(tmp_path)
    again = second.start()
    second.stop()
    assert again.market_ms >= before
    assert again.venues["kraken"]["api_key"] == ready.venues["kraken"]["api_key"]


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from bot.runtime.sandbox_child import SandboxChild;"
        "folder = Path(sys.argv[1]); SandboxChild(folder, sys.argv[2:], folder / 'log').start(); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), *OPTIONS], cwd=ROOT)
    try:
        assert eventually((tmp_path / "sandbox.json").exists)
        ready = Ready.read(tmp_path / "sandbox.json")
        assert is_alive(ready.pid)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait(10)
    assert eventually(lambda: not is_alive(ready.pid))


def test_its_last_words_are_told_when_it_cannot_start(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"ended while starting.*--speed"):
        child(tmp_path, "--speed", "-1").start()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", json.dumps({"pid": 1}), json.dumps({**READY, "speed": "fast"}), json.dumps({**READY, "pid": None})],
)
def test_a_file_that_is_no_ready_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ready.json"
    file.write_text(text)
    with pytest.raises(SandboxError, match="not a ready file"):
        Ready.read(file)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="not a ready file"):
        Ready.read(tmp_path / "missing.json")


def test_a_ready_file_read() -> None:
    ready = Ready.of(READY)
    assert (ready.pid, ready.speed, ready.control_url) == (1, 60.0, "http://127.0.0.1:1")
    assert ready.venues == {"kraken": READY["kraken"]}


def test_clocks(tmp_path: Path) -> None:
    with Sandbox(tmp_path, "--speed", "90", "--pairs", "1") as running:
        control = Control(Ready.of(running.ready), "test")
        clock = clock_of(control)
        control.close()
        assert isinstance(clock, ScaledClock)
        assert clock.pacer.speed == 90
    folder = tmp_path / "lockstep"
    folder.mkdir()
    with Sandbox(folder, "--lockstep", "--pairs", "1", "--start", "2026-01-05T08:00:00Z") as running:
        control = Control(Ready.of(running.ready), "test")
        stepped = clock_of(control)
        assert isinstance(stepped, SteppedClock)
        control.close()
    with pytest.raises(SandboxError, match="does not answer"):
        control.clock()


def test_processes(tmp_path: Path) -> None:
    assert is_alive(os.getpid())
    ended = subprocess.Popen([sys.executable, "-c", ""])
    assert eventually(lambda: not is_alive(ended.pid)), "one that ended and was not waited for is not alive"
    ended.wait()
    assert not is_alive(ended.pid)
