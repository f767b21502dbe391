"""Whether NIJA runs and all of its threads live, as a container asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.domain.clock import iso, system_ms
from bot.domain.status import STUCK_AFTER
from tests.daemon_fixture import ROOT


def asked(folder: Path, *words: str, **settings: str) -> tuple[int, str, str]:
    """The check's exit status, and what it printed."""
    environ = {**os.environ, "NIJA_HOME": str(folder), "NIJA_DATA_DIR": str(folder), **settings}
    command = [sys.executable, str(ROOT / "scripts/check_alive.py"), *words]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout.strip(), ended.stderr


@pytest.mark.parametrize(
    ("reason", "silent_ms", "age_ms", "expected"),
    [
        ("paused by the operator", 0, 0, (0, "KRAKEN (sandbox) halted: paused by the operator")),
        ("", 0, 0, (0, "KRAKEN (sandbox) halted")),
        ("", STUCK_AFTER + 15_000, 0, (1, "KRAKEN has given no sign of life for 75 s")),
        ("", 0, 60_000, (1, "NIJA is not running here")),
    ],
)
def test_a_halt_is_life_and_silence_is_not(
    tmp_path: Path, reason: str, silent_ms: int, age_ms: int, expected: tuple[int, str]
) -> None:
    row = {"status": "halted", "reason": reason, "mode": "sandbox", "stuck": False, "cycles": 3}
    content = {
        "pid": os.getpid(),
        "time": iso(system_ms() - age_ms),
        "stopped": False,
        "brokers": {"kraken": {**row, "silent_ms": silent_ms}},
    }
    (tmp_path / "heartbeat.json").write_text(json.dumps(content))
    status, text, _ = asked(tmp_path)
    assert (status, text) == expected
    status, text, _ = asked(tmp_path, "--json")
    assert (status, json.loads(text)) == (expected[0], {"alive": expected[0] == 0, "text": expected[1]})


def test_a_wrong_setting_is_2(tmp_path: Path) -> None:
    status, text, error = asked(tmp_path, MAX_PAIRS="many")
    assert (status, text) == (2, "")
    assert error.startswith("nija: MAX_PAIRS")
