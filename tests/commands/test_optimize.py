"""`nija optimize` as it is typed: what it writes and refuses to write, and what a killed worker or Ctrl-C leaves."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("numba", reason="numba is not installed")
pytest.importorskip("optuna", reason="optuna is not installed")

from bot.commands.backtest import Wanted
from bot.commands.cli import app
from bot.commands.optimize_plan import Asked, Plan
from bot.settings.load import load_settings
from tests.backtest.candles import write
from tests.backtest.given import COMPILED
from tests.commands.test_backtest import ROOT, nija
from tests.strategy.given import walk

FREE = ("--data", "candles", "--fee", "0", "--spread", "0", "--limits", "none", "--folds", "1")
FILE = Path("data") / "parameters" / "bot.strategy.apex.ApexStrategy.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("owner")
    (place / "candles").mkdir()
    (place / "data").mkdir()
    COMPILED.mkdir(parents=True, exist_ok=True)
    (place / "data" / "numba").symlink_to(COMPILED)
    for number, symbol in enumerate(("BTC-USD", "ETH-USD")):
        market = walk(number, 8_000)
        names = ("time", "open", "high", "low", "close", "volume")
        write(place / "candles" / f"{symbol}-5m.csv", {name: np.asarray(getattr(market, name)) for name in names})
    return place


@pytest.mark.timeout(300)
def test_what_fails_is_written_only_by_force_and_then_it_is_traded(folder: Path) -> None:
    words = ("optimize", *FREE, "--trials", "3", "--jobs", "1", "--seed", "4", "--json", "found.json")
    failed = nija(folder, *words, "--write")
    assert (failed.returncode, failed.stderr.count("\n")) == (1, 1), failed.stderr
    assert failed.stderr.startswith(f"not written, since they fail: {folder / FILE} is as it was")
    assert "fails out of sample: " in failed.stdout
    assert not (folder / FILE).exists()
    found = json.loads((folder / "found.json").read_text())
    assert (found["held"], found["trials"], found["fee"], found["timeframe"]) == (False, 3, 0.0, "5m")
    assert len(found["in_sample"]) == len(found["out_of_sample"]) == len(found["folds"]) == 1
    forced = nija(folder, *words, "--force")
    assert (forced.returncode, forced.stderr) == (0, "")
    assert json.loads((folder / FILE).read_text())["params"] == found["params"]
    tested = nija(folder, "backtest", "--data", "candles", "--param", "adx_floor=39", "--json", "tested.json")
    assert f"parameters of parameters/{FILE.name} (searched on 5m): " in tested.stdout
    params = json.loads((folder / "tested.json").read_text())["params"]
    assert {name: params[name] for name in found["params"]} == found["params"] | {"adx_floor": 39.0}
    (folder / FILE).unlink()


@pytest.mark.timeout(300)
def test_a_killed_worker_is_survived_and_ctrl_c_leaves_a_study_that_goes_on(folder: Path) -> None:
    words = ["optimize", *FREE, "--trials", "100000", "--jobs", "2", "--storage", f"sqlite:///{folder / 'own.db'}"]
    started = subprocess.Popen(
        [sys.executable, "-m", "bot", *words],
        cwd=folder,
        env={**os.environ, "NIJA_HOME": str(folder), "PYTHONPATH": str(ROOT), "NIJA_DATA_DIR": str(folder / "data")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=default_sigint,  # noqa: PLW1509 - no other thread of ours holds a lock that this needs
    )
    try:
        while len(both := workers(started.pid)) < 2 or done(folder / "own.db") < 3:
            assert started.poll() is None, started.communicate()
            time.sleep(0.2)
        os.kill(both[0], signal.SIGKILL)
        while exists(both[0]):  # until its parent has noticed
            time.sleep(0.2)
        before = done(folder / "own.db")
        while done(folder / "own.db") < before + 3:
            assert started.poll() is None, started.communicate()
            time.sleep(0.2)
    finally:
        os.killpg(started.pid, signal.SIGINT)
        said, complaint = started.communicate(timeout=60)
    assert started.returncode == 130, complaint
    assert "a worker ended with status -9: its trial is tried again by another" in said
    assert complaint.startswith("stopped after ")
    assert complaint.endswith(" of 100,000 trials: the same command goes on from there\n")
    assert workers(started.pid) == []


def default_sigint() -> None:
    """Tests that run in the background of a shell inherit that it is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def workers(parent: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(parent)], capture_output=True, text=True, check=False
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "spawn_main" in line]


def exists(process: int) -> bool:
    """Also while it has ended and its parent has not asked for its status."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def done(file: Path) -> int:
    """How many trials have ended."""
    if not file.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM trials WHERE state = 'COMPLETE'").fetchone()[0])
    except sqlite3.OperationalError:  # its tables are not there yet
        return 0


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"fee": 0.002}, "fee"),
        ({"pairs": ("BTC-USD",)}, "candles"),
        ({"since": "2026-01-03"}, "--folds"),
        ({"limits": "none"}, "limits"),
        ({"params": ("rsi_low=20",)}, "--param"),
        ({"timeframe": "15m"}, "timeframe"),
    ],
)
def test_a_study_knows_what_decides_its_values(folder: Path, changed: dict[str, object], differs: str) -> None:
    settings = load_settings(folder, {})
    given = {"data": folder / "candles", "fee": 0.001}
    one, same, other = (Plan(settings, Asked(Wanted(**words))).facts() for words in (given, given, given | changed))  # type: ignore[arg-type]
    assert one == same
    assert one[differs] != other[differs]


MISTAKES = [
    (("--objective", "luck"), "--objective luck: one of sharpe, sortino, calmar, return, r is needed"),
    (("--param", "adx_floor=99"), "--param: adx_floor is 99, outside 15 to 40"),
    (
        ("--strategy", f"{ROOT}/examples/donchian.py:Donchian"),
        "Donchian declares nothing to search: give it a search_space",
    ),
    (("--until", "2026-01-01T00:15"), "3 candles are too few for 4 folds: give --folds less, or more candles"),
    (("--storage", "mysql://here/x"), "--storage names a mysql database: use postgresql:// or sqlite:///FILE"),
    (("--storage", "sqlite:////nowhere/x.db"), "--storage sqlite:////nowhere/x.db: cannot be used: unable to open"),
]


@pytest.mark.parametrize(("words", "line"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES])
def test_a_mistake_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], line: str
) -> None:
    monkeypatch.setenv("NIJA_HOME", str(folder))
    monkeypatch.chdir(folder)
    ended = CliRunner().invoke(app, ["optimize", "--data", "candles", *words])
    assert ended.exit_code == 2
    assert ended.stderr.startswith(f"nija: {line}")
    assert ended.stderr.count("\n") == 1


def test_without_optuna_it_says_how_to_get_it(folder: Path) -> None:
    ended = nija(folder, "optimize", "--data", "candles", before="sys.modules['optuna'] = None")
    assert ended.returncode == 2
    assert ended.stderr == "nija: optuna is not installed: run ./start.sh setup research\n"
