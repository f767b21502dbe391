"""The daemon trades the example strategy from its own file: it enters, its stops rest, and it exits for its own reason."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.log import Event
from tests.daemon_fixture import ROOT, Daemon, truth
from tests.sandbox_fixture import Sandbox
from tests.torture.agreement import differences

CANDLE = 300
HOURS = 10


@pytest.mark.parametrize(
    "venue", ["kraken", *(pytest.param(venue, marks=pytest.mark.thorough) for venue in ("okx", "coinbase"))]
)
def test_a_strategy_of_one_file_is_traded(tmp_path: Path, venue: str) -> None:
    home = tmp_path / "nija"
    home.mkdir()
    shutil.copy(ROOT / "examples" / "donchian.py", home / "mine.py")
    market = ("--lockstep", "--start", "2026-01-05T08:00:00Z", "--pairs", "6")
    own = {"STRATEGY": "mine.py:Donchian", "PAIRS_ALLOW": "", "CANDLE_EXCLUSION_SECONDS": "0"}
    with (
        Sandbox(tmp_path, *market, venues=(venue,)) as sandbox,
        Daemon(home, SANDBOX_READY_FILE=str(sandbox.ready_file), **own) as daemon,
    ):
        daemon.says(Event.FUNDED)
        for _ in range(HOURS):
            for _ in range(12):
                sandbox.control("POST", "advance", seconds=CANDLE)
            daemon.until(lambda: not disagreements(daemon, sandbox, venue), "agreement", 20)
            for position in daemon.book(venue)["positions"]:
                assert sum(Decimal(stop["qty"]) for stop in position["stops"]) > 0
        naked = sandbox.control("GET", f"exposure?venue={venue}")
        assert [event for one in naked.values() for event in one["naked_events"] if event["why"] == "entry"] == []
        assert daemon.lines(Event.STRATEGY) == []
        assert daemon.stop()[0] == 0
    orders = [order for order in daemon.book(venue)["orders"] if Decimal(order["filled_qty"]) > 0]
    assert len([order for order in orders if order["purpose"] == "entry"]) >= 3
    assert {order["purpose"] for order in orders} <= {"entry", "exit", "stop"}
    exits = [order["reason"] for order in orders if order["purpose"] == "exit"]
    assert len([reason for reason in exits if reason.startswith("channel: below ")]) >= 2
    assert any('reason="channel: below ' in line for line in daemon.lines(Event.EXIT))


def disagreements(daemon: Daemon, sandbox: Sandbox, venue: str) -> list[str]:
    """Differences between book and exchange; what has only just been sent is confirmed at the next check."""
    lines = differences(daemon.book(venue), truth(sandbox.ready, venue))
    return [line for line in lines if "submitted" not in line]
