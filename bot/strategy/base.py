"""What a strategy is: the questions the engine asks it, and the answers as values.

Owns the interface that `STRATEGY=module:Class` (or `file.py:Class`) must fill: one class in one file. One method is required,
`evaluate`; everything else is a value or has NIJA's default. A strategy is pure: it gets closed candles and values,
and has no clock, no I/O and no memory but what it keeps with a trade. The engine asks through `guarded`, which lets no
exception and no impossible answer past.
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
from bot.strategy.exits import FLAT, Asked, Exit, ExitLeg, ExitLegs, Terms, Trade
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
    """What a strategy thinks of one symbol at one close.

    `side` is 1 (long), -1 (short) or 0; with a side, `stop` is the price of the stop that rests at the exchange, and `momentum`
    ranks it among others. `risk_price` is where the strategy itself gets out when that is before the stop (NaN: at the stop):
    R, and what a trade must pay, are measured from it. `score` is how good it finds the trade, in its own measure, and `why`
    what spoke for it or against it. `kept` comes back with the trade; `facts` are the numbers behind all that, for people.
    `conditions` are what `nija explain` shows of it: all that was asked, in that order, also without a side; `considered` is the
    side that they were asked for (0: that of `side`).
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
        """Where the strategy gets out if it was wrong."""
        return self.stop if math.isnan(self.risk_price) else self.risk_price


class Costs(NamedTuple):
    """What trading costs now: `fee` the taker fee as a fraction, `spread` ask - bid in the quote."""

    fee: float
    spread: float


class TradedRange(NamedTuple):
    """The last price, and the high and low since the look before."""

    last: float
    high: float
    low: float


#: Earlier names, by which a strategy may still import them.
Leg = ExitLeg
Look = TradedRange
Owner = RiskSettings


class Close(NamedTuple):
    """What a close means for a trade: `stop` is where its stop belongs, if it is held.

    `exit` is the name of the reason to be out now, the strategy's own (small letters, digits and _), empty to hold; `words` say
    it to people. `kept` is what to keep with the trade from now on; None changes nothing.
    """

    stop: float
    exit: str = ""
    words: str = ""
    kept: Numbers | None = None


class Ended(NamedTuple):
    """How the last trade in a symbol ended: when (market ms), and by what: `stop`, a target (`tp1` …), or a reason's name."""

    at: int
    exit: str


class Decided(NamedTuple):
    """The numbers of an `Evaluation`, as the text of `Rows` gives them, with the size in percent of equity; `score` NaN for none."""

    side: int
    stop: float
    risk_price: float
    momentum: float
    score: float
    pct: float


class Closed(NamedTuple):
    """The numbers of a `Close`, as the text of `Rows` gives them: `exit` 0 to hold, else its number among `Rows.exits`, from 1."""

    stop: float
    exit: int


class Rows(NamedTuple):
    """A strategy's answers for any row of whole columns, in plain scalar text: a backtest compiles it, so it holds no reductions,
    no powers, no library calls and no strings. They must be those of `evaluate`, `size_pct` and `on_close`.

    `columns` computes the columns once, each row from its own and earlier candles only. `decided(columns, row, params, owner)` is
    asked from row 1 on. `at_close` names the columns whose row `closed(trade, close, row of them, params)` reads by these names.
    """

    columns: Callable[[Candles], Any]
    decided: Callable[..., Decided]
    at_close: tuple[str, ...]
    closed: Callable[..., Closed]
    params: Any
    exits: tuple[str, ...]


class Universe(NamedTuple):
    """How a strategy wants its markets chosen: the `most` best by its own `rank`, chosen anew at the start of each `period` (UTC).

    Asked of the `among` most traded ones of the last day, with up to `candles` daily candles from before the period.
    """

    most: int
    among: int
    candles: int
    period: Literal["day", "month"]


class Strategy(ABC):
    """The questions the engine asks. Write `evaluate`; override the rest where your rule differs."""

    #: Fewer closed candles than this and the symbol is not evaluated.
    required = 500
    #: The length of a candle that the rule was made for (such as 1d), unless the owner sets TIMEFRAME; None: NIJA's.
    timeframe: str | None = None
    #: Whether a time without trades is a flat candle without volume; False: it is left out.
    fills_gaps = True
    #: What is sold at which target, the nearest first; what the shares leave runs on until its stop or an exit.
    legs: ExitLegs = (ExitLeg(0.5, 1.0), ExitLeg(0.25, 2.0), ExitLeg(0.25, 3.0))
    #: The widest R of an entry, as a fraction of the price (0.05 is 5 %); infinite: any.
    widest_r = 0.05
    #: Where a backtest gets what a close sells: at that close, or (True) at the open of the next candle. Live sells at once.
    exits_at_next_open = False
    #: Whether the candle in which a stop sold may not be entered on again.
    sits_out_stops = True
    #: Whether a size below the smallest that can be traded is raised to it, as far as the owner allows.
    raises_small = True
    #: Positions at one time; None: as many as the account allows. Its MAX_OPEN_POSITIONS binds in any case.
    slots: int | None = None
    #: The most `size_pct` may answer, percent of equity; None: MAX_POSITION_PCT, which binds in any case.
    largest_pct: float | None = None
    #: How markets are chosen; None: the most traded ones of the last day, MAX_PAIRS of them. An owner's PAIRS_ALLOW comes first.
    universe: Universe | None = None
    #: Which of its `params` (a NamedTuple that the class takes as `params=`) `nija optimize` may search.
    search_space: SearchSpace = ()
    #: The file that its parameters come from; None: they are its own, or given by hand.
    tuned: Tuned | None = None

    #: The same answers by rows, for speed; None: a backtest asks candle by candle. Where a subclass overrides a question, it
    #: must answer for its rows too.
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
        """How good a market is for `universe`, the highest first; None: not to be traded. Candles are daily ones, gaps left out."""
        return None

    def may_return(self, candles: Candles, last: Ended) -> bool:  # noqa: ARG002 - nothing bars a return here
        """Whether a signal at this close may be taken though the symbol's last trade ended so."""
        return True

    def terms(self, evaluation: Evaluation, price: float, costs: Costs) -> Terms:
        """What a trade at `price` must offer to be taken."""
        return exits.terms(evaluation.close, evaluation.out_at, price, costs.fee, costs.spread, asked_of(self))

    def size_pct(self, evaluation: Evaluation) -> float:  # noqa: ARG002 - no grades here
        """Percent of equity to put into it."""
        return self.risk_settings.min_position_pct

    def on_close(self, trade: Trade, candles: Candles) -> Close:  # noqa: ARG002 - the stop is the only exit here
        """Whether to be out at this close, and where the stop belongs otherwise.

        Closes come in order, each once; one that calls for an exit comes again until the exit is made.
        """
        return Close(trade.stop)

    def on_price(self, trade: Trade, look: TradedRange) -> list[Exit]:
        """Which targets the price reached, in order, and what is to be sold there. NIJA takes care of the stop."""
        return exits.at_targets(trade, look.high, look.low, self.legs)


def asked_of(rule: Strategy) -> Asked:
    """What a strategy's entries are held to, unless its `terms` say otherwise."""
    return Asked(rule.legs, rule.widest_r, rule.risk_settings.min_reward_to_cost)


def ranked(evaluations: dict[str, Evaluation]) -> list[str]:
    """The symbols that have a side, the strongest momentum first, compared in 12 decimals; equals by name."""
    signals = [symbol for symbol, found in evaluations.items() if found.side != FLAT]
    return sorted(signals, key=lambda symbol: (-compared(evaluations[symbol].momentum), symbol))
