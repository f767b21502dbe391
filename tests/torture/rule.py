"""A strategy with no opinion and much to do: it enters, turns and stops out as often as the market lets it.

For the torture alone. Pure like every strategy: the same candles give the same answer, so that a seed replays it.
"""

from __future__ import annotations

from random import Random

from bot.domain.candles import Candles
from bot.strategy.base import Close, Costs, Evaluation, Strategy, Terms, Trade
from bot.strategy.exits import FLAT
from bot.strategy.grid import towards

#: How far below the close a stop lies: near enough that stops and all three targets are met within minutes.
STOPS = (0.998, 0.996, 0.993)
#: How far behind the best close a stop follows.
TRAIL = 0.006
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
        return Evaluation(side, candles.closed_at, close, at, dice.random(), why="dice", kept=(("best", close),))

    def terms(self, evaluation: Evaluation, price: float, costs: Costs) -> Terms:
        """Only a stop on the wrong side of the price speaks against a trade."""
        return Terms(evaluation.stop)

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        """Out when the dice fall on the other side: much is to be sold at the market, too. From the first target on the stop
        follows the best close, which is kept with the trade.
        """
        found = self.evaluate(candles)
        best = max([found.close, *dict(trade.kept).values()], key=lambda price: price * trade.side)
        kept = (("best", best),)
        if found.side == -trade.side:
            return Close(trade.stop, "turn", "the dice fell on the other side")
        trail = towards(trade.side, best * (1.0 - trade.side * TRAIL), trade.tick)
        stop = trail if trade.stage > 0 and trade.side * (found.close - trail) > 0.0 else trade.stop
        return Close(stop, kept=kept)
