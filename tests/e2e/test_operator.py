"""Operator commands to a running daemon: EMERGENCY_STOP and `nija flatten` while the exchange fails."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.log import Event
from tests.daemon_fixture import Daemon, total, truth
from tests.sandbox_fixture import Sandbox

VENUES = ("kraken", "okx", "coinbase")
COINS = ("BTC", "ETH", "SOL", "XRP")


@pytest.mark.parametrize("way", ["EMERGENCY_STOP", "flatten"])
def test_flat_and_no_new_entries(tmp_path: Path, way: str) -> None:
    with (
        Sandbox(tmp_path, "--speed", "60") as sandbox,
        Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file)) as daemon,
    ):
        daemon.says(Event.ENTRY, times=2)
        sandbox.control("POST", "faults", venue="kraken", kind="drop_after", path="AddOrder", count=1)
        sandbox.control("POST", "faults", venue="kraken", kind="http_status", status=502, path="OpenOrders", count=2)
        if way == "flatten":
            daemon.command("flatten", "--yes")
        else:
            (daemon.data / "EMERGENCY_STOP").touch()
        daemon.until(lambda: not daemon.book()["positions"], "flat")
        daemon.agrees(sandbox.ready)
        entries = len(daemon.lines(Event.ENTRY))
        begun = daemon.book()["cycles"]
        daemon.until(lambda: daemon.book()["cycles"] > begun + 2, "more cycles")
        assert len(daemon.lines(Event.ENTRY)) == entries
        assert daemon.book()["status"] == "halted"
        seen = truth(sandbox.ready)
        held = {coin: total(seen["balances"][coin]) for coin in COINS if coin in seen["balances"]}
        assert set(held.values()) <= {Decimal(0)}
        assert [one for one in seen["orders"] if one["status"] == "open"] == []
        assert daemon.stop()[0] == 0


@pytest.mark.thorough
@pytest.mark.parametrize("way", ["EMERGENCY_STOP", "flatten"])
def test_three_exchanges_are_flat_although_each_fails_in_its_own_way(tmp_path: Path, way: str) -> None:
    with (
        Sandbox(tmp_path, "--speed", "60", venues=VENUES) as sandbox,
        Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), PAIRS_ALLOW="", MAX_PAIRS="2") as daemon,
    ):
        daemon.until(lambda: all(daemon.book(venue).get("positions") for venue in VENUES), "positions everywhere")
        sandbox.control("POST", "faults", venue="kraken", kind="http_status", status=502, count=6)
        sandbox.control("POST", "faults", venue="okx", kind="refuse", seconds=3)
        sandbox.control("POST", "faults", venue="coinbase", kind="maintenance", seconds=3)
        if way == "flatten":
            daemon.command("flatten", "--yes")
        else:
            (daemon.data / "EMERGENCY_STOP").touch()
        for venue in VENUES:
            daemon.until(lambda name=venue: not daemon.book(name)["positions"], f"{venue} flat")  # type: ignore[misc]
            daemon.agrees(sandbox.ready, venue)
            working = [one for one in truth(sandbox.ready, venue)["orders"] if one["status"] == "open"]
            assert working == []
        assert daemon.stop()[0] == 0
