"""The life of a trade: stop, targets and break-even, by legs that are data.

Owns every rule of NIJA that ends a trade or moves its stop, each written once as plain scalar text that live and
backtest share: live asks what the price range since the last look means, the backtest asks the same of a whole candle. Sizes
are counted in whole lots of the instrument, so that both worlds sell exactly the same quantities. What a close means is for
the strategy to say. Never sends or books anything.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from bot.domain.order import Numbers
from bot.strategy.grid import rounded, towards, whole_down

LONG, FLAT, SHORT = 1, 0, -1
#: A sale at a target may bring so much less than its price: a fraction of the price, and at most this part of R.
TARGET_SLIP, TARGET_SLIP_R = 0.002, 0.25


class ExitLeg(NamedTuple):
    """A part of a trade: `share` of what was bought (0.5 is half) is sold at `target` R from the entry."""

    share: float
    target: float


ExitLegs = tuple[ExitLeg, ...]


class Trade(NamedTuple):
    """An open trade as the rule sees it. Prices in the quote, sizes in whole lots.

    `initial` is what was held after the entry's fills and fees, `held` what is left, `smallest` the smallest tradeable size;
    `breakeven` the price that pays both fees; `stage` the number of targets reached; `tick` the step of a stop's price (0: none).
    `decided_at` is the close that decided on the entry (market ms), `kept` what the strategy keeps with the trade: nothing, for
    one that was rebuilt from what the exchange remembers.
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

    Live, `price` is the worst that the sale may bring. No lots: the leg merged into the next one.
    """

    stage: int
    lots: int
    price: float


class Bar(NamedTuple):
    """A candle as a trade lives through it."""

    open: float
    high: float
    low: float
    close: float


class Asked(NamedTuple):
    """What entries of a strategy are held to: its targets, the widest R (a fraction of the price), and how often R pays the costs;
    and how far below its price a stop of a backtest sells inside a candle.
    """

    legs: ExitLegs
    widest: float
    reward_to_cost: float
    stop_slip: float = 0.0


class Step(NamedTuple):
    """The trade after the run of one candle, and the sales in it, in order."""

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
    """A trade just entered at its average fill; `fee` is the taker fee as a fraction, R is measured from `risk_price`."""
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
    """What a trade must offer at its price: that lies before `stop` (where the strategy gets out) and before `target` (NaN: there
    is none), and R, the way from it to the stop, is at most `widest` (a fraction of the price) and at least `least` (in price
    units). By default nothing but the stop is asked for.
    """

    stop: float
    widest: float = math.inf
    target: float = math.nan
    least: float = 0.0


def terms(close: float, out_at: float, price: float, fee: float, spread: float, asked: Asked) -> Terms:
    """What this house asks of a trade at `price`, decided at `close` and out at `out_at`. `spread` is ask - bid in the quote."""
    target = first_target(close, out_at, asked.legs)
    return Terms(out_at, asked.widest, target, needed(price, fee, spread, asked.reward_to_cost))


def needed(price: float, fee: float, spread: float, reward_to_cost: float) -> float:
    """The least R that pays, in price units: break-even and the spread, so many times."""
    return reward_to_cost * (price * 2.0 * fee / (1.0 - fee) + spread)


def tighter(side: int, stop: float, proposed: float) -> float:
    """The stop that gives away less: a stop never loosens. A proposal of NaN changes nothing."""
    return proposed if side * (proposed - stop) > 0.0 else stop


def target(trade: Trade, stage: int, legs: ExitLegs) -> float:
    """The price of target `stage`, from 1."""
    return rounded(trade.entry + trade.side * legs[stage - 1].target * trade.r)


def first_target(close: float, stop: float, legs: ExitLegs) -> float:
    """Where the first target of a decision lies, seen from its close; NaN without targets."""
    return close + legs[0].target * (close - stop) if legs else math.nan


def worst(trade: Trade, stage: int, legs: ExitLegs) -> float:
    """The limit of the sale at a target: what was there a moment ago may be had a little worse, and no more."""
    goal = target(trade, stage, legs)
    return rounded(goal - trade.side * min(TARGET_SLIP * goal, TARGET_SLIP_R * trade.r))


def stopped(trade: Trade, high: float, low: float) -> bool:
    """Whether the range touched the stop."""
    return low <= trade.stop if trade.side > 0 else high >= trade.stop


def reached(trade: Trade, high: float, low: float, legs: ExitLegs) -> bool:
    """Whether the range touched the next target."""
    return trade.held > 0 and trade.stage < len(legs) and met(trade, trade.stage + 1, high, low, legs)


def armed(trade: Trade, high: float, low: float, legs: ExitLegs) -> bool:
    """Whether the range touched the target that was reached last, and a part of its leg is still to be sold."""
    if not 1 <= trade.stage <= len(legs) or leg(trade, trade.stage, legs) == 0:
        return False
    return met(trade, trade.stage, high, low, legs)


def met(trade: Trade, stage: int, high: float, low: float, legs: ExitLegs) -> bool:
    """Whether the range touched target `stage`."""
    goal = target(trade, stage, legs)
    return high >= goal if trade.side > 0 else low <= goal


def sold_by(stage: int, legs: ExitLegs) -> float:
    """The share of a trade that is to be sold once target `stage` was reached."""
    share = 0.0
    for number in range(stage):
        share += legs[number].share
    return rounded(share)


def leg(trade: Trade, stage: int, legs: ExitLegs) -> int:
    """Lots to sell at target `stage`: what is still held beyond what should remain after it.

    0 when the leg or what would remain is below the smallest tradeable size: it merges into the next leg. The leg that makes
    the shares whole sells all. What a sale left of its leg is asked for in the same way.
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
    """The trade once target `stage` was reached and `sold` lots are gone: from the first target on, at break-even.

    The stop moves even when the leg was merged away: the target was reached all the same.
    """
    return moved(trade, tighter(trade.side, trade.stop, trade.breakeven), trade.held - sold, stage)


def moved(trade: Trade, stop: float, held: int, stage: int) -> Trade:
    """The same trade with another stop, size or stage."""
    return keeping(trade, stop, held, stage, trade.kept)


def keeping(trade: Trade, stop: float, held: int, stage: int, kept: Any) -> Trade:
    """The same trade with another stop, size or stage, and with what the strategy keeps from now on."""
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
        kept,
    )


def at_targets(trade: Trade, high: float, low: float, legs: ExitLegs) -> list[Exit]:
    """What is to be sold, at the worst price that will do, where the range touched targets; in order.

    What an earlier sale left of its leg is due at its own target, or with the next one.
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


def within(trade: Trade, bar: Bar, half_spread: float, legs: ExitLegs, stop_slip: float = 0.0) -> Step:
    """One candle in the life of a trade, up to its close, as the backtest plays it; `half_spread` is a fraction of the price, and
    so is `stop_slip`, which a stop inside the candle loses more.

    The stop comes before the targets, for a candle does not say what it touched first; a stop that this candle moved is in force
    from the next one on. Every sale meets a market that is half a spread worse.
    """
    if stopped(trade, bar.high, bar.low):
        gapped = stopped(trade, bar.open, bar.open)
        slip = half_spread if gapped else half_spread + stop_slip
        out = Exit(0, trade.held, market(trade.side, stop_fill(trade, bar.open), slip))
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
    """Where the middle is when a stop fires: at its price, or at the open of a candle that gapped through it."""
    return min(trade.stop, opening) if trade.side > 0 else max(trade.stop, opening)


def market(side: int, price: float, half_spread: float) -> float:
    """What closing a trade of `side` at the market gets when the middle is at `price`; `half_spread` is a fraction of it."""
    return price * (1.0 - side * half_spread)


def bought(side: int, price: float, half_spread: float) -> float:
    """What opening a trade of `side` at the market costs when the middle is at `price`."""
    return market(-side, price, half_spread)
