"""The interface of a strategy: the methods that the engine calls, and the values that they return.

Owns the interface that `STRATEGY=module:Class` (or `file.py:Class`) must implement: one class in one file. Only one method is
required, `evaluate`; everything else has a default. A strategy is pure: it gets closed candles and values, and has no clock, no
I/O and no state except what it keeps with a trade. The engine calls it through `guarded`, which stops exceptions and invalid
answers.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from bot.domain.candles import Candles
from bot.domain.judgement import Condition
from bot.domain.order import Numbers
from bot.strategy import exits
from bot.strategy.exits import FLAT, EntryRequirements, Exit, ExitLeg, ExitLegs, Terms, Trade
from bot.strategy.grid import compared
from bot.strategy.params import DEFAULT_RISK_SETTINGS, RiskSettings, Tuned
from bot.strategy.search_space import Searched, SearchSpace

__all__ = [
    "Close",
    "Condition",
    "Costs",
    "Ended",
    "Evaluation",
    "Exit",
    "ExitLeg",
    "ExitLegs",
    "Numbers",
    "RiskSettings",
    "Searched",
    "Strategy",
    "Terms",
    "Trade",
    "TradedRange",
    "Universe",
    "ranked",
]

DAY_MS = 86_400_000


class Evaluation(NamedTuple):
    """A strategy's verdict on one symbol at one close.

    `side` is 1 (long), -1 (short) or 0; with a side, `stop` is the price of the stop that rests at the exchange, and `momentum`
    ranks it among others. `risk_price` is the price at which the strategy itself exits if that is before the stop (NaN: at the
    stop); R is measured to it. `score` rates the trade on the strategy's own scale, and `why` gives the reasons. `kept` is passed
    back with the trade; `facts` are the underlying numbers, for people. `conditions` are shown by `nija explain`: all conditions
    in the order they were checked, also without a side; `considered` is the side they were checked for (0: that of `side`).
    """

    side: int
    closed_at: int
    close: float
    stop: float = math.nan
    momentum: float = 0.0
    risk_price: float = math.nan
    score: float | None = None
    why: str = ""
    kept: Numbers = ()
    facts: Numbers = ()
    conditions: tuple[Condition, ...] = ()
    considered: int = 0

    @property
    def out_at(self) -> float:
        """The price at which the strategy exits a losing trade."""
        return self.stop if math.isnan(self.risk_price) else self.risk_price


class Costs(NamedTuple):
    """The current costs of trading: `fee` is the taker fee as a fraction, `spread` is ask - bid in the quote."""

    fee: float
    spread: float


class TradedRange(NamedTuple):
    """The last price, and the high and low since the previous check."""

    last: float
    high: float
    low: float


#: Earlier names, which strategies may still import.
Leg = ExitLeg
Look = TradedRange
Owner = RiskSettings


class Close(NamedTuple):
    """What a close means for a trade: `stop` is the new price of its stop, if it is held.

    `exit` is the strategy's name for the reason to exit now (lower-case letters, digits and _), empty to hold; `words` explain it
    to people. `kept` is what to keep with the trade from now on; None changes nothing.
    """

    stop: float
    exit: str = ""
    words: str = ""
    kept: Numbers | None = None


class Ended(NamedTuple):
    """How the last trade in a symbol ended: when (market ms), and why: `stop`, a target (`tp1` …), or a reason of the strategy."""

    at: int
    exit: str


class Decided(NamedTuple):
    """The numbers of an `Evaluation`, as returned by `Rows`, with the size in percent of equity; `score` is NaN for none."""

    side: int
    stop: float
    risk_price: float
    momentum: float
    score: float
    pct: float


class Closed(NamedTuple):
    """The numbers of a `Close`, as returned by `Rows`: `exit` is 0 to hold, else its number in `Rows.exits`, from 1."""

    stop: float
    exit: int


class Rows(NamedTuple):
    """A strategy's answers for any row of whole columns, as plain scalar code that a backtest compiles: no reductions, powers,
    library calls or strings. They must equal those of `evaluate`, `size_pct` and `on_close`.

    `columns` computes the columns once, each row from its own and earlier candles only. `decided(columns, row, params, owner)` is
    called from row 1 on. `at_close` names the columns whose values (`now`) the other functions read by these names, at one close:

    - `closed(trade, close, now, params)` is `on_close`. `trade.kept` then holds the values of `kept` only, in that order.
    - `begun(close, now, params)` and `kept_on(trade, close, now, params)` return the values of `kept` after the close of the entry's
      decision and after a later close.
    - `returns(exit, at, closed_at, close, now, params)` is `may_return`; `exit` is 0 for the stop, from 1 one of `exits`, else -1.
    - `terms(close, out_at, price, fee, spread, required, params)` is `terms`; NIJA's default uses `required`.
    """

    columns: Callable[[Candles], Any]
    decided: Callable[..., Decided]
    at_close: tuple[str, ...]
    closed: Callable[..., Closed]
    params: Any
    exits: tuple[str, ...]
    kept: tuple[str, ...] = ()
    begun: Callable[..., tuple[float, ...]] | None = None
    kept_on: Callable[..., tuple[float, ...]] | None = None
    returns: Callable[..., bool] | None = None
    terms: Callable[..., Terms] | None = None


class Universe(NamedTuple):
    """How a strategy wants its markets chosen: the `most` best by its own `rank`, chosen again at the start of each `period` (UTC).

    Ranks the `among` most traded markets of the last day, by up to `candles` daily candles from before the period.
    """

    most: int
    among: int
    candles: int
    period: Literal["day", "month"]


class Strategy(ABC):
    """The methods that the engine calls. Implement `evaluate`; override the others where your strategy differs."""

    #: The fewest closed candles with which a symbol is evaluated.
    required = 500
    #: The timeframe that the strategy was made for (such as 1d), unless the owner sets TIMEFRAME; None: NIJA's default.
    timeframe: str | None = None
    #: Whether a candle without trades is filled in, flat and without volume; False: it is left out.
    fills_gaps = True
    #: The share sold at each target, the nearest first; the rest is held until its stop or an exit.
    legs: ExitLegs = (ExitLeg(0.5, 1.0), ExitLeg(0.25, 2.0), ExitLeg(0.25, 3.0))
    #: The widest R of an entry, as a fraction of the price (0.05 is 5 %); infinite: no limit.
    widest_r = 0.05
    #: Whether a backtest makes exits at the open of the next candle instead of at the close. Live sells at once.
    exits_at_next_open = False
    #: Whether sizes use the price to be paid instead of the close of the decision. A backtest then also uses equity and cash of the
    #: next open, and an entry that is refused there keeps its slot until the next close.
    sizes_at_price = False
    #: The smallest fraction of its size that is entered if free cash does not pay for all of it.
    least_part = 0.0
    #: How long after its close (ms) an entry is sent again for what its order left unfilled; 0: it is sent once.
    resends_for_ms = 0
    #: How far below its price a stop sells inside a candle of a backtest, in addition to half the spread; a fraction of the price.
    stop_slip = 0.0
    #: Whether no entry is made at the close of a candle in which a stop sold.
    sits_out_stops = True
    #: Whether a size below the smallest tradeable one is raised to it, as far as the owner allows.
    raises_small = True
    #: The most open positions; None: as many as the account allows. MAX_OPEN_POSITIONS applies in any case.
    slots: int | None = None
    #: The largest result of `size_pct`, in percent of equity; None: MAX_POSITION_PCT, which applies in any case.
    largest_pct: float | None = None
    #: How markets are chosen; None: the MAX_PAIRS most traded ones of the last day. PAIRS_ALLOW of the owner comes first.
    universe: Universe | None = None
    #: Which of its `params` (a NamedTuple that the class takes as `params=`) `nija optimize` may search.
    search_space: SearchSpace = ()
    #: The file that its parameters come from; None: they are its own, or given by hand.
    tuned: Tuned | None = None

    #: The group of the owner's settings (see `bot.settings.variables`) whose fields are its `params`; "": it has none.
    settings = ""

    #: The same answers by rows, for speed; None: a backtest calls the methods candle by candle. A subclass that overrides a method
    #: must also replace its rows.
    rows: Rows | None = None

    def __init__(self, risk_settings: RiskSettings = DEFAULT_RISK_SETTINGS) -> None:
        self.risk_settings = risk_settings

    @property
    def owner(self) -> RiskSettings:
        """`risk_settings` under its earlier name."""
        return self.risk_settings

    @abstractmethod
    def evaluate(self, candles: Candles) -> Evaluation:
        """Decide at the close of the last candle."""

    def window(self, timeframe_ms: int) -> int:
        """How many closed candles to keep: Kraken's 720, or a whole day where that is longer."""
        return max(720, -(-DAY_MS // timeframe_ms))

    def rank(self, symbol: str, candles: Candles) -> float | None:  # noqa: ARG002 - NIJA ranks by turnover
        """Rates a market for `universe`, higher is better; None: not to be traded. The candles are daily, without gaps filled."""
        return None

    def may_return(self, candles: Candles, last: Ended) -> bool:  # noqa: ARG002 - by default nothing prevents it
        """Whether a signal at this close may be taken, given how the symbol's last trade ended."""
        return True

    def terms(self, evaluation: Evaluation, price: float, costs: Costs) -> Terms:
        """The terms that a trade at `price` must meet to be made."""
        return exits.terms(
            evaluation.close, evaluation.out_at, price, costs.fee, costs.spread, entry_requirements(self)
        )

    def size_pct(self, evaluation: Evaluation) -> float:  # noqa: ARG002 - no grades here
        """The size of the trade in percent of equity."""
        return self.risk_settings.min_position_pct

    def on_close(self, trade: Trade, candles: Candles) -> Close:  # noqa: ARG002 - the stop is the only exit here
        """Whether to exit at this close, and the price of the stop otherwise.

        Called once for each close, in order; after a close that asks for an exit, it is called again until the exit is made.
        """
        return Close(trade.stop)

    def on_price(self, trade: Trade, look: TradedRange) -> list[Exit]:
        """The sales due at the targets that the price reached, in order. NIJA handles the stop."""
        return exits.at_targets(trade, look.high, look.low, self.legs)


def entry_requirements(rule: Strategy) -> EntryRequirements:
    """The requirements for a strategy's entries, unless it overrides `terms`."""
    return EntryRequirements(rule.legs, rule.widest_r, rule.risk_settings.min_reward_to_cost, rule.stop_slip)


def ranked(evaluations: dict[str, Evaluation], *, in_order: bool = False) -> list[str]:
    """The symbols that have a side, the strongest momentum (to 12 decimals) first, then by name, or `in_order` of `evaluations`: the
    order of the markets that a strategy chose.
    """
    signals = [symbol for symbol, found in evaluations.items() if found.side != FLAT]
    return sorted(signals, key=lambda at: (-compared(evaluations[at].momentum), "" if in_order else at))
