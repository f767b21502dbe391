"""Which orders trade at which price: pure functions of a book and of price extremes.

Incoming orders walk the book. Resting and conditional orders are met at the first moment at which the market's low or
high reaches them. The market is the counterparty of every trade; an account's own orders are only in each other's way, at venues
that prevent trades with oneself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from random import Random

from bot.sandbox.core.instrument import Instrument, floor_to
from bot.sandbox.core.values import STOPS, ZERO, Order, Side, sure

Level = tuple[Decimal, Decimal]


def thinned(levels: Sequence[Level], qty: Decimal, instrument: Instrument, dice: Random) -> list[Level]:
    """The book as this order finds it: sometimes others were faster, so that it fills in two or three parts."""
    roll = dice.random()
    parts = 3 if roll < 0.12 else 2 if roll < 0.35 else 1
    out = list(levels)
    left = qty
    for i in range(min(parts - 1, len(out) - 1)):
        share = floor_to(left * Decimal(dice.randint(30, 60)) / 100, instrument.lot)
        out[i] = (out[i][0], min(out[i][1], share))
        left -= out[i][1]
    return [level for level in out if level[1] > ZERO]


def walk(levels: Iterable[Level], side: Side, qty: Decimal, limit: Decimal | None, lot: Decimal) -> list[Level]:
    """The executions of `qty` against `levels` (best first), at `limit` or better."""
    slices: list[Level] = []
    for price, available in levels:
        if qty <= ZERO or (limit is not None and _worse(side, price, limit)):
            break
        part = min(qty, floor_to(available, lot))
        if part > ZERO:
            slices.append((price, part))
            qty -= part
    return slices


def walk_budget(levels: Iterable[Level], budget: Decimal, rate: Decimal, lot: Decimal) -> list[Level]:
    """The executions of a buy that spends at most `budget` of quote, including fees (`rate` of the cost)."""
    slices: list[Level] = []
    for price, available in levels:
        affordable = floor_to(budget / (price * (1 + rate)), lot)
        part = min(floor_to(available, lot), affordable)
        if part > ZERO:
            slices.append((price, part))
            budget -= part * price * (1 + rate)
        if part == affordable:
            break
    return slices


def in_its_way(order: Order, others: Iterable[Order], price: Decimal) -> list[Order]:
    """The resting orders of the same account that an incoming order meets before it can trade at `price`, or at that price."""
    return [
        one
        for one in others
        if (one.account, one.symbol, one.side) == (order.account, order.symbol, order.side.other)
        and one.working
        and not one.waiting
        and one.price is not None
        and not _worse(order.side, one.price, price)
    ]


def _worse(side: Side, price: Decimal, limit: Decimal) -> bool:
    return price > limit if side is Side.BUY else price < limit


def fires_below(order: Order) -> bool:
    """True if a falling price triggers the conditional order (a sell stop, a buy take-profit)."""
    return (order.side is Side.SELL) == (order.kind in STOPS)


def reached(order: Order, low: Decimal, high: Decimal) -> bool:
    """Whether prices between `low` and `high` trigger a conditional order or trade with a resting one."""
    if not order.waiting:
        price = sure(order.price)
        return low <= price if order.side is Side.BUY else high >= price
    if order.active is not None:
        return high >= order.active if order.side is Side.SELL else low <= order.active
    trigger = sure(order.trigger)
    return at_target(order, low, high) or (low <= trigger if fires_below(order) else high >= trigger)


def at_target(order: Order, low: Decimal, high: Decimal) -> bool:
    """Whether prices between `low` and `high` reach a bracket's take-profit."""
    if order.target is None:
        return False
    return high >= order.target if order.side is Side.SELL else low <= order.target


def first_moment(met_until: Callable[[int], bool], from_ms: int, to_ms: int) -> int:
    """The first market millisecond in (from_ms, to_ms] at which it has happened; the caller knows that it has."""
    early, late = from_ms, to_ms
    while late - early > 1:
        middle = (early + late) // 2
        if met_until(middle):
            late = middle
        else:
            early = middle
    return late


def trail_to(order: Order, low: Decimal, high: Decimal, tick: Decimal) -> Decimal | None:
    """The tightened trigger of a trailing stop after prices between `low` and `high`; None if it does not move."""
    trigger = sure(order.trigger)
    if order.side is Side.SELL:
        tightened = floor_to(high - order.trail_at(high), tick)
        return tightened if tightened > trigger else None
    tightened = floor_to(low + order.trail_at(low), tick)
    return tightened if tightened < trigger else None
