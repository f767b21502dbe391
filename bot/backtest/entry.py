"""A signal on its way to a trade: every gate that a backtest knows, its size, and the fill.

Owns which numbers the gates are asked about. An entry is decided and sized at the close, asked once more at the price it would pay
at the next open, and filled there; all in one go, so that what is refused at its price takes neither slot nor cash. Losses and
drawdown are those of that close. Plain scalar text, compiled as it stands.
"""

from __future__ import annotations

import math

from bot.backtest.house import entered, returns, terms
from bot.backtest.state import (
    BEST,
    CASH,
    EQUITY,
    HALTED,
    HALTED_TODAY,
    HELD,
    MIDNIGHT,
    TRADES,
    Run,
    as_money,
    cell_of,
    closes_at,
    has_next,
    is_midnight,
    quantity,
)
from bot.strategy import gates
from bot.strategy.checks import lost_pct, room
from bot.strategy.exits import bought, opened, tighter
from bot.strategy.gates import Gate
from bot.strategy.grid import cents, towards, whole_down
from bot.strategy.sizing import Minimums, Purse, Size, size, smallest_tradeable, worst_price
from bot.strategy.snapshot import Capacity, Lost, Offer, Order, Room, Signal, Symbol

MINUTE_MS = 60_000
UNFILLED, DRAWDOWN = Gate.UNFILLED.value, Gate.DRAWDOWN.value

ask_signal = gates.asked(gates.SIGNAL)
ask_losses = gates.asked(gates.LOST)
ask_symbol = gates.asked(gates.SYMBOL)
ask_capacity = gates.asked(gates.CAPACITY)
ask_offer = gates.asked(gates.OFFER)
ask_order = gates.asked(gates.ORDER)


def consider(run: Run, row: int, at: int) -> int:
    """Enter on signal `at`, or the number of the gate that blocks it."""
    signals, number = run.signals, int(run.signals.market[at])
    blocked = blocked_before_its_price(run, row, at, number)
    if blocked > 0:
        return blocked
    if not has_next(run.grid, number, row):
        return UNFILLED
    cell = cell_of(run.grid, number, row)
    side, close = int(signals.side[at]), float(run.grid.close[cell])
    stop = towards(side, float(signals.stop[at]), float(run.venue.tick[number]))
    out_at = stop if math.isnan(signals.out_at[at]) else float(signals.out_at[at])
    price = bought(side, float(run.grid.open[cell + 1]), run.on.half)
    blocked = blocked_by_offer(run, at, side, close, stop, out_at, close)
    if blocked == 0:
        blocked = blocked_by_offer(run, at, side, close, stop, out_at, price)
    if blocked > 0:
        return blocked
    asked = capacity(run, row)
    left = room(asked)
    worst = worst_price(close, price, run.on.slippage, float(run.venue.tick[number]))
    ceiling = float(left.least) * close / worst
    sized = fitted(run, float(signals.pct[at]), close, stop, ceiling, number)
    blocked = ask_order(order(run, number, sized, worst, asked, left))
    if blocked == 0:
        enter(run, row, at, number, side, price, stop, out_at, sized)
    return blocked


def blocked_before_its_price(run: Run, row: int, at: int, number: int) -> int:
    """The first gate that blocks a signal before anybody asks for its price, or 0."""
    signals, state, on = run.signals, run.state, run.on
    unfit = "too many candles without trades" if signals.quiet[at] else ""
    is_held = state.coin_held[run.venue.coin[number]] > 0
    side = int(signals.side[at])
    blocked = ask_signal(Signal(unfit, side, on.shorts, returns(run.rule, at, number), is_held))
    if blocked == 0:
        blocked = halted(run)
    if blocked == 0:
        blocked = ask_symbol(symbol(run, row, at, number))
    return blocked if blocked > 0 else ask_capacity(capacity(run, row))


def halted(run: Run) -> int:
    """The gate of a loss that was passed: a day's holds until the day ends, a drawdown's to the end."""
    return int(run.state.counts[HALTED] if run.state.counts[HALTED] > 0 else run.state.counts[HALTED_TODAY])


def look_at_losses(run: Run, row: int) -> None:
    """Begin what has to begin, end what is over, once at every close."""
    state, on = run.state, run.on
    equity = float(state.money[EQUITY])
    if is_midnight(run.grid, row):
        state.counts[HALTED_TODAY] = 0
    fallen = lost_pct(equity, float(state.money[BEST]))
    today = lost_pct(equity, float(state.money[MIDNIGHT]))
    losses = Lost(as_money(fallen), as_money(on.max_drawdown_pct), as_money(today), as_money(on.max_day_pct))
    blocked = ask_losses(losses)
    if blocked == DRAWDOWN:
        state.counts[HALTED] = blocked
    elif blocked > 0:
        state.counts[HALTED_TODAY] = blocked
    if is_midnight(run.grid, row + 1):
        state.money[MIDNIGHT] = equity


def symbol(run: Run, row: int, at: int, number: int) -> Symbol:
    state, on, closed_at = run.state, run.on, closes_at(run.grid, row)
    is_young = closed_at - run.venue.listed[number] < on.min_age_ms
    return Symbol(
        "",
        closed_at,
        run.grid.timeframe,
        0,
        "younger than 30 days" if is_young else "",
        int(state.stopped_at[number]),
        int(state.lost[number]),
        on.max_losses,
        -((closed_at - int(state.cooled_at[number])) // MINUTE_MS),
        int(run.signals.to_news[at]),
        0,
        1,
    )


def capacity(run: Run, row: int) -> Capacity:
    """What the account has room for; what was entered at this close is worth what it cost. A coin is held once, or not at all."""
    state, on = run.state, run.on
    exposure = 0.0
    for place in range(int(state.counts[HELD])):
        other = int(state.held[place])
        trade = state.trades[other]
        is_new = run.found.entry_row[state.number[other]] > row
        price = trade.entry if is_new else float(run.grid.close[cell_of(run.grid, other, row)])
        exposure += quantity(trade.held, run.venue.lot[other]) * price
    return Capacity(
        0,
        int(state.counts[HELD]),
        on.slots,
        0,
        1,
        as_money(float(state.money[EQUITY])),
        as_money(exposure),
        as_money(on.max_exposure_pct),
        as_money(0.0),
        as_money(on.max_coin_exposure_pct),
        as_money(on.max_order),
    )


def blocked_by_offer(run: Run, at: int, side: int, close: float, stop: float, out_at: float, price: float) -> int:
    """The gate that blocks the trade at a price: the close, or what its order would pay."""
    asked = terms(run.rule, at, close, out_at, price, run.on.fee, 2.0 * run.on.half * price)
    nearest = tighter(side, stop, asked.stop)
    return ask_offer(Offer("", side, price, nearest, asked.widest, asked.target, asked.least))


def minimums(run: Run, number: int) -> Minimums:
    venue = run.venue
    return Minimums(float(venue.lot[number]), int(venue.min_lots[number]), float(venue.min_cost[number]))


def fitted(run: Run, pct: float, close: float, stop: float, ceiling: float, number: int) -> Size:
    """The size at the close: of equity there, cut to the cash that is free."""
    on, money = run.on, run.state.money
    purse = Purse(float(money[EQUITY]), float(money[CASH]), on.fee, 0.0, cents_or_more(ceiling), on.coin_fee)
    return size(pct, close, stop, purse, minimums(run, number), on.owner)


def cents_or_more(ceiling: float) -> float:
    """Money to 1e-8; infinite stays so."""
    return cents(ceiling) if ceiling < 1e9 else ceiling


def order(run: Run, number: int, sized: Size, worst: float, asked: Capacity, left: Room) -> Order:
    value = quantity(sized.lots if sized.lots > 0 else sized.smallest, run.venue.lot[number]) * worst
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
    """Fill the entry at the open of the next candle. A fee in the coin leaves whole lots, and what it takes is the fee."""
    state, found, on = run.state, run.found, run.on
    lot = float(run.venue.lot[number])
    kept = whole_down(sized.lots * (1.0 - on.coin_fee), 1.0) if on.coin_fee > 0.0 else sized.lots
    qty = quantity(kept, lot)
    fee = (quantity(sized.lots, lot) - qty) * price if on.coin_fee > 0.0 else qty * price * on.fee
    smallest = smallest_tradeable(stop, 0.0, minimums(run, number))
    trade = opened(
        side, price, stop, out_at, on.fee, kept, smallest, float(run.venue.tick[number]), closes_at(run.grid, row)
    )
    position = int(state.counts[TRADES])
    state.trades[number], state.number[number] = entered(run.rule, at, trade), position
    state.held[state.counts[HELD]] = number
    state.counts[HELD] += 1
    state.counts[TRADES] += 1
    state.coin_held[run.venue.coin[number]] = 1
    state.money[CASH] -= qty * price + fee
    found.signal[position], found.entry_row[position] = at, row + 1
    found.entry_price[position], found.qty[position], found.stop[position] = price, qty, stop
    found.r[position], found.fee[position], found.funding[position] = trade.r, fee, 0.0
    found.pnl[position] = -fee
