"""The same trades or not: the daemon's beside the backtest's, each difference with a cause out of a fixed list. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from bot.backtest import result
from bot.backtest.terms import Market
from bot.strategy import exits
from bot.strategy.gates import Gate
from tests.parity.live import Trade

#: What a size may differ by beside one lot, and what of an account's turnover the whole result.
SIZE, TURNOVER = 0.002, 0.001
#: The share of trades that must end by the same reason in the same candle.
SAME_EXITS = 0.97
#: How near to its limit R may be for the costs gate to depend on the spread of the moment, as a share of R.
NEAR_COSTS = 0.15
#: How near (in R) to a level a price passes on one side and not on the other: fills differ by spread and depth, and levels with them.
NEAR = 0.1


class Cause(StrEnum):
    """Why two trades are not the same. The last is none, and a fault of one side."""

    KNOCK_ON = "on the other side the market was held, or barred, after an earlier difference"
    COSTS = "R is near the costs, and the spread of the moment decides"
    MOVED_STOP = "the stop that a target moved was met in the same candle: live it works at once"
    ORDER = "stop and target lie in one candle: the backtest takes the stop"
    NEAR_MISS = "a level was passed on one side alone, by less than a tenth of R"
    UNKNOWN = "not explained"


@dataclass
class Parity:
    """What was found: `differences` are lines, each with its cause."""

    live: int = 0
    walked: int = 0
    same_entries: int = 0
    same_sizes: int = 0
    ended: int = 0
    same_exits: int = 0
    live_pnl: float = 0.0
    walked_pnl: float = 0.0
    turnover: float = 0.0
    causes: Counter[Cause] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    @property
    def apart(self) -> float:
        """The difference of the whole results, as a share of turnover."""
        return abs(self.live_pnl - self.walked_pnl) / self.turnover if self.turnover else 0.0

    @property
    def holds(self) -> bool:
        """Whether both traded the same, but for what has a cause."""
        exits = self.same_exits >= SAME_EXITS * self.ended
        return (
            self.causes[Cause.UNKNOWN] == 0
            and self.same_sizes == self.same_entries
            and exits
            and self.apart <= TURNOVER
        )

    def note(self, cause: Cause, line: str) -> None:
        self.causes[cause] += 1
        self.differences.append(f"{line}: {cause}")

    def lines(self) -> list[str]:
        """The whole comparison for people."""
        return [
            f"entries: {self.live} by the daemon, {self.walked} by the backtest, {self.same_entries} on the same candle",
            f"sizes: {self.same_sizes} of {self.same_entries} within one lot and {SIZE:.1%}",
            f"exits: {self.same_exits} of {self.ended} by the same reason in the same candle",
            f"results: {self.live_pnl:.2f} and {self.walked_pnl:.2f}, {self.apart:.4%} of a turnover of {self.turnover:,.0f} apart",
            *(f"{count:>5} x {cause}" for cause, count in self.causes.most_common()),
        ]


class Walked(NamedTuple):
    """The backtest's side: its trades, which gate blocked a signal ("": none did), and by market how much of a price R must be to pay
    its costs. `fee` is a side's.
    """

    trades: Sequence[result.Trade]
    blocked: Mapping[tuple[str, int], str]
    needed: Mapping[str, float]
    fee: float
    timeframe_ms: int


def compared(live: Sequence[Trade], found: Walked, markets: Mapping[str, Market]) -> Parity:
    """Trade by trade. One that is open when either side ends counts for entries and sizes only."""
    walked = {(one.symbol, one.decided_at): one for one in found.trades}
    traded = {(one.symbol, one.decided_at): one for one in live}
    parity = Parity(len(traded), len(walked))
    for key in sorted({*traded, *walked}, key=lambda one: (one[1], one[0])):
        mine, theirs = traded.get(key), walked.get(key)
        if mine is not None and theirs is not None:
            parity.same_entries += 1
            _compare(parity, mine, theirs, markets[key[0]], found.fee)
        elif mine is not None:
            gate = found.blocked.get(key)
            cause = {Gate.COSTS.word: Cause.COSTS, None: Cause.UNKNOWN, "": Cause.UNKNOWN}.get(gate, Cause.KNOCK_ON)
            parity.note(cause, f"{key[0]} {key[1]}: entered by the daemon alone; the backtest: {gate}")
        elif theirs is not None:
            barred = _is_barred(live, key, found.timeframe_ms)
            near = theirs.r < theirs.entry_price * found.needed[key[0]] * (1.0 + NEAR_COSTS)
            cause = Cause.KNOCK_ON if barred else Cause.COSTS if near else Cause.UNKNOWN
            parity.note(cause, f"{key[0]} {key[1]}: entered by the backtest alone")
    return parity


def _is_barred(live: Sequence[Trade], key: tuple[str, int], timeframe_ms: int) -> bool:
    """Whether the daemon held the market at this close, or had been stopped out in the candle before it."""
    symbol, close = key
    for one in live:
        if one.symbol == symbol and one.decided_at < close:
            at, reason = one.exit
            if not one.over or at >= close or (reason == "stop" and at == close - timeframe_ms):
                return True
    return False


def _compare(parity: Parity, mine: Trade, theirs: result.Trade, market: Market, fee: float) -> None:
    name = f"{mine.symbol} {mine.decided_at}"
    if abs(mine.qty - theirs.qty) <= market.lot * 1.5 + SIZE * theirs.qty:
        parity.same_sizes += 1
    else:
        parity.note(Cause.UNKNOWN, f"{name}: {mine.qty:.8g} bought, {theirs.qty:.8g} in the backtest")
    if not mine.over or theirs.exit_reason == "end":
        return
    parity.ended += 1
    parity.live_pnl += mine.pnl
    parity.walked_pnl += theirs.pnl
    parity.turnover += mine.turnover
    last = theirs.legs[-1]
    if mine.exit == (last.time, last.reason):
        parity.same_exits += 1
        return
    words = f"{name}: {mine.exit[1]} at {mine.exit[0]}, {last.reason} at {last.time} in the backtest"
    parity.note(_cause(mine, theirs, fee, market.tick), words)


def _cause(mine: Trade, theirs: result.Trade, fee: float, tick: float) -> Cause:
    """Why they ended apart."""
    at, reason = mine.exit
    in_candle = {leg[4] for leg in mine.legs if leg[0] == at}
    if reason == "stop" and len(in_candle) > 1:
        return Cause.MOVED_STOP
    last = theirs.legs[-1]
    if last.reason == "stop" and any(leg[0] == last.time and leg[4] != "stop" for leg in mine.legs):
        return Cause.ORDER
    reach = NEAR * theirs.r
    even = exits.breakeven(1, theirs.entry_price, fee, tick)
    levels = [theirs.stop, even, *(theirs.entry_price + stage * theirs.r for stage in (1, 2, 3))]
    prices = [leg[1] for leg in mine.legs] + [leg.price for leg in theirs.legs]
    missed = any(abs(price - level) <= reach for price in prices for level in levels)
    return Cause.NEAR_MISS if missed else Cause.UNKNOWN
