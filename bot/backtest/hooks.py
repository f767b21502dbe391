"""The hooks through which a walk asks a strategy, with NIJA's default answers.

Each hook is a function of its own, so that another can replace it: the compiled code of a strategy's rows, or a strategy that is
called candle by candle. `rule` holds what the answers are computed from. Contains no rule of trading.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bot.strategy.base import Closed
from bot.strategy.exits import Bar, EntryRequirements, Step, Terms, Trade, moved, reached, stopped, tighter, within
from bot.strategy.exits import terms as default_terms
from bot.strategy.grid import towards


class RowsRule(NamedTuple):
    """A strategy with rows: the columns that it reads at closes, for all markets one after another, and its parameters; both as
    records.
    """

    at_close: Any
    params: Any
    required: EntryRequirements


class AfterClose(NamedTuple):
    """A trade after a close: `exit` 0 to hold it, else the number of the strategy's reason, from 1."""

    trade: Trade
    exit: int


def entered(rule: RowsRule, signal: int, trade: Trade) -> Trade:  # noqa: ARG001 - by default nothing is kept with the trade
    """The trade of a signal, with what its strategy keeps with it."""
    return trade


def returns(rule: RowsRule, signal: int, market: int) -> bool:  # noqa: ARG001 - by default nothing prevents it
    """Whether a signal may be taken, given how the last trade of its market ended."""
    return True


def ended(rule: RowsRule, market: int, time: int, reason: int) -> None:
    """Called after each sale of a trade, at `time` and for `reason`."""


def terms(rule: RowsRule, signal: int, close: float, out_at: float, price: float, fee: float, spread: float) -> Terms:  # noqa: ARG001
    """What a trade at `price` must offer; `spread` in the quote."""
    return default_terms(close, out_at, price, fee, spread, rule.required)


def lived(rule: RowsRule, market: int, trade: Trade, bar: Bar, half_spread: float) -> Step:  # noqa: ARG001
    """The trade after one candle, and the sales in it."""
    return within(trade, bar, half_spread, rule.required.legs)


def closed(trade: Trade, close: float, now: Any, params: Any) -> Closed:
    """Replaced by the strategy's own code."""
    raise NotImplementedError


def calls(rule: RowsRule, trade: Trade, bar: Bar) -> bool:
    """Whether a candle touches the stop or the next target, so that `lived` must be called."""
    legs = rule.required.legs
    return stopped(trade, bar.high, bar.low) or reached(trade, bar.high, bar.low, legs)


def after_close(rule: RowsRule, market: int, row: int, cell: int, close: float, trade: Trade) -> AfterClose:  # noqa: ARG001
    """What a close means for a trade; `cell` is the row of the close in the columns."""
    found = closed(trade, close, rule.at_close[cell], rule.params)
    if found.stop == trade.stop:
        return AfterClose(trade, found.exit)
    stop = tighter(trade.side, trade.stop, towards(trade.side, found.stop, trade.tick))
    return AfterClose(moved(trade, stop, trade.held, trade.stage), found.exit)
