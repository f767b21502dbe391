"""kill -9 at any moment: after the next start the book matches the exchange, and nothing has been sent twice."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.domain.log import Event
from tests.daemon_fixture import Daemon
from tests.sandbox_fixture import Sandbox


def killed_at_random(daemon: Daemon, lives: int, dice: random.Random) -> None:
    """Starts and kills the daemon, several times."""
    for life in range(lives):
        with daemon:
            daemon.says(Event.CONNECTED, times=life + 1)
            time.sleep(dice.uniform(0.2, 4))
            daemon.kill()


def trades_and_agrees(daemon: Daemon, ready: Callable[[], dict[str, Any]]) -> None:
    """One more run: it trades, its book matches the exchange, and it ends cleanly."""
    started = len(daemon.lines(Event.FUNDED))
    with daemon:
        daemon.says(Event.FUNDED, times=started + 1)
        daemon.says(Event.ENTRY)
        daemon.command("pause")
        daemon.agrees(ready())
        assert daemon.stop()[0] == 0


def test_two_kills_with_the_sandbox_dying_too(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, SANDBOX_SPEED="300")
    killed_at_random(daemon, 2, random.Random(1))
    trades_and_agrees(daemon, lambda: json.loads((daemon.data / "sandbox.json").read_text()))


@pytest.mark.thorough
def test_three_kills_while_the_exchange_lives_on(tmp_path: Path) -> None:
    with Sandbox(tmp_path, "--speed", "300") as sandbox:
        daemon = Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file))
        killed_at_random(daemon, 3, random.Random(7))
        trades_and_agrees(daemon, lambda: sandbox.ready)
