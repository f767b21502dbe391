"""One backtest: decisions made once over all candles, then walked on the terms of an account, as often as one likes.

Owns how files' candles become the walk's columns, and the walk's columns a result. The same in, the same out, to the last digit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bot.backtest import house
from bot.backtest.compile import Text, compiled, plain
from bot.backtest.decisions import Decisions, by_rows, decided, in_order, scan
from bot.backtest.history import History
from bot.backtest.house import RowsRule
from bot.backtest.plain import SWAPS, Asked
from bot.backtest.result import Legs, Result, Trades
from bot.backtest.state import (
    ACCOUNT,
    CANDLE,
    DAY,
    LEG,
    MARKET,
    TRADE,
    Conditions,
    Grid,
    Records,
    Run,
    filled,
    flat,
    records,
)
from bot.backtest.terms import Account
from bot.backtest.walk import walk
from bot.domain.candles import Series
from bot.strategy.base import Strategy
from bot.strategy.exits import Leg
from bot.strategy.gates import Gate

DAY_MS = 86_400_000
PRICES = ("open", "high", "low", "close")
#: More lots than this in one position are beyond what the compiled text counts in.
MOST_LOTS = 1 << 62


class BacktestError(Exception):
    """What keeps a backtest from being made; one line that says what to do."""


class Backtest:
    """A strategy's decisions over these candles. Walking is cheap beside making it."""

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
    ) -> None:
        """`since` (ms UTC) is the open time of the first candle that is decided on. What is compiled is kept in `compile_to`.
        `plainly`: ask candle by candle though the strategy has rows. `fine` holds finer candles, `funding` rates by candle.
        """
        self.strategy = strategy
        self.histories = sorted(histories, key=lambda one: one.symbol)
        self.compiled = strategy.rows is not None and not plainly
        parts = self.histories[0].timeframe_ms // next(iter(fine.values())).timeframe_ms if fine else 0
        self._grid = _grid(self.histories, since, parts)
        self._candles = _together({name: [getattr(one, name) for one in self.histories] for name in PRICES})
        self._fine = records(0, CANDLE)
        if fine:
            finer = [_aligned(one, fine.get(one.symbol), parts) for one in self.histories]
            self._fine = _together({name: [one[at] for one in finer] for at, name in enumerate(PRICES)})
        rates = [(funding or {}).get(one.symbol, np.zeros(len(one))) for one in self.histories] if funding else []
        self._funding = np.concatenate(rates) if rates else np.empty(0)
        gaps = [] if strategy.fills_gaps else [one.filled for one in self.histories]
        self._missing = np.concatenate(gaps) if gaps else np.empty(0, np.bool_)
        self._asked = Asked(strategy, self.histories)
        self._compile_to = compile_to
        self._columns: Any = None
        self.signals = self._decided(news)
        self._walk = self._text(walk)

    @property
    def troubles(self) -> Sequence[Any]:
        """What the strategy could not answer (asked candle by candle)."""
        return self._asked.troubles

    # -- decisions ------------------------------------------------------------------------------------------------
    def _decided(self, news: Sequence[int]) -> Records:
        found: list[Decisions] = []
        kept: list[Any] = []
        scanned = self._text(scan)
        for number, history in enumerate(self.histories):
            first = self._first_row(history)
            if self.compiled:
                columns, decisions = by_rows(self.strategy, scanned, history, first)
                kept.append(columns)
            else:
                decisions = self._asked.decisions(number, first, len(history))
            found.append(decisions)
        if kept:
            self._columns = type(kept[0])(*(np.concatenate(columns) for columns in zip(*kept, strict=True)))
        starts = np.array([(int(one.time[0]) - self._grid.start) // self._grid.timeframe for one in self.histories])
        signals, order = in_order(self.histories, found, starts, news)
        if not self.compiled:
            self._asked.put_in_order([int(at) for at in order])
        return signals

    def _first_row(self, history: History) -> int:
        """The row, of its own candles, that a market's decisions begin at."""
        opens_at = self._grid.start + self._grid.since * self._grid.timeframe
        return max((opens_at - int(history.time[0])) // self._grid.timeframe, 0)

    def _text(self, function: Text) -> Any:
        rows = self.strategy.rows
        if not self.compiled or rows is None:
            return plain(function, SWAPS)
        return compiled(function, {decided: rows.decided, house.closed: rows.closed}, self._compile_to)

    # -- walking --------------------------------------------------------------------------------------------------
    def walk(self, account: Account) -> Result:
        """The trades and the equity on these terms."""
        self._check(account)
        run = self._begun(account)
        self._asked.begin()
        self._walk(run)
        return self._result(account, run)

    def _begun(self, account: Account) -> Run:
        grid, on = self._grid, self._conditions(account)
        days = int((grid.rows - grid.since) * grid.timeframe // DAY_MS) + 2
        signals, money = len(self.signals), np.full(1, account.equity)
        return Run(
            grid=grid,
            candles=self._candles,
            fine=self._fine,
            funding=self._funding,
            missing=self._missing,
            signals=self.signals,
            on=on,
            rule=self._rule(),
            markets=self._markets(account),
            accounts=filled(ACCOUNT, dict.fromkeys(("cash", "equity", "best", "midnight"), money)),
            trades=records(signals, TRADE),
            legs=records(signals * (on.targets + 1), LEG),
            days=records(days, DAY),
            skips=np.zeros(len(Gate) + 1, np.int64),
            held=np.zeros(len(self.histories) + 1, np.int64),
            positions=[flat() for _ in self.histories],
        )

    def _rule(self) -> Any:
        rows, asked = self.strategy.rows, self.strategy.asked()
        if not self.compiled or rows is None:
            return self._asked
        return RowsRule(self._columns, rows.params, asked._replace(legs=asked.legs or (Leg(0.0, math.inf),)))

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
            "coin": [coins.index(one.symbol.split("-")[0]) for one in histories],
            "listed": [at if at > min(begins) else 0 for at in begins],
        }
        return filled(MARKET, {name: np.array(column) for name, column in columns.items()})

    def _conditions(self, account: Account) -> Conditions:
        strategy, limits, costs = self.strategy, account.limits, account.costs
        owner = strategy.owner if strategy.raises_small else strategy.owner._replace(max_position_pct_small=0.0)
        return Conditions(
            fee=float(costs.fee),
            half=float(costs.spread) / 2.0,
            coin_fee=float(costs.fee) if costs.in_coin else 0.0,
            slots=int(account.slots),
            shorts=bool(account.shorts),
            sits_out_stops=strategy.sits_out_stops,
            next_open=strategy.exits_at_next_open,
            targets=len(strategy.legs),
            owner=owner,
            slippage=float(limits.slippage),
            max_exposure_pct=float(limits.max_exposure_pct),
            max_coin_exposure_pct=float(limits.max_coin_exposure_pct),
            max_order=float(limits.max_order),
            max_day_pct=float(limits.max_daily_loss_pct),
            max_drawdown_pct=float(limits.max_drawdown_pct),
            max_losses=int(limits.max_losses_in_a_row),
            cooldown_ms=int(limits.cooldown_ms),
            min_age_ms=int(limits.min_age_ms),
        )

    # -- the result -----------------------------------------------------------------------------------------------
    def _result(self, account: Account, run: Run) -> Result:
        grid, rows, made = run.grid, self.strategy.rows, run.accounts[0]
        reasons = self._asked.reasons if not self.compiled or rows is None else [*self._asked.reasons, *rows.exits]
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
            skips={gate.word: int(run.skips[gate]) for gate in Gate if run.skips[gate] > 0},
            day=days["close"].copy(),
            day_equity=days["equity"].copy(),
            day_exposure=days["share"].copy(),
        )


def _trades(run: Run) -> Trades:
    grid, made = run.grid, run.accounts[0]
    trades = run.trades[: int(made.trades)]
    signals = run.signals[trades["signal"]]
    legs = np.bincount(run.legs["trade"][: int(made.legs)], minlength=len(trades))
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
    legs = run.legs[: int(run.accounts[0].legs)]
    legs = legs[np.argsort(legs["trade"], kind="stable")]
    return Legs(
        time=run.grid.start + legs["row"] * run.grid.timeframe,
        price=legs["price"].copy(),
        qty=legs["qty"].copy(),
        fee=legs["fee"].copy(),
        reason=legs["reason"].copy(),
    )


# -- candles as the walk reads them -----------------------------------------------------------------------------------
def _grid(histories: Sequence[History], since: int, parts: int) -> Grid:
    timeframe, start = histories[0].timeframe_ms, min(int(one.time[0]) for one in histories)
    end = max(int(one.time[-1]) for one in histories) + timeframe
    return Grid(start, timeframe, max(-(-(since - start) // timeframe), 0), (end - start) // timeframe, parts)


def _together(columns: Mapping[str, Sequence[Series]]) -> Records:
    """The candles of all markets, one after the other."""
    found = records(sum(len(one) for one in columns["open"]), CANDLE)
    for name, parts in columns.items():
        np.concatenate(parts, out=found[name])
    return found


def _aligned(history: History, fine: History | None, parts: int) -> list[Series]:
    """The finer candles of every candle, NaN where not all of them are known."""
    found = [np.full(len(history) * parts, math.nan) for _ in range(4)]
    if fine is None:
        return found
    shift = (int(fine.time[0]) - int(history.time[0])) // fine.timeframe_ms
    begin, end = max(shift, 0), min(shift + len(fine), len(history) * parts)
    begin, end = -(-begin // parts) * parts, end // parts * parts
    if begin < end:
        for column, name in zip(found, PRICES, strict=True):
            column[begin:end] = getattr(fine, name)[begin - shift : end - shift]
    return found
