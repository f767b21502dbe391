"""The life of a trade: targets, break-even, trail, exits.

Owns every rule that ends a trade or moves its stop, each written once as plain scalar text that live and
backtest share: live asks what the price range since the last look means, the backtest asks the same of a
whole candle. Sizes are counted in whole lots of the instrument, so that both worlds sell exactly the same
quantities. Never sends or books anything.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

from bot.strategy.grid import rounded, towards
from bot.strategy.params import ApexParams


class Way(IntEnum):
    """Why a trade, or a part of it, ends."""

    HOLD = 0
    STOP = 1
    TP1 = 2
    TP2 = 3
    TP3 = 4
    TURN = 5


class Trade(NamedTuple):
    """An open trade as the rule sees it. Prices in the quote, sizes in whole lots.

    `initial` is what was held after the entry's fills and fees, `held` what is left, `smallest` the smallest
    tradeable size; `breakeven` the price that pays both fees; `stage` the targets reached, 0 to 3; `tick` the
    step of a stop's price (0: none).
    """

    side: int
    entry: float
    stop: float
    r: float
    breakeven: float
    initial: int
    held: int
    smallest: int
    stage: int
    tick: float = 0.0


class Exit(NamedTuple):
    """A sale (short: a purchase) of `lots` at `price`; HOLD with no lots is none."""

    way: Way
    lots: int
    price: float


class Bar(NamedTuple):
    """A candle as a trade lives through it, with what is known at its close."""

    open: float
    high: float
    low: float
    close: float
    atr: float
    ema_fast: float
    ema_middle: float


class Step(NamedTuple):
    """The trade after one candle, and the sales in it: at most the first two legs and one that sells all."""

    trade: Trade
    first: Exit
    second: Exit
    last: Exit


class Close(NamedTuple):
    """What a close means: `way` is HOLD or why to be out now; `stop` is where the stop belongs if held."""

    way: Way
    stop: float


def opened(side: int, entry: float, stop: float, fee: float, lots: int, smallest: int, tick: float) -> Trade:
    """A trade just entered at its average fill; `fee` is the taker fee as a fraction."""
    r = rounded(abs(entry - stop))
    return Trade(side, entry, stop, r, breakeven(side, entry, fee, tick), lots, lots, smallest, 0, tick)


def breakeven(side: int, entry: float, fee: float, tick: float) -> float:
    """The price at which closing pays both taker fees, on the grid towards the market.

    Long: bought for entry x (1 + f), sold for price x (1 - f). Short: sold for entry x (1 - f), bought back
    for price x (1 + f); so it lies below the entry.
    """
    if side > 0:
        return towards(side, entry * (1.0 + fee) / (1.0 - fee), tick)
    return towards(side, entry * (1.0 - fee) / (1.0 + fee), tick)


def tighter(side: int, stop: float, proposed: float) -> float:
    """The stop that gives away less: a stop never loosens. A proposal of NaN changes nothing."""
    return proposed if side * (proposed - stop) > 0.0 else stop


def target(trade: Trade, stage: int, params: ApexParams) -> float:
    """The price of target 1, 2 or 3."""
    multiple = params.tp1_r if stage == 1 else params.tp2_r if stage == 2 else params.tp3_r
    return rounded(trade.entry + trade.side * multiple * trade.r)


def worst(trade: Trade, stage: int, params: ApexParams) -> float:
    """The limit of the sale at a target: what was there a moment ago may be had a little worse, and no more."""
    goal = target(trade, stage, params)
    return rounded(goal - trade.side * min(params.target_slip * goal, params.target_slip_r * trade.r))


def stopped(trade: Trade, high: float, low: float) -> bool:
    """Whether the range touched the stop."""
    return low <= trade.stop if trade.side > 0 else high >= trade.stop


def reached(trade: Trade, high: float, low: float, params: ApexParams) -> bool:
    """Whether the range touched the next target."""
    return trade.held > 0 and trade.stage < 3 and met(trade, trade.stage + 1, high, low, params)


def armed(trade: Trade, high: float, low: float, params: ApexParams) -> bool:
    """Whether the range touched the target that was reached last, and a part of its leg is still to be sold."""
    if trade.held == 0 or trade.stage < 1 or leg(trade, trade.stage, params) == 0:
        return False
    return met(trade, trade.stage, high, low, params)


def met(trade: Trade, stage: int, high: float, low: float, params: ApexParams) -> bool:
    """Whether the range touched target `stage`."""
    goal = target(trade, stage, params)
    return high >= goal if trade.side > 0 else low <= goal


def leg(trade: Trade, stage: int, params: ApexParams) -> int:
    """Lots to sell at target `stage`: what is still held beyond what should remain after it.

    0 when the leg or what would remain is below the smallest tradeable size: it merges into the next leg.
    The last leg sells all. What a sale left of its leg is asked for in the same way.
    """
    if stage == 3:
        return trade.held
    share = params.tp1_share if stage == 1 else params.tp1_share + params.tp2_share
    due = math.floor(trade.initial * share) - (trade.initial - trade.held)
    remaining = trade.held - due
    if due < trade.smallest or remaining < trade.smallest or due <= 0:
        return 0
    return due


def after(trade: Trade, stage: int, sold: int) -> Trade:
    """The trade once target `stage` was reached and `sold` lots are gone: from the first target on, at
    break-even.

    The stop moves even when the leg was merged away: the target was reached all the same.
    """
    return moved(trade, tighter(trade.side, trade.stop, trade.breakeven), trade.held - sold, stage)


def moved(trade: Trade, stop: float, held: int, stage: int) -> Trade:
    """The same trade with another stop, size or stage."""
    return Trade(
        trade.side,
        trade.entry,
        stop,
        trade.r,
        trade.breakeven,
        trade.initial,
        held,
        trade.smallest,
        stage,
        trade.tick,
    )


def turned(side: int, ema_fast: float, ema_middle: float) -> bool:
    """Whether the fast EMA has crossed the middle one against the trade.

    An entry needs the fast EMA strictly on its side, so the first close that finds it on the other side
    is the crossing; asking for the state instead also catches a crossing that nobody was there to see.
    """
    return side * (ema_fast - ema_middle) < 0.0


def at_close(trade: Trade, close: float, atr: float, crossed: bool, params: ApexParams) -> Close:
    """What a close means for an open trade: out, or where its stop belongs now."""
    return Close(Way.TURN if crossed else Way.HOLD, trailed(trade, close, atr, params))


def trailed(trade: Trade, close: float, atr: float, params: ApexParams) -> float:
    """Where the stop belongs after a close: from the first target on it follows at a distance."""
    if trade.stage < 1:
        return trade.stop
    follows = towards(trade.side, close - trade.side * params.trail_atr * atr, trade.tick)
    return tighter(trade.side, trade.stop, follows)


def step(trade: Trade, bar: Bar, half_spread: float, params: ApexParams) -> Step:
    """One candle in the life of a trade, as the backtest plays it.

    The stop comes before the targets, for a candle does not say what it touched first; a stop that this
    candle moved is in force from the next one on. Every sale meets a market that is half a spread worse.
    """
    none = Exit(Way.HOLD, 0, 0.0)
    if stopped(trade, bar.high, bar.low):
        out = Exit(Way.STOP, trade.held, market(trade.side, stop_fill(trade, bar.open), half_spread))
        return Step(moved(trade, trade.stop, 0, trade.stage), none, none, out)
    one = take(trade, 1, bar, half_spread, params)
    trade = advance(trade, 1, one, bar, params)
    two = take(trade, 2, bar, half_spread, params)
    trade = advance(trade, 2, two, bar, params)
    three = take(trade, 3, bar, half_spread, params)
    trade = advance(trade, 3, three, bar, params)
    if trade.held == 0:
        return Step(trade, one, two, three)
    crossed = turned(trade.side, bar.ema_fast, bar.ema_middle)
    close = at_close(trade, bar.close, bar.atr, crossed, params)
    if close.way == Way.HOLD:
        return Step(moved(trade, close.stop, trade.held, trade.stage), one, two, none)
    out = Exit(close.way, trade.held, market(trade.side, bar.close, half_spread))
    return Step(moved(trade, trade.stop, 0, trade.stage), one, two, out)


def take(trade: Trade, stage: int, bar: Bar, half_spread: float, params: ApexParams) -> Exit:
    """The leg of target `stage` in this candle; HOLD when not next, not reached, or merged away."""
    if trade.stage != stage - 1 or not reached(trade, bar.high, bar.low, params):
        return Exit(Way.HOLD, 0, 0.0)
    lots = leg(trade, stage, params)
    way = Way.TP1 if stage == 1 else Way.TP2 if stage == 2 else Way.TP3
    if lots == 0:
        return Exit(Way.HOLD, 0, 0.0)
    return Exit(way, lots, market(trade.side, target(trade, stage, params), half_spread))


def advance(trade: Trade, stage: int, sale: Exit, bar: Bar, params: ApexParams) -> Trade:
    """The trade after `take`: a stage further when the target was reached, sold or merged."""
    if trade.stage != stage - 1 or not reached(trade, bar.high, bar.low, params):
        return trade
    return after(trade, stage, sale.lots)


def stop_fill(trade: Trade, opening: float) -> float:
    """Where the middle is when a stop fires: at its price, or at the open of a candle that gapped through it."""
    return min(trade.stop, opening) if trade.side > 0 else max(trade.stop, opening)


def market(side: int, price: float, half_spread: float) -> float:
    """What closing a trade of `side` at the market gets when the middle is at `price`."""
    return price - side * half_spread
