"""The search of parameters by Optuna: its storage, one study for each fold, and the loop of one worker.

Owns that several workers, here or on other machines, share a study without losing a trial: each trial is in the storage from its
beginning, a worker says while it runs that it is alive, and a trial whose worker died is failed and tried again by another one.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning, StorageInternalError, UpdateFinishedTrialError
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import event, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from bot.backtest.folds import Progress
from bot.strategy.search_space import SearchSpace

#: How often a worker says that it is alive, and after how long a silence its trial is another's (seconds).
HEARTBEAT, GRACE = 5, 30
#: How long a worker waits for the last trials of others (seconds).
_PAUSE = 0.5
_DONE = (TrialState.COMPLETE, TrialState.PRUNED)
_PARAMS = "asked"

T = TypeVar("T")
Params = dict[str, float]
#: The value of one trial, None where its parameters cannot be traded or say nothing.
Objective = Callable[[Params], float | None]


class StudyError(Exception):
    """A storage or a study that cannot be used; one line that says what to do."""


class BySeed(BaseSampler):
    """Optuna's TPE, with random numbers that follow from the seed and the number of the trial: so that workers never draw the same,
    and a search that goes on later draws what it would have drawn.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._own = TPESampler()

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        mixed = int(np.random.SeedSequence([self._seed, trial.number]).generate_state(1)[0])
        self._own = TPESampler(seed=mixed, multivariate=True)
        self._own.before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._own.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._own.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._own.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        self._own.after_trial(study, trial, state, values)


@contextmanager
def storage(url: str, heartbeat: int = HEARTBEAT, grace: int = GRACE) -> Iterator[RDBStorage]:
    """The storage at an address of SQLAlchemy, created where it is missing, open while the block runs. Raises StudyError, also for
    one that fails within the block.
    """
    where = _opened(url, heartbeat, grace)
    try:
        yield where
    except (SQLAlchemyError, StorageInternalError) as error:
        raise StudyError(f"--storage {_named(url)}: {_line(error)}") from None
    finally:
        where.remove_session()
        where.engine.dispose()


def _opened(url: str, heartbeat: int, grace: int) -> RDBStorage:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    waiting = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}

    def made() -> RDBStorage:
        return RDBStorage(
            url,
            engine_kwargs=waiting,
            heartbeat_interval=heartbeat,
            grace_period=grace,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
        )

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            where = _settled(made)
    except (SQLAlchemyError, StorageInternalError, ImportError, RuntimeError) as error:
        raise StudyError(f"--storage {_named(url)}: cannot be used: {_line(error)}") from None
    if waiting:
        event.listen(where.engine, "connect", _write_ahead)
        where.engine.dispose()  # the connections that are open already
    return where


def _settled(make: Callable[[], T]) -> T:
    """What `make` makes. Another worker may create the same tables and rows at the same moment: at the next try they are there."""
    for wait in (0.1, 0.3, 1.0):
        try:
            return make()
        except SQLAlchemyError as error:
            if not isinstance(error, IntegrityError) and "already exists" not in str(error):
                raise
            time.sleep(wait)
    return make()


def _write_ahead(connection: Any, _record: object) -> None:
    """Readers and the writer do not wait for each other; after a power failure the last trials may be missing, no more."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


class Search:
    """One study: the best parameters of one span of candles."""

    def __init__(
        self,
        where: RDBStorage,
        name: str,
        space: SearchSpace,
        own: Mapping[str, float],
        asked: Mapping[str, Any],
        seed: int = 0,
    ) -> None:
        """`own` are the parameters that the first trial tries, `asked` everything else that decides what a trial finds.

        Raises StudyError for a study of that name which was begun with other candles, another rule or other terms.
        """
        self._space, self._own = space, own
        self.study = optuna.create_study(
            storage=where, study_name=name, direction="maximize", sampler=BySeed(seed), load_if_exists=True
        )
        _settled(lambda: self._begin(name, dict(asked)))

    def _begin(self, name: str, asked: dict[str, Any]) -> None:
        before = self.study.user_attrs.get(_PARAMS)
        if before is None:
            self.study.set_user_attr(_PARAMS, asked)
            self.study.enqueue_trial({one.name: self._own[one.name] for one in self._space}, skip_if_exists=True)
            return
        for key in sorted({*before, *asked}):
            if before.get(key) != asked.get(key):
                was, now = before.get(key), asked.get(key)
                raise StudyError(
                    f"--study {name}: it was begun with another {key} ({_short(was)}, now {_short(now)}):"
                    " ask as before, or give --study another name"
                )

    def work(self, trials: int, objective: Objective, stopping: Callable[[], bool]) -> None:
        """Try parameters until so many trials have ended, others' included, or `stopping`."""
        while not stopping() and (left := self._left(trials)) is not None:
            if left > 0:
                self._try(left, trials, objective, stopping)
            else:
                time.sleep(_PAUSE)
                _fail_stale(self.study)

    def _left(self, trials: int) -> int | None:
        """How many trials nobody has begun yet; None when all have ended."""
        states = [one.state for one in self.study.get_trials(deepcopy=False)]
        done, running = sum(one in _DONE for one in states), states.count(TrialState.RUNNING)
        if done >= trials:
            return None
        return max(trials - done - running, 0)

    def _try(self, left: int, trials: int, objective: Objective, stopping: Callable[[], bool]) -> None:
        def ended(study: optuna.Study, _trial: FrozenTrial) -> None:
            if stopping() or not self._left(trials):
                study.stop()

        begun: list[int] = []

        def one(trial: optuna.Trial) -> float:
            begun.append(trial.number)
            found = objective(self._suggested(trial))
            if found is None:
                raise optuna.TrialPruned
            return found

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                self.study.optimize(one, n_trials=left, callbacks=[ended])
        except (ValueError, UpdateFinishedTrialError):
            if not begun or not self._was_failed(begun[-1]):
                raise

    def _was_failed(self, number: int) -> bool:
        """Whether another worker has failed a trial, since this one did not say for long that it was alive (a laptop that slept)."""
        return self.study.get_trials(deepcopy=False)[number].state is TrialState.FAIL

    def _suggested(self, trial: optuna.Trial) -> Params:
        found: Params = {}
        for one in self._space:
            if isinstance(self._own[one.name], int):
                found[one.name] = trial.suggest_int(one.name, int(one.low), int(one.high), step=int(one.step))
            else:
                found[one.name] = clean(trial.suggest_float(one.name, one.low, one.high, step=one.step))
        return found

    def progress(self) -> Progress:
        """How far it is, everybody's trials included."""
        done = [one for one in self.study.get_trials(deepcopy=False) if one.state in _DONE]
        values = [one.value for one in done if one.value is not None]
        return Progress(len(done), max(values, default=None))

    def best(self) -> Params | None:
        """The parameters of the best trial, the earliest of equals; None where none said anything."""
        found = [one for one in self.study.get_trials(deepcopy=False) if one.value is not None]
        if not found:
            return None
        best = max(found, key=lambda one: (one.value, -one.number))
        return {one.name: clean(best.params[one.name]) for one in self._space}


def clean(value: float) -> float:
    """A value without the dust that adding steps up leaves: 0.3, not 0.30000000000000004."""
    return value if isinstance(value, int) else round(value, 12)


def _fail_stale(study: optuna.Study) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        fail_stale_trials(study)


def _named(url: str) -> str:
    """An address without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url


def _line(error: Exception) -> str:
    """The cause of an error, in one line."""
    cause = error.__cause__ or error
    return " ".join(str(getattr(cause, "orig", None) or cause).split())


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
