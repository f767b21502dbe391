"""Why an entry is not made: every reason, in the order it is asked, as one list of pure checks over one snapshot.

A *gate* asks one question of its part of the snapshot and *blocks*, or lets the entry pass. The parts are gathered one after
the other, so that what is dear to learn (a price from the exchange) is learnt only when everything before has passed. A check
returns numbers; their words are in `gate_words`. Prices and sizes of the rule are floats with its named rounding, money is
Decimal; the text of a check takes either, holds no constant of money and calls no library, so that it can be compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import IntEnum, auto
from typing import Any, NamedTuple, TypeVar

from bot.strategy.grid import rounded
from bot.strategy.sizing import Fit
from bot.strategy.timing import NEWS_MS

#: How old (real ms) what the exchange said of balances may be when an entry is decided on it.
STALE_MS = 60_000


class Gate(IntEnum):
    """Every gate, in the order they are asked."""

    CANDLES = auto()
    SHORT = auto()
    HELD = auto()
    STOPPING = auto()
    EXCHANGE = auto()
    WATCHING = auto()
    DISK = auto()
    EMERGENCY_STOP = auto()
    WATCH_ONLY = auto()
    PAUSED = auto()
    SECOND_INSTANCE = auto()
    STOP_ORDERS = auto()
    FUNDS = auto()
    HISTORY = auto()
    DRAWDOWN = auto()
    DAILY_LOSS = auto()
    UNSETTLED = auto()
    MARKET = auto()
    STOPPED_OUT = auto()
    LOSSES = auto()
    NEWS = auto()
    CANDLE_USED = auto()
    BALANCES = auto()
    POSITIONS = auto()
    ORDER_RATE = auto()
    PRICE = auto()
    BID_ASK = auto()
    JUMP = auto()
    SPREAD = auto()
    STOP = auto()
    RISK = auto()
    TARGET = auto()
    COSTS = auto()
    SIZE = auto()
    ORDER_VALUE = auto()
    COIN_EXPOSURE = auto()
    EXPOSURE = auto()
    CASH = auto()
    REJECTED = auto()
    UNFILLED = auto()

    @property
    def word(self) -> str:
        """Its name in the log and in counts."""
        return self.name.lower()


#: What a gate found, and what it held that against: a number, or the name of a state.
Value = Decimal | float | str


class Check(NamedTuple):
    """One gate's answer: whether it blocks, what it found, and what it must be."""

    blocked: bool
    value: Value
    limit: Value


class Blocked(NamedTuple):
    """The gate that blocks an entry, its numbers, and the part of the snapshot that it was asked of."""

    gate: Gate
    value: Value
    limit: Value
    part: Any


# -- what limits on value leave --
class Room(NamedTuple):
    """Dollars that one more entry may be worth by each limit on its value, and the gate of the least."""

    total: Decimal
    coin: Decimal
    least: Decimal
    tightest: int


def room(now: Capacity) -> Room:
    """What the limits on value leave for one more entry; below 0 where more is at stake than they allow."""
    total = now.equity * now.max_exposure_pct / 100 - now.exposure
    coin = now.equity * now.max_coin_exposure_pct / 100 - now.coin_exposure
    if now.max_order < total and now.max_order < coin:
        return Room(total, coin, now.max_order, Gate.ORDER_VALUE.value)
    if coin < total:
        return Room(total, coin, coin, Gate.COIN_EXPOSURE.value)
    return Room(total, coin, total, Gate.EXPOSURE.value)


# -- is there a signal ------------------------------------------------------------------------------------------------
def candles(now: Signal) -> Check:
    return Check(now.unfit != "", now.unfit, "whole and true up to the last close")


def short(now: Signal) -> Check:
    return Check(now.side < 0 and not now.shortable, "short", "long")


def held(now: Signal) -> Check:
    return Check(now.held, "held", "not held")


# -- may this account enter -------------------------------------------------------------------------------------------
def stopping(now: Operation) -> Check:
    return Check(now.stopping, "stopping", "running")


def exchange(now: Operation) -> Check:
    return Check(now.exchange != "online", now.exchange, "online")


def watching(now: Operation) -> Check:
    return Check(now.watching, "not known yet", "this NIJA alone")


def disk(now: Operation) -> Check:
    return Check(now.disk != "", now.disk, "room to write")


def emergency_stop(now: Operation) -> Check:
    return Check(now.emergency, "there", "no such file")


def watch_only(now: Operation) -> Check:
    return Check(now.watch_only, "watched", "traded")


def paused(now: Operation) -> Check:
    return Check(now.paused, "paused", "not paused")


def second_instance(now: Operation) -> Check:
    return Check(now.second_instance, "another NIJA", "this NIJA alone")


def stop_orders(now: Account) -> Check:
    return Check(not now.stop_orders, "refused", "taken")


def funds(now: Account) -> Check:
    return Check(now.funds < now.min_funds, now.funds, now.min_funds)


def history(now: Account) -> Check:
    return Check(now.reading, "being read", "read")


def drawdown(now: Lost) -> Check:
    return Check(now.drawdown_pct >= now.max_drawdown_pct, now.drawdown_pct, now.max_drawdown_pct)


def daily_loss(now: Lost) -> Check:
    return Check(now.day_pct >= now.max_day_pct, now.day_pct, now.max_day_pct)


# -- may this symbol enter on this candle -----------------------------------------------------------------------------
def unsettled(now: Symbol) -> Check:
    return Check(now.unsettled > 0, now.unsettled, 0)


def market(now: Symbol) -> Check:
    return Check(now.market != "", now.market, "open")


def stopped_out(now: Symbol) -> Check:
    return Check(now.stopped_at >= now.candle - now.timeframe, now.stopped_at, now.candle - now.timeframe)


def losses(now: Symbol) -> Check:
    cooling = now.lost_in_a_row >= now.max_lost_in_a_row and now.wait_min > 0
    return Check(cooling, now.lost_in_a_row, now.max_lost_in_a_row)


def news(now: Symbol) -> Check:
    return Check(now.to_news <= NEWS_MS, now.to_news, NEWS_MS)


def candle_used(now: Symbol) -> Check:
    return Check(now.entries >= now.max_entries, now.entries, now.max_entries)


# -- has the account room ---------------------------------------------------------------------------------------------
def balances(now: Capacity) -> Check:
    return Check(now.balances_age > STALE_MS, now.balances_age, STALE_MS)


def positions(now: Capacity) -> Check:
    return Check(now.open_positions >= now.max_open_positions, now.open_positions, now.max_open_positions)


def order_rate(now: Capacity) -> Check:
    return Check(now.orders_last_minute >= now.max_orders_per_minute, now.orders_last_minute, now.max_orders_per_minute)


# -- is there a price that can be trusted -----------------------------------------------------------------------------
def price(now: Quote) -> Check:
    return Check(now.missing != "", now.missing, "a price")


def bid_ask(now: Quote) -> Check:
    return Check(not 0 < now.bid <= now.ask, now.bid, now.ask)


def jump(now: Quote) -> Check:
    away = max(abs(now.ask - now.close), abs(now.bid - now.close))
    return Check(away * 100 > now.max_jump_pct * now.close, percent(away, now.close), now.max_jump_pct)


def spread(now: Quote) -> Check:
    wide = now.ask - now.bid
    return Check(wide * 100 > now.max_spread_pct * now.ask, percent(wide, now.ask), now.max_spread_pct)


def percent(part: Decimal, whole: Decimal) -> Decimal:
    return part * 100 / whole if whole > 0 else part


# -- is it worth that price -------------------------------------------------------------------------------------------
def reward(now: Offer) -> float:
    """R in price units: positive when the stop is on the losing side of the price."""
    return rounded(now.side * (now.price - now.stop))


def stop(now: Offer) -> Check:
    return Check(not reward(now) > 0.0, now.stop, now.price)


def risk(now: Offer) -> Check:
    r = reward(now)
    share = r / now.price if now.price > 0.0 else r
    return Check(r > rounded(now.widest * now.price), share * 100.0, now.widest * 100.0)


def target(now: Offer) -> Check:
    return Check(now.side * rounded(now.target - now.price) <= 0.0, now.price, now.target)


def costs(now: Offer) -> Check:
    return Check(not reward(now) >= rounded(now.least), reward(now), now.least)


# -- does an order of it fit ------------------------------------------------------------------------------------------
def size(now: Order) -> Check:
    return Check(now.fit == Fit.OVER_EQUITY.value, now.smallest, now.allowed)


def order_value(now: Order) -> Check:
    return Check(over(now, now.max_order, Gate.ORDER_VALUE.value), now.value, now.max_order)


def coin_exposure(now: Order) -> Check:
    return Check(over(now, now.coin_room, Gate.COIN_EXPOSURE.value), now.value, now.coin_room)


def exposure(now: Order) -> Check:
    return Check(over(now, now.room, Gate.EXPOSURE.value), now.value, now.room)


def over(now: Order, most: Decimal, gate: int) -> bool:
    """Whether not even the smallest order fits under this gate's limit, the tightest, or the order itself is above it."""
    if now.fit == Fit.OVER_CEILING.value:
        return now.tightest == gate
    return now.lots > 0 and now.value > most


def cash(now: Order) -> Check:
    return Check(now.fit == Fit.OVER_CASH.value, now.smallest, now.allowed)


# -- what came of it --------------------------------------------------------------------------------------------------
def rejected(now: Answer) -> Check:
    return Check(now.rejected != "", now.rejected, "taken")


def unfilled(now: Answer) -> Check:
    return Check(now.filled == 0, now.filled, now.wanted)


# -- the list ---------------------------------------------------------------------------------------------------------
P = TypeVar("P", bound=tuple[Any, ...])
Rows = Mapping[Gate, Callable[[P], Check]]

SIGNAL: Rows[Signal] = {Gate.CANDLES: candles, Gate.SHORT: short, Gate.HELD: held}
OPERATION: Rows[Operation] = {
    Gate.STOPPING: stopping,
    Gate.EXCHANGE: exchange,
    Gate.WATCHING: watching,
    Gate.DISK: disk,
    Gate.EMERGENCY_STOP: emergency_stop,
    Gate.WATCH_ONLY: watch_only,
    Gate.PAUSED: paused,
    Gate.SECOND_INSTANCE: second_instance,
}
ACCOUNT: Rows[Account] = {Gate.STOP_ORDERS: stop_orders, Gate.FUNDS: funds, Gate.HISTORY: history}
LOST: Rows[Lost] = {Gate.DRAWDOWN: drawdown, Gate.DAILY_LOSS: daily_loss}
SYMBOL: Rows[Symbol] = {
    Gate.UNSETTLED: unsettled,
    Gate.MARKET: market,
    Gate.STOPPED_OUT: stopped_out,
    Gate.LOSSES: losses,
    Gate.NEWS: news,
    Gate.CANDLE_USED: candle_used,
}
CAPACITY: Rows[Capacity] = {Gate.BALANCES: balances, Gate.POSITIONS: positions, Gate.ORDER_RATE: order_rate}
QUOTE: Rows[Quote] = {Gate.PRICE: price, Gate.BID_ASK: bid_ask, Gate.JUMP: jump, Gate.SPREAD: spread}
#: Asked twice: at the close of the decision, then at the price to be paid.
OFFER: Rows[Offer] = {Gate.STOP: stop, Gate.RISK: risk, Gate.TARGET: target, Gate.COSTS: costs}
ORDER: Rows[Order] = {
    Gate.SIZE: size,
    Gate.ORDER_VALUE: order_value,
    Gate.COIN_EXPOSURE: coin_exposure,
    Gate.EXPOSURE: exposure,
    Gate.CASH: cash,
}
ANSWER: Rows[Answer] = {Gate.REJECTED: rejected, Gate.UNFILLED: unfilled}
#: All gates, in the order they are asked.
GATES: tuple[Rows[Any], ...] = (
    SIGNAL,
    OPERATION,
    ACCOUNT,
    LOST,
    SYMBOL,
    CAPACITY,
    QUOTE,
    OFFER,
    ORDER,
    ANSWER,
)


def first(rows: Rows[P], part: P) -> Blocked | None:
    """The first gate of `rows` that blocks, or None when all let the entry pass."""
    for gate, check in rows.items():
        found = check(part)
        if found.blocked:
            return Blocked(gate, found.value, found.limit, part)
    return None
