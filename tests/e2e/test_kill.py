"""kill -9 at any moment: after the next start the book is the truth, and nothing was sent twice."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

from tests.daemon_fixture import Daemon, truth
from tests.sandbox_fixture import Sandbox


def test_two_kills_with_the_sandbox_dying_too(tmp_path: Path) -> None:
    dice = random.Random(1)
    daemon = Daemon(tmp_path, SANDBOX_SPEED="300")
    for life in range(2):
        with daemon:
            daemon.says("CONNECTED", times=life + 1)
            time.sleep(dice.uniform(0.2, 4))
            daemon.kill()
    started = len(daemon.lines("FUNDED"))
    with daemon:
        daemon.says("FUNDED", times=started + 1)
        daemon.says("ENTRY")
        daemon.command("pause")
        daemon.agrees(json.loads((daemon.data / "sandbox.json").read_text()))
        assert daemon.stop()[0] == 0


def test_three_kills_while_the_exchange_lives_on(tmp_path: Path) -> None:
    dice = random.Random(7)
    with Sandbox(tmp_path, "--speed", "300") as sandbox:
        daemon = Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file))
        for life in range(3):
            with daemon:
                daemon.says("CONNECTED", times=life + 1)
                time.sleep(dice.uniform(0.2, 4))
                daemon.kill()
        started = len(daemon.lines("FUNDED"))
        with daemon:
            daemon.says("FUNDED", times=started + 1)
            daemon.says("ENTRY")
            daemon.command("pause")
            daemon.agrees(sandbox.ready)
            assert daemon.stop()[0] == 0


def test_killed_while_an_order_is_on_its_way(tmp_path: Path) -> None:
    """The request has left, the exchange acts on it after the daemon is dead; only the intent is on disk."""
    with Sandbox(tmp_path, "--speed", "60") as sandbox:
        sandbox.control("POST", "faults", venue="kraken", kind="delay", path="AddOrder", seconds=1.0, after=2, count=1)
        daemon = Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), MAX_OPEN_POSITIONS="1")
        with daemon:
            daemon.until(lambda: sandbox.ledger()["requests"].get("POST /0/private/AddOrder", 0) >= 3, "the order")
            daemon.kill()
        (intent,) = daemon.book()["orders"]
        assert (intent["status"], intent["exchange_id"]) == ("intent", None)
        until = time.monotonic() + 10
        while not sandbox.ledger()["orders"] and time.monotonic() < until:
            time.sleep(0.05)
        with daemon:
            daemon.until(lambda: bool(daemon.book()["positions"]), "the position")
            daemon.command("pause")
            daemon.agrees(sandbox.ready)
            daemon.stop()
        entry, *_ = truth(sandbox.ready)["orders"]
        assert entry["client_id"] == intent["client_id"]
        assert len([one for one in daemon.book()["orders"] if one["client_id"] == intent["client_id"]]) == 1
