"""One backtest: decides once over all candles, then walks them on the terms of one account or several.

Owns the conversion of candles to the walk's columns, and of those to a result. The same input gives the same output, to the last
digit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bot.backtest import hooks
from bot.backtest.compile import Text, compiled, plain
from bot.backtest.decisions import Decisions, by_rows, decided, in_order, room_for, scan
from bot.backtest.history import History
from bot.backtest.hooks import RowsRule
from bot.backtest.plain import SWAPS, PlainRule, reasons_of
from bot.backtest.result import Legs, Result, Trades
from bot.backtest.state import ACCOUNT, CANDLE, DAY, LEG, MARKET, TRADE, Records, Run, filled, flat, record_of, records
from bot.backtest.terms import Account
from bot.backtest.universe import Choice
from bot.backtest.walk import walk
from bot.domain.candles import Series
from bot.strategy.base import Strategy, entry_requirements
from bot.strategy.exits import ExitLeg
from bot.strategy.gates import QUIET, Gate
from bot.strategy.guarded import GuardedStrategy, StrategyError

DAY_MS = 86_400_000
PRICES = ("open", "high", "low", "close")
#: The most lots in one position that the compiled code can count.
MOST_LOTS = 1 << 62


class BacktestError(Exception):
    """A backtest is impossible; the message is one line that says what to do."""


class Backtest:
    """A strategy's decisions over these candles. Creating it is slow, walking is fast."""

    def __init__(
        self,
        strategy: Strategy,
        histories: Sequence[History],
        *,
        since: int = 0,
        compile_to: Path | None = None,
        plainly: bool = False,
        news: Sequence[int] = (),
        fine: Mapping[str, History] | None = None,
        funding: Mapping[str, Series] | None = None,
        pairs: Sequence[str] = (),
    ) -> None:
        """`since` (ms UTC) is the open time of the first candle that is decided on. Compiled code is cached in `compile_to`.
        `plainly`: call the strategy candle by candle even if it has rows. `fine` holds finer candles, `funding` rates by candle.
        `pairs` is the owner's list, best first, for a strategy that would choose its markets.
        """
        self.strategy = strategy
        self.histories = sorted((_traded(strategy, one) for one in histories), key=lambda one: one.symbol)
        self.compiled = strategy.rows is not None and not plainly
        parts = self.histories[0].timeframe_ms // next(iter(fine.values())).timeframe_ms if fine else 0
        self._grid = _grid(self.histories, since, parts)
        self._candles = _candles(self.histories, fine or {}, parts)
        self._funding = _funding(self.histories, funding or {})
        if not strategy.fills_gaps:
            filled_in = np.concatenate([one.filled for one in self.histories])
            self._candles["open"][: len(filled_in)][filled_in] = math.nan
        self._plain = None if self.compiled else PlainRule(strategy, self.histories)
        self._unranked: list[StrategyError] = []
        self._rank = GuardedStrategy(strategy, self._unranked.append).rank
        self._compile_to = compile_to
        self._pairs = pairs
        self._news = tuple(news)
        self._at_close: Any = None
        self._scan, self._walk = self._text(scan), self._text(walk)
        self.signals = self._decided()

    def decide_by(self, strategy: Strategy) -> None:
        """Decide again on the same candles, by the same strategy with other parameters. Nothing is recompiled, because parameters are
        arguments of the compiled functions.
        """
        texts = _texts(self.strategy)
        self.strategy = strategy
        self._plain = None if self.compiled else PlainRule(strategy, self.histories)
        self._rank = GuardedStrategy(strategy, self._unranked.append).rank
        if _texts(strategy) != texts:
            self._scan, self._walk = self._text(scan), self._text(walk)
        self.signals = self._decided()

    @property
    def troubles(self) -> Sequence[Any]:
        """The calls that gave no valid answer, if the strategy is called candle by candle."""
        return [*self._unranked, *(() if self._plain is None else self._plain.troubles)]

    # -- decisions ------------------------------------------------------------------------------------------------
    def _decided(self) -> Records:
        plain_rule, firsts = self._plain, [self._first_row(one) for one in self.histories]
        if plain_rule is None:
            found = self._by_rows(firsts)
        else:
            markets = zip(self.histories, firsts, strict=True)
            found = [plain_rule.decisions(number, first, len(one)) for number, (one, first) in enumerate(markets)]
        starts = np.array([(int(one.time[0]) - self._grid.start) // self._grid.timeframe for one in self.histories])
        choice = Choice(self.strategy.universe, self.histories, self._pairs, self._rank)
        signals, order = in_order(
            self.histories, found, starts, self._news, choice, fills_gaps=self.strategy.fills_gaps
        )
        if plain_rule is not None:
            plain_rule.put_in_order([int(at) for at in order])
        return signals

    def _by_rows(self, firsts: Sequence[int]) -> list[Decisions]:
        """Every market by the strategy's rows, one after the other in the same memory."""
        names = self.strategy.rows.at_close if self.strategy.rows is not None else ()
        kinds = np.dtype([(name, "f8") for name in names], align=True)
        self._at_close = records(sum(map(len, self.histories)), kinds)
        room, found, cell = room_for(max(map(len, self.histories))), [], 0
        for history, first in zip(self.histories, firsts, strict=True):
            at_close = self._at_close[cell : cell + len(history)]
            found.append(by_rows(self.strategy, self._scan, history, first, at_close, room))
            cell += len(history)
        return found

    def _first_row(self, history: History) -> int:
        """The row of a market's own candles at which its decisions begin."""
        opens_at = self._grid.start + self._grid.since * self._grid.timeframe
        return max((opens_at - int(history.time[0])) // self._grid.timeframe, 0)

    def _text(self, function: Text) -> Any:
        rows = self.strategy.rows
        if not self.compiled or rows is None:
            return plain(function, SWAPS)
        return compiled(function, {decided: rows.decided, **hooks.replaced_by(rows)}, self._compile_to)

    # -- walking --------------------------------------------------------------------------------------------------
    def walk(self, account: Account) -> Result:
        """Trade the decisions on these terms."""
        return self._result(account, self._walked(account))

    def blocked(self, account: Account) -> dict[tuple[str, int], str]:
        """The gate that blocks each signal on these terms, by market and close (ms UTC); "" if it was entered."""
        run = self._walked(account)
        words = {0: "", **{gate.value: gate.word for gate in Gate}}
        signals = zip(run.signals["market"].tolist(), run.signals["row"].tolist(), run.blocked.tolist(), strict=True)
        closes = self._grid.start + self._grid.timeframe
        return {
            (self.histories[market].symbol, closes + row * self._grid.timeframe): words[gate]
            for market, row, gate in signals
        }

    def walk_all(self, accounts: Sequence[Account]) -> list[Result]:
        """Walk on the terms of several accounts; in parallel if the code is compiled."""
        if not self.compiled:
            return [self.walk(account) for account in accounts]
        with ThreadPoolExecutor(max_workers=len(accounts)) as threads:
            return list(threads.map(self.walk, accounts))

    def _walked(self, account: Account) -> Run:
        self._check(account)
        run = self._begun(account)
        self._walk(run)
        return run

    def _begun(self, account: Account) -> Run:
        grid, signals = self._grid, len(self.signals)
        days = int((grid.rows - grid.since) * grid.timeframe // DAY_MS) + 2
        money = dict.fromkeys(("cash", "equity", "best", "midnight"), account.equity)
        values = {**grid._asdict(), **self._conditions(account), **money}
        return Run(
            candles=self._candles,
            funding=self._funding,
            signals=self.signals,
            blocked=np.zeros(signals, np.int64),
            rule=self._rule(),
            account=filled(ACCOUNT, {name: np.array([value]) for name, value in values.items()})[0],
            markets=self._markets(account),
            trades=records(signals, TRADE),
            legs=records(signals * (len(self.strategy.legs) + 1), LEG),
            days=records(days, DAY),
            positions=[flat(self._kept()) for _ in self.histories],
        )

    def _rule(self) -> Any:
        rows, required = self.strategy.rows, entry_requirements(self.strategy)
        if self._plain is not None or rows is None:
            return self._plain
        required = required._replace(legs=required.legs or (ExitLeg(0.0, math.inf),))
        return RowsRule(self._at_close, record_of(rows.params), required, len(self.strategy.legs) + 2)

    def _kept(self) -> int:
        rows = self.strategy.rows
        return 0 if not self.compiled or rows is None else len(rows.kept)

    def _check(self, account: Account) -> None:
        for history in self.histories:
            market = account.markets.get(history.symbol, account.market)
            dearest = account.equity * 100.0 / (float(history.close.min()) * market.lot)
            if dearest > MOST_LOTS:
                raise BacktestError(
                    f"{history.symbol}: lots of {market.lot:g} are too fine for a price of {history.close.min():g}:"
                    " give a larger --lot"
                )

    def _markets(self, account: Account) -> Records:
        histories = self.histories
        markets = [account.markets.get(one.symbol, account.market) for one in histories]
        coins = list(dict.fromkeys(one.symbol.split("-")[0] for one in histories))
        begins = [int(one.time[0]) for one in histories]
        columns = {
            "first": [(at - self._grid.start) // self._grid.timeframe for at in begins],
            "cells_from": np.cumsum([0, *(len(one) for one in histories)])[:-1],
            "candles": [len(one) for one in histories],
            "lot": [one.lot for one in markets],
            "tick": [one.tick for one in markets],
            "min_lots": [math.ceil(one.min_qty / one.lot - 1e-9) for one in markets],
            "min_cost": [one.min_cost for one in markets],
            "coin_fee": [account.costs.fee if one.in_coin else 0.0 for one in markets],
            "half": [account.spreads.get(one.symbol, account.costs.spread) / 2.0 for one in histories],
            "coin": [coins.index(one.symbol.split("-")[0]) for one in histories],
            "listed": [at if at - min(begins) > DAY_MS else 0 for at in begins],
            "ended_by": [-1] * len(histories),
        }
        return filled(MARKET, {name: np.array(column) for name, column in columns.items()})

    def _conditions(self, account: Account) -> dict[str, float]:
        strategy, limits, costs = self.strategy, account.limits, account.costs
        risk_settings = (
            strategy.risk_settings
            if strategy.raises_small
            else strategy.risk_settings._replace(max_position_pct_small=0.0)
        )
        return {
            "fee": costs.fee,
            "slots": account.slots,
            "shorts": account.shorts,
            "sits_out_stops": strategy.sits_out_stops,
            "next_open": strategy.exits_at_next_open,
            "at_price": strategy.sizes_at_price,
            "least_part": strategy.least_part,
            "targets": len(strategy.legs),
            **risk_settings._asdict(),
            **{name: getattr(limits, name) for name in limits._fields},
        }

    # -- the result -----------------------------------------------------------------------------------------------
    def _result(self, account: Account, run: Run) -> Result:
        grid, rows, made = self._grid, self.strategy.rows, run.account
        own = () if rows is None else rows.exits
        reasons = [*reasons_of(self.strategy), *own] if self._plain is None else self._plain.reasons
        days = run.days[: int(made.days)]
        return Result(
            pairs=tuple(one.symbol for one in self.histories),
            reasons=tuple(reasons),
            timeframe_ms=grid.timeframe,
            since=grid.start + grid.since * grid.timeframe,
            until=grid.start + grid.rows * grid.timeframe,
            equity=account.equity,
            fee=account.costs.fee,
            spread=account.costs.spread,
            candles=sum(len(one) for one in self.histories),
            trades=_trades(run),
            legs=_legs(run),
            skips=_skips(run),
            day=days["close"].copy(),
            day_equity=days["equity"].copy(),
            day_exposure=days["share"].copy(),
        )


def _trades(run: Run) -> Trades:
    grid = run.account
    trades = run.trades[: int(grid.trades)]
    signals = run.signals[trades["signal"]]
    legs = np.bincount(run.legs["trade"][: int(grid.legs)], minlength=len(trades))
    return Trades(
        symbol=signals["market"].copy(),
        side=signals["side"].copy(),
        decided_at=grid.start + (signals["row"] + 1) * grid.timeframe,
        entry_time=grid.start + trades["entry_row"] * grid.timeframe,
        entry_price=trades["entry_price"].copy(),
        qty=trades["qty"].copy(),
        stop=trades["stop"].copy(),
        score=signals["score"].copy(),
        r=trades["r"].copy(),
        fee=trades["fee"].copy(),
        funding=trades["funding"].copy(),
        exit_time=grid.start + trades["exit_row"] * grid.timeframe,
        exit_reason=trades["exit_reason"].copy(),
        pnl=trades["pnl"].copy(),
        first_leg=np.concatenate(([0], np.cumsum(legs))),
    )


def _legs(run: Run) -> Legs:
    legs = run.legs[: int(run.account.legs)]
    legs = legs[np.argsort(legs["trade"], kind="stable")]
    return Legs(
        time=run.account.start + legs["row"] * run.account.timeframe,
        price=legs["price"].copy(),
        qty=legs["qty"].copy(),
        fee=legs["fee"].copy(),
        reason=legs["reason"].copy(),
    )


def _skips(run: Run) -> dict[str, int]:
    """How many signals each gate blocked, without those that live does not log either."""
    counts = np.bincount(run.blocked, minlength=len(Gate) + 1)
    return {gate.word: int(counts[gate]) for gate in Gate if counts[gate] > 0 and gate not in QUIET}


def _texts(strategy: Strategy) -> object:
    """The functions of a strategy that are compiled."""
    return strategy.rows and (strategy.rows.decided, strategy.rows.closed)


# -- candles and numbers as the walk reads them -----------------------------------------------------------------------
def _traded(strategy: Strategy, history: History) -> History:
    """A history that ends with a candle that the strategy is shown."""
    if strategy.fills_gaps or not history.filled[-1] or history.filled.all():
        return history
    return history.before(int(history.time[~history.filled][-1]) + 1) or history


class _Grid(NamedTuple):
    """See `state.ACCOUNT`."""

    start: int
    timeframe: int
    since: int
    rows: int
    parts: int
    fine_from: int


def _grid(histories: Sequence[History], since: int, parts: int) -> _Grid:
    timeframe, start = histories[0].timeframe_ms, min(int(one.time[0]) for one in histories)
    end = max(int(one.time[-1]) for one in histories) + timeframe
    first = max(-(-(since - start) // timeframe), 0)
    return _Grid(start, timeframe, first, (end - start) // timeframe, parts, sum(len(one) for one in histories))


def _candles(histories: Sequence[History], fine: Mapping[str, History], parts: int) -> Records:
    """All markets one after another, then their finer candles in the same order."""
    finer = [_aligned(one, fine.get(one.symbol), parts) for one in histories] if parts else []
    found = records(sum(len(one) for one in histories) * (1 + parts), CANDLE)
    for name in PRICES:
        np.concatenate([*(getattr(one, name) for one in histories), *(one[name] for one in finer)], out=found[name])
    return found


def _aligned(history: History, fine: History | None, parts: int) -> dict[str, Series]:
    """The finer candles of each candle; NaN if not all of them are known."""
    found = {name: np.full(len(history) * parts, math.nan) for name in PRICES}
    if fine is not None:
        shift = (int(fine.time[0]) - int(history.time[0])) // fine.timeframe_ms
        begin, end = max(shift, 0), min(shift + len(fine), len(history) * parts)
        begin, end = -(-begin // parts) * parts, end // parts * parts
        for name, column in found.items():
            column[begin:end] = getattr(fine, name)[begin - shift : max(end, begin) - shift]
    return found


def _funding(histories: Sequence[History], rates: Mapping[str, Series]) -> Series:
    """The rates of all markets, one after the other; where there are none, zeros that take no memory."""
    found, cell = np.zeros(sum(len(one) for one in histories)), 0
    for one in histories:
        if one.symbol in rates:
            found[cell : cell + len(one)] = rates[one.symbol]
        cell += len(one)
    return found
