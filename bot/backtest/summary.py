"""A backtest on the screen: the verdict, the statistics, the alternatives, and results by pair, exit and month.

Owns the layout, within 80 columns. Every number comes from `numbers` and `alternatives`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table

from bot.backtest.alternatives import Alternative
from bot.backtest.figures import figures, money, ratio, share
from bot.backtest.numbers import Group as Trades
from bot.backtest.numbers import Numbers

WIDTH = 80
#: The most rows shown of a group; of more pairs, the best and the worst are shown.
MOST_ROWS = 12


def show(found: Numbers, others: Sequence[Alternative], console: Console | None = None) -> None:
    """Print all of it."""
    screen = console or Console(width=WIDTH, highlight=False)
    screen.print(summary(found, others))


def summary(found: Numbers, others: Sequence[Alternative]) -> RenderableType:
    """The verdict, the statistics, the alternatives and the groups, one below another."""
    groups = (("pair", found.by_pair), ("exit", found.by_reason), ("month", found.by_month))
    parts: list[RenderableType] = [found.sentence, "", _figures(found), "", _beside(found, others)]
    for name, rows in groups:
        if rows:
            parts += ["", _group(name, rows)]
    return Group(*parts)


def _figures(found: Numbers) -> Table:
    """The statistics, in three columns of name and value."""
    cells = figures(found)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column()
        table.add_column(justify="right")
    for row in zip(cells[:6], cells[6:12], cells[12:], strict=True):
        table.add_row(*(word for cell in row for word in (cell.name, cell.value)))
    return table


def _beside(found: Numbers, others: Iterable[Alternative]) -> Table:
    this = Alternative("this backtest", found.total_return, found.final_equity, found.trades, found.expectancy_r)
    table = columns("beside", "return", "final", "trades", "R a trade")
    for one in (this, *others):
        trades = "" if one.trades is None else f"{one.trades:,}"
        in_r = "" if one.trades is None else ratio(one.expectancy_r, 3)
        table.add_row(one.name, share(one.total_return), money(one.final_equity), trades, in_r)
    return table


def _group(name: str, rows: Sequence[Trades]) -> Table:
    table = columns(name, "trades", "won", "R a trade", "result", "fees")
    left_out = len(rows) - MOST_ROWS if name == "pair" else 0
    for at, one in enumerate(rows):
        if left_out > 0 and MOST_ROWS // 2 <= at < MOST_ROWS // 2 + left_out:
            if at == MOST_ROWS // 2:
                table.add_row(f"({left_out} more)")
            continue
        table.add_row(
            one.key, f"{one.trades:,}", share(one.win_rate), ratio(one.expectancy_r, 3), money(one.pnl), money(one.fees)
        )
    return table


def columns(first: str, *names: str, apart: int = 2) -> Table:
    """A table of text in its first column and numbers in the others, `apart` spaces between them."""
    table = Table(box=None, pad_edge=False, padding=(0, apart, 0, 0))
    table.add_column(first)
    for name in names:
        table.add_column(name, justify="right")
    return table
