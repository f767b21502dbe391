"""Why two trades that began alike ended apart: a cause is named only if the market's own trades and quotes prove it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, Protocol

from bot.strategy import exits
from bot.strategy.apex import ApexStrategy
from bot.strategy.exits import Trade as Levels
from tests.parity.market import FIVE_MINUTES, MINUTE

LEGS = ApexStrategy().legs
TARGETS = {f"tp{stage}": stage for stage in range(1, len(LEGS) + 1)}
STOP = "stop"


class Cause(StrEnum):
    """Why two trades are not the same. The last is none, and a fault of one side."""

    KNOCK_ON = "on the other side the market was held, or barred, after an earlier difference"
    PRICE = "R is near a limit, and the spread of the moment decides"
    EQUITY = "sizes are a share of equity, which earlier differences have moved apart"
    GONE = "the target was touched, but at no look was the bid there"
    MOVED_STOP = "the stop that a target moved was met in the same minute: live it works at once"
    ORDER = "stop and target lie in one minute: the backtest takes the stop"
    FILL = "a level was passed on one side alone: levels differ as the fills do"
    UNKNOWN = "not explained"


class Tape(Protocol):
    """The market as it was: times in market ms, prices in the quote."""

    @property
    def look_ms(self) -> int:
        """The time between two looks of the daemon."""

    def bid(self, symbol: str, at: int) -> float: ...

    def ask(self, symbol: str, at: int) -> float: ...

    def extremes(self, symbol: str, after: int, until: int) -> tuple[float, float]:
        """Lowest and highest price of the trades in (after, until]."""


class Sale(NamedTuple):
    """The first sale of a trade for one reason. `at` is in ms; the backtest knows no more than the candle, and its close stands."""

    candle: int
    reason: str
    at: int
    price: float


NONE = Sale(0, "", 0, 0.0)


class Difference(NamedTuple):
    """The first sale that differs, with what each side did in its candle (`NONE`: nothing) and the levels of each."""

    symbol: str
    candle: int
    mine: Sale
    theirs: Sale
    my_levels: Levels
    their_levels: Levels
    target_at: int
    """When the daemon last sold at a target in this candle (ms); 0 if it did not."""


def cause(one: Difference, tape: Tape) -> Cause:
    """The first cause that is proven."""
    return next((name for name, is_proven in _PROOFS if is_proven(one, tape)), Cause.UNKNOWN)


def _gone(one: Difference, tape: Tape) -> bool:
    """The backtest sold at a target that the market touched; none of the daemon's looks found a bid there."""
    stage = TARGETS.get(one.theirs.reason)
    if stage is None or one.mine.reason == one.theirs.reason:
        return False
    goal, close = exits.target(one.my_levels, stage, LEGS), one.candle + FIVE_MINUTES
    until = one.mine.at or close
    _, high = tape.extremes(one.symbol, one.candle, close)
    looks = range(one.candle + tape.look_ms, until + 1, tape.look_ms)
    return high >= goal and all(tape.bid(one.symbol, at) < goal for at in looks)


def _moved_stop(one: Difference, _: Tape) -> bool:
    """The daemon was stopped out in the minute in which it had sold at a target."""
    return one.mine.reason == STOP and one.target_at > 0 and _minute(one.mine.at) == _minute(one.target_at)


def _order(one: Difference, tape: Tape) -> bool:
    """The backtest was stopped out in a minute that touched the daemon's target too."""
    stage = TARGETS.get(one.mine.reason)
    if stage is None or one.theirs.reason != STOP:
        return False
    goal, half = exits.target(one.my_levels, stage, LEGS), one.my_levels.r / 2
    minutes = range(one.candle, one.candle + FIVE_MINUTES, MINUTE)
    ranges = [tape.extremes(one.symbol, start, start + MINUTE) for start in minutes]
    return any(low <= one.theirs.price + half and high >= goal for low, high in ranges)


def _fill(one: Difference, tape: Tape) -> bool:
    """A price lay between the two sides' levels: of the same target, or of stops that follow from the entry's price."""
    low, high = tape.extremes(one.symbol, one.candle, one.candle + FIVE_MINUTES)
    for sale in (one.mine, one.theirs):
        stage = TARGETS.get(sale.reason)
        if stage is not None:
            goals = [exits.target(levels, stage, LEGS) for levels in (one.my_levels, one.their_levels)]
            if min(goals) <= high < max(goals):
                return True
        elif sale.reason == STOP:
            apart = abs(one.my_levels.breakeven - one.their_levels.breakeven)
            if apart > 0.0 and low > sale.price - apart:
                return True
    return False


def _minute(at: int) -> int:
    return (at - 1) // MINUTE


_PROOFS: tuple[tuple[Cause, Callable[[Difference, Tape], bool]], ...] = (
    (Cause.GONE, _gone),
    (Cause.MOVED_STOP, _moved_stop),
    (Cause.ORDER, _order),
    (Cause.FILL, _fill),
)
