"""Alarms of a running daemon reach its owner; if they cannot be delivered, trading is not affected."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.log import Event
from tests.daemon_fixture import Daemon
from tests.sandbox_fixture import Sandbox
from tests.telemetry.receiver import Receiver

CANDLE = 300


def test_the_day_is_told_at_midnight_of_the_market(tmp_path: Path) -> None:
    with (
        Sandbox(tmp_path, "--lockstep", "--start", "2026-01-05T23:30:00Z") as sandbox,
        Receiver() as receiver,
        Daemon(
            tmp_path / "nija",
            SANDBOX_READY_FILE=str(sandbox.ready_file),
            CANDLE_EXCLUSION_SECONDS="0",
            NOTIFY_URLS=receiver.url,
        ) as daemon,
    ):
        daemon.says(Event.FUNDED)
        for _ in range(5):
            sandbox.control("POST", "advance", seconds=CANDLE)
        assert not daemon.lines(Event.DAY)
        for _ in range(2):
            sandbox.control("POST", "advance", seconds=CANDLE)
        receiver.until(lambda: bool(receiver.accepted), "the day")
        assert daemon.lines(Event.ENTRY)
        (title, line) = receiver.accepted[0]
        assert title == "NIJA SANDBOX KRAKEN: the day"
        assert line.startswith("day 2026-01-05, equity $")
        assert [word in line for word in ("result", "trades", "open positions", "fees $")] == [True] * 4
        assert "trades 0" not in line
        for _ in range(3):
            sandbox.control("POST", "advance", seconds=CANDLE)
        assert len(daemon.lines(Event.DAY)) == 1
        assert daemon.stop()[0] == 0
    assert "t0ken" not in daemon.log


def cycles(folder: Path, urls: str) -> tuple[int, int, str]:
    """All cycles and good cycles over several candles, and the log."""
    folder.mkdir()
    with (
        Sandbox(folder, "--lockstep", "--start", "2026-01-05T23:45:00Z") as sandbox,
        Daemon(folder / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), NOTIFY_URLS=urls) as daemon,
    ):
        daemon.says(Event.FUNDED)
        for _ in range(4):
            sandbox.control("POST", "advance", seconds=CANDLE)
        book = daemon.book()
        status, seconds = daemon.stop()
        assert status == 0
        assert seconds < 8
        return book["cycles"], book["cycles_ok"], daemon.log


@pytest.mark.thorough
def test_a_hanging_service_costs_no_cycle(tmp_path: Path) -> None:
    with Receiver(0) as hanging:
        with_alarms = cycles(tmp_path / "one", f"{hanging.url},json://127.0.0.1:1/t0ken")
    without = cycles(tmp_path / "two", "")
    assert with_alarms[:2] == without[:2]
    assert with_alarms[0] == with_alarms[1]
    assert "WARN  NOTIFY" in with_alarms[2]
    assert "t0ken" not in with_alarms[2]


@pytest.mark.thorough
def test_a_failed_exchange_and_its_return_are_told(tmp_path: Path) -> None:
    with Sandbox(tmp_path, "--speed", "60") as sandbox, Receiver() as receiver:
        sandbox.control("POST", "faults", venue="kraken", kind="http_status", status=503)
        ready = str(sandbox.ready_file)
        with Daemon(tmp_path / "nija", SANDBOX_READY_FILE=ready, NOTIFY_URLS=receiver.url) as daemon:
            receiver.until(lambda: receiver.titles == ["NIJA SANDBOX KRAKEN: failed"], "the failure", 60)
            daemon.says(Event.FAILED, times=2)
            sandbox.control("DELETE", "faults")
            daemon.says(Event.RECOVERED)
            assert daemon.stop()[0] == 0
        assert receiver.titles == ["NIJA SANDBOX KRAKEN: failed", "NIJA SANDBOX KRAKEN: works again"]


def test_an_address_that_is_none_ends_it_with_2(tmp_path: Path) -> None:
    with Daemon(tmp_path / "nija", NOTIFY_URLS="nonsense://s3cret-token-1") as daemon:
        assert daemon.wait() == 2
        said = daemon.console.read_text()
    assert "NOTIFY_URLS" in said
    assert "s3cret" not in said + daemon.log
