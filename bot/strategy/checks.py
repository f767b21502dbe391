"""The check of each gate: takes numbers of the snapshot; returns whether they block an entry, with the value and its limit.

Plain scalar code that live calls and the backtest compiles: it accepts money as float or Decimal, contains no constants of money
and calls no library. Each check is valid for every finite snapshot, independent of the other gates. Their order is in `gates`,
their sentences in `gate_words`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple, TypeVar

from bot.strategy.gate_inputs import (
    Account,
    Answer,
    Bound,
    Capacity,
    Lost,
    Offer,
    Operation,
    Order,
    Quote,
    Room,
    Signal,
    Strategy,
    Symbol,
)
from bot.strategy.grid import rounded
from bot.strategy.sizing import SizingResult
from bot.strategy.timing import NEWS_MS

#: The greatest age (real ms) of balances on which an entry is decided.
STALE_MS = 60_000

#: A value that a gate checks, or its limit: a number, or the name of a state.
Value = Decimal | float | str


Number = TypeVar("Number", Decimal, float)


class Check(NamedTuple):
    """The result of one gate: whether it blocks, the value, and its limit."""

    blocked: bool
    value: Value
    limit: Value


# -- is there a signal ------------------------------------------------------------------------------------------------
def candles(now: Signal) -> Check:
    return Check(len(now.unfit) > 0, now.unfit, "whole and true up to the last close")


def short(now: Signal) -> Check:
    return Check(now.side < 0 and not now.shortable, "short", "long")


def no_return(now: Signal) -> Check:
    return Check(not now.returns, "its last trade", "another trade")


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


def evidence(now: Operation) -> Check:
    return Check(now.evidence != "", now.evidence, "a backtest that earned")


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
def denied(now: Symbol) -> Check:
    return Check(len(now.denied) > 0, now.denied, "allowed")


def unsettled(now: Symbol) -> Check:
    return Check(now.unsettled > 0, now.unsettled, 0)


def market(now: Symbol) -> Check:
    return Check(len(now.market) > 0, now.market, "open")


def stopped_out(now: Symbol) -> Check:
    return Check(now.stopped_at >= now.candle - now.timeframe, now.stopped_at, now.candle - now.timeframe)


def losses(now: Symbol) -> Check:
    cooling = now.lost_in_a_row >= now.max_lost_in_a_row and now.wait_min > 0
    return Check(cooling, now.lost_in_a_row, now.max_lost_in_a_row)


def news(now: Symbol) -> Check:
    return Check(now.to_news <= NEWS_MS, now.to_news, NEWS_MS)


def candle_used(now: Symbol) -> Check:
    return Check(now.entries >= now.max_entries, now.entries, now.max_entries)


# -- does the account have room ---------------------------------------------------------------------------------------
def balances(now: Capacity) -> Check:
    return Check(now.balances_age > STALE_MS, now.balances_age, STALE_MS)


def positions(now: Capacity) -> Check:
    return Check(now.open_positions >= now.max_open_positions, now.open_positions, now.max_open_positions)


def order_rate(now: Capacity) -> Check:
    return Check(now.orders_last_minute >= now.max_orders_per_minute, now.orders_last_minute, now.max_orders_per_minute)


# -- is the price plausible -------------------------------------------------------------------------------------------
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


def lost_pct(now: Number, before: Number) -> Number:
    """The decrease from `before` to `now` in percent; 0 if there is none."""
    return (before - now) / before * 100 if now < before else before - before


# -- is it worth that price -------------------------------------------------------------------------------------------
def strategy(now: Strategy) -> Check:
    return Check(not now.answered, "no answer", "an answer")


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
    # Both are rounded, not their difference: what floats are off by is large in a difference of nearly equal prices.
    return Check(now.side * (rounded(now.target) - rounded(now.price)) <= 0.0, now.price, now.target)


def costs(now: Offer) -> Check:
    return Check(not reward(now) >= rounded(now.least), reward(now), now.least)


# -- does its order fit -----------------------------------------------------------------------------------------------
def size(now: Order) -> Check:
    return Check(now.fit == SizingResult.OVER_EQUITY.value, now.smallest, now.allowed)


def order_value(now: Order) -> Check:
    return Check(over(now, now.max_order, Bound.ORDER.value), now.value, now.max_order)


def coin_exposure(now: Order) -> Check:
    return Check(over(now, now.coin_room, Bound.COIN.value), now.value, now.coin_room)


def exposure(now: Order) -> Check:
    return Check(over(now, now.room, Bound.ALL.value), now.value, now.room)


def over(now: Order, most: Decimal, bound: int) -> bool:
    """Whether the order exceeds this gate's limit, or this limit is the tightest and even the smallest order exceeds it."""
    if now.fit == SizingResult.OVER_CEILING.value:
        return now.tightest == bound
    return now.lots > 0 and now.value > most


def cash(now: Order) -> Check:
    return Check(now.fit == SizingResult.OVER_CASH.value, now.smallest, now.allowed)


# -- what became of the order -----------------------------------------------------------------------------------------
def rejected(now: Answer) -> Check:
    return Check(now.rejected != "", now.rejected, "taken")


def unfilled(now: Answer) -> Check:
    return Check(now.filled == 0, now.filled, now.wanted)


def room(now: Capacity) -> Room:
    """The value that the limits leave for one more entry; negative if they are exceeded already."""
    total = now.equity * now.max_exposure_pct / 100 - now.exposure
    coin = now.equity * now.max_coin_exposure_pct / 100 - now.coin_exposure
    if now.max_order < total and now.max_order < coin:
        return Room(total, coin, now.max_order, Bound.ORDER.value)
    if coin < total:
        return Room(total, coin, coin, Bound.COIN.value)
    return Room(total, coin, total, Bound.ALL.value)
