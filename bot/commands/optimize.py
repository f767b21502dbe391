"""`nija optimize`: searches the parameters that a strategy declares, walk-forward, by several workers.

Owns the workers, and the end: verdict and file.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any

import typer

from bot.commands.backtest import terms_line
from bot.commands.files import write_json
from bot.commands.optimize_plan import Asked, Plan
from bot.commands.research import research_tools
from bot.domain.clock import iso, system_ms
from bot.runtime.chosen import source_of
from bot.runtime.parameters import ParameterFile, file_of, write
from bot.settings.load import ConfigError, Settings, load_settings

if TYPE_CHECKING:
    from bot.backtest.folds import Fold, Outcome, Tried
    from bot.backtest.study import Search

INTERRUPTED = 130
#: How often the progress is read (seconds).
LOOK = 0.5


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
    from bot.backtest.light_imports import import_talib

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
    from bot.backtest.light_imports import import_talib

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
