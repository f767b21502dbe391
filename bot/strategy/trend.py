"""Trend C3: long in liquid coins whose 20-day average is above the 100-day one, out when the close falls 3 ATR below its highest.

Owns the rule, on daily candles: entry, size, the stop that is judged at the close, and the far one that rests at the exchange.
The texts below are plain scalar functions that live and a backtest share; ATR is Wilder's, as TA-Lib seeds it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import talib
from numpy.lib.stride_tricks import sliding_window_view

from bot.domain.candles import Candles, Series
from bot.domain.clock import DAY, MINUTE
from bot.domain.instrument import STABLECOINS
from bot.domain.order import Purpose
from bot.strategy.base import (
    Close,
    Closed,
    Condition,
    Costs,
    Decided,
    Ended,
    Evaluation,
    Numbers,
    Rows,
    Searched,
    Strategy,
    Terms,
    Trade,
    Universe,
    entry_requirements,
)
from bot.strategy.exits import FLAT, LONG, EntryRequirements
from bot.strategy.grid import rounded
from bot.strategy.params import DEFAULT_RISK_SETTINGS, RiskSettings

#: The rule's own reasons to be out, and what it keeps with a trade.
EXITS = ("close_stop", "turn")
KEPT = ("highest", "close_stop")
CLOSE_STOP, TURN = 1, 2
#: Closed candles that a market must have to be entered.
OLD_ENOUGH = 200
#: Candles that are asked for: with so many, the ATR has forgotten how it began (to 1e-7).
WINDOW = 350
#: The candles among which few may be missing.
SPAN = 120
#: A month's choice: the days whose median turnover counts, and the least that it must be, in the quote.
TURNOVER_DAYS, LEAST_TURNOVER = 90, 1_000_000.0
#: The lowest stop, as a fraction of the price it is measured from: in a wild market 6 ATR may be more than the whole price.
LOWEST_STOP = 1e-6
#: Coins that follow another price, and so have no trend of their own: gold, other coins wrapped or staked, and leveraged tokens.
FOLLOWERS = STABLECOINS | frozenset(
    (
        *(
            "PAXG",
            "XAUT",
            "KAU",
            "WBTC",
            "CBBTC",
            "TBTC",
            "RENBTC",
            "WETH",
            "STETH",
            "WSTETH",
            "WEETH",
            "EETH",
            "EZETH",
            "RSETH",
        ),
        *(
            "RETH",
            "CBETH",
            "BETH",
            "OETH",
            "SETH2",
            "METH",
            "LSETH",
            "WBETH",
            "MSOL",
            "JITOSOL",
            "BNSOL",
            "BBSOL",
            "OKSOL",
            "STSOL",
        ),
    )
)
LEVERAGED = re.compile(r".+\d[LS]|.+(BULL|BEAR)|(BTC|ETH|BNB|XRP|ADA|DOT|LTC|LINK|TRX|EOS|BCH|XLM)(UP|DOWN)")


class TrendParams(NamedTuple):
    """The numbers of the rule. `risk_pct` is the percentage of equity that a fall by the close-stop costs when all `slots` are taken;
    `largest` is the most that all slots together may be worth, a fraction of equity.
    """

    fast: int = 20
    slow: int = 100
    atr_period: int = 20
    high: int = 20
    close_stop_atr: float = 3.0
    resting_stop_atr: float = 6.0
    risk_pct: float = 10.0
    slots: int = 10
    largest: float = 1.5
    min_stop_to_cost: float = 3.0
    most_missing: int = 3


TREND = TrendParams()


class Columns(NamedTuple):
    """What the rule reads, a row for each candle; NaN until there are enough. `missing` counts candles left out among the last 120."""

    close: Series
    fast: Series
    slow: Series
    atr: Series
    high: Series
    missing: Series


class AtClose(NamedTuple):
    """The same of one close, as trades need it."""

    fast: float
    slow: float
    atr: float
    high: float


# -- the text that is compiled ----------------------------------------------------------------------------------------
def is_up(fast: float, slow: float) -> bool:
    """Whether the trend is up; strictly, and beyond the noise of two means of the same closes."""
    return rounded(fast) > rounded(slow)


def below(price: float, distance: float) -> float:
    """A stop so far below a price."""
    return rounded(max(price - distance, LOWEST_STOP * price))


def size_of(close: float, atr: float, params: TrendParams) -> float:
    """Percent of equity: the slot's part of the risk over the way to the close-stop, and at most the slot's part of everything."""
    by_risk = params.risk_pct / params.slots / (params.close_stop_atr * atr / close) if atr > 0.0 else 100.0
    return min(by_risk, 100.0 * params.largest / params.slots, 100.0)


def decided(columns: Columns, row: int, params: TrendParams, owner: RiskSettings) -> Decided:  # noqa: ARG001 - no account's words in it
    """The decision of a row."""
    close, atr = float(columns.close[row]), float(columns.atr[row])
    fast, slow = float(columns.fast[row]), float(columns.slow[row])
    if not (is_up(fast, slow) and atr > 0.0 and columns.missing[row] <= params.most_missing):
        return Decided(FLAT, math.nan, math.nan, 0.0, math.nan, 0.0)
    stop, close_stop = below(close, params.resting_stop_atr * atr), below(close, params.close_stop_atr * atr)
    return Decided(LONG, stop, close_stop, 0.0, math.nan, size_of(close, atr, params))


def begun(close: float, now: AtClose, params: TrendParams) -> tuple[float, float]:
    """What a trade keeps from the close that decided on it."""
    return close, below(close, params.close_stop_atr * now.atr)


def kept_on(trade: Trade, close: float, now: AtClose, params: TrendParams) -> tuple[float, float]:
    """The highest close and the close-stop, which only rise."""
    kept: Any = trade.kept
    highest = max(float(kept[0]), close)
    return highest, max(float(kept[1]), below(highest, params.close_stop_atr * now.atr))


def closed(trade: Trade, close: float, now: AtClose, params: TrendParams) -> Closed:
    """Whether to be out at a close; and where the resting stop belongs."""
    highest, close_stop = kept_on(trade, close, now, params)
    if close <= close_stop:
        return Closed(trade.stop, CLOSE_STOP)
    if not is_up(now.fast, now.slow):
        return Closed(trade.stop, TURN)
    return Closed(max(trade.stop, below(highest, params.resting_stop_atr * now.atr)), 0)


def returns(exit_: int, at: int, closed_at: int, close: float, now: AtClose, params: TrendParams) -> bool:  # noqa: ARG001
    """After either stop only at a new high; never at the close that sold, nor at one before the sale."""
    stopped_out = exit_ in (0, CLOSE_STOP)
    return at < closed_at and (not stopped_out or close >= now.high)


def terms(
    close: float,
    out_at: float,
    price: float,
    fee: float,
    spread: float,
    required: EntryRequirements,  # noqa: ARG001 - the costs gate is the rule's own
    params: TrendParams,
) -> Terms:
    """At the close its stop must be worth the costs; the price that is paid must lie above the close-stop, no more."""
    least = params.min_stop_to_cost * (2.0 * fee * close + spread) if price == close else 0.0
    return Terms(out_at, math.inf, math.nan, least)


# -- the questions ----------------------------------------------------------------------------------------------------
class TrendStrategy(Strategy):
    """Daily, long or flat, ten slots; the resting stop is for crashes and for a dead daemon."""

    settings = "trend"
    timeframe = "1d"
    required = OLD_ENOUGH
    fills_gaps = False
    legs = ()
    widest_r = math.inf
    exits_at_next_open = True
    sizes_at_price = True
    least_part = 0.01
    resends_for_ms = 10 * MINUTE
    stop_slip = 0.002
    sits_out_stops = False
    raises_small = False
    #: Its signal and its stops. The resting stop stays beyond the close-stop.
    search_space = (
        Searched("fast", 10, 40, 5),
        Searched("slow", 60, 120, 10),
        Searched("close_stop_atr", 2.0, 4.0, 0.5),
        Searched("resting_stop_atr", 4.5, 9.0, 0.5),
    )

    def __init__(self, risk_settings: RiskSettings = DEFAULT_RISK_SETTINGS, params: TrendParams = TREND) -> None:
        super().__init__(risk_settings)
        self.params = _checked(params)
        self.slots = params.slots
        self.largest_pct = min(100.0 * params.largest / params.slots, 100.0)
        self.universe = Universe(most=10, among=40, candles=OLD_ENOUGH, period="month")
        self.rows = Rows(
            *(self.columns, decided, AtClose._fields, closed, params, EXITS),
            kept=KEPT,
            begun=begun,
            kept_on=kept_on,
            returns=returns,
            terms=terms,
        )

    def window(self, timeframe_ms: int) -> int:  # noqa: ARG002 - the rule counts candles
        return WINDOW

    def evaluate(self, candles: Candles) -> Evaluation:
        """A state, not an event: a market in an up-trend is a signal at every close."""
        found, row = self.columns(candles), len(candles) - 1
        one = decided(found, row, self.params, self.risk_settings)
        now = _at(found, row)
        close = float(candles.close[-1])
        return Evaluation(
            side=one.side,
            closed_at=candles.closed_at,
            close=close,
            stop=one.stop,
            risk_price=one.risk_price,
            momentum=one.momentum,
            why=f"average {now.fast:.6g} over {now.slow:.6g}",
            kept=_named(begun(close, now, self.params)) if one.side else (),
            facts=(*now._asdict().items(), ("missing", float(found.missing[row])), ("pct", one.pct)),
            conditions=self._conditions(now, float(found.missing[row])),
            considered=LONG,
        )

    def size_pct(self, evaluation: Evaluation) -> float:
        return dict(evaluation.facts)["pct"]

    def terms(self, evaluation: Evaluation, price: float, costs: Costs) -> Terms:
        return terms(evaluation.close, evaluation.out_at, price, *costs, entry_requirements(self), self.params)

    def may_return(self, candles: Candles, last: Ended) -> bool:
        exit_ = 0 if last.exit == Purpose.STOP else EXITS.index(last.exit) + 1 if last.exit in EXITS else -1
        found, close = self.columns(candles), float(candles.close[-1])
        return returns(exit_, last.at, candles.closed_at, close, _at(found, len(candles) - 1), self.params)

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        if len(candles) < self.params.slow:
            return Close(trade.stop)
        found, row = self.columns(candles), len(candles) - 1
        now, close = _at(found, row), float(candles.close[-1])
        known = _keeping(trade, self._kept(trade, candles, found))
        one = closed(known, close, now, self.params)
        kept = kept_on(known, close, now, self.params)
        if one.exit == CLOSE_STOP:
            words = f"the close {close:.6g} is at or below {kept[1]:.6g}"
        else:
            words = f"the {self.params.fast}-candle average is not above the {self.params.slow}-candle one"
        return Close(one.stop, EXITS[one.exit - 1], words) if one.exit else Close(one.stop, kept=_named(kept))

    def rank(self, symbol: str, candles: Candles) -> float | None:
        """The median turnover of the last 90 days, in the quote."""
        recent = candles.time >= candles.closed_at - TURNOVER_DAYS * DAY
        if len(candles) < OLD_ENOUGH or _is_follower(symbol.partition("-")[0]):
            return None
        turnover = float(np.median((candles.close * candles.volume)[recent]))
        return turnover if turnover >= LEAST_TURNOVER else None

    def columns(self, candles: Candles) -> Columns:
        """What the rule reads, over all candles."""
        params, close, step = self.params, candles.close, candles.timeframe_ms
        since = np.maximum(candles.time - (SPAN - 1) * step, candles.time[:1])
        there = np.arange(1, len(close) + 1) - candles.time.searchsorted(since)
        missing = (candles.time - since) // step + 1 - there
        return Columns(
            close,
            _over(np.mean, close, params.fast),
            _over(np.mean, close, params.slow),
            talib.ATR(candles.high, candles.low, close, params.atr_period),
            _over(np.max, close, params.high),
            missing.astype(np.float64),
        )

    def _conditions(self, now: AtClose, missing: float) -> tuple[Condition, ...]:
        most = float(self.params.most_missing)
        return (
            Condition("average", now.fast, now.slow, is_up(now.fast, now.slow)),
            Condition("missing", missing, most, missing <= most),
        )

    def _kept(self, trade: Trade, candles: Candles, found: Columns) -> tuple[float, ...]:
        """What the trade keeps before this close; rebuilt from the candles since its decision where the book has lost it."""
        known = dict(trade.kept)
        if all(name in known for name in KEPT):
            return tuple(known[name] for name in KEPT)
        since = int(candles.time.searchsorted(trade.decided_at - candles.timeframe_ms, side="right")) - 1
        row = max(since, self.params.atr_period)
        kept = begun(float(found.close[row]), _at(found, row), self.params)
        for later in range(row + 1, len(candles) - 1):
            known_then = _keeping(trade, kept)
            kept = kept_on(known_then, float(found.close[later]), _at(found, later), self.params)
        return kept


def _keeping(trade: Trade, kept: tuple[float, ...]) -> Trade:
    """A trade as the compiled text finds it: with values alone."""
    return trade._replace(kept=kept)  # type: ignore[arg-type]


def _named(kept: tuple[float, float]) -> Numbers:
    return tuple(zip(KEPT, kept, strict=True))


def _at(found: Columns, row: int) -> AtClose:
    return AtClose(*(float(getattr(found, name)[row]) for name in AtClose._fields))


def _over(summary: Callable[..., Series], column: Series, count: int) -> Series:
    """A summary of the last `count` values at each row, NaN until there are so many."""
    whole = np.full(len(column), np.nan)
    if len(column) >= count:
        whole[count - 1 :] = summary(sliding_window_view(column, count), axis=1)
    return whole


def _is_follower(coin: str) -> bool:
    return coin in FOLLOWERS or LEVERAGED.fullmatch(coin) is not None


def _checked(params: TrendParams) -> TrendParams:
    """The numbers, if a rule can be made of them; raises ValueError with one line for the first that cannot."""
    for name, value in params._asdict().items():
        if not value > 0 and name not in ("min_stop_to_cost", "most_missing"):
            raise ValueError(f"{name} is {value:g}: a number above 0 is needed")
    if not params.fast < params.slow <= OLD_ENOUGH:
        raise ValueError(f"fast is {params.fast} and slow {params.slow}: fast < slow <= {OLD_ENOUGH} is needed")
    if params.resting_stop_atr < params.close_stop_atr:
        raise ValueError("resting_stop_atr is less than close_stop_atr: the resting stop must be the farther one")
    if max(params.atr_period, params.high) >= params.slow:
        raise ValueError(f"atr_period and high must be less than slow, which is {params.slow}")
    return params
