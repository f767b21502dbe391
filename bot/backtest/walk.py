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
from typing import NamedTuple

from bot.backtest.entry import consider, look_at_losses
from bot.backtest.house import after_close, calls, lived
from bot.backtest.state import Run, cell_of, closes_at, has_next, is_midnight, is_missing, quantity
from bot.strategy.exits import Bar, market, moved

#: The reason of a sale at the stop. A target's is its number; then come the end of the candles and the strategy's own.
STOP = 0


class Worth(NamedTuple):
    """Positions at a close, in the quote: what they add to equity, and what they are worth whichever side they are on."""

    value: float
    exposure: float


def walk(run: Run) -> None:
    """Walk every row; the state must be fresh, and what is found has room for every signal."""
    account = run.account
    for row in range(account.since, account.rows):
        live(run, row)
        judge(run, row)
        measure(run, row)
        look_at_losses(run, row)
        leave(run, row)
        account.refused = 0
        while account.signals < len(run.signals) and run.signals[account.signals].row == row:
            run.signals[account.signals].blocked = consider(run, row, int(account.signals))
            account.signals += 1


def live(run: Run, row: int) -> None:
    """What is held lives through the run of a candle."""
    account, place = run.account, 0
    while place < account.held:
        number = int(run.markets[place].held)
        cell = cell_of(run, number, row)
        pay_funding(run, number, row, cell)
        if is_missing(run, cell):
            place += 1
            continue
        part = int(account.fine_from + cell * account.parts)
        last = part + int(account.parts)
        if part < last and math.isfinite(run.candles[part].close):
            while part < last and run.positions[number].held > 0:
                live_through(run, number, row, part)
                part += 1
        else:
            live_through(run, number, row, cell)
        if run.positions[number].held > 0:
            place += 1
        else:
            close_trade(run, number, row)


def live_through(run: Run, number: int, row: int, cell: int) -> None:
    """The candle of a cell, or a part of one."""
    one = run.candles[cell]
    candle = Bar(float(one.open), float(one.high), float(one.low), float(one.close))
    if not calls(run.rule, run.positions[number], candle):
        return
    held = run.positions[number].held
    step = lived(run.rule, number, run.positions[number], candle, float(run.markets[number].half))
    for sale in step.sales:
        held -= sale.lots
        sell(run, number, row, sale.lots, sale.price, sale.stage)
    run.positions[number] = moved(step.trade, step.trade.stop, held, step.trade.stage)


def pay_funding(run: Run, number: int, row: int, cell: int) -> None:
    """What is due for holding a position when a candle opens: a long pays a rate above 0, a short earns it."""
    rate = float(run.candles[cell].funding)
    trade = run.trades[run.markets[number].trade]
    if rate != 0.0 and trade.entry_row < row:
        position = run.positions[number]
        due = (
            position.side
            * rate
            * quantity(position.held, float(run.markets[number].lot))
            * float(run.candles[cell].open)
        )
        run.account.cash -= due
        trade.funding += due
        trade.pnl -= due


def judge(run: Run, row: int) -> None:
    """The close of a candle: the strategy's exits and stops, and the end of what has no candle after it."""
    account, place = run.account, 0
    while place < account.held:
        number = int(run.markets[place].held)
        cell, more = cell_of(run, number, row), has_next(run, number, row)
        if is_missing(run, cell):
            place += 1
            continue
        close = float(run.candles[cell].close)
        after = after_close(run.rule, number, row, cell, close, run.positions[number])
        run.positions[number] = after.trade
        reason = int(account.targets) + 1 + after.exit
        if account.next_open > 0 and more:
            run.markets[number].leaving = reason if after.exit > 0 else run.markets[number].leaving
        elif after.exit > 0 or not more:
            if account.next_open > 0:
                reason = int(account.targets) + 1
            sell_all(run, number, row, market(after.trade.side, close, float(run.markets[number].half)), reason)
            continue
        place += 1


def leave(run: Run, row: int) -> None:
    """What a close wants sold at the next open: before the purchases there, and out of its slot already."""
    account, place, held = run.account, 0, int(run.account.held)
    while place < account.held:
        number = int(run.markets[place].held)
        reason = int(run.markets[number].leaving)
        if reason > 0 and not is_missing(run, cell_of(run, number, row + 1)):
            run.markets[number].leaving = 0
            opening = float(run.candles[cell_of(run, number, row + 1)].open)
            sell_all(
                run,
                number,
                row + 1,
                market(run.positions[number].side, opening, float(run.markets[number].half)),
                reason,
            )
        else:
            place += 1
    if account.at_price > 0 and account.held < held:
        account.equity = account.cash + worth(run, row).value


def sell_all(run: Run, number: int, row: int, price: float, reason: int) -> None:
    """All of a position at once."""
    position = run.positions[number]
    sell(run, number, row, position.held, price, reason)
    run.positions[number] = moved(position, position.stop, 0, position.stage)
    close_trade(run, number, row)


def sell(run: Run, number: int, row: int, lots: int, price: float, reason: int) -> None:
    """A sale (short: purchase): cash, the leg, and the result of its trade."""
    account, position, here = run.account, run.positions[number], run.markets[number]
    trade, leg = run.trades[here.trade], run.legs[account.legs]
    qty = quantity(lots, float(here.lot))
    fee = qty * price * float(run.account.fee)
    gain = position.side * (price - position.entry) * qty
    account.cash += qty * position.entry + gain - fee
    account.legs += 1
    leg.trade, leg.row, leg.reason = here.trade, row, reason
    leg.price, leg.qty, leg.fee = price, qty, fee
    trade.pnl += gain - fee
    trade.exit_row, trade.exit_reason = row, reason
    opens_at = closes_at(run, row - 1)
    if reason == STOP and run.account.sits_out_stops > 0:
        here.stopped_at = opens_at
    here.ended_at, here.ended_by = opens_at, reason


def close_trade(run: Run, number: int, row: int) -> None:
    """A position is gone: its slot and coin are free, and its loss counts among those in a row."""
    account, here, kept = run.account, run.markets[number], 0
    for place in range(account.held):
        if run.markets[place].held != number:
            run.markets[kept].held = run.markets[place].held
            kept += 1
    account.held = kept
    run.markets[here.coin].coin_held = 0
    here.lost = here.lost + 1 if run.trades[here.trade].pnl < 0.0 else 0
    here.cooled_at = closes_at(run, row) + run.account.cooldown_ms


def worth(run: Run, row: int) -> Worth:
    """What is held, at its closes. A short ties up its entry value."""
    value, exposure = 0.0, 0.0
    for place in range(run.account.held):
        number = int(run.markets[place].held)
        position, close = run.positions[number], float(run.candles[cell_of(run, number, row)].close)
        qty = quantity(position.held, float(run.markets[number].lot))
        value += qty * position.entry + position.side * (close - position.entry) * qty
        exposure += qty * close
    return Worth(value, exposure)


def measure(run: Run, row: int) -> None:
    """Equity at a close: cash, and what is held at its close. The day's point is its last close."""
    account = run.account
    value, exposure = worth(run, row)
    equity = float(account.cash) + value
    account.equity = equity
    account.best = max(float(account.best), equity)
    account.shares += exposure / equity if equity > 0.0 else 0.0
    account.day_rows += 1
    if is_midnight(run, row + 1) or row + 1 == run.account.rows:
        day = run.days[account.days]
        day.close, day.equity, day.share = closes_at(run, row), equity, account.shares / account.day_rows
        account.days += 1
        account.day_rows = 0
        account.shares = 0.0
