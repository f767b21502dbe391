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
        spared = _SPARED.get(error.question, "no entry on this candle")
        self._log(error, error.symbol, f"{error.question}: {error.reason}; {spared}")

    def report_slow(self, error: StrategyError) -> None:
        """Log that an answer took long, once per question and candle."""
        self._log(
            error, "slow", f"{error.question} {error.reason}: the positions are not checked meanwhile, their stops rest"
        )

    def _log(self, error: StrategyError, about: str, reason: str) -> None:
        candle, key = self._oms.clock.market_ms() // self._timeframe, (about, error.question)
        if self._logged.get(key) == candle:
            return
        self._logged[key] = candle
        self._oms.log.error(
            Event.STRATEGY,
            strategy=error.strategy,
            symbol=error.symbol or "any",
            where=error.where,
            reason=reason,
        )
