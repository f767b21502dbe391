"""The numbers of a result as text, each with its meaning: the same on the screen and on a page."""

from __future__ import annotations

from typing import NamedTuple

from bot.backtest.numbers import Numbers


class Figure(NamedTuple):
    """A number as text, and what it means."""

    name: str
    value: str
    meaning: str = ""


def figures(found: Numbers) -> list[Figure]:
    """All single numbers: six of the trades, six of the money, six of the equity curve."""
    turnover = "-" if found.turnover_year is None else f"{found.turnover_year:,.0f} x"
    rows = (
        ("trades", f"{found.trades:,}", "positions opened and closed"),
        ("won", share(found.win_rate), "the share of trades with a gain, after all costs"),
        ("R a trade", ratio(found.expectancy_r, 3), "the mean result in R, the distance from entry to stop"),
        ("a trade", money(found.expectancy), "the mean result in money, after all costs"),
        ("profit factor", ratio(found.profit_factor), "what was won for each unit lost"),
        ("invested", share(found.exposure), "the mean share of equity in positions"),
        ("return", share(found.total_return), "of the whole time"),
        ("a year", share(found.cagr), "the same as growth for 365 days"),
        ("result", money(found.pnl), "what all trades earned together"),
        ("fees", money(found.fees), "what trading cost, in the result already"),
        ("spread", money(found.spread_paid), "half of it at each purchase and sale, in the result already"),
        ("turnover", money(found.turnover), "all that was bought and sold"),
        ("Sharpe", ratio(found.sharpe), "mean daily return for each unit of deviation, for a year; cash earns nothing"),
        ("Sortino", ratio(found.sortino), "the same with the deviation of losing days"),
        ("Calmar", ratio(found.calmar), "growth a year for each unit of the deepest drawdown"),
        ("drawdown", share(found.max_drawdown), "the deepest loss since a best moment"),
        ("drawdown, days", f"{found.drawdown_days}", "the longest time below a best moment"),
        ("turnover a year", turnover, "how many times a year the mean equity was bought and sold"),
    )
    return [Figure(*row) for row in rows]


def share(value: float | None) -> str:
    """A fraction in percent."""
    return "-" if value is None else f"{value:,.1%}"


def ratio(value: float | None, decimals: int = 2) -> str:
    """A plain number."""
    return "-" if value is None else f"{value:,.{decimals}f}"


def money(value: float | None) -> str:
    """An amount in the quote."""
    return "-" if value is None else f"{value:,.2f}"
