"""A broker's thread that dies, in whatever way, restarts through reconciliation. One that hangs is noticed and delays nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.log import Event
from tests.daemon_fixture import Daemon
from tests.sandbox_fixture import Sandbox

FEW = {"PAIRS_ALLOW": "ETH-USD,ETH-USDT,SOL-USD,SOL-USDT", "MAX_PAIRS": "1"}
#: It takes eight seconds on an idle machine; a hanging thread must not make it take an hour.
STOP_SECONDS = 25.0


class Killable(Daemon):
    """With fault injection in its process, see tests/bench/killable.py."""

    module = "tests.bench.killable"


class WithHangingRule(Daemon):
    """Its strategy hangs in OKX's thread, see tests/e2e/hanging.py."""

    module = "tests.e2e.hanging"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path, "--speed", "60", "--pairs", "3", venues=("kraken", "okx")) as running:
        yield running


def of(lines: list[str], venue: str) -> list[str]:
    return [line for line in lines if f" {venue.upper()} " in line]


def heartbeat(daemon: Daemon, venue: str) -> dict[str, Any]:
    one: dict[str, Any] = json.loads((daemon.data / "heartbeat.json").read_text())["brokers"][venue]
    return one


def threads_of(daemon: Daemon) -> int:
    """The number of threads: per account one that trades, one that requests candles, and one that sends for each of them."""
    return len(list(Path(f"/proc/{daemon.running.pid}/task").iterdir()))


def test_a_thread_that_is_killed_lives_again_and_nobody_else_notices(sandbox: Sandbox, tmp_path: Path) -> None:
    """Exceptions that are ordinary and ones that nothing catches, raised at any moment."""
    with Killable(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), **FEW) as daemon:
        daemon.until(lambda: bool(of(daemon.lines(Event.ENTRY), "okx")), "an entry at OKX")
        daemon.until(lambda: daemon.book("kraken")["cycles"] > 1, "all of Kraken's threads")
        begun, threads = daemon.book("kraken")["cycles"], threads_of(daemon)
        (daemon.data / "kill-okx").touch()
        daemon.until(
            lambda: any("its thread ended" in line for line in daemon.lines(Event.CRASHED)), "the thread's end"
        )
        daemon.until(
            lambda: any("starts again through" in line for line in daemon.lines(Event.CRASHED)), "the actor's death"
        )
        (daemon.data / "kill-okx").unlink()
        lives = len(of(daemon.lines(Event.CONNECTED), "okx"))
        daemon.until(lambda: daemon.book("okx")["status"] == "healthy", "a healthy OKX")
        assert lives + len(of(daemon.lines(Event.CONNECTED), "okx")) > 1
        daemon.until(lambda: heartbeat(daemon, "okx")["restarts"] >= 2, "the count of both in the heartbeat file")
        daemon.until(lambda: daemon.book("kraken")["cycles"] > begun + 2, "Kraken's cycles")
        assert (of(daemon.lines(Event.CRASHED), "kraken"), heartbeat(daemon, "kraken")["restarts"]) == ([], 0)
        daemon.until(lambda: threads_of(daemon) <= threads, f"the end of what dead threads had begun, {threads} in all")
        daemon.command("pause")
        daemon.agrees(sandbox.ready, "okx")
        daemon.agrees(sandbox.ready, "kraken")
        assert daemon.stop()[0] == 0


@pytest.mark.thorough
def test_a_thread_that_hangs_is_reported_and_holds_up_neither_the_rest_nor_the_end(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    strategy = {"STRATEGY": "tests.e2e.hanging:Hanging"}
    with WithHangingRule(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), **(FEW | strategy)) as daemon:
        daemon.until(lambda: bool(of(daemon.lines(Event.STUCK), "okx")), "the report")
        daemon.until(lambda: heartbeat(daemon, "okx")["stuck"] is True, "the heartbeat file")
        begun = daemon.book("kraken")["cycles"]
        daemon.until(lambda: daemon.book("kraken")["cycles"] > begun + 2, "Kraken's cycles")
        assert heartbeat(daemon, "kraken")["stuck"] is False
        status, seconds = daemon.stop()
        assert status == 0
        assert seconds < STOP_SECONDS
        assert of(daemon.lines(Event.UNFINISHED), "okx")
