"""The page of a backtest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bot.backtest.alternatives import Alternative
from bot.backtest.figures import Figure, figures, money, ratio, share
from bot.backtest.history import History
from bot.backtest.numbers import Numbers, trade_fees
from bot.backtest.result import Result
from bot.domain.candles import Series
from bot.page.candles import charts, in_words
from bot.page.content import Cell, Column, Kind, Listing, Page, Table, bins
from bot.page.sections import counts, days, equity, groups, months, result_cell, tiles

_SIDES = {1: "long", -1: "short"}
EQUITY_NOTE = "Equity (right) at the last close of each UTC day, with positions at that close; drawdown (left) below its best moment."


class Walked(NamedTuple):
    """A backtest with what was asked for (`head`, as in its JSON), the `targets` of its strategy in R, and `notes` on its terms."""

    head: Mapping[str, Any]
    histories: Sequence[History]
    result: Result
    numbers: Numbers
    others: Sequence[Alternative]
    targets: Sequence[float] = ()
    notes: Sequence[str] = ()


def page(of: Walked) -> Page:
    """Everything of one backtest."""
    result, found = of.result, of.numbers
    shown = charts(of.histories, result.since, result.until)
    quotes = sorted({pair.split("-")[1] for pair in result.pairs})
    return Page(
        title="Backtest",
        subtitle=f"{of.head['strategy'].rpartition(':')[2]} on {_pairs(result.pairs)}, {days(result)}",
        verdict=found.verdict.name.lower(),
        sentence=found.sentence,
        tiles=tiles(found),
        equity=equity(result, ", ".join(quotes)),
        equity_note=EQUITY_NOTE,
        figures=figures(found),
        tested=tested(of),
        months=months(result, found),
        results=bins(result.trades.pnl_r),
        trades=trades(result),
        tables=[
            _beside(found, of.others),
            groups("By pair", "pair", found.by_pair),
            groups("By exit", "exit", found.by_reason),
            counts(
                "Signals that a gate blocked",
                ("gate", "signals"),
                result.skips.items(),
                "What each gate asks is in docs/operations.md.",
            ),
        ],
        charts=shown.charts,
        charts_note=shown.note,
        targets=of.targets,
        notes=of.notes,
    )


def tested(of: Walked) -> list[Figure]:
    """What was asked for, so that it can be repeated."""
    result = of.result
    rows = {
        "rule": of.head["strategy"],
        "pairs": ", ".join(result.pairs),
        "span": days(result),
        "candles": f"{result.candles:,} of {in_words(result.timeframe_ms)}",
        "fee": f"{result.fee:.4%} a side",
        "spread": f"{result.spread:.4%}",
        "equity": money(result.equity),
        "slots": f"{of.head['slots']}",
        "limits": "those of the account" if of.head["limits"] == "account" else "none: the rule alone",
        "parameters": ", ".join(f"{name}={value}" for name, value in of.head["params"].items()),
    }
    return [Figure(name, value) for name, value in rows.items()]


def trades(result: Result) -> Listing:
    """Every trade in a row, in the order of entries."""
    one = result.trades
    names = list(dict.fromkeys([*result.pairs, *_SIDES.values(), *result.reasons]))
    place = {name: at for at, name in enumerate(names)}
    columns = (
        Column("entry_time", "entered", Kind.TIME, one.entry_time),
        Column("symbol", "pair", Kind.NAME, [place[result.pairs[at]] for at in one.symbol.tolist()]),
        Column("side", "side", Kind.NAME, [place[_SIDES[at]] for at in one.side.tolist()]),
        Column("pnl", "result", Kind.MONEY, one.pnl),
        Column("pnl_r", "R", Kind.SIGNED, one.pnl_r),
        Column("exit_reason", "reason", Kind.NAME, [place[result.reasons[at]] for at in one.exit_reason.tolist()]),
        Column("entry_price", "entry", Kind.NUMBER, one.entry_price),
        Column("stop", "stop", Kind.NUMBER, one.stop),
        Column("exit_price", "exit", Kind.NUMBER, _exit_prices(result)),
        Column("exit_time", "ended", Kind.TIME, one.exit_time),
        Column("qty", "size", Kind.NUMBER, one.qty),
        Column("fees", "fees", Kind.AMOUNT, trade_fees(result)),
        Column("risk", "", Kind.HIDDEN, one.r),
        Column("direction", "", Kind.HIDDEN, one.side.tolist()),
        Column("legs", "", Kind.HIDDEN, _legs(result, place)),
    )
    return Listing("Trades", "trades.csv", names, columns, "Exit: the average price of its sales.")


def _exit_prices(result: Result) -> Series:
    """The average price of each trade's sales."""
    legs, first = result.legs, result.trades.first_leg
    value: Series = np.add.reduceat(legs.price * legs.qty, first[:-1]) if len(legs) else legs.price
    qty: Series = np.add.reduceat(legs.qty, first[:-1]) if len(legs) else legs.qty
    return value / qty


def _legs(result: Result, place: Mapping[str, int]) -> list[list[tuple[int, float, int]]]:
    """The sales of each trade: when (s), at which price, why."""
    legs, first = result.legs, result.trades.first_leg.tolist()
    reasons = [place[result.reasons[at]] for at in legs.reason.tolist()]
    rows = list(zip((legs.time // 1000).tolist(), legs.price.tolist(), reasons, strict=True))
    return [rows[first[at] : first[at + 1]] for at in range(len(first) - 1)]


def _beside(found: Numbers, others: Sequence[Alternative]) -> Table:
    this = Alternative("this backtest", found.total_return, found.final_equity, found.trades, found.expectancy_r)
    rows = [
        [
            Cell(one.name),
            result_cell(share(one.total_return), one.total_return),
            Cell(money(one.final_equity)),
            Cell("" if one.trades is None else f"{one.trades:,}"),
            Cell("") if one.trades is None else result_cell(ratio(one.expectancy_r, 3), one.expectancy_r),
        ]
        for one in (this, *others)
    ]
    return Table("Beside", ("", "return", "final", "trades", "R a trade"), rows)


def _pairs(pairs: Sequence[str]) -> str:
    return ", ".join(pairs) if len(pairs) <= 3 else f"{len(pairs)} pairs"
