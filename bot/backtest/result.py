"""What a walk found: trades and their legs as columns, the equity of every day, and the gates that blocked
signals.

Owns the columns and their meaning; objects are created only on request. Computes no statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bot.domain.candles import Series, Times

Integers = NDArray[np.int64]


class Leg(NamedTuple):
    """One sale of a trade (short: purchase). `time` is the open time (ms UTC) of its candle, `fee` in the quote."""

    time: int
    price: float
    qty: float
    fee: float
    reason: str


class Trade(NamedTuple):
    """One trade. `decided_at` is the close of the deciding candle, `entry_time` the open time of the candle entered in (ms UTC).

    `stop` is the first stop, `r` the distance from the fill to the strategy's exit price, `fee` the entry's. `pnl` is in the quote,
    both fees (and funding) included; `pnl_r` = pnl / (r x qty). `score` is None where the strategy gives none.
    """

    symbol: str
    side: str
    decided_at: int
    entry_time: int
    entry_price: float
    qty: float
    stop: float
    score: float | None
    r: float
    fee: float
    legs: tuple[Leg, ...]
    exit_reason: str
    pnl: float
    pnl_r: float


@dataclass(frozen=True, slots=True, eq=False)
class Trades:
    """A row per trade, in the order of their entries. `symbol` and `exit_reason` are numbers in `Result.pairs` and `.reasons`.

    `side` is 1 or -1, `score` NaN for none; `funding` is what holding it cost (negative: earned). The legs of row i are
    rows `first_leg[i]` to `first_leg[i + 1]` of `ExitLegs`: there is one more of these than of trades.
    """

    symbol: Integers
    side: Integers
    decided_at: Times
    entry_time: Times
    entry_price: Series
    qty: Series
    stop: Series
    score: Series
    r: Series
    fee: Series
    funding: Series
    exit_time: Times
    exit_reason: Integers
    pnl: Series
    first_leg: Integers

    def __len__(self) -> int:
        return len(self.symbol)

    @property
    def pnl_r(self) -> Series:
        """Each result as a multiple of the risk."""
        return self.pnl / (self.r * self.qty)


@dataclass(frozen=True, slots=True, eq=False)
class Legs:
    """A row per sale, grouped by trade and in order. `reason` is a number in `Result.reasons`."""

    time: Times
    price: Series
    qty: Series
    fee: Series
    reason: Integers

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One walk. `equity` is the equity at the start; `fee` (per side) and `spread` are fractions, as charged.

    `day` holds the last close of each UTC day (ms), `day_equity` the equity at that close, and `day_exposure` the mean share of
    equity in positions over the day's closes (0.25 is a quarter). `skips` counts signals by the gate that blocked
    them; `candles` is the number of candles walked.
    """

    pairs: tuple[str, ...]
    reasons: tuple[str, ...]
    timeframe_ms: int
    since: int
    until: int
    equity: float
    fee: float
    spread: float
    candles: int
    trades: Trades
    legs: Legs
    skips: Mapping[str, int]
    day: Times
    day_equity: Series
    day_exposure: Series

    def __iter__(self) -> Iterator[Trade]:
        return (self.trade(row) for row in range(len(self.trades)))

    def trade(self, row: int) -> Trade:
        """The trade of a row."""
        one, score = self.trades, float(self.trades.score[row])
        return Trade(
            symbol=self.pairs[one.symbol[row]],
            side="long" if one.side[row] > 0 else "short",
            decided_at=int(one.decided_at[row]),
            entry_time=int(one.entry_time[row]),
            entry_price=float(one.entry_price[row]),
            qty=float(one.qty[row]),
            stop=float(one.stop[row]),
            score=None if np.isnan(score) else score,
            r=float(one.r[row]),
            fee=float(one.fee[row]),
            legs=tuple(self.leg(at) for at in range(int(one.first_leg[row]), int(one.first_leg[row + 1]))),
            exit_reason=self.reasons[one.exit_reason[row]],
            pnl=float(one.pnl[row]),
            pnl_r=float(one.pnl[row] / (one.r[row] * one.qty[row])),
        )

    def leg(self, row: int) -> Leg:
        """The leg of a row."""
        legs = self.legs
        return Leg(
            int(legs.time[row]),
            float(legs.price[row]),
            float(legs.qty[row]),
            float(legs.fee[row]),
            self.reasons[legs.reason[row]],
        )
