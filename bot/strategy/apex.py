"""APEX v7.1: a trend pull-back rule for liquid pairs.

Combines candles, indicators and the rule into the answers that the engine asks for. The rule itself is in `rule`.
"""

from __future__ import annotations

from bot.domain.candles import Candles
from bot.strategy import rule
from bot.strategy.base import Close, Condition, Evaluation, ExitLeg, Numbers, Rows, Searched, Strategy, Trade
from bot.strategy.exits import FLAT, LONG
from bot.strategy.indicators import Indicators, indicators
from bot.strategy.params import APEX, DEFAULT_RISK_SETTINGS, ApexParams, RiskSettings
from bot.strategy.rule import AtClose, Conditions, Points, Reading, Signal, SignalReason

#: The rule's own reasons to exit at a close.
EXITS = ("turn",)
#: The names of the conditions, the points and the score, in the order they are checked; and which of them are required.
_NAMES = (*Conditions._fields, *(f"point_{name}" for name in Points._fields), "score")
_NEEDED = tuple(name == "score" or name in Conditions._fields[:7] for name in _NAMES)


class ApexStrategy(Strategy):
    """Trend by VWAP, EMAs and MACD; entry on 3 of 5 points; stop beyond the swing; three targets, a trail."""

    #: What is asked of an entry, and the exits. Sizes are not searched, since they change no result in R, and neither are the
    #: periods of indicators: fewer parameters find less luck.
    search_space = (
        Searched("adx_floor", 15.0, 40.0, 1.0),
        Searched("score_needed", 3, 5, 1),
        Searched("pullback", 0.001, 0.01, 0.001),
        Searched("stop_atr", 0.25, 3.0, 0.25),
        Searched("tp1_r", 0.5, 1.5, 0.25),
        Searched("tp2_r", 1.75, 2.75, 0.25),
        Searched("tp3_r", 3.0, 8.0, 0.5),
        Searched("tp1_share", 0.25, 0.7, 0.05),
        Searched("trail_atr", 1.0, 5.0, 0.5),
    )

    def __init__(self, risk_settings: RiskSettings = DEFAULT_RISK_SETTINGS, params: ApexParams = APEX) -> None:
        super().__init__(risk_settings)
        self.params = params
        self.widest_r = params.widest_r
        rest = 1.0 - params.tp1_share - params.tp2_share
        shares = (params.tp1_share, params.tp1_r), (params.tp2_share, params.tp2_r), (rest, params.tp3_r)
        self.legs = tuple(ExitLeg(share, target) for share, target in shares)
        self.rows = Rows(self.columns, rule.at_row, AtClose._fields, rule.closed, params, EXITS)

    def evaluate(self, candles: Candles) -> Evaluation:
        """The rule at the last close. A short signal has side -1 whether or not the venue can short. Without a trend, the
        conditions shown are those of a long.
        """
        if len(candles) < self.required:
            closed_at, close = (candles.closed_at, float(candles.close[-1])) if len(candles) else (0, 0.0)
            return Evaluation(FLAT, closed_at, close, why=_words(SignalReason.NOT_READY))
        now = self.reading(candles)
        side = rule.possible(now)
        asked = rule.conditions(now, side, self.params)
        signal = rule.decided(now, side, asked, self.params)
        considered = signal.trend or LONG
        if considered != side:
            asked = rule.conditions(now, considered, self.params)
        return Evaluation(
            side=signal.side,
            closed_at=candles.closed_at,
            close=now.close,
            stop=signal.stop,
            momentum=signal.momentum,
            score=signal.score,
            why=f"score {signal.score} adx {now.adx:.1f}" if signal.side else _words(signal.why),
            facts=_facts(now, signal),
            conditions=self._conditions(asked),
            considered=considered,
        )

    def size_pct(self, evaluation: Evaluation) -> float:
        """Percent of equity by trend strength and score."""
        return rule.size_pct(dict(evaluation.facts)["adx"], int(evaluation.score or 0), self.params, self.risk_settings)

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        """Exit when the EMAs cross; otherwise trail the stop from the first target on."""
        if len(candles) < self.required:
            return Close(trade.stop)
        now = self.reading(candles)
        close = rule.closed(trade, now.close, AtClose(now.ema_fast, now.ema_middle, now.atr), self.params)
        if close.exit:
            return Close(close.stop, EXITS[0], f"EMA{self.params.ema_fast} crossed EMA{self.params.ema_middle}")
        return Close(close.stop)

    def columns(self, candles: Candles) -> Indicators:
        """The indicators that the rule reads, over all candles."""
        return indicators(candles, self.params)

    def _conditions(self, asked: Conditions) -> tuple[Condition, ...]:
        """All conditions of the rule, with the points and the score that result."""
        points = rule.points(asked)
        found = (*asked, *[(float(held), 1.0, held) for held in points], rule.enough(rule.score(points), self.params))
        values, limits, answers = zip(*found, strict=True)
        return tuple(map(Condition, _NAMES, values, limits, answers, _NEEDED))

    def reading(self, candles: Candles) -> Reading:
        """The last candle with its indicators; requires two candles."""
        return rule.reading(self.columns(candles), len(candles) - 1)


def _words(why: SignalReason) -> str:
    return why.name.lower()


def _facts(now: Reading, signal: Signal) -> Numbers:
    points = ((f"point_{name}", float(held)) for name, held in signal.points._asdict().items())
    return (("trend", float(signal.trend)), ("score", float(signal.score)), *now._asdict().items(), *points)
