"""The markets of a strategy with its own ranking, chosen once per period.

The choice is stored, so that it survives a restart. It depends only on candles from before the period, so making it again later
gives the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from bot.brokers.base import BrokerError
from bot.domain.clock import DAY
from bot.domain.log import Event
from bot.engine.order_manager import OrderManager
from bot.strategy.base import Universe
from bot.strategy.guarded import GuardedStrategy
from bot.strategy.periods import before, began, best

#: Name of the stored state that holds the choice: the strategy, the start of the period (market ms) and the symbols.
_CHOICE = "universe"


class Ranking:
    """The choice of markets of one account."""

    def __init__(self, oms: OrderManager, strategy: GuardedStrategy) -> None:
        self.between: Callable[[], None] = lambda: None
        self._oms = oms
        self._strategy = strategy
        self._ranks: dict[tuple[int, str], float | None] = {}

    def chosen(self, traded: Sequence[str], allowed: Collection[str] = ()) -> list[str]:
        """The chosen markets, best first, out of `traded` (highest turnover first); all of them if the strategy does not rank
        markets. An owner's list, best first, replaces a strategy's choice. Raises `BrokerError` if too few requests are answered
        to choose.
        """
        universe = self._strategy.rule.universe
        if universe is None:
            return list(traded)
        if allowed:
            return [symbol for symbol in allowed if symbol in set(traded)]
        since = began(self._oms.clock.market_ms(), universe)
        whose = f"{type(self._strategy.rule).__qualname__} {since}"
        known = self._oms.book.get_state(_CHOICE)
        if known is None or not known.startswith(f"{whose} "):
            known = " ".join([whose, *self._best(traded[: universe.among], since, universe)])
            self._oms.book.set_state(_CHOICE, known)
        symbols = known.removeprefix(whose).split()
        return [symbol for symbol in symbols if symbol in set(traded)]

    def _best(self, symbols: Sequence[str], since: int, universe: Universe) -> list[str]:
        self._ranks = {about: rank for about, rank in self._ranks.items() if about[0] == since}
        for symbol in symbols:
            if (since, symbol) not in self._ranks:
                self.between()
                self._ranks[since, symbol] = self._rank(symbol, since, universe)
        return best({symbol: self._ranks[since, symbol] for symbol in symbols}, universe)

    def _rank(self, symbol: str, since: int, universe: Universe) -> float | None:
        """The strategy's rank of a market; None for one that is closed to this owner."""
        today = self._oms.clock.market_ms() - since
        try:
            candles = self._oms.broker.candles(symbol, DAY, universe.candles + today // DAY)
        except BrokerError as error:
            self._oms.markets.record_error(error, symbol)
            if not self._oms.markets.is_restricted(symbol):
                raise
            self._oms.log.warning(Event.MARKETS, symbol=symbol, reason=f"not ranked: {error.text}")
            return None
        return self._strategy.rank(symbol, before(candles, since)[-universe.candles :])
