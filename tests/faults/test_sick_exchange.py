"""One exchange hangs or sends garbage: the others keep trading, the failing one makes no entries and recovers on its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.domain.log import Event
from tests.daemon_fixture import Daemon
from tests.paths import VENUES
from tests.sandbox_fixture import Sandbox

#: The fault of each venue, one after the other.
SICKNESSES = {"kraken": "hang", "okx": "malformed", "coinbase": "http_status"}
CYCLES = 3


@pytest.mark.venues(*VENUES)
def test_each_in_turn(tmp_path: Path) -> None:
    with (
        Sandbox(tmp_path, "--speed", "120", venues=VENUES) as sandbox,
        Daemon(
            tmp_path / "nija",
            SANDBOX_READY_FILE=str(sandbox.ready_file),
            PAIRS_ALLOW="ETH-USD,ETH-USDT,SOL-USD,SOL-USDT",
            CANDLE_EXCLUSION_SECONDS="0",
        ) as daemon,
    ):
        daemon.says(Event.FUNDED, times=3)
        daemon.until(lambda: all(status(daemon, venue) == "healthy" for venue in VENUES), "three healthy brokers")
        for sick, kind in SICKNESSES.items():
            others = [venue for venue in VENUES if venue != sick]
            sandbox.control("POST", "faults", venue=sick, kind=kind)
            daemon.until(lambda sick=sick: status(daemon, sick) in ("degraded", "failed"), f"{sick}'s trouble")  # type: ignore[misc]
            entries = len(entered(daemon, sick))
            before = {venue: good_cycles(daemon, venue) for venue in VENUES}
            daemon.until(
                lambda others=others, before=before: all(  # type: ignore[misc]
                    good_cycles(daemon, venue) >= before[venue] + CYCLES for venue in others
                ),
                "the others' cycles",
            )
            assert {venue: status(daemon, venue) for venue in others} == dict.fromkeys(others, "healthy")
            assert good_cycles(daemon, sick) == before[sick]
            assert len(entered(daemon, sick)) == entries
            sandbox.control("DELETE", f"faults?venue={sick}")
            daemon.until(lambda sick=sick: status(daemon, sick) == "healthy", f"{sick}'s recovery")  # type: ignore[misc]
        daemon.command("pause")
        for venue in VENUES:
            daemon.agrees(sandbox.ready, venue)
        assert daemon.lines(Event.CRASHED) == []
        assert daemon.stop()[0] == 0


def heartbeat(daemon: Daemon, venue: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((daemon.data / "heartbeat.json").read_text())["brokers"][venue]
    return found


def status(daemon: Daemon, venue: str) -> str:
    return str(heartbeat(daemon, venue)["status"])


def good_cycles(daemon: Daemon, venue: str) -> int:
    return int(daemon.book(venue)["cycles_ok"])


def entered(daemon: Daemon, venue: str) -> list[str]:
    return [line for line in daemon.lines(Event.ENTRY) if f" {venue.upper()} " in line]
