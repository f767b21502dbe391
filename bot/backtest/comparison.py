"""What was traded live beside a backtest of the same days: which trades are the same, and why the others are not. Pure.

A cause comes from what both sides wrote down: the gate that blocked, the reason of an exit, its candle. Inside a candle live knows
more than a backtest can, so differences there have a cause of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from bot.backtest.result import Trade
from bot.domain.clock import iso

#: Sizes that differ by more than this share are another size; lots and fees explain less.
SIZE = 0.01
#: Why the backtest sells what is left at the last candle.
END = "end"


class Cause(StrEnum):
    """Why two sides differ."""

    SAME = "the same trade: prices paid, fees and sizes differ"
    SIZE = "another size: equity, free cash or limits differed"
    BY_HAND = "ended by hand, not by the rule"
    OPEN = "still open on one side"
    INSIDE = "another exit in the same candle: the order of prices inside it is not known to a backtest"
    LEVEL = "a level was passed on one side alone: it follows from the price paid"
    LIVE_GATE = "a gate blocked it live"
    BACKTEST_GATE = "a gate blocked it in the backtest"
    TOO_EARLY = "the candle files begin too late for a signal there"
    NO_SIGNAL = "no signal in these candles: they differ from those seen live"
    NO_SIGNAL_LIVE = "no signal live: it saw other candles"
    UNSEEN = "nothing is recorded of that close: NIJA did not look at it"
    UNFILLED = "a signal on both sides that was entered on one"


class LiveTrade(NamedTuple):
    """A trade of the ledger. `exit_candle` is the open time of the candle it ended in (ms UTC), None while it is open; `by_hand` says
    that its owner ended it. `pnl` is in dollars.
    """

    symbol: str
    decided_at: int
    entry_price: float
    qty: float
    pnl: float
    exit_reason: str
    exit_candle: int | None
    by_hand: bool = False


class Judged(NamedTuple):
    """What live made of a close: whether there was a `signal`, and what blocked it ("": an order was sent)."""

    signal: bool
    gate: str


class Difference(NamedTuple):
    """Two sides of a trade in words, why they differ, and the result live less that of the backtest."""

    account: str
    symbol: str
    decided_at: int
    live: str
    backtest: str
    cause: Cause
    detail: str
    apart: float


class Sides(NamedTuple):
    """One account's trades on both sides. `blocked` says which gate blocked a signal in the backtest ("": none), `judged` what live
    made of every close that it looked at, both by market and close (ms UTC). `ready` is the first close (ms UTC) at which the
    backtest has as many candles of a market as its strategy needs.
    """

    account: str
    live: Sequence[LiveTrade]
    backtest: Sequence[Trade]
    blocked: Mapping[tuple[str, int], str]
    judged: Mapping[tuple[str, int], Judged]
    ready: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every trade of either side, by the close that decided on it."""

    differences: Sequence[Difference]
    live_pnl: float
    backtest_pnl: float

    @property
    def by_cause(self) -> list[tuple[Cause, int, float]]:
        """How many trades each cause explains, and what the results differ by there; the most frequent first."""
        count = Counter(one.cause for one in self.differences)
        apart = {cause: sum(one.apart for one in self.differences if one.cause is cause) for cause in count}
        return [(cause, number, apart[cause]) for cause, number in count.most_common()]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "live_pnl": self.live_pnl,
            "backtest_pnl": self.backtest_pnl,
            "causes": [
                {"cause": str(cause), "trades": number, "apart": apart} for cause, number, apart in self.by_cause
            ],
            "trades": [
                {**one._asdict(), "cause": str(one.cause), "decided_at": iso(one.decided_at)}
                for one in self.differences
            ],
        }

    def plus(self, other: Comparison) -> Comparison:
        """Both together."""
        return Comparison(
            [*self.differences, *other.differences],
            self.live_pnl + other.live_pnl,
            self.backtest_pnl + other.backtest_pnl,
        )


def compared(sides: Sides) -> Comparison:
    """Trade by trade."""
    live = {(one.symbol, one.decided_at): one for one in sides.live}
    walked = {(one.symbol, one.decided_at): one for one in sides.backtest}
    found = [
        _difference(sides, key, live.get(key), walked.get(key))
        for key in sorted({*live, *walked}, key=lambda key: (key[1], key[0]))
    ]
    return Comparison(found, sum(one.pnl for one in sides.live), sum(one.pnl for one in sides.backtest))


def _difference(sides: Sides, key: tuple[str, int], mine: LiveTrade | None, theirs: Trade | None) -> Difference:
    cause, detail = _cause(sides, key, mine, theirs)
    live = "" if mine is None else _words(mine.exit_reason, mine.entry_price, mine.pnl)
    walked = "" if theirs is None else _words(theirs.exit_reason, theirs.entry_price, theirs.pnl)
    apart = (0.0 if mine is None else mine.pnl) - (0.0 if theirs is None else theirs.pnl)
    return Difference(sides.account, key[0], key[1], live, walked, cause, detail, apart)


def _cause(sides: Sides, key: tuple[str, int], mine: LiveTrade | None, theirs: Trade | None) -> tuple[Cause, str]:
    if mine is None:
        return _missed_live(sides.judged.get(key))
    if theirs is None:
        return _missed_in_backtest(sides.blocked.get(key), early=key[1] < sides.ready[key[0]])
    return _ended(mine, theirs), ""


def _missed_live(judged: Judged | None) -> tuple[Cause, str]:
    if judged is None:
        return Cause.UNSEEN, ""
    if not judged.signal:
        return Cause.NO_SIGNAL_LIVE, judged.gate
    return (Cause.LIVE_GATE, judged.gate) if judged.gate else (Cause.UNFILLED, "")


def _missed_in_backtest(gate: str | None, *, early: bool) -> tuple[Cause, str]:
    if gate is None:
        return Cause.TOO_EARLY if early else Cause.NO_SIGNAL, ""
    return (Cause.BACKTEST_GATE, gate) if gate else (Cause.UNFILLED, "")


def _ended(mine: LiveTrade, theirs: Trade) -> Cause:
    """Why one decision became two trades."""
    if mine.by_hand:
        return Cause.BY_HAND
    if mine.exit_candle is None or theirs.exit_reason == END:
        return Cause.OPEN
    if mine.exit_candle == theirs.legs[-1].time:
        if mine.exit_reason != theirs.exit_reason:
            return Cause.INSIDE
        return Cause.SAME if abs(mine.qty - theirs.qty) <= SIZE * theirs.qty else Cause.SIZE
    return Cause.LEVEL


def _words(reason: str, price: float, pnl: float) -> str:
    return f"{reason}, from {price:.8g}, {pnl:+,.2f}"
