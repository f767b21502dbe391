"""The rules of an open trade: stop, targets and break-even, with legs as data.

Owns every rule of NIJA that ends a trade or moves its stop, written once as plain scalar code for live and backtest. Live applies
the rules to the price range since the last check, a backtest to whole candles. Sizes are whole lots of the instrument, so that
both sell exactly the same quantities. What a close means is up to the strategy. Never sends or records anything.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from bot.domain.order import Numbers
from bot.strategy.grid import rounded, towards, whole_down

LONG, FLAT, SHORT = 1, 0, -1
#: How far below a target its sale may fill: a fraction of the price, and at most this part of R.
TARGET_SLIP, TARGET_SLIP_R = 0.002, 0.25


class ExitLeg(NamedTuple):
    """A part of a trade: `share` of what was bought (0.5 is half) is sold at `target` R from the entry."""

    share: float
    target: float


ExitLegs = tuple[ExitLeg, ...]


class Trade(NamedTuple):
    """An open trade as the rule sees it. Prices in the quote, sizes in whole lots.

    `initial` is the size after the entry's fills and fees, `held` the size now, `smallest` the smallest tradeable size;
    `breakeven` the price that pays both fees; `stage` the number of targets reached; `tick` the step of a stop's price (0: none).
    `decided_at` is the close that decided on the entry (market ms), `kept` what the strategy keeps with the trade; it is empty for
    a trade that was rebuilt from the exchange's records.
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
    decided_at: int = 0
    kept: Numbers = ()


class Exit(NamedTuple):
    """A sale (short: a purchase) of `lots` at `price`: the leg of target `stage`, or all that is held by the stop (stage 0).

    Live, `price` is the worst acceptable price. With 0 lots, the leg was merged into the next one.
    """

    stage: int
    lots: int
    price: float


class Bar(NamedTuple):
    """The prices of one candle."""

    open: float
    high: float
    low: float
    close: float


class EntryRequirements(NamedTuple):
    """What a strategy requires of entries: its targets, the widest R (a fraction of the price), and the least ratio of R to costs."""

    legs: ExitLegs
    widest: float
    reward_to_cost: float


class Step(NamedTuple):
    """The trade after one candle, and the sales in it, in order."""

    trade: Trade
    sales: list[Exit]


def opened(
    side: int,
    entry: float,
    stop: float,
    risk_price: float,
    fee: float,
    lots: int,
    smallest: int,
    tick: float,
    decided_at: int = 0,
) -> Trade:
    """A new trade, entered at its average fill; `fee` is the taker fee as a fraction, R is measured to `risk_price`."""
    r = rounded(abs(entry - risk_price))
    return Trade(side, entry, stop, r, breakeven(side, entry, fee, tick), lots, lots, smallest, 0, tick, decided_at, ())


def breakeven(side: int, entry: float, fee: float, tick: float) -> float:
    """The price at which closing pays both taker fees, on the grid towards the market.

    Long: bought for entry x (1 + f), sold for price x (1 - f). Short: sold for entry x (1 - f), bought back
    for price x (1 + f); so it lies below the entry.
    """
    if side > 0:
        return towards(side, entry * (1.0 + fee) / (1.0 - fee), tick)
    return towards(side, entry * (1.0 - fee) / (1.0 + fee), tick)


class Terms(NamedTuple):
    """What a trade must offer at its price: the price lies on the right side of `stop` (where the strategy exits) and of `target`
    (NaN: no target), and R, the distance to the stop, is at most `widest` (a fraction of the price) and at least `least` (in
    price units). By default only the stop is required.
    """

    stop: float
    widest: float = math.inf
    target: float = math.nan
    least: float = 0.0


def terms(close: float, out_at: float, price: float, fee: float, spread: float, required: EntryRequirements) -> Terms:
    """NIJA's default terms for a trade at `price`, decided at `close`, out at `out_at`. `spread` is ask - bid in the quote."""
    target = first_target(close, out_at, required.legs)
    return Terms(out_at, required.widest, target, needed(price, fee, spread, required.reward_to_cost))


def needed(price: float, fee: float, spread: float, reward_to_cost: float) -> float:
    """The least R that pays its costs, in price units: `reward_to_cost` times the distance to break-even plus the spread."""
    return reward_to_cost * (price * 2.0 * fee / (1.0 - fee) + spread)


def tighter(side: int, stop: float, proposed: float) -> float:
    """The tighter of two stops: a stop never loosens. A proposal of NaN changes nothing."""
    return proposed if side * (proposed - stop) > 0.0 else stop


def target(trade: Trade, stage: int, legs: ExitLegs) -> float:
    """The price of target `stage`, from 1."""
    return rounded(trade.entry + trade.side * legs[stage - 1].target * trade.r)


def first_target(close: float, stop: float, legs: ExitLegs) -> float:
    """The price of the first target, measured from the close of the decision; NaN without targets."""
    return close + legs[0].target * (close - stop) if legs else math.nan


def worst(trade: Trade, stage: int, legs: ExitLegs) -> float:
    """The limit price of the sale at a target, a little below it: the market may have moved since the price was seen."""
    goal = target(trade, stage, legs)
    return rounded(goal - trade.side * min(TARGET_SLIP * goal, TARGET_SLIP_R * trade.r))


def stopped(trade: Trade, high: float, low: float) -> bool:
    """Whether the range touched the stop."""
    return low <= trade.stop if trade.side > 0 else high >= trade.stop


def reached(trade: Trade, high: float, low: float, legs: ExitLegs) -> bool:
    """Whether the range touched the next target."""
    return trade.held > 0 and trade.stage < len(legs) and met(trade, trade.stage + 1, high, low, legs)


def armed(trade: Trade, high: float, low: float, legs: ExitLegs) -> bool:
    """Whether the range touched the last target that was reached, while a part of its leg is still unsold."""
    if not 1 <= trade.stage <= len(legs) or leg(trade, trade.stage, legs) == 0:
        return False
    return met(trade, trade.stage, high, low, legs)


def met(trade: Trade, stage: int, high: float, low: float, legs: ExitLegs) -> bool:
    """Whether the range touched target `stage`."""
    goal = target(trade, stage, legs)
    return high >= goal if trade.side > 0 else low <= goal


def sold_by(stage: int, legs: ExitLegs) -> float:
    """The share of a trade to be sold once target `stage` is reached."""
    share = 0.0
    for number in range(stage):
        share += legs[number].share
    return rounded(share)


def leg(trade: Trade, stage: int, legs: ExitLegs) -> int:
    """Lots to sell at target `stage`: the lots held beyond those that should remain after it.

    0 if the leg or the remaining position would be below the smallest tradeable size: the leg merges into the next one. The leg
    that completes the shares sells all. The same applies to the unsold part of a leg.
    """
    share = sold_by(stage, legs)
    if share >= 1.0:
        return trade.held
    due = whole_down(trade.initial * share, 1.0) - (trade.initial - trade.held)
    remaining = trade.held - due
    if due < trade.smallest or remaining < trade.smallest:
        return 0
    return due


def after(trade: Trade, stage: int, sold: int) -> Trade:
    """The trade after target `stage` was reached and `sold` lots were sold: the stop is at break-even or better.

    The stop also moves if the leg was merged into the next one, because the target was reached.
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
        trade.decided_at,
        trade.kept,
    )


def at_targets(trade: Trade, high: float, low: float, legs: ExitLegs) -> list[Exit]:
    """The sales due at the targets that the range touched, in order, each with its worst acceptable price.

    The unsold part of a leg is due at the same target again, or with the next one.
    """
    found = []
    if not reached(trade, high, low, legs) and armed(trade, high, low, legs):
        lots = leg(trade, trade.stage, legs)
        found.append(Exit(trade.stage, lots, worst(trade, trade.stage, legs)))
        trade = after(trade, trade.stage, lots)
    while reached(trade, high, low, legs):
        stage = trade.stage + 1
        lots = leg(trade, stage, legs)
        found.append(Exit(stage, lots, worst(trade, stage, legs)))
        trade = after(trade, stage, lots)
    return found


def within(trade: Trade, bar: Bar, half_spread: float, legs: ExitLegs) -> Step:
    """A trade after one candle of a backtest, without its close; `half_spread` is a fraction of the price.

    The stop comes before the targets, because a candle does not show which it touched first. A stop that this candle moves
    applies from the next one on. Every sale loses half a spread.
    """
    if stopped(trade, bar.high, bar.low):
        out = Exit(0, trade.held, market(trade.side, stop_fill(trade, bar.open), half_spread))
        return Step(moved(trade, trade.stop, 0, trade.stage), [out])
    sales: list[Exit] = []
    while reached(trade, bar.high, bar.low, legs):
        stage = trade.stage + 1
        lots = leg(trade, stage, legs)
        if lots > 0:
            sales.append(Exit(stage, lots, market(trade.side, target(trade, stage, legs), half_spread)))
        trade = after(trade, stage, lots)
    return Step(trade, sales)


def stop_fill(trade: Trade, opening: float) -> float:
    """The mid price when a stop triggers: its price, or the open of a candle that gapped through it."""
    return min(trade.stop, opening) if trade.side > 0 else max(trade.stop, opening)


def market(side: int, price: float, half_spread: float) -> float:
    """The price of closing a trade of `side` at the market, for the mid price `price`; `half_spread` is a fraction of it."""
    return price * (1.0 - side * half_spread)


def bought(side: int, price: float, half_spread: float) -> float:
    """The price of opening a trade of `side` at the market, for the mid price `price`."""
    return market(-side, price, half_spread)
