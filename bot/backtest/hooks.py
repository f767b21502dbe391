"""What a walk asks of a strategy, and how this house answers where the strategy leaves it to it.

Each question is a function of its own, so that another can be put in its place: the compiled text of a strategy's rows, or a
strategy that is asked candle by candle. `rule` is whatever the answers are read from. Never owns a rule of trading.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bot.strategy.base import Closed
from bot.strategy.exits import Bar, EntryRequirements, Step, Terms, Trade, moved, reached, stopped, tighter, within
from bot.strategy.exits import terms as default_terms
from bot.strategy.grid import towards


class RowsRule(NamedTuple):
    """A strategy by its rows: what it reads at closes, of all markets one after the other, and its numbers; both as records."""

    at_close: Any
    params: Any
    required: EntryRequirements


class AfterClose(NamedTuple):
    """A trade after a close: `exit` 0 to hold it, else the number of the strategy's reason, from 1."""

    trade: Trade
    exit: int


def entered(rule: RowsRule, signal: int, trade: Trade) -> Trade:  # noqa: ARG001 - nothing is kept with it here
    """The trade of a signal as its strategy wants to find it again."""
    return trade


def returns(rule: RowsRule, signal: int, market: int) -> bool:  # noqa: ARG001 - nothing bars a return here
    """Whether a signal may be taken after the last trade of its market."""
    return True


def ended(rule: RowsRule, market: int, time: int, reason: int) -> None:
    """A trade was sold of, at `time` and by `reason`."""


def terms(rule: RowsRule, signal: int, close: float, out_at: float, price: float, fee: float, spread: float) -> Terms:  # noqa: ARG001
    """What a trade at `price` must offer; `spread` in the quote."""
    return default_terms(close, out_at, price, fee, spread, rule.required)


def lived(rule: RowsRule, market: int, trade: Trade, bar: Bar, half_spread: float) -> Step:  # noqa: ARG001
    """One candle in the life of a trade."""
    return within(trade, bar, half_spread, rule.required.legs)


def closed(trade: Trade, close: float, now: Any, params: Any) -> Closed:
    """A strategy's own text stands here."""
    raise NotImplementedError


def calls(rule: RowsRule, trade: Trade, bar: Bar) -> bool:
    """Whether a candle does anything to a trade, so that it must be lived."""
    legs = rule.required.legs
    return stopped(trade, bar.high, bar.low) or reached(trade, bar.high, bar.low, legs)


def after_close(rule: RowsRule, market: int, row: int, cell: int, close: float, trade: Trade) -> AfterClose:  # noqa: ARG001
    """What a close means for a trade; `cell` is the row of the close in the columns."""
    found = closed(trade, close, rule.at_close[cell], rule.params)
    if found.stop == trade.stop:
        return AfterClose(trade, found.exit)
    stop = tighter(trade.side, trade.stop, towards(trade.side, found.stop, trade.tick))
    return AfterClose(moved(trade, stop, trade.held, trade.stage), found.exit)
