"""What the research commands share, and the output of two of them: `nija data check` and `nija check-strategy`.

Owns how their errors are reported: one line on stderr and exit status 2.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bot.runtime.chosen import strategy_of, timeframe_of
from bot.settings.load import Settings

if TYPE_CHECKING:
    from bot.backtest.data_check import Report

TOOLS = ("numba", "llvmlite", "pyarrow", "lightweight-charts", "optuna")


@contextmanager
def research_tools() -> Iterator[None]:
    """Reports missing research tools and unusable candles as one line and exit status 2."""
    from bot.backtest.candle_names import BadCandles

    try:
        yield
    except ModuleNotFoundError as error:
        tool = (error.name or "").partition(".")[0]
        if tool not in TOOLS:
            raise
        typer.echo(f"nija: {tool} is not installed: run ./start.sh setup research", err=True)
        raise typer.Exit(2) from None
    except BadCandles as error:
        typer.echo(f"nija: {error}", err=True)
        raise typer.Exit(2) from None


def check_data(folder: Path, max_holes: float | None, *, as_json: bool) -> None:
    """Print a report on each candle file; exit status 1 if a backtest would refuse one."""
    from bot.backtest.candle_files import MAX_HOLES
    from bot.backtest.data_check import check

    with research_tools():
        reports = check(folder, MAX_HOLES if max_holes is None else max_holes)
    if as_json:
        typer.echo(json.dumps({"files": [one.document() for one in reports]}, indent=2))
    else:
        show_files(reports)
    raise typer.Exit(0 if all(one.usable for one in reports) else 1)


def check_strategy(
    settings: Settings,
    named_as: str,
    folder: Path,
    pairs: Sequence[str],
    timeframe: str | None,
    max_holes: float | None,
) -> None:
    """Print a line for each fault in a strategy's answers; exit status 1 if there is one."""
    from bot.backtest.candle_files import MAX_HOLES, load
    from bot.backtest.soundness import check

    strategy = strategy_of(settings, named_as)
    length = timeframe or timeframe_of(settings.trading, strategy)
    with research_tools():
        loaded = load(folder, pairs, length, MAX_HOLES if max_holes is None else max_holes)
        tried = check(lambda: strategy_of(settings, named_as), loaded.histories, compile_folder(settings))
    for line in tried.findings:
        typer.echo(line)
    if not tried.findings:
        of = f"{tried.markets} market{'s' if tried.markets > 1 else ''} of {length}"
        typer.echo(f"sound: {tried.closes} decisions, {tried.signals} of them signals, in {of}")
    raise typer.Exit(1 if tried.findings else 0)


def compile_folder(settings: Settings) -> Path:
    """The cache folder of compiled code."""
    return settings.operation.data_dir / "numba"


def show_files(reports: Sequence[Report]) -> None:
    """A table with a row for each file, and the reasons below it."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("file", "verdict", "from", "to", "candles", "holes", "flat", "jumps", "checksum"):
        table.add_column(name, justify="right" if name in ("candles", "holes", "flat", "jumps") else "left")
    for one in reports:
        counts = one.repairs
        table.add_row(
            *(one.file, one.verdict, one.first[:10], one.last[:10], f"{counts.candles}", f"{counts.hole_share:.2%}"),
            *(f"{one.flat_share:.1%}", f"{one.jumps}", one.checksum[:12]),
        )
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(table)
    for one in reports:
        jumped = f"opens over 10 % from the previous close at {one.first_jump}" if one.jumps else ""
        for words in filter(None, (one.reason, jumped)):
            console.print(words if one.file in words else f"{one.file}: {words}")
