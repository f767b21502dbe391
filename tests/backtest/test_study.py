"""A search: the same seed finds the same, also when it goes on later; workers share it, and lose one trial when they are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("optuna", reason="optuna is not installed")
pytest.importorskip("numba", reason="numba is not installed")

from optuna.trial import TrialState

from bot.backtest.run import Backtest
from bot.backtest.study import Params, Search, StudyError, storage
from bot.backtest.terms import Account, Costs
from bot.backtest.tuning import Tuning
from bot.strategy.apex import ApexStrategy
from bot.strategy.base import Searched
from tests.backtest.given import COMPILED, named
from tests.store.postgres import running
from tests.strategy.given import walk

SPACE = (Searched("x", 0.0, 10.0, 0.1), Searched("whole", 0, 8, 2))
OWN = {"x": 3.0, "whole": 4}
ROOT = Path(__file__).resolve().parent.parent.parent


def bowl(params: Params) -> float | None:
    """The best is 7 and 2; below 1 there is nothing to tell."""
    return None if params["x"] < 1.0 else -((params["x"] - 7.0) ** 2) - (params["whole"] - 2) ** 2


@contextmanager
def search(url: str, asked: dict[str, object] | None = None, seed: int = 5, grace: int = 30) -> Iterator[Search]:
    with storage(url, 1, grace) as where:
        yield Search(where, "bowl", SPACE, OWN, asked or {"fee": 0.001}, seed)


def of(folder: Path, name: str = "a") -> str:
    return f"sqlite:///{folder / name}.db"


def never() -> bool:
    return False


def after(count: int) -> Callable[[], bool]:
    """Asks to stop when it was asked so often."""
    left = iter(range(count))
    return lambda: next(left, None) is None


def found(url: str, trials: int, stopping: Callable[[], bool] = never, seed: int = 5) -> list[object]:
    """The trials of a study when a worker is done with it."""
    with search(url, seed=seed) as one:
        one.work(trials, bowl, stopping)
        return [(trial.params, trial.value) for trial in one.study.get_trials(deepcopy=False)]


def test_the_same_seed_finds_the_same_also_when_it_goes_on_later(tmp_path: Path) -> None:
    whole = found(of(tmp_path), 14)
    assert 0 < len(found(of(tmp_path, "b"), 14, after(8))) < 14
    assert found(of(tmp_path, "b"), 14) == whole
    assert whole[0] == (OWN, bowl(OWN))
    assert found(of(tmp_path, "c"), 2, seed=6) != whole[:2]
    with search(of(tmp_path)) as one:
        best, progress = one.best(), one.progress()
    assert best is not None
    assert (bowl(best), 14) == (progress.best, progress.done)
    assert isinstance(best["whole"], int)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"fee": 0.002}, r"begun with another fee \(0.001, now 0.002\): ask as before, or give --study another name"),
        ({"fee": 0.001, "candles": {"BTC-USD": "ab"}}, r"another candles \(None, now \{'BTC-USD': 'ab'\}\)"),
    ],
)
def test_a_study_of_something_else_is_refused(tmp_path: Path, asked: dict[str, object], says: str) -> None:
    with search(of(tmp_path)):
        pass
    with pytest.raises(StudyError, match=says), search(of(tmp_path), asked):
        pass


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all.db", "nothing", "postgresql+psycopg://a:secret@127.0.0.1:1/x"]
)
def test_a_storage_that_cannot_be_used_is_one_line(url: str) -> None:
    with pytest.raises(StudyError, match=r"^--storage [^\n]+$") as told, storage(url):
        pass
    assert "secret" not in str(told.value)


def test_other_parameters_compile_nothing_again() -> None:
    histories = [named("BTC-USD", walk(1, 3_000))]
    backtest = Backtest(ApexStrategy(), histories, compile_to=COMPILED)
    compiled = (backtest._scan, backtest._walk)
    tuning, account = Tuning(backtest, Account(Costs(0.0, 0.0)), "r"), Account(Costs(0.0, 0.0))
    own, strict = tuning.measured({}), tuning.measured({"score_needed": 5, "adx_floor": 30.0, "tp1_r": 0.5})
    assert (backtest._scan, backtest._walk) == compiled
    for text in compiled:
        made = dict(zip(text.__code__.co_freevars, text.__closure__, strict=True))["made"].cell_contents
        assert [len(one.signatures) for one in made.values()] == [1]
    assert 0 < strict.trades < own.trades
    fresh = Backtest(ApexStrategy(), histories, compile_to=COMPILED).walk(account)
    assert np.array_equal(tuning.measured({}).in_r, fresh.trades.pnl_r)
    assert tuning.value({"tp1_r": 9.0}) is None  # beyond the second target: the strategy refuses that


# -- processes --------------------------------------------------------------------------------------------------------
WORKER = """
import os, sys, time
from pathlib import Path
from tests.backtest.test_study import bowl, never, search

def slow(params):
    with (Path(sys.argv[2]) / str(os.getpid())).open("a") as stream:
        stream.write("trial\\n")
    time.sleep(float(sys.argv[4]))
    return bowl(params)

with search(sys.argv[1], grace=2) as one:
    one.work(int(sys.argv[3]), slow, never)
"""


def worker(url: str, folder: Path, trials: int, seconds: float) -> subprocess.Popen[bytes]:
    words = (url, str(folder), str(trials), str(seconds))
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, *words], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


def test_a_killed_worker_loses_only_its_trial(tmp_path: Path) -> None:
    killed = worker(of(tmp_path), tmp_path, 6, 3_600.0)
    while not (tmp_path / str(killed.pid)).exists():
        assert killed.poll() is None
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    with search(of(tmp_path), grace=2) as other:
        (lost,) = other.study.get_trials()
        assert lost.state is TrialState.RUNNING
        other.work(6, bowl, never)
        trials, progress = other.study.get_trials(), other.progress()
    assert [one.state for one in trials].count(TrialState.FAIL) == 1
    assert progress.done == 6
    again = [one for one in trials if one.system_attrs.get("failed_trial") == lost.number]
    assert [(one.state, one.params) for one in again] == [(TrialState.COMPLETE, lost.params)]


def test_two_workers_share_a_study_in_one_postgresql(tmp_path: Path) -> None:
    with running() as server:
        url = server.url.replace("postgresql:", "postgresql+psycopg:")
        both = [worker(url, tmp_path, 16, 0.1) for _ in range(2)]
        assert [one.wait() for one in both] == [0, 0]
        with search(url) as shared:
            assert 16 <= shared.progress().done <= 17
            tried = len(shared.study.get_trials())
        counts = [len((tmp_path / str(one.pid)).read_text().split()) for one in both]
        assert min(counts) > 0
        assert sum(counts) == tried
