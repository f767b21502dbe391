"""Compiles a strategy's backtest in advance, by running it over a few candles."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bot.backtest.history import History
from bot.backtest.run import Backtest
from bot.backtest.terms import Account
from bot.strategy.base import Strategy

#: Candles beyond those that the strategy requires.
MORE = 60


def warm(strategy: Strategy, folder: Path) -> None:
    """Compile into `folder` what it does not hold yet. A strategy without rows needs no compilation."""
    count = strategy.required + MORE
    close = 100.0 + np.sin(np.arange(count))
    time = 300_000 * np.arange(count, dtype=np.int64)
    columns = (close, close + 1.0, close - 1.0, close, np.ones(count))
    history = History("BTC-USD", 300_000, time, *columns, np.zeros(count, np.bool_), "made up")
    Backtest(strategy, [history], compile_to=folder).walk(Account())
