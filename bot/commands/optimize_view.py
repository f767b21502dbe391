"""A search on the screen: how far it is, and what it found, in sample beside out of sample.

Owns the layout, within 80 columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from bot.backtest.figures import money, ratio
from bot.backtest.folds import Measured, Outcome, Tried
from bot.backtest.folds import Progress as Searched
from bot.backtest.summary import WIDTH, columns
from bot.domain.clock import iso
from bot.strategy.base import Searched as Range


class Bar:
    """The trials of all folds, the best value of the one that is searched, how fast it goes and how long it takes. Where there is no
    screen, a line for each fold that is done.
    """

    def __init__(self, folds: int, trials: int) -> None:
        self._trials, self.done, self.total = trials, 0, folds * trials
        self._said: set[int] = set()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            _Speed(),
            TimeRemainingColumn(compact=True),
            console=Console(highlight=False),
        )
        self._task = self._bar.add_task("search", total=self.total)
        self._begun: int | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, found: Sequence[Searched]) -> None:
        """How far each fold is now."""
        for number, one in enumerate(found, 1):
            if one.done >= self._trials and number not in self._said:
                self._said.add(number)
                self.say(f"fold {number} of {len(found)}: {one.done:,} trials, best {ratio(one.best, 3)}")
        self.done = sum(min(one.done, self._trials) for one in found)
        at = next((number for number, one in enumerate(found) if one.done < self._trials), len(found) - 1)
        words = f"fold {at + 1} of {len(found)}, best {ratio(found[at].best, 3)}"
        self._bar.update(self._task, completed=self.done, description=words)

    def say(self, line: str) -> None:
        """A line above the bar."""
        self._bar.console.print(line)


class _Speed(ProgressColumn):
    """Trials a second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f}/s")


def show(
    tried: Sequence[Tried],
    found: Outcome,
    space: Sequence[Range],
    own: Mapping[str, float],
    objective: str,
) -> None:
    """The verdict, each fold, and the parameters that each found."""
    screen = Console(width=WIDTH, highlight=False)
    screen.print(found.sentence)
    if found.expectancy_r is not None:
        screen.print(
            f"the best of {max(one.trials for one in tried):,} made {ratio(found.inside_expectancy_r, 3)} R a trade where they were"
            f" searched, and {ratio(found.expectancy_r, 3)} R where they were not; the strategy's own parameters made"
            f" {ratio(found.own_expectancy_r, 3)} R there. The more are tried, the luckier the best one is"
        )
    screen.print()
    screen.print(_folds(tried, objective))
    screen.print()
    screen.print(_parameters(tried, space, own))


def _folds(tried: Sequence[Tried], objective: str) -> Table:
    table = columns("fold", "", "from", "to", "trades", "R a trade", "result", objective, apart=1)
    for one in tried:
        fold = one.fold
        spans = (("in sample", fold.since, fold.cut, one.inside), ("out of sample", fold.cut, fold.until, one.outside))
        for at, (name, since, until, found) in enumerate((*spans, ("own parameters", fold.cut, fold.until, one.own))):
            if found is not None:
                first = (f"{fold.number}" if at == 0 else "", name, iso(since)[:10], iso(until)[:10])
                table.add_row(*first, *_cells(found))
    return table


def _cells(one: Measured) -> tuple[str, ...]:
    return f"{one.trades:,}", ratio(one.expectancy_r, 3), money(one.pnl), ratio(one.objective)


def _parameters(tried: Sequence[Tried], space: Sequence[Range], own: Mapping[str, float]) -> Table:
    table = columns("parameter", "from", "to", "own", *(f"fold {one.fold.number}" for one in tried), apart=1)
    for one in space:
        table.add_row(
            one.name,
            *(f"{value:g}" for value in (one.low, one.high, own[one.name], *(t.params[one.name] for t in tried))),
        )
    return table
