"""From a signal to a trade: every gate that a backtest knows, the size, and the fill.

Owns the numbers that the gates check. An entry is decided and sized at the close, checked again at the price of the next open, and
filled there. All of this is one step, so that an entry refused at its price takes neither slot nor cash. Losses and drawdown are
those at the close. Plain scalar code, also compiled.
"""

from __future__ import annotations

import math
from typing import Any

from bot.backtest.hooks import entered, returns, terms
from bot.backtest.state import Records, Run, as_money, cell_of, closes_at, has_next, is_midnight, is_missing, quantity
from bot.strategy import gates
from bot.strategy.checks import lost_pct, room
from bot.strategy.exits import bought, opened, tighter
from bot.strategy.gate_inputs import Capacity, Lost, Offer, Order, Room, Signal, Symbol
from bot.strategy.gates import Gate
from bot.strategy.grid import towards, whole_down
from bot.strategy.params import RiskSettings
from bot.strategy.sizing import BuyingPower, Minimums, Size, size, smallest_tradeable, worst_price

MINUTE_MS = 60_000
UNFILLED, DRAWDOWN = Gate.UNFILLED.value, Gate.DRAWDOWN.value

ask_signal = gates.asked_in_order(gates.SIGNAL)
ask_losses = gates.asked_in_order(gates.LOST)
ask_symbol = gates.asked_in_order(gates.SYMBOL)
ask_capacity = gates.asked_in_order(gates.CAPACITY)
ask_offer = gates.asked_in_order(gates.OFFER)
ask_order = gates.asked_in_order(gates.ORDER)


def consider(run: Run, row: int, at: int) -> int:
    """Enter on signal `at`; returns 0, or the number of the gate that blocks it."""
    signal = run.signals[at]
    number = int(signal.market)
    blocked = blocked_before_its_price(run, row, at, number)
    if blocked > 0:
        return blocked
    here = run.markets[number]
    side, close = int(signal.side), float(run.candles[cell_of(here, row)].close)
    stop = towards(side, float(signal.stop), float(here.tick))
    out_at = stop if math.isnan(signal.out_at) else float(signal.out_at)
    half, fee = float(here.half), float(run.account.fee)
    blocked = blocked_by_offer(run.rule, fee, half, at, side, close, stop, out_at, close)
    if blocked > 0:
        return blocked
    blocked = consider_at_next_open(run, row, at, number, side, close, stop, out_at)
    if blocked > 0 and run.account.at_price > 0:
        run.account.refused += 1
    return blocked


def consider_at_next_open(
    run: Run, row: int, at: int, number: int, side: int, close: float, stop: float, out_at: float
) -> int:
    """Fill the order of a close at the next open; returns 0, or the number of the gate that blocks it at the price it would pay."""
    here = run.markets[number]
    cell = cell_of(here, row)
    if not has_next(here, row) or is_missing(run.candles[cell + 1]):
        return UNFILLED
    half, fee = float(here.half), float(run.account.fee)
    price = bought(side, float(run.candles[cell + 1].open), half)
    blocked = blocked_by_offer(run.rule, fee, half, at, side, close, stop, out_at, price)
    if blocked > 0:
        return blocked
    asked = capacity(run, row)
    left = room(asked)
    worst = worst_price(close, price, float(run.account.slippage), float(here.tick))
    sized_at = price if run.account.at_price > 0 else close
    ceiling = float(left.least) * sized_at / worst
    sized = fitted(run.account, here, side, float(run.signals[at].pct), sized_at, stop, ceiling)
    blocked = ask_order(order(float(here.lot), sized, worst, asked, left))
    if blocked == 0:
        enter(run, row, at, number, side, price, stop, out_at, sized)
    return blocked


def blocked_before_its_price(run: Run, row: int, at: int, number: int) -> int:
    """The first gate that blocks a signal before its price is checked, or 0."""
    signal = run.signals[at]
    unfit = "too many candles without trades" if signal.quiet > 0 else ""
    is_held = run.markets[run.markets[number].coin].coin_held > 0
    blocked = ask_signal(
        Signal(unfit, int(signal.side), run.account.shorts > 0, is_back(run, row, at, number), bool(is_held))
    )
    if blocked == 0:
        blocked = halted(run.account)
    if blocked == 0:
        blocked = ask_symbol(symbol(run.account, run.markets[number], int(signal.to_news), row))
    return blocked if blocked > 0 else ask_capacity(capacity(run, row))


def is_back(run: Run, row: int, at: int, number: int) -> bool:
    """Whether the strategy trades a market again after its last trade there, if there was one."""
    here = run.markets[number]
    if here.ended_by < 0:
        return True
    cell, closed_at = cell_of(here, row), closes_at(run.account, row)
    close = float(run.candles[cell].close)
    return returns(run.rule, at, number, cell, close, closed_at, int(here.ended_at), int(here.ended_by))


def slots_taken(account: Any, markets: Records) -> int:
    """Open positions except those that wait for their sale at an open, and the entries of this close that were refused at theirs."""
    taken = int(account.held + account.refused)
    for place in range(account.held):
        if markets[markets[place].held].leaving > 0:
            taken -= 1
    return taken


def halted(account: Any) -> int:
    """The gate of a loss limit that was reached, or 0: daily loss blocks for the rest of the day, drawdown to the end."""
    return int(account.halted if account.halted > 0 else account.halted_today)


def look_at_losses(account: Any, row: int) -> None:
    """Start and end the halts of the loss limits; called once at every close."""
    equity = float(account.equity)
    if is_midnight(account, row):
        account.halted_today = 0
    fallen, today = lost_pct(equity, float(account.best)), lost_pct(equity, float(account.midnight))
    losses = Lost(
        as_money(fallen),
        as_money(float(account.max_drawdown_pct)),
        as_money(today),
        as_money(float(account.max_day_pct)),
    )
    blocked = ask_losses(losses)
    if blocked == DRAWDOWN:
        account.halted = blocked
    elif blocked > 0:
        account.halted_today = blocked
    if is_midnight(account, row + 1):
        account.midnight = equity


def symbol(account: Any, here: Any, to_news: int, row: int) -> Symbol:
    closed_at = closes_at(account, row)
    is_young = closed_at - here.listed < account.min_age_ms
    return Symbol(
        "",
        closed_at,
        int(account.timeframe),
        0,
        "younger than 30 days" if is_young else "",
        int(here.stopped_at),
        int(here.lost),
        int(account.max_losses),
        -((closed_at - int(here.cooled_at)) // MINUTE_MS),
        to_news,
        0,
        1,
        "",
    )


def capacity(run: Run, row: int) -> Capacity:
    """The room for another entry. A position entered at this close is valued at its entry price; each coin is held at most once."""
    account = run.account
    exposure = 0.0
    for place in range(account.held):
        number = int(run.markets[place].held)
        position, here = run.positions[number], run.markets[number]
        is_new = run.trades[here.trade].entry_row > row
        price = position.entry if is_new else float(run.candles[cell_of(here, row)].close)
        exposure += quantity(position.held, float(here.lot)) * price
    return Capacity(
        0,
        slots_taken(account, run.markets),
        int(account.slots),
        0,
        1,
        as_money(float(account.equity)),
        as_money(exposure),
        as_money(float(account.max_exposure_pct)),
        as_money(0.0),
        as_money(float(account.max_coin_exposure_pct)),
        as_money(float(account.max_order)),
    )


def blocked_by_offer(
    rule: Any, fee: float, half: float, at: int, side: int, close: float, stop: float, out_at: float, price: float
) -> int:
    """The gate that blocks the trade at a price (the close, or the price that its order would pay), or 0."""
    asked = terms(rule, at, close, out_at, price, fee, 2.0 * half * price)
    nearest = tighter(side, stop, asked.stop)
    return ask_offer(Offer("", side, price, nearest, asked.widest, asked.target, asked.least))


def minimums(here: Any) -> Minimums:
    return Minimums(float(here.lot), int(here.min_lots), float(here.min_cost))


def coin_fee_of(here: Any, side: int) -> float:
    """The part of an entry's fee that is taken in the coin, a fraction: a sale pays no fee in what it sells."""
    return float(here.coin_fee) if side > 0 else 0.0


def fitted(account: Any, here: Any, side: int, pct: float, price: float, stop: float, ceiling: float) -> Size:
    """The size by the equity, limited by free cash and `ceiling`."""
    equity, fee = float(account.equity), float(account.fee)
    buying_power = BuyingPower(equity, float(account.cash), fee, 0.0, floored(ceiling), coin_fee_of(here, side))
    risk_settings = RiskSettings(
        float(account.min_position_pct),
        float(account.max_position_pct),
        float(account.max_position_pct_small),
        float(account.min_reward_to_cost),
    )
    return size(pct, price, stop, buying_power, minimums(here), risk_settings, float(account.least_part))


def floored(ceiling: float) -> float:
    """Money rounded down to 1e-8, because a limit is never rounded up; large and infinite values are unchanged."""
    return math.floor(ceiling * 1e8) / 1e8 if ceiling < 1e9 else ceiling


def order(lot: float, sized: Size, worst: float, asked: Capacity, left: Room) -> Order:
    value = quantity(sized.lots if sized.lots > 0 else sized.smallest, lot) * worst
    return Order(
        sized.lots,
        sized.fit.value,
        sized.smallest_value,
        sized.allowed,
        as_money(value),
        asked.max_order,
        left.coin,
        left.total,
        left.tightest,
    )


def enter(
    run: Run, row: int, at: int, number: int, side: int, price: float, stop: float, out_at: float, sized: Size
) -> None:
    """Fill the entry at the open of the next candle. A fee taken in the coin leaves whole lots; what is missing is the fee."""
    account, here = run.account, run.markets[number]
    lot, tick = float(here.lot), float(here.tick)
    taker, coin_fee = float(account.fee), coin_fee_of(here, side)
    kept = whole_down(sized.lots * (1.0 - coin_fee), 1.0) if coin_fee > 0.0 else sized.lots
    qty = quantity(kept, lot)
    fee = (quantity(sized.lots, lot) - qty) * price if coin_fee > 0.0 else qty * price * taker
    smallest = smallest_tradeable(stop, 0.0, minimums(here))
    position = opened(side, price, stop, out_at, taker, kept, smallest, tick, closes_at(account, row))
    cell = cell_of(here, row)
    run.positions[number] = entered(run.rule, at, cell, float(run.candles[cell].close), position)
    here.trade = account.trades
    run.markets[here.coin].coin_held = 1
    run.markets[account.held].held = number
    account.held += 1
    account.trades += 1
    account.cash -= qty * price + fee
    trade = run.trades[here.trade]
    trade.signal, trade.entry_row = at, row + 1
    trade.entry_price, trade.qty, trade.stop = price, qty, stop
    trade.r, trade.fee, trade.funding, trade.pnl = position.r, fee, 0.0, -fee
