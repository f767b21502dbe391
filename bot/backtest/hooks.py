"""The hooks through which a walk asks a strategy, with NIJA's default answers.

Each hook is a function of its own, so that another can replace it: the compiled code of a strategy's rows, or a strategy that is
called candle by candle. `rule` holds what the answers are computed from. Contains no rule of trading.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bot.strategy.base import Closed, Rows
from bot.strategy.exits import Bar, EntryRequirements, Step, Terms, Trade, keeping, reached, stopped, tighter, within
from bot.strategy.exits import terms as default_terms
from bot.strategy.grid import towards


class RowsRule(NamedTuple):
    """A strategy with rows: the columns that it reads at closes, for all markets one after another, and its parameters; both as
    records. `reasons` is the number of exit reasons that are not the strategy's own.
    """

    at_close: Any
    params: Any
    required: EntryRequirements
    reasons: int


class AfterClose(NamedTuple):
    """A trade after a close: `exit` 0 to hold it, else the number of the strategy's reason, from 1."""

    trade: Trade
    exit: int


# -- the functions of a strategy's rows (see `base.Rows`) -------------------------------------------------------------
def closed(trade: Trade, close: float, now: Any, params: Any) -> Closed:
    """Replaced by the strategy's own code."""
    raise NotImplementedError


def begun(close: float, now: Any, params: Any) -> tuple[float, ...]:  # noqa: ARG001 - nothing is kept
    return ()


def kept_on(trade: Trade, close: float, now: Any, params: Any) -> Any:  # noqa: ARG001 - nothing changes
    return trade.kept


def may_return(exit_: int, at: int, closed_at: int, close: float, now: Any, params: Any) -> bool:  # noqa: ARG001
    return True


def terms_of(
    close: float,
    out_at: float,
    price: float,
    fee: float,
    spread: float,
    required: EntryRequirements,
    params: Any,  # noqa: ARG001
) -> Terms:
    return default_terms(close, out_at, price, fee, spread, required)


def replaced_by(rows: Rows) -> dict[Any, Any]:
    """The strategy's own functions, by the default that each replaces."""
    own = {
        closed: rows.closed,
        begun: rows.begun,
        kept_on: rows.kept_on,
        may_return: rows.returns,
        terms_of: rows.terms,
    }
    return {default: function for default, function in own.items() if function is not None}


# -- the hooks --------------------------------------------------------------------------------------------------------
def entered(rule: RowsRule, signal: int, cell: int, close: float, trade: Trade) -> Trade:  # noqa: ARG001
    """A new trade with what its strategy keeps; `cell` is the row of the decision's close in the columns."""
    kept = begun(close, rule.at_close[cell], rule.params)
    return keeping(trade, trade.stop, trade.held, trade.stage, kept)


def returns(
    rule: RowsRule,
    signal: int,  # noqa: ARG001
    market: int,  # noqa: ARG001
    cell: int,
    close: float,
    closed_at: int,
    ended_at: int,
    reason: int,
) -> bool:
    """Whether a signal may be taken after the last trade of its market, which ended at `ended_at` by `reason`."""
    exit_ = 0 if reason == 0 else reason - rule.reasons + 1 if reason >= rule.reasons else -1
    return may_return(exit_, ended_at, closed_at, close, rule.at_close[cell], rule.params)


def terms(rule: RowsRule, signal: int, close: float, out_at: float, price: float, fee: float, spread: float) -> Terms:  # noqa: ARG001
    """What a trade at `price` must offer; `spread` in the quote."""
    return terms_of(close, out_at, price, fee, spread, rule.required, rule.params)


def lived(rule: RowsRule, market: int, trade: Trade, bar: Bar, half_spread: float) -> Step:  # noqa: ARG001
    """One candle in the life of a trade."""
    return within(trade, bar, half_spread, rule.required.legs, rule.required.stop_slip)


def calls(rule: RowsRule, trade: Trade, bar: Bar) -> bool:
    """Whether a candle touches the stop or the next target, so that `lived` must be called."""
    legs = rule.required.legs
    return stopped(trade, bar.high, bar.low) or reached(trade, bar.high, bar.low, legs)


def after_close(rule: RowsRule, market: int, row: int, cell: int, close: float, trade: Trade) -> AfterClose:  # noqa: ARG001
    """What a close means for a trade; `cell` is the row of the close in the columns."""
    now = rule.at_close[cell]
    found = closed(trade, close, now, rule.params)
    stop = trade.stop
    if found.stop != stop:
        stop = tighter(trade.side, stop, towards(trade.side, found.stop, trade.tick))
    kept = kept_on(trade, close, now, rule.params)
    return AfterClose(keeping(trade, stop, trade.held, trade.stage, kept), found.exit)
