"""A strategy with no opinion and much to do: it enters, turns and stops out as often as the market lets it.

For the torture alone. Pure like every strategy: the same candles give the same answer, so that a seed replays it.
"""

from __future__ import annotations

from random import Random

from bot.domain.candles import Candles
from bot.strategy.base import Costs, Evaluation, Strategy, Terms
from bot.strategy.exits import Close, Trade, Way
from bot.strategy.rule import FLAT, Why

#: How far below the close a stop lies: near enough that stops and all three targets are met within minutes.
STOPS = (0.998, 0.996, 0.993)
SIDES = (1, 1, 1, 1, 1, FLAT, FLAT, -1)


class Restless(Strategy):
    """Draws side, stop and rank from the candle itself; on spot its short side is only a reason to be out."""

    required = 1

    def evaluate(self, candles: Candles) -> Evaluation:
        """What the dice of this candle say; the stop is right for either side."""
        close = float(candles.close[-1])
        dice = Random(f"{candles.closed_at}/{close}")
        side, stop = dice.choice(SIDES), dice.choice(STOPS)
        at = close * stop if side >= FLAT else close / stop
        return Evaluation(side, Why.ENTER, candles.closed_at, close, at, dice.random(), 5, 60.0, close * 0.004)

    def terms(self, evaluation: Evaluation, price: float, costs: Costs) -> Terms:
        """Only a stop on the wrong side of the price speaks against a trade."""
        return Terms(evaluation.stop)

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        """Out when the dice fall on the other side: much is to be sold at the market, too."""
        held = super().on_close(trade, candles)
        return Close(Way.TURN, held.stop) if self.evaluate(candles).side == -trade.side else held
