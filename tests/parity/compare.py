"""The same trades or not: the daemon's beside the backtest's, each difference with a cause out of a fixed list. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.backtest import result
from bot.backtest.terms import Market
from bot.strategy import exits
from bot.strategy.gates import Gate
from tests.parity import causes
from tests.parity.causes import NONE, TARGETS, Cause, Difference, Sale, Tape
from tests.parity.live import Trade
from tests.parity.market import FIVE_MINUTES, HOUR

#: What a size may differ by beside one lot, and what of an account's turnover the whole result.
SIZE, TURNOVER = 0.002, 0.001
#: The share of trades that must end by the same reason in the same candle.
SAME_EXITS = 0.97
#: Losses in a row that bar a market, and for how long (ms).
LOSSES, COOLDOWN = 3, HOUR
#: What it means that a gate of the backtest blocked an entry of the daemon: those of the price, and those that follow from trades.
_BLOCKED = {
    **dict.fromkeys((Gate.STOP.word, Gate.RISK.word, Gate.TARGET.word, Gate.COSTS.word), Cause.PRICE),
    **dict.fromkeys((Gate.HELD.word, Gate.STOPPED_OUT.word, Gate.LOSSES.word), Cause.KNOCK_ON),
}


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
            and self.same_sizes + self.causes[Cause.EQUITY] == self.same_entries
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
    """The backtest's side: its trades, which gate blocked a signal ("": none did), the terms of each market, a side's fee, and the
    equity that both began with.
    """

    trades: Sequence[result.Trade]
    blocked: Mapping[tuple[str, int], str]
    markets: Mapping[str, Market]
    fee: float
    equity: float


def compared(live: Sequence[Trade], found: Walked, tape: Tape) -> Parity:
    """Trade by trade. One that is open when either side ends counts for entries and sizes only."""
    walked = {(one.symbol, one.decided_at): one for one in found.trades}
    traded = {(one.symbol, one.decided_at): one for one in live}
    parity = Parity(len(traded), len(walked))
    for key in sorted({*traded, *walked}, key=lambda one: (one[1], one[0])):
        mine, theirs = traded.get(key), walked.get(key)
        if mine is not None and theirs is not None:
            parity.same_entries += 1
            _compare_sizes(parity, mine, theirs, found, live)
            _compare_exits(parity, mine, theirs, found, tape)
        elif mine is not None:
            gate = found.blocked.get(key, "no signal")
            cause = _BLOCKED.get(gate, Cause.UNKNOWN)
            parity.note(cause, f"{key[0]} {key[1]}: entered by the daemon alone; the backtest: {gate or 'entered'}")
        elif theirs is not None:
            parity.note(_missed(live, theirs, found.fee, tape), f"{key[0]} {key[1]}: entered by the backtest alone")
    return parity


def _missed(live: Sequence[Trade], theirs: result.Trade, fee: float, tape: Tape) -> Cause:
    """Why the daemon did not enter."""
    earlier = [one for one in live if one.symbol == theirs.symbol and one.decided_at < theirs.decided_at]
    if earlier and _is_barred(earlier, theirs.decided_at):
        return Cause.KNOCK_ON
    return Cause.PRICE if _is_dear(theirs, fee, tape) else Cause.UNKNOWN


def _is_barred(earlier: Sequence[Trade], close: int) -> bool:
    """Whether the daemon held the market at this close, had been stopped out in the candle before, or lost too often in a row."""
    last = earlier[-1]
    candle, reason = last.exit
    if not last.over or candle >= close or (reason == causes.STOP and candle == close - FIVE_MINUTES):
        return True
    row = [one for one in earlier[-LOSSES:] if one.pnl < 0.0]
    return len(row) == LOSSES and close < last.legs[-1].at + COOLDOWN


def _is_dear(theirs: result.Trade, fee: float, tape: Tape) -> bool:
    """Whether R did not pay the costs at the bid and ask that the daemon found."""
    bid, ask = tape.bid(theirs.symbol, theirs.decided_at), tape.ask(theirs.symbol, theirs.decided_at)
    return any(price - theirs.stop < exits.needed(price, fee, ask - bid, 1.0) for price in (bid, ask))


def _compare_sizes(parity: Parity, mine: Trade, theirs: result.Trade, found: Walked, live: Sequence[Trade]) -> None:
    lot, close = found.markets[mine.symbol].lot, mine.decided_at
    if _alike(mine.qty, theirs.qty, lot):
        parity.same_sizes += 1
        return
    my_equity = found.equity + sum(one.pnl for one in live if one.over and one.legs[-1].at <= close)
    their_equity = found.equity + sum(one.pnl for one in found.trades if one.legs[-1].time < close)
    of_same_equity = mine.qty * their_equity / my_equity
    cause = Cause.EQUITY if _alike(of_same_equity, theirs.qty, lot) else Cause.UNKNOWN
    words = f"{mine.symbol} {close}: {mine.qty:.8g} bought, {theirs.qty:.8g} in the backtest"
    parity.note(cause, f"{words}, with {my_equity:.2f} and {their_equity:.2f}")


def _alike(mine: float, theirs: float, lot: float) -> bool:
    return abs(mine - theirs) <= lot * 1.5 + SIZE * theirs


def _compare_exits(parity: Parity, mine: Trade, theirs: result.Trade, found: Walked, tape: Tape) -> None:
    name, market = f"{mine.symbol} {mine.decided_at}", found.markets[mine.symbol]
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
    parity.note(causes.cause(_difference(mine, theirs, found.fee, market.tick), tape), words)


def _difference(mine: Trade, theirs: result.Trade, fee: float, tick: float) -> Difference:
    """The first sale that differs. Levels follow from each side's fill; the first stop is the same."""
    my_sales = _first(Sale(leg.candle, leg.reason, leg.at, leg.price) for leg in mine.legs)
    their_sales = _first(Sale(leg.time, leg.reason, leg.time + FIVE_MINUTES, leg.price) for leg in theirs.legs)
    same = 0
    while min(len(my_sales), len(their_sales)) > same and my_sales[same][:2] == their_sales[same][:2]:
        same += 1
    my_next, their_next = [*my_sales, NONE][same], [*their_sales, NONE][same]
    candle = min(sale.candle for sale in (my_next, their_next) if sale is not NONE)
    targets = [sale.at for sale in my_sales if sale.candle == candle and sale.reason in TARGETS]
    my_levels, their_levels = (
        exits.opened(1, price, theirs.stop, theirs.stop, fee, 1, 1, tick)
        for price in (mine.entry_price, theirs.entry_price)
    )
    mine_then, theirs_then = (sale if sale.candle == candle else NONE for sale in (my_next, their_next))
    return Difference(mine.symbol, candle, mine_then, theirs_then, my_levels, their_levels, max(targets, default=0))


def _first(sales: Iterable[Sale]) -> list[Sale]:
    """Of the sales of a trade the first one for each reason."""
    found: dict[str, Sale] = {}
    for sale in sales:
        found.setdefault(sale.reason, sale)
    return list(found.values())
