"""What a strategy is: the questions the engine asks it, and the answers as values.

Owns the interface that `STRATEGY=package.module:Class` must fill. One method is required, `evaluate`;
everything else has the defaults of this house (targets at 1, 2 and 3 R, break-even, trail). A strategy is
pure: it gets closed candles and values, and has no clock, no I/O and no memory.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

from bot.domain.candles import Candles
from bot.strategy import exits, rule
from bot.strategy.exits import Close, Trade, Way
from bot.strategy.params import APEX, DEFAULT_OWNER, ApexParams, Owner
from bot.strategy.rule import FLAT, Why

DAY_MS = 86_400_000


class Evaluation(NamedTuple):
    """What a strategy thinks of one symbol at one close.

    `side` is 1 (long), -1 (short) or 0; with a side, `stop` is the price where the idea is wrong, and
    `momentum` ranks it among others. `why` says what spoke against it. `facts` are the numbers behind it, for
    log and explanation.
    """

    side: int
    why: Why
    closed_at: int
    close: float
    stop: float = math.nan
    momentum: float = 0.0
    score: int = 0
    adx: float = math.nan
    atr: float = math.nan
    facts: tuple[tuple[str, float], ...] = ()


class Costs(NamedTuple):
    """What trading costs now: `fee` the taker fee as a fraction, `spread` ask - bid in the quote."""

    fee: float
    spread: float


class Terms(NamedTuple):
    """What a trade must offer: its price lies before `stop` and before `target`, and R, the way from price to stop, is at most
    `widest` (a fraction of the price) and at least `least` (in price units). By default nothing but the stop is asked for.
    """

    stop: float
    widest: float = math.inf
    target: float = math.nan
    least: float = 0.0


class Look(NamedTuple):
    """The last price, and the high and low since the look before."""

    last: float
    high: float
    low: float


class Leg(NamedTuple):
    """A target reached: sell `lots` now, for `worst` or better; no lots when the leg merged into the next one."""

    way: Way
    lots: int
    worst: float


class Due(NamedTuple):
    """What a look at the price calls for.

    `touched`: the range reached the stop, nothing else counts; `beyond`: the last price is still through it,
    so a stop that did not fire is an exit now. Else `legs` are the targets reached, in order, and `trade` is
    the trade after them (stage, stop and, once they are filled, size).
    """

    touched: bool
    beyond: bool
    legs: tuple[Leg, ...]
    trade: Trade


class Strategy(ABC):
    """The questions the engine asks. Write `evaluate`; override the rest where your rule differs."""

    #: Fewer closed candles than this and the symbol is not evaluated.
    required = 500

    def __init__(self, owner: Owner = DEFAULT_OWNER, params: ApexParams = APEX) -> None:
        self.owner = owner
        self.params = params

    @abstractmethod
    def evaluate(self, candles: Candles) -> Evaluation:
        """Decide at the close of the last candle."""

    def window(self, timeframe_ms: int) -> int:
        """How many closed candles to keep: Kraken's 720, or a whole day where that is longer (for VWAP)."""
        return max(720, -(-DAY_MS // timeframe_ms))

    def terms(self, evaluation: Evaluation, price: float, costs: Costs) -> Terms:
        """What a trade must offer at `price` to be taken."""
        target = rule.first_target(evaluation.close, evaluation.stop, self.params)
        least = rule.needed(price, costs.fee, costs.spread, self.owner.min_reward_to_cost)
        return Terms(evaluation.stop, self.params.widest_r, target, least)

    def size_pct(self, evaluation: Evaluation) -> float:  # noqa: ARG002 - no grades here
        """Percent of equity to put into it."""
        return self.owner.min_position_pct

    def opened(self, side: int, fill: float, stop: float, fee: float, lots: int, smallest: int, tick: float) -> Trade:
        """The trade after its entry filled at `fill` on average; its targets follow from the fill."""
        return exits.opened(side, fill, stop, fee, lots, smallest, tick)

    def targets(self, trade: Trade) -> tuple[float, float, float]:
        """The prices of the three targets."""
        one, two, three = (exits.target(trade, stage, self.params) for stage in (1, 2, 3))
        return one, two, three

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        """Whether to be out at this close, and where the stop belongs otherwise (trailing needs an ATR)."""
        found = self.evaluate(candles)
        return exits.at_close(trade, found.close, found.atr, False, self.params)

    def on_price(self, trade: Trade, look: Look) -> Due:
        """Which targets the price reached, or that it touched the stop. The stop comes first.

        What an earlier sale left of its leg is due at its own target, or with the next one.
        """
        if exits.stopped(trade, look.high, look.low):
            return Due(True, exits.stopped(trade, look.last, look.last), (), trade)
        legs: list[Leg] = []
        if not self._reached(trade, look) and exits.armed(trade, look.high, look.low, self.params):
            legs.append(self._leg(trade, trade.stage))
            trade = exits.after(trade, trade.stage, legs[-1].lots)
        while self._reached(trade, look):
            legs.append(self._leg(trade, trade.stage + 1))
            trade = exits.after(trade, trade.stage + 1, legs[-1].lots)
        return Due(False, False, tuple(legs), trade)

    def _reached(self, trade: Trade, look: Look) -> bool:
        return exits.reached(trade, look.high, look.low, self.params)

    def _leg(self, trade: Trade, stage: int) -> Leg:
        lots = exits.leg(trade, stage, self.params)
        return Leg(Way(Way.TP1 + stage - 1), lots, exits.worst(trade, stage, self.params))


def ranked(evaluations: dict[str, Evaluation]) -> list[str]:
    """The symbols that have a side, the strongest momentum first, compared in 12 decimals; equals by name."""
    signals = [symbol for symbol, found in evaluations.items() if found.side != FLAT]
    return sorted(signals, key=lambda symbol: (-round(evaluations[symbol].momentum, 12), symbol))
