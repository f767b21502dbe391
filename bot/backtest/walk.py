"""The walk: candle by candle through all markets, in the order in which an account lives.

Owns that order and nothing else: what is sold and when, what an entry must offer, how large it is and which limit it meets is the
text that trades live, called from here and from `entry`. Plain scalar text, compiled as it stands. Where the rule leaves it open:

- A candle: what is held lives through it, stop before targets. Its close: the strategy's exits, then the end of what has no candle
  after it (a turn there is a turn), then equity, then the entries of that close, by rank.
- A trade that ends inside a candle ends, for the wait after losses, when that candle closes.
- A sale at the next open that does not come is the end, at the close.
- A rate of funding is paid on the candle's open by what was entered before it.
"""

from __future__ import annotations

import math

from bot.backtest.entry import consider, look_at_losses
from bot.backtest.house import after_close, ended, lived
from bot.backtest.state import (
    BEST,
    CASH,
    DAY_ROWS,
    DAYS,
    EQUITY,
    HELD,
    LEGS,
    SHARES,
    Grid,
    Run,
    cell_of,
    closes_at,
    has_next,
    is_midnight,
    quantity,
)
from bot.strategy import gates
from bot.strategy.exits import Bar, market, moved

#: The reason of a sale at the stop. A target's is its number; then come the end of the candles and the strategy's own.
STOP = 0
#: Gates that count for nothing, as live.
QUIET = tuple(sorted(gate.value for gate in gates.QUIET))


def walk(run: Run) -> None:
    """Walk every row; the state must be fresh, and what is found has room for every signal."""
    at = 0
    for row in range(run.grid.since, run.grid.rows):
        live(run, row)
        judge(run, row)
        measure(run, row)
        look_at_losses(run, row)
        leave(run, row)
        while at < len(run.signals.row) and run.signals.row[at] == row:
            blocked = consider(run, row, at)
            if blocked > 0 and blocked not in QUIET:
                run.found.skips[blocked] += 1
            at += 1


def live(run: Run, row: int) -> None:
    """What is held lives through the run of a candle."""
    grid, state, place = run.grid, run.state, 0
    while place < state.counts[HELD]:
        number = int(state.held[place])
        cell = cell_of(grid, number, row)
        pay_funding(run, number, row, cell)
        first, last = cell * grid.parts, (cell + 1) * grid.parts
        if first < last and math.isfinite(grid.fine_close[first]):
            while first < last and state.trades[number].held > 0:
                live_through(run, number, row, fine_bar(grid, first))
                first += 1
        else:
            live_through(run, number, row, bar(grid, cell))
        if state.trades[number].held > 0:
            place += 1
        else:
            close_trade(run, place, row)


def live_through(run: Run, number: int, row: int, candle: Bar) -> None:
    """A candle, or a part of one."""
    state = run.state
    held = state.trades[number].held
    step = lived(run.rule, number, state.trades[number], candle, run.on.half)
    for sale in step.sales:
        held -= sale.lots
        sell(run, number, row, sale.lots, sale.price, sale.stage)
    state.trades[number] = moved(step.trade, step.trade.stop, held, step.trade.stage)


def bar(grid: Grid, cell: int) -> Bar:
    return Bar(float(grid.open[cell]), float(grid.high[cell]), float(grid.low[cell]), float(grid.close[cell]))


def fine_bar(grid: Grid, cell: int) -> Bar:
    return Bar(
        float(grid.fine_open[cell]),
        float(grid.fine_high[cell]),
        float(grid.fine_low[cell]),
        float(grid.fine_close[cell]),
    )


def pay_funding(run: Run, number: int, row: int, cell: int) -> None:
    """What is due for holding a position when a candle opens: a long pays a rate above 0, a short earns it."""
    grid, state, found = run.grid, run.state, run.found
    rate = float(grid.funding[cell]) if len(grid.funding) > 0 else 0.0
    position = int(state.number[number])
    if rate != 0.0 and found.entry_row[position] < row:
        trade = state.trades[number]
        due = trade.side * rate * quantity(trade.held, run.venue.lot[number]) * float(grid.open[cell])
        state.money[CASH] -= due
        found.funding[position] += due
        found.pnl[position] -= due


def judge(run: Run, row: int) -> None:
    """The close of a candle: the strategy's exits and stops, and the end of what has no candle after it."""
    grid, state, on, place = run.grid, run.state, run.on, 0
    while place < state.counts[HELD]:
        number = int(state.held[place])
        cell = cell_of(grid, number, row)
        close, more = float(grid.close[cell]), has_next(grid, number, row)
        after = after_close(run.rule, number, row, cell, close, state.trades[number])
        state.trades[number] = after.trade
        reason = on.targets + 1 + after.exit
        if after.exit > 0 and on.next_open and more:
            state.leaving[number] = reason
        elif after.exit > 0 or not more:
            if on.next_open:
                reason = on.targets + 1
            sell_all(run, place, row, market(after.trade.side, close, on.half), reason)
            continue
        place += 1


def leave(run: Run, row: int) -> None:
    """What a close wants sold at the next open: before the purchases there, and out of its slot already."""
    grid, state, place = run.grid, run.state, 0
    while place < state.counts[HELD]:
        number = int(state.held[place])
        reason = int(state.leaving[number])
        if reason > 0:
            state.leaving[number] = 0
            opening = float(grid.open[cell_of(grid, number, row + 1)])
            sell_all(run, place, row + 1, market(state.trades[number].side, opening, run.on.half), reason)
        else:
            place += 1


def sell_all(run: Run, place: int, row: int, price: float, reason: int) -> None:
    """All of a position at once."""
    number = int(run.state.held[place])
    trade = run.state.trades[number]
    sell(run, number, row, trade.held, price, reason)
    run.state.trades[number] = moved(trade, trade.stop, 0, trade.stage)
    close_trade(run, place, row)


def sell(run: Run, number: int, row: int, lots: int, price: float, reason: int) -> None:
    """A sale (short: purchase): cash, the leg, and the result of its trade."""
    state, found, trade = run.state, run.found, run.state.trades[number]
    position, leg = int(state.number[number]), int(state.counts[LEGS])
    qty = quantity(lots, run.venue.lot[number])
    fee = qty * price * run.on.fee
    gain = trade.side * (price - trade.entry) * qty
    state.money[CASH] += qty * trade.entry + gain - fee
    state.counts[LEGS] = leg + 1
    found.leg_trade[leg], found.leg_row[leg], found.leg_reason[leg] = position, row, reason
    found.leg_price[leg], found.leg_qty[leg], found.leg_fee[leg] = price, qty, fee
    found.pnl[position] += gain - fee
    found.exit_row[position], found.exit_reason[position] = row, reason
    opens_at = closes_at(run.grid, row - 1)
    if reason == STOP and run.on.sits_out_stops:
        state.stopped_at[number] = opens_at
    ended(run.rule, number, opens_at, reason)


def close_trade(run: Run, place: int, row: int) -> None:
    """A position is gone: its slot and coin are free, and its loss counts among those in a row."""
    state, number = run.state, int(run.state.held[place])
    state.counts[HELD] -= 1
    for later in range(place, int(state.counts[HELD])):
        state.held[later] = state.held[later + 1]
    state.coin_held[run.venue.coin[number]] = 0
    lost = run.found.pnl[state.number[number]] < 0.0
    state.lost[number] = state.lost[number] + 1 if lost else 0
    state.cooled_at[number] = closes_at(run.grid, row) + run.on.cooldown_ms


def measure(run: Run, row: int) -> None:
    """Equity at a close: cash, and what is held at its close. A short ties up its entry value. The day's point is its last close."""
    grid, state, found = run.grid, run.state, run.found
    equity, exposure = float(state.money[CASH]), 0.0
    for place in range(int(state.counts[HELD])):
        number = int(state.held[place])
        trade, close = state.trades[number], float(grid.close[cell_of(grid, number, row)])
        qty = quantity(trade.held, run.venue.lot[number])
        equity += qty * trade.entry + trade.side * (close - trade.entry) * qty
        exposure += qty * close
    state.money[EQUITY] = equity
    state.money[BEST] = max(float(state.money[BEST]), equity)
    state.money[SHARES] += exposure / equity if equity > 0.0 else 0.0
    state.counts[DAY_ROWS] += 1
    if is_midnight(grid, row + 1) or row + 1 == grid.rows:
        day = int(state.counts[DAYS])
        found.day[day], found.day_equity[day] = closes_at(grid, row), equity
        found.day_share[day] = state.money[SHARES] / state.counts[DAY_ROWS]
        state.counts[DAYS], state.counts[DAY_ROWS], state.money[SHARES] = day + 1, 0, 0.0
