"""What outside monitors see of a running daemon: a healthchecks service, systemd, a container's health check."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bot.domain.log import Event
from tests.daemon_fixture import ROOT, Daemon
from tests.runtime.pings import UUID, Pings


def heard(inlet: socket.socket) -> Iterator[str]:
    """The lines of every message so far."""
    while True:
        try:
            yield from inlet.recv(4_096).decode().split("\n")
        except BlockingIOError:
            return


def alive(daemon: Daemon) -> tuple[int, str]:
    command = [sys.executable, str(ROOT / "scripts/check_alive.py"), "--json"]
    environ = daemon.environment
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    return ended.returncode, json.loads(ended.stdout)["text"]


def test_from_the_start_through_a_pause_to_the_stop(tmp_path: Path) -> None:
    place = tmp_path / "notify"
    with Pings() as pings, closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as inlet:
        inlet.bind(str(place))
        inlet.setblocking(False)
        manager = {"NOTIFY_SOCKET": str(place), "WATCHDOG_USEC": "60000000"}
        with Daemon(tmp_path / "nija", HEARTBEAT_URL=pings.url, LOG_LEVEL="DEBUG", **manager) as daemon:
            pings.until(lambda: "" in pings.kinds, "that all is well")
            assert pings.kinds == ["/start", ""]
            said = list(heard(inlet))
            assert said.count("READY=1") == 1
            assert said.count("WATCHDOG=1") >= 2
            assert alive(daemon)[0] == 0
            daemon.command("pause", "okx")
            pings.until(lambda: "/fail" in pings.kinds, "that one is halted")
            kind, text = pings.accepted[-1]
            assert (kind, "OKX (sandbox) halted: paused by the operator" in text) == ("/fail", True)
            assert daemon.stop()[0] == 0
            last = list(heard(inlet))
            assert "STOPPING=1" in last
            assert any(line.startswith("STATUS=") and "OKX (sandbox) halted" in line for line in last)
            assert alive(daemon) == (1, "NIJA is not running here")
    assert pings.kinds == ["/start", "", "/fail"]
    assert len(daemon.lines(Event.HEARTBEAT)) == 1
    assert UUID not in daemon.log
    for file in (*daemon.data.glob("*.db"), *daemon.data.glob("*.emergency")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_an_address_that_is_none_ends_it_with_2(tmp_path: Path) -> None:
    with Daemon(tmp_path / "nija", HEARTBEAT_URL=f"hc-ping.com/{UUID}") as daemon:
        assert daemon.wait() == 2
        said = daemon.console.read_text()
    assert said.startswith("nija: HEARTBEAT_URL has")
    assert said.count("\n") == 1
    assert UUID not in said
