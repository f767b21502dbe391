"""The parts of a page that a backtest and a live account share: what is said of numbers that are made alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from bot.backtest.figures import Figure, figures, money, ratio, share
from bot.backtest.numbers import Group, Numbers
from bot.backtest.result import Result
from bot.domain.clock import iso
from bot.page.content import Cell, Equity, Table

_TILES = ("result", "return", "drawdown", "trades", "won", "R a trade", "profit factor", "fees")
_GROUPS = ("trades", "won", "R a trade", "result", "fees")


def tiles(found: Numbers) -> list[Figure]:
    """The numbers to see first."""
    named = {one.name: one for one in figures(found)}
    return [named[name] for name in _TILES]


def equity(result: Result, currency: str) -> Equity:
    """What it began with, and equity at the last close of each day."""
    time = np.concatenate(([result.since], result.day))
    return Equity(time, np.concatenate(([result.equity], result.day_equity)), currency)


def months(result: Result, found: Numbers) -> Table:
    """The return of each month, and the trades that ended in it."""
    # The last close of a day is the midnight after it.
    names = (result.day - 1).astype("datetime64[ms]").astype("datetime64[M]")
    last = np.flatnonzero(np.append(names[1:] != names[:-1], True)) if len(names) else np.array([], np.int64)
    ends = result.day_equity[last]
    begins = np.concatenate(([result.equity], ends[:-1]))
    trades = {group.key: group for group in found.by_month}
    rows = []
    for at, begin, end in zip(last.tolist(), begins.tolist(), ends.tolist(), strict=True):
        name = str(names[at])
        gain = end / begin - 1.0 if begin > 0.0 else None
        of = _cells(trades[name]) if name in trades else [Cell("0"), *[Cell("")] * (len(_GROUPS) - 1)]
        rows.append([Cell(name), result_cell(share(gain), gain), *of])
    return Table("Months", ("month", "return", *_GROUPS), rows, "Trades count in the month of their exit.", long=True)


def groups(title: str, name: str, of: Iterable[Group], note: str = "") -> Table:
    """The trades by what they have in common."""
    return Table(title, (name, *_GROUPS), [[Cell(one.key), *_cells(one)] for one in of], note, long=True)


def counts(title: str, columns: tuple[str, str], rows: Iterable[tuple[str, int]], note: str = "") -> Table:
    """How often something happened, the most frequent first."""
    ordered = sorted(rows, key=lambda row: (-row[1], row[0]))
    return Table(title, columns, [[Cell(name), Cell(f"{count:,}")] for name, count in ordered], note, long=True)


def days(result: Result) -> str:
    """Its first and its last day."""
    first, last = iso(result.since)[:10], iso(result.until - 1)[:10]
    return first if first == last else f"{first} to {last}"


def result_cell(text: str, value: float | None) -> Cell:
    """A result with its sign, in the text too."""
    sign = 0 if value is None else (value > 0.0) - (value < 0.0)
    return Cell(f"+{text}" if sign > 0 else text.replace("-", "−", 1) if sign < 0 else text, sign)


def money_cell(value: float) -> Cell:
    """An amount that is a result."""
    return result_cell(money(value), value)


def _cells(one: Group) -> Sequence[Cell]:
    return [
        Cell(f"{one.trades:,}"),
        Cell(share(one.win_rate)),
        result_cell(ratio(one.expectancy_r, 3), one.expectancy_r),
        money_cell(one.pnl),
        Cell(money(one.fees)),
    ]
