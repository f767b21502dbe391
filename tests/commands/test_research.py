"""`nija data check` and `nija check-strategy` as their users meet them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from bot.backtest import soundness
from bot.backtest.candle_files import load
from bot.backtest.data_check import checksum
from bot.commands.cli import app
from tests.backtest.candles import COLUMNS, as_freqtrade, columns, write


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIJA_HOME", str(tmp_path))
    monkeypatch.setenv("NIJA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(soundness, "CLOSES", 100)


def nija(*args: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in args])


# -- data check -------------------------------------------------------------------------------------------------------
@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good file, one to repair, one with too many holes and one that cannot be read."""
    place = tmp_path / "candles"
    write(place / "A-USD-5m.csv", columns(100))
    repaired = columns(100)
    repaired["high"][10] = 0.0
    repaired["volume"][50:60] = 0.0
    for name in COLUMNS[1:5]:
        repaired[name][70:] *= 1.5
    write(place / "B-USD-5m.parquet", repaired)
    holed = columns(100)
    for name in COLUMNS[1:5]:
        holed[name][21:] *= 1.5  # after a hole that is no jump
    missing = [5, 6, 7, 20, 30, 31]
    write(place / "C-USD-5m.feather", {name: np.delete(column, missing) for name, column in holed.items()})
    (place / "D-USD-5m.csv").write_text("no,candles\n")
    return place


def test_each_file_gets_one_verdict(folder: Path) -> None:
    ended = nija("data", "check", folder, "--json")
    assert ended.exit_code == 1
    good, repaired, holed, unusable = json.loads(ended.stdout)["files"]
    assert (good["verdict"], good["reason"], good["candles"], good["holes"]) == ("good", "", 100, 0)
    assert (good["first"], good["last"]) == ("2025-01-01T00:00:00.000Z", "2025-01-01T08:15:00.000Z")
    assert repaired["verdict"] == "repaired"
    assert (repaired["impossible"], repaired["holes"], repaired["flat_share"]) == (1, 1, 0.11)
    assert (repaired["jumps"], repaired["first_jump"]) == (1, "2025-01-01T05:50:00.000Z")
    assert (holed["verdict"], holed["holes"], holed["gaps"], holed["longest_gap"]) == ("holes", 6, 3, 3)
    assert (holed["hole_share"], holed["jumps"]) == (0.06, 0)
    assert unusable["verdict"] == "unusable"
    assert unusable["reason"].startswith("D-USD-5m.csv has no column time, open,")


def test_people_read_the_same_in_a_table(folder: Path) -> None:
    ended = nija("data", "check", folder)
    assert ended.exit_code == 1
    lines = ended.stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:5]] == [
        ["A-USD-5m.csv", "good"],
        ["B-USD-5m.parquet", "repaired"],
        ["C-USD-5m.feather", "holes"],
        ["D-USD-5m.csv", "unusable"],
    ]
    assert "B-USD-5m.parquet: 1 impossible, 1 missing (longest gap 1)" in lines
    assert "B-USD-5m.parquet: opens over 10 % from the previous close at 2025-01-01T05:50:00.000Z" in lines


def test_holes_may_be_allowed_and_then_all_is_well(folder: Path) -> None:
    (folder / "D-USD-5m.csv").unlink()
    assert nija("data", "check", folder).exit_code == 1
    assert nija("data", "check", folder, "--max-holes", "0.06").exit_code == 0


def test_the_same_candles_have_the_same_checksum_in_any_format(tmp_path: Path) -> None:
    data = columns(50)
    shuffled = np.random.default_rng(7).permutation(50)
    write(tmp_path / "one/BTC-USD-5m.csv", data)
    write(tmp_path / "two/BTC_USD-5m.feather", as_freqtrade({name: column[shuffled] for name, column in data.items()}))
    data["close"][20] = np.nextafter(data["close"][20], data["low"][20])
    write(tmp_path / "three/BTC-USD-5m.csv", data)
    one, two, three = (
        checksum(load(tmp_path / name, [], "5m").histories[0].candles) for name in ("one", "two", "three")
    )
    assert one == two != three


# -- check-strategy ---------------------------------------------------------------------------------------------------
STRATEGY = """
from bot.strategy.base import Evaluation, Strategy

class Mine(Strategy):
    required = 20
    timeframe = "1h"

    def evaluate(self, candles):
        first = {first}
        side = 1 if candles.close[-1] > candles.close[-2] else 0
        return Evaluation(side, candles.closed_at, float(candles.close[-1]), float(candles.low[-1]) * 0.9, facts=first)
"""


@pytest.mark.parametrize(
    ("first", "status", "said"),
    [
        ("()", 0, ["sound: 144 decisions, 68 of them signals, in 1 market of 1h"]),
        (
            "(('first', float(candles.close[0])),)",
            1,
            ["depends on where data begins: evaluate at AAA-USD 2025-01-"],
        ),
    ],
)
def test_a_strategy_is_checked_by_its_file(tmp_path: Path, first: str, status: int, said: list[str]) -> None:
    (tmp_path / "mine.py").write_text(STRATEGY.format(first=first))
    write(tmp_path / "candles/AAA-USD-5m.csv", columns(12 * 900))
    ended = nija("check-strategy", "mine.py:Mine", "--data", tmp_path / "candles")
    lines = ended.stdout.splitlines()
    assert ended.exit_code == status, ended.output
    assert len(lines) == len(said)
    assert all(line.startswith(start) for line, start in zip(lines, said, strict=True)), lines


# -- one line ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["data", "check", "nowhere"], "there is no folder nowhere: give one with candle files named <BASE>-"),
        (["check-strategy", "none.py:Mine", "--data", "."], "none.py:Mine: there is no file "),
        (
            ["check-strategy", "bot.strategy.apex:ApexStrategy", "--data", "{candles}", "--pairs", "NO-USD"],
            "no candles of NO-USD in {candles}: there are AAA-USD",
        ),
        (
            ["check-strategy", "bot.strategy.apex:ApexStrategy", "--data", "{candles}", "--timeframe", "5x"],
            "timeframe '5x': a whole number and m, h or d is needed, like 5m",
        ),
        (
            ["check-strategy", "bot.strategy.apex:ApexStrategy", "--data", "{candles}"],
            "no market has more than 30 candles: 770 are needed to check this strategy",
        ),
    ],
)
def test_what_its_user_can_mend_is_one_line(tmp_path: Path, args: list[str], line: str) -> None:
    candles = write(tmp_path / "candles/AAA-USD-5m.csv", columns(30)).parent
    ended = nija(*(arg.format(candles=candles) for arg in args))
    assert ended.exit_code == 2
    assert ended.stderr.startswith("nija: " + line.format(candles=candles))
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""


def test_without_the_tools_it_says_how_to_get_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ended = nija("data", "check", folder)
    assert (ended.exit_code, ended.stderr) == (2, "nija: pyarrow is not installed: run ./start.sh setup research\n")
