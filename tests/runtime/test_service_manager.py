"""What a service manager hears, over a socket as systemd makes it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.domain.clock import SystemClock
from bot.domain.ids import AccountKey
from bot.domain.log import Event
from bot.domain.status import CONNECTING, STUCK_AFTER, BrokerStatus, Status
from bot.runtime.service_manager import READY_AFTER, service_manager
from bot.settings.load import service_manager_socket
from bot.telemetry.redact import Redactor
from tests.notes import Notes
from tests.rig import Leaping

KRAKEN = AccountKey("kraken")
STARTS = BrokerStatus(KRAKEN, Status.DEGRADED, reason=CONNECTING)
FAILED = BrokerStatus(KRAKEN, Status.FAILED, reason="no answer from s3cret\nhost")
HEALTHY = BrokerStatus(KRAKEN, Status.HEALTHY)
STUCK = BrokerStatus(KRAKEN, Status.HEALTHY, silent_ms=STUCK_AFTER + 1)


class Manager:
    """The other end, at a file or at an abstract address."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.address = str(folder / "notify") if kind == "file" else f"@nija-test-{os.getpid()}-{folder.name}"
        self._inlet = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._inlet.bind(self.address.replace("@", "\0") if kind == "abstract" else self.address)
        self._inlet.setblocking(False)

    def close(self) -> None:
        self._inlet.close()

    def heard(self) -> list[list[str]]:
        """The lines of each message since the last time."""
        messages = []
        while True:
            try:
                messages.append(self._inlet.recv(4_096).decode().split("\n"))
            except BlockingIOError:
                return messages


@pytest.fixture(params=["file", "abstract"])
def manager(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Manager]:
    with closing(Manager(tmp_path, request.param)) as found:
        yield found


def test_ready_status_alive_stopping(manager: Manager) -> None:
    redact = Redactor(["s3cret"])
    with service_manager(manager.address, SystemClock(), Notes(), redact, watches=True) as (observer,):
        observer.observe([STARTS])
        observer.observe([FAILED])
        observer.observe([FAILED])
        observer.observe([HEALTHY])
        observer.stopping()
    failed = "STATUS=KRAKEN failed: no answer from [hidden]\\nhost"
    assert manager.heard() == [
        ["WATCHDOG=1", "STATUS=KRAKEN degraded: connecting"],
        ["READY=1", "WATCHDOG=1", failed],
        ["WATCHDOG=1"],
        ["WATCHDOG=1", "STATUS=KRAKEN healthy, 0 positions"],
        ["STOPPING=1", "STATUS=stopping: finishing orders in hand; stops stay at the exchange"],
    ]


def test_no_sign_of_life_for_an_actor_that_gives_none(manager: Manager) -> None:
    with service_manager(manager.address, SystemClock(), Notes(), Redactor(), watches=True) as (observer,):
        observer.observe([HEALTHY])
        observer.observe([HEALTHY, STUCK])
        observer.observe([HEALTHY, STUCK])
        observer.observe([HEALTHY, HEALTHY])
    assert ["WATCHDOG=1" in message for message in manager.heard()] == [True, False, True]


def test_an_exchange_that_is_slow_to_connect_does_not_end_the_start(manager: Manager) -> None:
    clock = Leaping(SystemClock())
    with service_manager(manager.address, clock, Notes(), Redactor(), watches=False) as (observer,):
        observer.observe([STARTS, HEALTHY])
        assert "READY=1" not in manager.heard()[0]
        clock.ahead += READY_AFTER
        observer.observe([STARTS, HEALTHY])
    assert manager.heard() == [["READY=1"]]


def test_a_manager_that_is_gone_is_told_of_once_and_stops_nobody(tmp_path: Path) -> None:
    log, manager = Notes(), Manager(tmp_path, "file")
    with service_manager(manager.address, SystemClock(), log, Redactor(), watches=True) as (observer,):
        manager.close()
        for _ in range(3):
            observer.observe([HEALTHY])
    assert [level for level, _, _ in log.lines] == ["warning"]
    with service_manager(str(tmp_path / "nothing"), SystemClock(), log, Redactor(), watches=True) as found:
        assert found == []
    assert "cannot be reached" in str(log.said(Event.HEARTBEAT)[-1]["reason"])


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ("", False)),
        ({"NOTIFY_SOCKET": "/run/systemd/notify"}, ("/run/systemd/notify", False)),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1000000"}, ("@x", True)),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}, ("@x", False)),
        ({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid())}, ("@x", True)),
    ],
)
def test_what_the_environment_says_of_a_manager(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: tuple[str, bool]
) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert service_manager_socket() == expected
