"""Checks a strategy's rows: that its columns use closed candles alone, and that its answers equal those of its methods.

Owns the comparison of whole columns with cut ones, of rows with methods, and of compiled code with plain Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest
from types import SimpleNamespace
from typing import Any

import numpy as np

from bot.backtest.answers_check import LOOK_AHEAD, START, Market, cut_off
from bot.backtest.decisions import Decisions, room_for
from bot.backtest.findings import NEAR, Findings, difference, differing
from bot.backtest.state import record_of
from bot.strategy.base import Decided, Evaluation, Rows, Strategy
from bot.strategy.exits import Trade

#: At how many places the columns are cut, and how many rows before each cut are compared.
CUTS, ROWS = 12, 300
#: The most rows that are decided on both plain and compiled.
MOST_ROWS = 5_000
COMPILED = "differs compiled"
QUESTIONS = "rows differ"
BEYOND = "it reads later rows of the columns"


def check_columns(rows: Rows, market: Market, findings: Findings) -> None:
    """Check that the last rows of the columns stay the same with later candles cut off, and with earlier ones cut off."""
    whole = columns_of(rows.columns(market.candles))
    for row in np.linspace(market.window, len(market.candles) - 2, CUTS).astype(int):
        now = slice(max(int(row) + 1 - ROWS, 0), int(row) + 1)
        price = market.close(int(row))
        until = columns_of(rows.columns(cut_off(market.candles[: now.stop])))
        since = columns_of(rows.columns(cut_off(market.shown(int(row), market.window))))
        for name, column in whole.items():
            for other, kind, first, near, words in (
                (until[name][now], LOOK_AHEAD, now.start, NEAR / 1000, "later"),
                (since[name][-1:], START, int(row), NEAR, "earlier"),
            ):
                here = column[first : now.stop]
                for at in differing(here, other, near, price)[:1]:
                    said = f"{here[at]:.10g}, but {other[at]:.10g} without {words} candles"
                    findings.add(kind, f"column {name}", market.symbol, market.closed_at(first + int(at)), said)


def columns_of(found: Any) -> dict[str, Any]:
    """The columns by name."""
    return {name: np.asarray(column, np.float64) for name, column in found._asdict().items()}


def _until(columns: Any, row: int) -> Any:
    """The columns up to a row."""
    return type(columns)(*(column[: row + 1] for column in columns))


def check_decisions(
    strategy: Strategy, market: Market, asked: Sequence[tuple[int, Evaluation]], findings: Findings
) -> None:
    """Check that `decided` equals `evaluate`, at the rows at which that was called."""
    rows = strategy.rows
    if rows is None:
        return
    columns = rows.columns(market.candles)
    for row, evaluation in asked:
        try:
            one = rows.decided(_until(columns, row), row, rows.params, strategy.risk_settings)
        except IndexError:
            findings.add(LOOK_AHEAD, "decided", market.symbol, market.closed_at(row), BEYOND)
            continue
        size = strategy.size_pct(evaluation) if evaluation.side != 0 else 0.0
        found = difference(_numbers(one), _asked(evaluation, size), NEAR, market.close(row))
        if found:
            findings.add(QUESTIONS, "decided", market.symbol, market.closed_at(row), f"{found} as evaluate says")


def _numbers(one: Decided) -> dict[str, object]:
    if one.side == 0:
        return {"side": 0}
    return {"side": one.side} | {name: float(getattr(one, name)) for name in one._fields[1:]}


def _asked(one: Evaluation, size: float) -> dict[str, object]:
    if one.side == 0:
        return {"side": 0}
    score = float("nan") if one.score is None else float(one.score)
    return {
        "side": one.side,
        "stop": one.stop,
        "risk_price": one.risk_price,
        "momentum": one.momentum,
        "score": score,
        "pct": size,
    }


def check_closes(strategy: Strategy, market: Market, trades: Sequence[tuple[int, Trade]], findings: Findings) -> None:
    """Check that `closed` equals `on_close`."""
    rows = strategy.rows
    if rows is None:
        return
    columns = rows.columns(market.candles)
    for row, trade in trades:
        now = SimpleNamespace(**{name: float(getattr(columns, name)[row]) for name in rows.at_close})
        one = rows.closed(trade, market.close(row), now, rows.params)
        asked = strategy.on_close(trade, market.shown(row, market.window))
        said = {"exit": rows.exits[one.exit - 1] if one.exit else "", "stop": float(one.stop)}
        found = difference(said, {"exit": asked.exit, "stop": asked.stop}, NEAR, market.close(row))
        if found:
            findings.add(QUESTIONS, "closed", market.symbol, market.closed_at(row), f"{found} as on_close says")


def check_compiled(strategy: Strategy, market: Market, texts: Sequence[Callable[..., int]], findings: Findings) -> None:
    """Check that plain and compiled code make the same decisions, to the last bit."""
    rows = strategy.rows
    if rows is None:
        return
    columns = rows.columns(market.candles)
    last = len(market.candles)
    first = max(last - MOST_ROWS, strategy.required - 1, 1)

    def decisions(text: Callable[..., int]) -> list[tuple[float, ...]]:
        found = room_for(last)
        count = text(columns, first, last, record_of(rows.params), strategy.risk_settings, found)
        return list(zip(*(column[:count].tolist() for column in found), strict=True))

    one, other = (decisions(text) for text in texts)
    for at, (first_one, second) in enumerate(zip_longest(one, other, fillvalue=())):
        if repr(first_one) != repr(second):  # by repr NaN equals NaN
            row = int(min(first_one[:1] + second[:1]))
            words = f"{_named(first_one)} plain, {_named(second)} compiled"
            findings.add(COMPILED, f"decision {at + 1}", market.symbol, market.closed_at(row), words)
            return


def _named(values: tuple[float, ...]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in zip(Decisions._fields, values, strict=False)) or "no signal"
