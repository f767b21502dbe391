"""The markets of a strategy that chooses them: which of them it may enter at a close, and which comes first.

Owns the choice over candles of the past. It is the one that live makes (see `bot.strategy.periods`), with two differences: every
market that still has candles is ranked, since nobody knows how much was traded in its last day, and nothing is excluded for its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bot.backtest.history import History, seen
from bot.backtest.repair import joined
from bot.backtest.result import Integers
from bot.domain.candles import Candles, Times
from bot.domain.clock import DAY
from bot.strategy.base import Universe
from bot.strategy.periods import before, began, best

#: The place of a market that is not among those chosen.
NOWHERE = -1


class Choice:
    """Who may be entered, and in which order. `rank` asks the strategy; an owner's `pairs`, best first, replace its choice."""

    def __init__(
        self,
        universe: Universe | None,
        histories: Sequence[History],
        pairs: Sequence[str],
        rank: Callable[[str, Candles], float | None],
    ) -> None:
        self._universe = universe
        self._symbols = [one.symbol for one in histories]
        self._pairs = list(pairs)
        self._rank = rank
        self._daily = [_daily(one) for one in histories] if universe is not None and not pairs else []
        self._chosen: dict[int, list[str]] = {}

    def places(self, market: int, closed_at: Times) -> Integers:
        """A market's place at each of these closes, from 0; all alike for a strategy that does not choose."""
        symbol, universe = self._symbols[market], self._universe
        if universe is None:
            return np.zeros(len(closed_at), np.int64)
        if self._pairs:
            return np.full(len(closed_at), _place(self._pairs, symbol))
        begun = [began(int(close), universe) for close in closed_at]
        return np.array([_place(self._in_force(since, universe), symbol) for since in begun], np.int64)

    def _in_force(self, since: int, universe: Universe) -> list[str]:
        if since not in self._chosen:
            ranks = {
                symbol: self._rank(symbol, before(candles, since)[-universe.candles :])
                for symbol, candles in zip(self._symbols, self._daily, strict=True)
                if len(candles) and candles.time[0] < since <= candles.time[-1]
            }
            self._chosen[since] = best(ranks, universe)
        return self._chosen[since]


def _place(symbols: Sequence[str], symbol: str) -> int:
    return symbols.index(symbol) if symbol in symbols else NOWHERE


def _daily(history: History) -> Candles:
    """The days of a market in which something was traded."""
    if history.timeframe_ms == DAY:
        return seen(history, fills_gaps=False)
    candles, filled = joined(history.candles, history.filled, DAY)
    traded = ~filled
    columns = (getattr(candles, name)[traded] for name in ("open", "high", "low", "close", "volume"))
    return Candles(DAY, candles.time[traded], *columns)
