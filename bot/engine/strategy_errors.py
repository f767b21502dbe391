"""Logs each question that a strategy could not answer, once per symbol, question and candle."""

from __future__ import annotations

from bot.domain.log import Event
from bot.engine.order_manager import OrderManager
from bot.strategy.guarded import StrategyError

#: The consequence of each unanswered question.
_SPARED = {
    "on_close": "its stop stays where it is",
    "on_price": "no target is sold, its stop stays at the exchange",
    "rank": "not among the markets of this period",
    "window": "NIJA's own number of candles is kept",
}


class StrategyErrors:
    """The strategy errors of one account; `GuardedStrategy` calls `report`."""

    def __init__(self, oms: OrderManager, timeframe_ms: int) -> None:
        self._oms = oms
        self._timeframe = timeframe_ms
        self._logged: dict[tuple[str, str], int] = {}

    def report(self, error: StrategyError) -> None:
        """Log an error, unless the same question already failed in this candle."""
        candle, about = self._oms.clock.market_ms() // self._timeframe, (error.symbol, error.question)
        if self._logged.get(about) == candle:
            return
        self._logged[about] = candle
        self._oms.log.error(
            Event.STRATEGY,
            strategy=error.strategy,
            symbol=error.symbol or "any",
            where=error.where,
            reason=f"{error.question}: {error.reason}; {_SPARED.get(error.question, 'no entry on this candle')}",
        )
