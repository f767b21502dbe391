"""One backtest: decisions made once over all candles, then walked on the terms of an account, as often as one likes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.backtest.history import History
from bot.backtest.result import Result
from bot.backtest.terms import Account


class Backtest(Protocol):
    """What `prepared` gives: a strategy's decisions over these candles. Walking is cheap beside making it."""

    histories: Sequence[History]
    compiled: bool

    def walk(self, account: Account) -> Result:
        """The trades and the equity on these terms; the same for the same terms, to the last digit."""
        ...
