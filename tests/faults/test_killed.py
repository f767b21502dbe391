"""kill -9 at the two worst moments, at all three exchanges at once: an order is on its way, and an entry has no stop yet.

The daemon is a separate process and cannot finish anything; afterwards it knows only what was on disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from bot.domain.log import Event
from tests.daemon_fixture import Daemon, truth
from tests.paths import APART, PATHS, VENUES
from tests.sandbox_fixture import Sandbox

PAIRS = "ETH-USD,ETH-USDT"
STOPS = ("stop", "stop-limit", "bracket")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path, "--speed", "60", venues=VENUES) as running:
        yield running


def daemon_of(folder: Path, sandbox: Sandbox) -> Daemon:
    ready = str(sandbox.ready_file)
    return Daemon(folder, SANDBOX_READY_FILE=ready, PAIRS_ALLOW=PAIRS, CANDLE_EXCLUSION_SECONDS="0")


@contextmanager
def held_back(daemon: Daemon) -> Iterator[Path]:
    """A daemon that is connected everywhere and enters nothing as long as this file exists."""
    file = daemon.data / "EMERGENCY_STOP"
    daemon.data.mkdir()
    file.touch()
    with daemon:
        daemon.says(Event.FUNDED, times=3)
        yield file


def arm(sandbox: Sandbox, venue: str, kind: str, path: str, **words: Any) -> None:
    sandbox.control("POST", "faults", venue=venue, kind=kind, path=path, method="POST", **words)


def buys(sandbox: Sandbox, venue: str) -> list[dict[str, Any]]:
    return [order for order in truth(sandbox.ready, venue)["orders"] if order["side"] == "buy"]


def stops(sandbox: Sandbox, venue: str) -> list[dict[str, Any]]:
    return [order for order in truth(sandbox.ready, venue)["orders"] if order["type"] in STOPS]


@pytest.mark.venues(*VENUES)
def test_between_the_intent_and_the_answer(tmp_path: Path, sandbox: Sandbox) -> None:
    """The requests have left and the exchanges act on them after the daemon's death; only the intents are on disk."""
    daemon = daemon_of(tmp_path / "nija", sandbox)
    with held_back(daemon) as let_go:
        for venue in VENUES:
            arm(sandbox, venue, "hang", PATHS[venue].entry, processed=True)
        let_go.unlink()
        daemon.until(lambda: all(buys(sandbox, venue) for venue in VENUES), "the orders")
        daemon.kill()
    sandbox.control("DELETE", "faults")
    intents = {venue: daemon.book(venue)["orders"][0] for venue in VENUES}
    assert ("intent", None) in [(intent["status"], intent["exchange_id"]) for intent in intents.values()]
    with daemon:
        daemon.until(lambda: all(daemon.book(venue)["positions"] for venue in VENUES), "the positions")
        daemon.command("pause")
        for venue in VENUES:
            daemon.agrees(sandbox.ready, venue)
        assert daemon.stop()[0] == 0
    for venue, intent in intents.items():
        assert buys(sandbox, venue)[0]["client_id"] == intent["client_id"]
        assert [one["client_id"] for one in daemon.book(venue)["orders"]].count(intent["client_id"]) == 1


@pytest.mark.venues(*VENUES)
def test_between_the_fill_and_the_stop(tmp_path: Path, sandbox: Sandbox) -> None:
    """Where the exchange accepts no attached stop, it is placed after the fill: the daemon dies in between.

    After the next start the stop is the first order sent. The seconds since the exchange's first good answer are printed
    but not checked.
    """
    for venue in VENUES:
        sandbox.control("POST", "switches", venue=venue, name=APART[venue], value=True)
    daemon = daemon_of(tmp_path / "nija", sandbox)
    with held_back(daemon) as let_go:
        for venue in VENUES:
            arm(sandbox, venue, "hang", PATHS[venue].stop, processed=False, after=0 if venue == "okx" else 1)
        let_go.unlink()
        daemon.until(lambda: all(daemon.book(venue)["positions"] for venue in VENUES), "the positions")
        daemon.kill()
    assert [stop for venue in VENUES for stop in stops(sandbox, venue)] == []
    sandbox.control("DELETE", "faults")
    since = {venue: len(timeline(sandbox, venue)) for venue in VENUES}
    lives = len(daemon.lines(Event.CONNECTED))
    with daemon:
        daemon.until(lambda: all(stops(sandbox, venue) for venue in VENUES), "the stops")
        daemon.command("pause")
        for venue in VENUES:
            daemon.agrees(sandbox.ready, venue)
        answered = {line.split()[3]: moment(line) for line in daemon.lines(Event.CONNECTED)[lives:]}
        daemon.stop()
    for venue in VENUES:
        made = [event for event in timeline(sandbox, venue)[since[venue] :] if event["kind"] == "new"]
        assert made[0]["order_id"] == stops(sandbox, venue)[0]["id"]
        seconds = datetime.fromisoformat(made[0]["wall_time"]).timestamp() - answered[venue.upper()]
        print(f"{venue}: protected {seconds:.1f} s after the exchange's first good answers")


def timeline(sandbox: Sandbox, venue: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = sandbox.control("GET", f"timeline?venue={venue}&since=0")["events"]
    return events


def moment(line: str) -> float:
    """When a line of the log was written."""
    return datetime.fromisoformat("T".join(line.split()[:2])).timestamp()
