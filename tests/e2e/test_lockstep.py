"""In lock-step the market waits for the daemon: hours pass in seconds, and after each step the book is correct."""

from __future__ import annotations

from pathlib import Path

from bot.domain.log import Event
from tests.daemon_fixture import Daemon, truth
from tests.sandbox_fixture import Sandbox
from tests.torture.agreement import differences

CANDLE = 300
HOURS = 2


def test_hours_of_candles_and_agreement_after_each(tmp_path: Path) -> None:
    with (
        Sandbox(tmp_path, "--lockstep", "--start", "2026-01-05T08:00:00Z") as sandbox,
        Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), CANDLE_EXCLUSION_SECONDS="0") as daemon,
    ):
        daemon.says(Event.FUNDED)
        for _ in range(HOURS):
            for _ in range(12):
                sandbox.control("POST", "advance", seconds=CANDLE)
            assert differences(daemon.book(), truth(sandbox.ready)) == []
        assert daemon.lines(Event.ENTRY)
        assert daemon.stop()[0] == 0


def test_a_step_of_one_candle_does_not_pass_over_the_moment_when_its_signals_may_act(tmp_path: Path) -> None:
    """Steps end on closes, where orders still wait for the first seconds of the candle: the market stops for them."""
    with (
        Sandbox(tmp_path, "--lockstep", "--start", "2026-01-05T08:00:00Z") as sandbox,
        Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file)) as daemon,
    ):
        daemon.says(Event.FUNDED)
        for _ in range(4):
            sandbox.control("POST", "advance", seconds=CANDLE)
        assert daemon.lines(Event.ENTRY)
        placed = [
            event for event in sandbox.control("GET", "timeline?venue=kraken")["events"] if event["kind"] == "new"
        ]
        assert {event["market_time"][-4:] for event in placed if event["client_id"]} == {":06Z"}
        assert daemon.stop()[0] == 0


def test_the_market_waits_for_an_exchange_until_it_has_failed_and_again_when_it_is_back(tmp_path: Path) -> None:
    with (
        Sandbox(tmp_path, "--lockstep", "--start", "2026-01-05T08:00:00Z", venues=("kraken", "coinbase")) as sandbox,
        Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file)) as daemon,
    ):
        daemon.says(Event.FUNDED, times=2)
        sandbox.control("POST", "faults", venue="coinbase", kind="http_status", status=401, body="Unauthorized\n")
        for _ in range(3):
            sandbox.control("POST", "advance", seconds=CANDLE)
        assert daemon.lines(Event.FAILED)
        sandbox.control("DELETE", "faults?venue=coinbase")
        daemon.says(Event.CONNECTED, times=3)
        for _ in range(6):
            sandbox.control("POST", "advance", seconds=CANDLE)
        assert daemon.book("coinbase")["cycles_ok"] >= 6
        for venue in ("kraken", "coinbase"):
            assert differences(daemon.book(venue), truth(sandbox.ready, venue)) == []
        assert daemon.stop()[0] == 0
