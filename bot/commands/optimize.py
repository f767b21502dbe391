"""`nija optimize`: searches the parameters that a strategy declares, walk-forward, by several workers.

Owns the plan that every worker makes alike from the same options, the workers, and the end: verdict and file.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bot import __version__
from bot.commands.backtest import (
    LoadedCandles,
    Wanted,
    account_of,
    decide,
    given_params,
    known_by,
    load_candles,
    moment,
    terms_line,
)
from bot.commands.files import write_json
from bot.commands.research import research_tools
from bot.domain.clock import iso, system_ms
from bot.runtime.chosen import source_of, strategy_of
from bot.runtime.parameters import ParameterFile, fault_of, file_of, write
from bot.settings.load import ConfigError, Settings, load_settings
from bot.store.database import StoreError, shared

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

    from bot.backtest.folds import Fold, Outcome, Tried
    from bot.backtest.study import Search
    from bot.backtest.terms import Account
    from bot.backtest.tuning import Tuning
    from bot.strategy.base import Searched, Strategy

INTERRUPTED = 130
#: How often the progress is read (seconds).
LOOK = 0.5


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of one search: `terms` are those of a backtest. None for what was not given."""

    terms: Wanted
    trials: int = 1_000
    jobs: int = 1
    storage: str | None = None
    study: str | None = None
    folds: int = 4
    objective: str = "sharpe"
    seed: int = 0
    write: bool = False
    force: bool = False
    json: Path | None = None


class Plan:
    """What is searched, over which candles and on which terms: the same in every worker. Raises ValueError and what loading does."""

    def __init__(self, settings: Settings, asked: Asked) -> None:
        from bot.backtest.folds import folds

        terms = asked.terms
        self.settings, self.asked = settings, asked
        self.named_as = terms.strategy or settings.trading.strategy
        self.fixed = given_params(terms)
        self.strategy: Strategy = strategy_of(settings, terms.strategy, self.fixed, untuned=True)
        self.space = _searched(self.strategy, self.fixed)
        self.loaded: LoadedCandles = load_candles(settings, terms, self.strategy)
        histories = self.loaded.histories
        begin = min(int(one.time[0]) for one in histories)
        end = max(int(one.time[-1]) for one in histories) + histories[0].timeframe_ms
        since = max(moment("since", terms.since) or begin, begin)
        self.folds: tuple[Fold, ...] = folds(since, end, histories[0].timeframe_ms, asked.folds)
        self.known = known_by(settings, terms)
        self.account: Account = account_of(settings, terms, self.strategy, histories, self.known)
        self.url = _address(settings, asked.storage)

    def own(self) -> dict[str, float]:
        """The strategy's own parameters, of those that are searched."""
        params: Any = self.strategy.params  # type: ignore[attr-defined]
        return {one.name: getattr(params, one.name) for one in self.space}

    def tuning(self, fold: Fold, *, outside: bool = False) -> Tuning:
        """The candles of a fold that are searched, or those that its parameters are tried on."""
        from bot.backtest.tuning import Tuning

        since, until = (fold.cut, fold.until) if outside else (fold.since, fold.cut)
        histories = [kept for one in self.loaded.histories if (kept := one.before(until)) is not None]
        base = decide(self.settings, self.asked.terms, self.strategy, self.loaded, histories, since)
        return Tuning(base, self.account, self.asked.objective)

    def searches(self, where: RDBStorage) -> list[Search]:
        """A study for each fold, begun where there is none. Raises StudyError for one that was begun with something else."""
        from bot.backtest.study import Search

        facts = self.facts()
        short = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]
        name = self.asked.study or f"{type(self.strategy).__name__}-{short}"
        own = self.own()
        return [
            Search(
                where,
                f"{name} fold {one.number} of {len(self.folds)}",
                self.space,
                own,
                facts,
                self.asked.seed + one.number,
            )
            for one in self.folds
        ]

    def facts(self) -> dict[str, Any]:
        """Everything that decides what a trial finds, by the word that a person knows it by."""
        from bot.backtest.data_check import checksum

        account, terms = self.account, self.asked.terms
        return {
            "version of NIJA": __version__,
            "strategy": self.named_as,
            "strategy's source text": source_of(self.strategy),
            "search space": [list(one) for one in self.space],
            "--param": self.fixed,
            "candles": {one.symbol: checksum(one.candles)[:16] for one in self.loaded.histories},
            "timeframe": self.loaded.timeframe,
            "--detail": terms.detail or "",
            "--folds": [[one.since, one.cut, one.until] for one in self.folds],
            "--objective": self.asked.objective,
            "fee": account.costs.fee,
            "spread": account.costs.spread,
            "equity": account.equity,
            "slots": account.slots,
            "shorts": account.shorts,
            "limits": list(account.limits),
            "risk settings": list(self.strategy.risk_settings),
            "markets": {name: list(one) for name, one in account.markets.items()},
        } | {"news": str(self.settings.rule.news_calendar or "")}


def _searched(strategy: Strategy, fixed: Mapping[str, str]) -> tuple[Searched, ...]:
    name = type(strategy).__name__
    if not strategy.search_space:
        raise ValueError(f"{name} declares nothing to search: give it a search_space, see docs/strategies.md")
    params: Any = strategy.params  # type: ignore[attr-defined]
    if fault := fault_of(strategy, {one: getattr(params, one) for one in fixed if hasattr(params, one)}):
        raise ValueError(f"--param: {fault}")
    found = tuple(one for one in strategy.search_space if one.name not in fixed)
    if not found:
        raise ValueError(f"--param: every parameter that {name} declares is given: nothing is left to search")
    return found


def _address(settings: Settings, url: str | None) -> str:
    """The storage: an address like DATABASE_URL's, else a file in the data folder."""
    if url is None:
        return f"sqlite:///{settings.operation.data_dir.absolute() / 'optimize.db'}"
    try:
        return shared(url).render_as_string(hide_password=False)
    except StoreError as error:
        raise ValueError(str(error).replace("DATABASE_URL", "--storage", 1)) from None


@contextmanager
def explained() -> Iterator[None]:
    """What an owner can mend as one line."""
    from bot.backtest.run import BacktestError
    from bot.backtest.study import StudyError

    try:
        yield
    except (BacktestError, StudyError, ValueError) as error:
        raise ConfigError([str(error)]) from None


def optimize(settings: Settings, asked: Asked) -> None:
    """Search, say what was found, and write it down if that was asked for."""
    from bot.backtest.talib_import import import_talib

    began = time.monotonic()
    import_talib()
    with research_tools(), explained():
        from bot.backtest.study import storage

        plan = Plan(settings, asked)
        settings.operation.data_dir.mkdir(parents=True, exist_ok=True)
        with storage(plan.url) as where:
            searches = plan.searches(where)
            for line in (terms_line(asked.terms, plan.account, plan.known), *plan.loaded.notes):
                typer.echo(line)
            plan.tuning(plan.folds[0]).value(plan.own())  # compiles once, for all workers
            _search(plan, searches)
            _end(plan, searches, began)


# -- the workers ------------------------------------------------------------------------------------------------------
def work(asked: Asked, line: Connection) -> None:
    """One worker, in a process of its own: all folds, one after the other. It stops when its `line` to whom it works for ends, and
    says there in one line what keeps it from working.
    """
    from bot.backtest.talib_import import import_talib

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import_talib()
    try:
        with explained():
            from bot.backtest.study import storage

            plan = Plan(load_settings(), asked)
            with storage(plan.url) as where:
                for fold, search in zip(plan.folds, plan.searches(where), strict=True):
                    if search.progress().done < asked.trials and not line.poll():
                        search.work(asked.trials, plan.tuning(fold).value, line.poll)
    except ConfigError as error:
        line.send(error.lines[0])


class Workers:
    """The processes that search, and their lines. A process that dies leaves its trial to the others."""

    def __init__(self, asked: Asked) -> None:
        start = multiprocessing.get_context("spawn")
        self._all: list[tuple[BaseProcess, Connection]] = []
        for number in range(asked.jobs):
            here, there = start.Pipe()
            process = start.Process(target=work, args=(asked, there), name=f"nija optimize {number + 1}")
            process.start()
            there.close()
            self._all.append((process, here))

    def are_working(self, say: Callable[[str], None]) -> bool:
        """Whether there is one. Says of each that died; raises ConfigError with what one could not do."""
        for process, line in list(self._all):
            if process.is_alive():
                continue
            self._all.remove((process, line))
            if line.poll() and process.exitcode == 0:
                self._raise(line)
            if process.exitcode != 0:
                say(f"a worker ended with status {process.exitcode}: its trial is tried again by another")
        return bool(self._all)

    @staticmethod
    def _raise(line: Connection) -> None:
        try:
            said = line.recv()
        except EOFError:
            return
        raise ConfigError([str(said)])

    def stop(self) -> None:
        """Let each end its trial, and go."""
        for _, line in self._all:
            line.close()
        for process, _ in self._all:
            process.join()


def _search(plan: Plan, searches: Sequence[Search]) -> None:
    """Until every study has its trials. Raises typer.Exit when it was stopped before."""
    if all(one.progress().done >= plan.asked.trials for one in searches):
        return
    from bot.commands.optimize_view import Bar

    asked = plan.asked
    bar = Bar(len(searches), asked.trials)
    workers = Workers(asked)
    try:
        with bar:
            while workers.are_working(bar.say):
                bar.show([one.progress() for one in searches])
                time.sleep(LOOK)
            bar.show([one.progress() for one in searches])
    except KeyboardInterrupt:
        typer.echo(f"stopped after {bar.done:,} of {bar.total:,} trials: the same command goes on from there", err=True)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        workers.stop()
    if bar.done < bar.total:
        raise ValueError(
            f"every worker died after {bar.done:,} of {bar.total:,} trials: the same command goes on from there"
        )


# -- the end ----------------------------------------------------------------------------------------------------------
def _end(plan: Plan, searches: Sequence[Search], began: float) -> None:
    from bot.backtest.folds import outcome
    from bot.commands.optimize_view import show

    asked = plan.asked
    tried = [_tried(plan, fold, search) for fold, search in zip(plan.folds, searches, strict=True)]
    found = outcome(tried)
    typer.echo(f"{sum(one.trials for one in tried):,} trials in {time.monotonic() - began:.0f} s")
    show(tried, found, plan.space, plan.own(), asked.objective)
    if asked.json is not None:
        write_json(asked.json, document(plan, tried, found))
    _keep(plan, tried, found)


def _tried(plan: Plan, fold: Fold, search: Search) -> Tried:
    from bot.backtest.folds import Tried

    params = search.best()
    if params is None:
        raise ValueError(
            f"fold {fold.number}: no parameters made enough trades to tell: give more candles, or --folds less"
        )
    inside = plan.tuning(fold).measured(params)
    if fold.until == fold.cut:
        return Tried(fold, search.progress().done, params, inside, None, None)
    outside = plan.tuning(fold, outside=True)
    return Tried(fold, search.progress().done, params, inside, outside.measured(params), outside.measured(plan.own()))


def _keep(plan: Plan, tried: Sequence[Tried], found: Outcome) -> None:
    """Write the file that live reads, if that was asked for and the parameters may be traded, or if it is forced."""
    asked, settings = plan.asked, plan.settings
    file = file_of(settings.operation.data_dir, plan.named_as)
    if not (asked.write or asked.force):
        typer.echo(f"nothing was written; --write puts the last fold's parameters into {file}, if they hold")
        return
    if not (found.held or asked.force):
        typer.echo(f"not written, since they fail: {file} is as it was; --force writes them all the same", err=True)
        raise typer.Exit(1)
    write(file, ParameterFile(**_file(plan, tried, found)))
    typer.echo(f"written to {file}: the next start and every backtest use them")


def document(plan: Plan, tried: Sequence[Tried], found: Outcome) -> dict[str, Any]:
    """Everything of one search, for programs."""
    return {
        **_file(plan, tried, found),
        "objective": plan.asked.objective,
        "own": plan.own(),
        "out_of_sample_own": [one.own.document() for one in tried if one.own is not None],
        "outcome": found.document(),
        "folds": [
            {**one.fold._asdict(), "trials": one.trials, "params": dict(one.params)}
            | {name: iso(getattr(one.fold, name)) for name in ("since", "cut", "until")}
            for one in tried
        ],
    }


def _file(plan: Plan, tried: Sequence[Tried], found: Outcome) -> dict[str, Any]:
    strategy: Any = plan.strategy
    fixed = {**strategy.params._asdict(), **strategy.risk_settings._asdict()}
    return {
        "version": 1,
        "strategy": plan.named_as,
        "source": source_of(plan.strategy),
        "params": {**{name: fixed[name] for name in plan.fixed}, **tried[-1].params},
        "timeframe": plan.loaded.timeframe,
        "pairs": [one.symbol for one in plan.loaded.histories],
        "since": iso(plan.folds[0].since),
        "until": iso(plan.folds[-1].until),
        "fee": plan.account.costs.fee,
        "spread": plan.account.costs.spread,
        "trials": sum(one.trials for one in tried),
        "held": found.held,
        "verdict": found.sentence,
        "in_sample": [one.inside.document() for one in tried],
        "out_of_sample": [one.outside.document() for one in tried if one.outside is not None],
        "made_at": iso(system_ms()),
    }
