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
from bot.backtest.plain import END, SWAPS, Asked
from bot.backtest.result import Legs, Result, Trades
from bot.backtest.state import DAYS, LEGS, TRADES, Conditions, Found, Grid, Run, Signals, State, Venue, begun, room_for
from bot.backtest.terms import Account
from bot.backtest.walk import walk
from bot.domain.candles import Series
from bot.domain.order import Purpose
from bot.strategy.base import Strategy
from bot.strategy.exits import Leg
from bot.strategy.gates import Gate

DAY_MS = 86_400_000
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
        self._grid = _grid(self.histories, since, fine or {}, funding or {})
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
    def _decided(self, news: Sequence[int]) -> Signals:
        found: list[Decisions] = []
        kept: list[Any] = []
        scanned = self._text(scan)
        for number, history in enumerate(self.histories):
            first = max(self._grid.since - int(self._grid.first[number]), 0)
            if self.compiled:
                columns, decisions = by_rows(self.strategy, scanned, history, first)
                kept.append(columns)
            else:
                decisions = self._asked.decisions(number, first, len(history))
            found.append(decisions)
        if kept:
            self._columns = type(kept[0])(*(np.concatenate(columns) for columns in zip(*kept, strict=True)))
        signals, order = in_order(self.histories, found, self._grid.first, news)
        if not self.compiled:
            self._asked.put_in_order([int(at) for at in order])
        return signals

    def _text(self, function: Text) -> Any:
        rows = self.strategy.rows
        if not self.compiled or rows is None:
            return plain(function, SWAPS)
        return compiled(function, {decided: rows.decided, house.closed: rows.closed}, self._compile_to)

    # -- walking --------------------------------------------------------------------------------------------------
    def walk(self, account: Account) -> Result:
        """The trades and the equity on these terms."""
        strategy, grid = self.strategy, self._grid
        self._check(account)
        venue, on = self._venue(account), self._conditions(account)
        days = int((grid.rows - grid.since) * grid.timeframe // DAY_MS) + 2
        state = begun(len(self.histories), int(venue.coin.max()) + 1, account.equity)
        found = room_for(len(self.signals.row), on.targets, days, len(Gate) + 1)
        rule: Any = self._asked
        if self.compiled and strategy.rows is not None:
            asked = strategy.asked()
            rule = RowsRule(
                self._columns, strategy.rows.params, asked._replace(legs=asked.legs or (Leg(0.0, math.inf),))
            )
        self._asked.begin()
        self._walk(Run(grid, self.signals, venue, on, rule, state, found))
        return self._result(account, state, found)

    def _check(self, account: Account) -> None:
        for history in self.histories:
            market = account.markets.get(history.symbol, account.market)
            dearest = account.equity * 100.0 / (float(history.close.min()) * market.lot)
            if dearest > MOST_LOTS:
                raise BacktestError(
                    f"{history.symbol}: lots of {market.lot:g} are too fine for a price of {history.close.min():g}:"
                    " give a larger --lot"
                )

    def _venue(self, account: Account) -> Venue:
        symbols = [one.symbol for one in self.histories]
        markets = [account.markets.get(symbol, account.market) for symbol in symbols]
        bases = [symbol.split("-")[0] for symbol in symbols]
        coins = {base: number for number, base in enumerate(dict.fromkeys(bases))}
        begins = [int(one.time[0]) for one in self.histories]
        return Venue(
            np.array([one.lot for one in markets]),
            np.array([one.tick for one in markets]),
            np.array([math.ceil(one.min_qty / one.lot - 1e-9) for one in markets], np.int64),
            np.array([one.min_cost for one in markets]),
            np.array([coins[base] for base in bases], np.int64),
            np.array([at if at > min(begins) else 0 for at in begins], np.int64),
        )

    def _conditions(self, account: Account) -> Conditions:
        strategy, limits, costs = self.strategy, account.limits, account.costs
        owner = strategy.owner if strategy.raises_small else strategy.owner._replace(max_position_pct_small=0.0)
        return Conditions(
            fee=float(costs.fee),
            half=float(costs.spread) / 2.0,
            coin_fee=float(costs.fee) if costs.in_coin else 0.0,
            equity=float(account.equity),
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
    def _result(self, account: Account, state: State, found: Found) -> Result:
        grid, signals = self._grid, self.signals
        rules = self.strategy.rows
        names = [str(Purpose.STOP), *(str(Purpose.target(one + 1)) for one in range(len(self.strategy.legs))), END]
        reasons = [*names, *rules.exits] if self.compiled and rules is not None else self._asked.reasons
        trades, days = int(state.counts[TRADES]), int(state.counts[DAYS])
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
            trades=_trades(grid, signals, state, found, trades),
            legs=_legs(grid, state, found),
            skips={gate.word: int(found.skips[gate]) for gate in Gate if found.skips[gate] > 0},
            day=found.day[:days].copy(),
            day_equity=found.day_equity[:days].copy(),
            day_exposure=found.day_share[:days].copy(),
        )


def _trades(grid: Grid, signals: Signals, state: State, found: Found, count: int) -> Trades:
    at = found.signal[:count]
    by_trade = np.bincount(found.leg_trade[: int(state.counts[LEGS])], minlength=count)
    return Trades(
        symbol=signals.market[at],
        side=signals.side[at],
        decided_at=grid.start + (signals.row[at] + 1) * grid.timeframe,
        entry_time=grid.start + found.entry_row[:count] * grid.timeframe,
        entry_price=found.entry_price[:count].copy(),
        qty=found.qty[:count].copy(),
        stop=found.stop[:count].copy(),
        score=signals.score[at],
        r=found.r[:count].copy(),
        fee=found.fee[:count].copy(),
        funding=found.funding[:count].copy(),
        exit_time=grid.start + found.exit_row[:count] * grid.timeframe,
        exit_reason=found.exit_reason[:count].copy(),
        pnl=found.pnl[:count].copy(),
        first_leg=np.concatenate(([0], np.cumsum(by_trade))),
    )


def _legs(grid: Grid, state: State, found: Found) -> Legs:
    count = int(state.counts[LEGS])
    order = np.argsort(found.leg_trade[:count], kind="stable")
    return Legs(
        time=grid.start + found.leg_row[:count][order] * grid.timeframe,
        price=found.leg_price[:count][order],
        qty=found.leg_qty[:count][order],
        fee=found.leg_fee[:count][order],
        reason=found.leg_reason[:count][order],
    )


# -- candles as the walk reads them -----------------------------------------------------------------------------------
def _grid(histories: Sequence[History], since: int, fine: Mapping[str, History], funding: Mapping[str, Series]) -> Grid:
    timeframe, start = histories[0].timeframe_ms, min(int(one.time[0]) for one in histories)
    first = np.array([(int(one.time[0]) - start) // timeframe for one in histories], np.int64)
    size = np.array([len(one) for one in histories], np.int64)
    parts = 0 if not fine else timeframe // next(iter(fine.values())).timeframe_ms
    finer = [_aligned(one, fine.get(one.symbol), parts) for one in histories] if parts else [[np.empty(0)] * 4]
    rates = [funding.get(one.symbol, np.zeros(len(one))) for one in histories] if funding else [np.empty(0)]
    return Grid(
        start=start,
        timeframe=timeframe,
        since=max(-(-(since - start) // timeframe), 0),
        rows=int((first + size).max()),
        first=first,
        base=np.concatenate(([0], np.cumsum(size)[:-1])).astype(np.int64),
        size=size,
        open=np.concatenate([one.open for one in histories]),
        high=np.concatenate([one.high for one in histories]),
        low=np.concatenate([one.low for one in histories]),
        close=np.concatenate([one.close for one in histories]),
        funding=np.concatenate(rates),
        parts=parts,
        fine_open=np.concatenate([one[0] for one in finer]),
        fine_high=np.concatenate([one[1] for one in finer]),
        fine_low=np.concatenate([one[2] for one in finer]),
        fine_close=np.concatenate([one[3] for one in finer]),
    )


def _aligned(history: History, fine: History | None, parts: int) -> list[Series]:
    """The finer candles of every candle, NaN where not all of them are known."""
    found = [np.full(len(history) * parts, math.nan) for _ in range(4)]
    if fine is None:
        return found
    shift = (int(fine.time[0]) - int(history.time[0])) // fine.timeframe_ms
    begin, end = max(shift, 0), min(shift + len(fine), len(history) * parts)
    begin, end = -(-begin // parts) * parts, end // parts * parts
    if begin < end:
        for column, name in zip(found, ("open", "high", "low", "close"), strict=True):
            column[begin:end] = getattr(fine, name)[begin - shift : end - shift]
    return found
