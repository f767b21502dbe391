"""What a strategy could not answer, told once for each symbol, question and candle."""

from __future__ import annotations

from bot.domain.log import Event
from bot.engine.desk import Desk
from bot.strategy.guarded import Trouble

#: What does not happen for want of an answer.
_SPARED = {
    "on_close": "its stop stays where it is",
    "on_price": "no target is sold, its stop stays at the exchange",
    "rank": "not among the markets of this period",
    "window": "the house's number of candles is kept",
}


class Troubles:
    """One account's; `tell` is for `Guarded`."""

    def __init__(self, desk: Desk, timeframe_ms: int) -> None:
        self._desk = desk
        self._timeframe = timeframe_ms
        self._told: dict[tuple[str, str], int] = {}

    def tell(self, trouble: Trouble) -> None:
        """One line; a question that is asked again in the same candle has it already."""
        candle, about = self._desk.clock.market_ms() // self._timeframe, (trouble.symbol, trouble.question)
        if self._told.get(about) == candle:
            return
        self._told[about] = candle
        self._desk.log.error(
            Event.STRATEGY,
            strategy=trouble.strategy,
            symbol=trouble.symbol or "any",
            where=trouble.where,
            reason=f"{trouble.question}: {trouble.reason}; {_SPARED.get(trouble.question, 'no entry on this candle')}",
        )
