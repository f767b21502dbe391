"""Calls a strategy candle by candle, as live does: for a strategy without rows, and to check rows against it.

Owns the calls: each one sees as many candles as live keeps, up to its close and no more, and every answer is checked as live checks
it. Decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bot.backtest import hooks
from bot.backtest.compile import Swaps
from bot.backtest.decisions import Decisions
from bot.backtest.history import History
from bot.backtest.hooks import AfterClose
from bot.domain.candles import Candles
from bot.domain.order import Purpose
from bot.strategy import exits
from bot.strategy.base import Costs, Ended, Evaluation, Strategy, TradedRange
from bot.strategy.exits import Bar, Exit, Step, Terms, Trade, moved, tighter
from bot.strategy.exits import market as at_market
from bot.strategy.grid import compared, towards
from bot.strategy.guarded import GuardedStrategy, StrategyError

#: The exit reason of a trade that is still open at the last candle.
END = "end"


def reasons_of(strategy: Strategy) -> list[str]:
    """Exit reasons by number, without the strategy's own."""
    return [str(Purpose.STOP), *(str(Purpose.target(one + 1)) for one in range(len(strategy.legs))), END]


class PlainRule:
    """The answers of one strategy over these markets; `troubles` are the calls that gave no valid answer."""

    def __init__(self, strategy: Strategy, histories: Sequence[History]) -> None:
        self.troubles: list[StrategyError] = []
        self.reasons = reasons_of(strategy)
        """Exit reasons by number; the strategy's own follow in the order of their first use."""
        self.strategy = strategy
        self._guarded = GuardedStrategy(strategy, self.troubles.append)
        self._symbols = [one.symbol for one in histories]
        self._candles = [seen(one, fills_gaps=strategy.fills_gaps) for one in histories]
        self._places = [
            np.searchsorted(shown.time, one.time) for shown, one in zip(self._candles, histories, strict=True)
        ]
        self._filled = [None if strategy.fills_gaps else one.filled for one in histories]
        self._bases = np.cumsum([0, *(len(one) for one in histories)])
        self._window = self._guarded.window(histories[0].timeframe_ms)
        self._runs_by_default = type(strategy).on_price is Strategy.on_price
        self._evaluations: list[Evaluation] = []
        self._of_signal: list[tuple[int, int, Evaluation]] = []
        self._ended: dict[int, Ended] = {}

    # -- decisions ------------------------------------------------------------------------------------------------
    def decisions(self, number: int, first: int, rows: int) -> Decisions:
        """The signals of one market from row `first` on."""
        found: list[tuple[int, Evaluation, float]] = []
        symbol = self._symbols[number]
        for row in range(max(first, 1), rows):
            candles = self._up_to(number, row)
            one = None if candles is None else self._guarded.evaluate(symbol, candles)
            if one is not None and one.side != 0:
                pct = self._guarded.size_pct(symbol, one)
                found.append((row, one, np.nan if pct is None else pct))
        sized = [(row, one, pct) for row, one, pct in found if not np.isnan(pct)]
        self._of_signal += [(number, row, one) for row, one, _ in sized]
        return Decisions(
            np.array([row for row, _, _ in sized], np.int64),
            np.array([one.side for _, one, _ in sized], np.int64),
            np.array([one.stop for _, one, _ in sized]),
            np.array([one.risk_price for _, one, _ in sized]),
            np.array([compared(one.momentum) for _, one, _ in sized]),
            np.array([np.nan if one.score is None else one.score for _, one, _ in sized]),
            np.array([pct for _, _, pct in sized]),
        )

    def put_in_order(self, order: Sequence[int]) -> None:
        """Number the signals as the walk does."""
        self._of_signal = [self._of_signal[at] for at in order]

    def _up_to(self, number: int, row: int) -> Candles | None:
        """The candles that live would pass at the close of a row; None if it had no candle there."""
        filled = self._filled[number]
        if filled is not None and filled[row]:
            return None
        end = int(self._places[number][row]) + 1
        return self._candles[number][max(end - self._window, 0) : end]

    # -- the hooks of a walk (see `hooks`) -------------------------------------------------------------------------
    def begin(self) -> None:
        """Start a new walk: forget the ended trades of the last one."""
        self._ended.clear()

    def entered(self, signal: int, trade: Trade) -> Trade:
        return trade._replace(kept=self._of_signal[signal][2].kept)

    def returns(self, signal: int, market: int) -> bool:
        last, row = self._ended.get(market), self._of_signal[signal][1]
        candles = self._up_to(market, row)
        if last is None or candles is None:
            return True
        return bool(self._guarded.may_return(self._symbols[market], candles, last))

    def ended(self, market: int, time: int, reason: int) -> None:
        self._ended[market] = Ended(time, self.reasons[reason])

    def terms(
        self,
        signal: int,
        close: float,  # noqa: ARG002
        out_at: float,  # noqa: ARG002
        price: float,
        fee: float,
        spread: float,
    ) -> Terms:
        number, _, evaluation = self._of_signal[signal]
        found = self._guarded.terms(self._symbols[number], evaluation, price, Costs(fee, spread))
        return Terms(evaluation.stop, -1.0) if found is None else found

    def calls(self, trade: Trade, bar: Bar) -> bool:
        if not self._runs_by_default:
            return True
        legs = self._guarded.legs
        return exits.stopped(trade, bar.high, bar.low) or exits.reached(trade, bar.high, bar.low, legs)

    def lived(self, market: int, trade: Trade, bar: Bar, half_spread: float) -> Step:
        """NIJA's own exits, or what the strategy's `on_price` sells at targets in the range of the candle."""
        legs = self._guarded.legs
        if self._runs_by_default or exits.stopped(trade, bar.high, bar.low):
            return exits.within(trade, bar, half_spread, legs)
        due = self._guarded.on_price(self._symbols[market], trade, TradedRange(bar.close, bar.high, bar.low)) or []
        sales = []
        for one in due:
            price = at_market(trade.side, exits.target(trade, one.stage, legs), half_spread)
            if one.lots > 0:
                sales.append(Exit(one.stage, one.lots, price))
            trade = exits.after(trade, one.stage, one.lots)
        return Step(trade, sales)

    def after_close(self, market: int, row: int, cell: int, close: float, trade: Trade) -> AfterClose:  # noqa: ARG002
        candles = self._up_to(market, cell - int(self._bases[market]))
        found = None if candles is None else self._guarded.on_close(self._symbols[market], trade, candles)
        if found is None:
            return AfterClose(trade, 0)
        if found.exit:
            if found.exit not in self.reasons:
                self.reasons.append(found.exit)
            return AfterClose(trade, self.reasons.index(found.exit) - self.reasons.index(END))
        stop = tighter(trade.side, trade.stop, towards(trade.side, found.stop, trade.tick))
        kept = trade.kept if found.kept is None else found.kept
        return AfterClose(moved(trade, stop, trade.held, trade.stage)._replace(kept=kept), 0)


def seen(history: History, *, fills_gaps: bool) -> Candles:
    """The candles that a strategy sees: all of them, or only those with trades."""
    candles = history.candles
    if fills_gaps:
        return candles
    traded = ~history.filled
    columns = (getattr(candles, name)[traded] for name in ("open", "high", "low", "close", "volume"))
    return Candles(candles.timeframe_ms, candles.time[traded], *columns)


#: The hooks that replace the default ones.
SWAPS: Swaps = {
    hooks.entered: PlainRule.entered,
    hooks.returns: PlainRule.returns,
    hooks.ended: PlainRule.ended,
    hooks.terms: PlainRule.terms,
    hooks.calls: PlainRule.calls,
    hooks.lived: PlainRule.lived,
    hooks.after_close: PlainRule.after_close,
}
