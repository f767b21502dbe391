"""One span of candles, walked with other parameters again and again."""

from __future__ import annotations

from collections.abc import Mapping

from bot.backtest.folds import Measured
from bot.backtest.objective import value
from bot.backtest.result import Result
from bot.backtest.run import Backtest
from bot.backtest.terms import Account
from bot.strategy.base import Strategy
from bot.strategy.named import with_params


class Tuning:
    """The walks over the candles of `base` on the terms of one account."""

    def __init__(self, base: Backtest, account: Account, objective: str) -> None:
        self._base, self._own = base, base.strategy
        self._account, self._objective = account, objective

    def value(self, params: Mapping[str, float]) -> float | None:
        """What is searched for; None where the strategy refuses these parameters, or with too few trades to tell."""
        try:
            strategy = self._with(params)
        except ValueError:
            return None
        return value(self._objective, self._walked(strategy))

    def measured(self, params: Mapping[str, float]) -> Measured:
        """The same walk with what is kept of it."""
        result = self._walked(self._with(params))
        return Measured.of(result, value(self._objective, result))

    def _with(self, params: Mapping[str, float]) -> Strategy:
        return with_params(self._own, {name: repr(one) for name, one in params.items()})

    def _walked(self, strategy: Strategy) -> Result:
        self._base.decide_by(strategy)
        return self._base.walk(self._account)
