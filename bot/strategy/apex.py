"""APEX v7.1: a trend pull-back rule for liquid pairs.

Owns nothing but the joining of candles, indicators and the rule's text into the answers that the engine asks
for.
"""

from __future__ import annotations

from bot.domain.candles import Candles
from bot.strategy import exits, rule, sizing
from bot.strategy.base import Evaluation, Strategy
from bot.strategy.exits import Close, Trade, Way
from bot.strategy.indicators import indicators
from bot.strategy.rule import Reading, Signal, Why


class ApexStrategy(Strategy):
    """Trend by VWAP, EMAs and MACD; entry on 3 of 5 points; stop beyond the swing; three targets, a trail."""

    def evaluate(self, candles: Candles) -> Evaluation:
        """The rule at the last close. A short signal has side -1 whether or not the venue can short."""
        if len(candles) < self.required:
            closed_at, close = (candles.closed_at, float(candles.close[-1])) if len(candles) else (0, 0.0)
            return Evaluation(rule.FLAT, Why.NOT_READY, closed_at, close)
        now = self.reading(candles)
        signal = rule.decide(now, self.params)
        return Evaluation(
            side=signal.side,
            why=signal.why,
            closed_at=candles.closed_at,
            close=now.close,
            stop=signal.stop,
            momentum=signal.momentum,
            score=signal.score,
            adx=now.adx,
            atr=now.atr,
            facts=_facts(now, signal),
        )

    def size_pct(self, evaluation: Evaluation) -> float:
        """By the strength of the trend and the score."""
        return sizing.size_pct(evaluation.adx, evaluation.score, self.params, self.owner)

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        """Out when the EMAs cross; otherwise trail from the first target on."""
        if len(candles) < self.required:
            return Close(Way.HOLD, trade.stop)
        now = self.reading(candles)
        crossed = exits.turned(trade.side, now.ema_fast, now.ema_middle)
        return exits.at_close(trade, now.close, now.atr, crossed, self.params)

    def reading(self, candles: Candles) -> Reading:
        """What the rule sees at the last close; needs two candles."""
        return rule.reading(indicators(candles, self.params), len(candles) - 1)


def _facts(now: Reading, signal: Signal) -> tuple[tuple[str, float], ...]:
    points = ((f"point_{name}", float(held)) for name, held in signal.points._asdict().items())
    return (("trend", float(signal.trend)), *now._asdict().items(), *points)
