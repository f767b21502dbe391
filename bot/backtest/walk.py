"""The walk: candle by candle through all markets, in the same order as live.

Owns that order and nothing else. Exits, entry requirements, sizes and limits are computed by the code that trades live, called from
here and from `entry`. Plain scalar code, also compiled. Where the strategy leaves it open:

- Within a candle, stops come before targets. At its close come the strategy's exits, then the exit of positions in markets without
  a next candle (a strategy's exit there keeps its own reason), then equity, then the entries of that close, by rank.
- For the cooldown after losses, a trade that ends inside a candle ends when that candle closes.
- An exit that is due at the next open is made at the close if there is no next candle.
- Funding is paid on the candle's open price, by positions entered before that candle.
"""

from __future__ import annotations

import math
from typing import Any

from bot.backtest.entry import consider, look_at_losses
from bot.backtest.hooks import after_close, calls, ended, lived
from bot.backtest.state import Records, Run, cell_of, closes_at, has_next, is_midnight, is_missing, quantity
from bot.strategy.exits import Bar, Trade, market, moved

#: The exit reason of a stop. A target's is its number; then come the end of the candles and the strategy's own reasons.
STOP = 0


def walk(run: Run) -> None:
    """Walk all rows. The state must be new, with room for every signal."""
    account = run.account
    for row in range(account.since, account.rows):
        live(run, row)
        judge(run, row)
        measure(run, row)
        look_at_losses(account, row)
        leave(run, row)
        while account.signals < len(run.signals) and run.signals[account.signals].row == row:
            run.blocked[account.signals] = consider(run, row, int(account.signals))
            account.signals += 1


def live(run: Run, row: int) -> None:
    """Play one candle for all open positions."""
    account, place = run.account, 0
    while place < account.held:
        number = int(run.markets[place].held)
        here = run.markets[number]
        cell, trade = cell_of(here, row), run.trades[here.trade]
        rate, missing = float(run.funding[cell]), is_missing(run.candles[cell])
        if rate != 0.0 and trade.entry_row < row:
            # A candle without trades is flat at the close before it.
            price = float(run.candles[cell].close) if missing else float(run.candles[cell].open)
            pay_funding(account, trade, run.positions[number], float(here.lot), rate, price)
        if missing:
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
            close_trade(account, run.markets, number, row, float(trade.pnl))


def live_through(run: Run, number: int, row: int, cell: int) -> None:
    """Play one candle, or one finer candle, for a position."""
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


def pay_funding(account: Any, trade: Any, position: Trade, lot: float, rate: float, price: float) -> None:
    """Pay the funding that is due at the open of a candle, at `price`: a long pays a positive rate, a short earns it."""
    due = position.side * rate * quantity(position.held, lot) * price
    account.cash -= due
    trade.funding += due
    trade.pnl -= due


def judge(run: Run, row: int) -> None:
    """Play the close of a candle: the strategy's exits and stops, and the exit from markets without a next candle."""
    account, place = run.account, 0
    while place < account.held:
        number = int(run.markets[place].held)
        here = run.markets[number]
        cell, more = cell_of(here, row), has_next(here, row)
        close = float(run.candles[cell].close)
        after = after_close(run.rule, number, row, cell, close, run.positions[number])
        run.positions[number] = after.trade
        reason = int(account.targets) + 1 + after.exit
        if account.next_open > 0 and more:
            here.leaving = reason if after.exit > 0 else here.leaving
        elif after.exit > 0 or not more:
            if account.next_open > 0:
                reason = int(account.targets) + 1
            sell_all(run, number, row, market(after.trade.side, close, float(here.half)), reason)
            continue
        place += 1


def leave(run: Run, row: int) -> None:
    """Make the exits that are due at the next open. They free their slots before the entries of this close."""
    account, place = run.account, 0
    while place < account.held:
        number = int(run.markets[place].held)
        here = run.markets[number]
        reason = int(here.leaving)
        if reason > 0 and not is_missing(run.candles[cell_of(here, row + 1)]):
            here.leaving = 0
            opening = float(run.candles[cell_of(here, row + 1)].open)
            sell_all(run, number, row + 1, market(run.positions[number].side, opening, float(here.half)), reason)
        else:
            place += 1


def sell_all(run: Run, number: int, row: int, price: float, reason: int) -> None:
    """Sell a whole position."""
    position = run.positions[number]
    sell(run, number, row, position.held, price, reason)
    run.positions[number] = moved(position, position.stop, 0, position.stage)
    pnl = float(run.trades[run.markets[number].trade].pnl)
    close_trade(run.account, run.markets, number, row, pnl)


def sell(run: Run, number: int, row: int, lots: int, price: float, reason: int) -> None:
    """Record a sale (short: purchase): cash, the leg, and the result of its trade."""
    account, position, here = run.account, run.positions[number], run.markets[number]
    trade, leg = run.trades[here.trade], run.legs[account.legs]
    qty = quantity(lots, float(here.lot))
    fee = qty * price * float(account.fee)
    gain = position.side * (price - position.entry) * qty
    account.cash += qty * position.entry + gain - fee
    account.legs += 1
    leg.trade, leg.row, leg.reason = here.trade, row, reason
    leg.price, leg.qty, leg.fee = price, qty, fee
    trade.pnl += gain - fee
    trade.exit_row, trade.exit_reason = row, reason
    opens_at = closes_at(account, row - 1)
    if reason == STOP and account.sits_out_stops > 0:
        here.stopped_at = opens_at
    ended(run.rule, number, opens_at, reason)


def close_trade(account: Any, markets: Records, number: int, row: int, pnl: float) -> None:
    """Close a position: free its slot and coin, and count its loss."""
    here, kept = markets[number], 0
    for place in range(account.held):
        if markets[place].held != number:
            markets[kept].held = markets[place].held
            kept += 1
    account.held = kept
    markets[here.coin].coin_held = 0
    here.lost = here.lost + 1 if pnl < 0.0 else 0
    here.cooled_at = closes_at(account, row) + account.cooldown_ms


def measure(run: Run, row: int) -> None:
    """Equity at a close: cash, and positions valued at the close. A short ties up its entry value. Each day keeps its last close."""
    account = run.account
    equity, exposure = float(account.cash), 0.0
    for place in range(account.held):
        number = int(run.markets[place].held)
        position, here = run.positions[number], run.markets[number]
        close, qty = float(run.candles[cell_of(here, row)].close), quantity(position.held, float(here.lot))
        equity += qty * position.entry + position.side * (close - position.entry) * qty
        exposure += qty * close
    account.equity = equity
    account.best = max(float(account.best), equity)
    account.shares += exposure / equity if equity > 0.0 else 0.0
    account.day_rows += 1
    if is_midnight(account, row + 1) or row + 1 == account.rows:
        day = run.days[account.days]
        day.close, day.equity, day.share = closes_at(account, row), equity, account.shares / account.day_rows
        account.days += 1
        account.day_rows = 0
        account.shares = 0.0
