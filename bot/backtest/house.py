"""What a walk asks of a strategy, and how this house answers where the strategy leaves it to it.

Each question is a function of its own, so that another can be put in its place: the compiled text of a strategy's rows, or a
strategy that is asked candle by candle. `rule` is whatever the answers are read from. Never owns a rule of trading.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bot.strategy.base import Closed, Rows
from bot.strategy.exits import Asked, Bar, Step, Terms, Trade, keeping, reached, stopped, tighter, within
from bot.strategy.exits import terms as asked_by_default
from bot.strategy.grid import towards


class RowsRule(NamedTuple):
    """A strategy by its rows: what it reads at closes, of all markets one after the other, and its numbers; both as records.
    `reasons` says for how many reasons that are not its own a trade can end.
    """

    at_close: Any
    params: Any
    asked: Asked
    reasons: int


class AfterClose(NamedTuple):
    """A trade after a close: `exit` 0 to hold it, else the number of the strategy's reason, from 1."""

    trade: Trade
    exit: int


# -- the text of a strategy's rows, see `base.Rows` -------------------------------------------------------------------
def closed(trade: Trade, close: float, now: Any, params: Any) -> Closed:
    """A strategy's own text stands here."""
    raise NotImplementedError


def begun(close: float, now: Any, params: Any) -> tuple[float, ...]:  # noqa: ARG001 - nothing is kept
    return ()


def kept_on(trade: Trade, close: float, now: Any, params: Any) -> Any:  # noqa: ARG001 - nothing changes
    return trade.kept


def may_return(exit_: int, at: int, closed_at: int, close: float, now: Any, params: Any) -> bool:  # noqa: ARG001
    return True


def terms_of(close: float, out_at: float, price: float, fee: float, spread: float, asked: Asked, params: Any) -> Terms:  # noqa: ARG001
    return asked_by_default(close, out_at, price, fee, spread, asked)


def own_texts(rows: Rows) -> dict[Any, Any]:
    """A strategy's own texts in the place of the house's."""
    own = {
        closed: rows.closed,
        begun: rows.begun,
        kept_on: rows.kept_on,
        may_return: rows.returns,
        terms_of: rows.terms,
    }
    return {default: text for default, text in own.items() if text is not None}


# -- the questions of a walk ------------------------------------------------------------------------------------------
def entered(rule: RowsRule, signal: int, cell: int, close: float, trade: Trade) -> Trade:  # noqa: ARG001
    """The trade of a signal as its strategy wants to find it again; `cell` is the row of its close in the columns."""
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
    return terms_of(close, out_at, price, fee, spread, rule.asked, rule.params)


def lived(rule: RowsRule, market: int, trade: Trade, bar: Bar, half_spread: float) -> Step:  # noqa: ARG001
    """One candle in the life of a trade."""
    return within(trade, bar, half_spread, rule.asked.legs, rule.asked.stop_slip)


def calls(rule: RowsRule, trade: Trade, bar: Bar) -> bool:
    """Whether a candle does anything to a trade, so that it must be lived."""
    legs = rule.asked.legs
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
