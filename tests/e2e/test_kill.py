"""kill -9 at any moment: after the next start the book is the truth, and nothing was sent twice."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from tests.daemon_fixture import Daemon
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


@pytest.mark.thorough
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
