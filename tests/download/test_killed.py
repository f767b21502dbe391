"""A download that is killed at random, and one that runs twice at once: real processes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.runtime.hostlock import HostLock, place
from tests.download.given import MARKETS, VENUES, Nija, environment, words
from tests.sandbox_fixture import Sandbox

ROOT = Path(__file__).resolve().parents[2]


def started(sandbox: Sandbox, folder: Path, *typed: str) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment(sandbox, folder)}
    return subprocess.Popen([sys.executable, "-m", "bot", *typed], cwd=folder, env=env)


def killed(sandbox: Sandbox, folder: Path, venue: str, dice: random.Random) -> bool:
    """Kill a download a moment after it began to read; False if it was done before."""
    running = started(sandbox, folder, *words(venue, folder / "out"))
    part = folder / "out" / f".{MARKETS[venue]}-5m.part"
    before = part.stat().st_mtime_ns if part.exists() else 0
    while running.poll() is None and (not part.exists() or part.stat().st_mtime_ns == before):
        time.sleep(0.005)
    time.sleep(dice.random() * 0.3)
    running.kill()
    return running.wait(10) != 0


@pytest.mark.parametrize(
    "venue", [VENUES[0], *(pytest.param(venue, marks=pytest.mark.thorough) for venue in VENUES[1:])]
)
def test_killed_at_random_the_file_is_the_same(venue: str, nija: Nija, sandbox: Sandbox, tmp_path: Path) -> None:
    dice = random.Random(7)
    for _ in range(3):
        if not killed(sandbox, tmp_path, venue, dice):
            break
    for out in ("out", "at once"):
        ended = nija(*words(venue, tmp_path / out))
        assert ended.exit_code == 0, ended.output
    name = f"{MARKETS[venue]}-5m.parquet"
    assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "at once" / name).read_bytes()
    assert [one.name for one in (tmp_path / "out").iterdir()] == [name]
    assert not any(sandbox.ledger(venue)["rejected"].values())


def test_a_second_download_of_the_same_file_is_refused(nija: Nija, tmp_path: Path) -> None:
    file = tmp_path / "BTC-USD-5m.parquet"
    lock = HostLock(f"download {place(file)}", "is the first")
    try:
        ended = nija(*words("coinbase", tmp_path))
    finally:
        lock.close()
    assert ended.exit_code == 3
    assert ended.stderr.count("\n") == 1
    assert f"already downloads {file}" in ended.stderr
