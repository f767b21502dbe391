"""A strategy that trades as much as possible: it enters, turns and is stopped out as often as the market allows.

For the torture only. Pure like every strategy: the same candles give the same answer, so that a seed reproduces it.
"""

from __future__ import annotations

from random import Random

from bot.domain.candles import Candles
from bot.strategy.base import Close, Costs, Evaluation, Strategy, Terms, Trade
from bot.strategy.exits import FLAT
from bot.strategy.grid import towards

#: Distance of the stop from the close: near enough that stops and all three targets are reached within minutes.
STOPS = (0.998, 0.996, 0.993)
#: Distance at which a stop trails the best close.
TRAIL = 0.006
SIDES = (1, 1, 1, 1, 1, FLAT, FLAT, -1)


class Restless(Strategy):
    """Draws side, stop and rank from the candle itself; on spot its short side is only a reason to exit."""

    required = 1

    def evaluate(self, candles: Candles) -> Evaluation:
        """The random draw of this candle; the stop is on the right side for longs and shorts."""
        close = float(candles.close[-1])
        dice = Random(f"{candles.closed_at}/{close}")
        side, stop = dice.choice(SIDES), dice.choice(STOPS)
        at = close * stop if side >= FLAT else close / stop
        return Evaluation(side, candles.closed_at, close, at, dice.random(), why="dice", kept=(("best", close),))

    def terms(self, evaluation: Evaluation, price: float, costs: Costs) -> Terms:
        """Trades unless the stop is on the wrong side of the price."""
        return Terms(evaluation.stop)

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        """Exits when the draw is for the other side, so that there are many market exits too. From the first target on, the
        stop trails the best close, which is kept with the trade.
        """
        found = self.evaluate(candles)
        best = max([found.close, *dict(trade.kept).values()], key=lambda price: price * trade.side)
        kept = (("best", best),)
        if found.side == -trade.side:
            return Close(trade.stop, "turn", "the dice fell on the other side")
        trail = towards(trade.side, best * (1.0 - trade.side * TRAIL), trade.tick)
        stop = trail if trade.stage > 0 and trade.side * (found.close - trail) > 0.0 else trade.stop
        return Close(stop, kept=kept)
