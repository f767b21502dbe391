"""A file of parameters is traded as it was written, or refused with one line: never half of it, and never silently without it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.runtime.chosen import strategy_of
from bot.runtime.daemon import narrowed, trading_plan
from bot.runtime.in_force import changed, planned
from bot.runtime.parameters import BadParameters, ParameterFile, file_of, write
from bot.settings.load import ConfigError, Settings, load_settings
from bot.strategy.source import source_digest

RULE = """
from typing import NamedTuple
from bot.strategy.base import Evaluation, Searched, Strategy
class Params(NamedTuple):
    far: float = 2.0
    count: int = 3
    other: float = 1.0
class Mine(Strategy):
    search_space = (Searched("far", 1.0, 5.0, 0.5), Searched("count", 1, 5, 1))
    def __init__(self, risk_settings, params=Params()):
        super().__init__(risk_settings)
        self.params = params
    def evaluate(self, candles):
        return Evaluation(0, candles.closed_at, 1.0)
"""


def settings(folder: Path, **environ: str) -> Settings:
    if not (folder / "rule.py").exists():
        (folder / "rule.py").write_text(RULE)
    return load_settings(folder, {"STRATEGY": "rule.py:Mine", "NIJA_DATA_DIR": str(folder / "data")} | environ)


def written(folder: Path, params: dict[str, Any], **changed: Any) -> Path:
    own = settings(folder)
    found: dict[str, Any] = {
        "strategy": "rule.py:Mine",
        "source": source_digest(strategy_of(own, untuned=True)),
        "params": params,
        "timeframe": "5m",
        "pairs": ["BTC-USD"],
        "since": "2025-01-01T00:00:00Z",
        "until": "2025-02-01T00:00:00Z",
        "fee": 0.001,
        "spread": 0.0002,
        "trials": 10,
        "held": True,
        "verdict": "holds",
        "in_sample": [],
        "out_of_sample": [],
        "made_at": "2025-02-01T00:00:00Z",
    }
    file = file_of(own.operation.data_dir, "rule.py:Mine")
    write(file, ParameterFile(**(found | changed)))
    return file


def numbers(folder: Path, given: dict[str, str] | None = None, **environ: str) -> tuple[Any, ...]:
    found: Any = strategy_of(settings(folder, **environ), None, given)
    return (*found.params, found.risk_settings.min_position_pct)


def test_what_was_written_is_traded_and_what_the_owner_says_comes_first(tmp_path: Path) -> None:
    assert numbers(tmp_path) == (2.0, 3, 1.0, 2.0)
    file = written(tmp_path, {"far": 4.5, "count": 1, "min_position_pct": 3.0})
    assert (file.name, file.stat().st_mode & 0o777) == ("rule.Mine.json", 0o600)
    assert numbers(tmp_path) == (4.5, 1, 1.0, 3.0)
    assert numbers(tmp_path, {"far": "1.25"}) == (1.25, 1, 1.0, 3.0)
    assert numbers(tmp_path, MIN_POSITION_PCT="2.5") == (4.5, 1, 1.0, 2.5)
    assert strategy_of(settings(tmp_path), untuned=True).tuned is None


def test_settings_show_them_with_their_file_and_see_them_change(tmp_path: Path) -> None:
    own = settings(tmp_path)
    before = planned(own, trading_plan(own))
    written(tmp_path, {"far": 4.5, "count": 1}, timeframe="1h")
    plan = trading_plan(own)
    after = planned(own, plan)
    assert tuple(after[-1]) == ("strategy parameters", "far=4.5 count=1", "parameters/rule.Mine.json")
    assert list(changed(before, after)) == [
        'strategy parameters is "far=4.5 count=1" (parameters/rule.Mine.json) from the next start: NIJA is running with ""'
    ]
    assert list(narrowed(own, plan)) == ["TIMEFRAME is 5m: parameters/rule.Mine.json was searched on 1h"]


BAD: list[tuple[Callable[[Path, Path], object], str]] = [
    (lambda folder, file: file.write_text("{"), "the file: Invalid JSON"),
    (lambda folder, file: file.write_text("[]"), "the file: Input should be an object"),
    (lambda folder, file: edit(file, params={"far": "4"}), "params.far.int: Input should be a valid integer"),
    (lambda folder, file: edit(file, params=None), "params: Input should be an object"),
    (lambda folder, file: edit(file, version=2), "it is of another version of NIJA"),
    (lambda folder, file: edit(file, more=1), "more: Extra inputs are not permitted"),
    (lambda folder, file: edit(file, params={"far": 5.1}), "far is 5.1, outside 1 to 5"),
    (lambda folder, file: edit(file, params={"count": 2.5}), "count is 2.5: a whole number is needed"),
    (lambda folder, file: edit(file, params={"near": 1.0}), "near is no parameter of Mine"),
    (
        lambda folder, file: (folder / "rule.py").write_text(RULE + "# changed\n"),
        "the strategy's source text has changed since it was written",
    ),
]


def edit(file: Path, **changed: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))


@pytest.mark.parametrize(("damage", "says"), BAD, ids=[says for _, says in BAD])
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, damage: Callable[[Path, Path], object], says: str) -> None:
    file = written(tmp_path, {"far": 4.5})
    damage(tmp_path, file)
    with pytest.raises(ConfigError) as told:
        trading_plan(settings(tmp_path))
    (line,) = told.value.lines
    assert line.startswith(f"{file}: {says}")
    assert line.endswith("or delete the file to trade the strategy's own parameters")


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "parameters").write_text("in the way")
    with pytest.raises(BadParameters, match=r"cannot be written: File exists"):
        written(tmp_path, {"far": 4.5})
