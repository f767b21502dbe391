"""When the market reaches which resting orders: the next such moment and its orders.

Finds the exact first millisecond, so that the result does not depend on how often it is asked. Changes nothing.
"""

from __future__ import annotations

from decimal import Decimal

from bot.sandbox.core import matching
from bot.sandbox.core.sources import Market
from bot.sandbox.core.state import State
from bot.sandbox.core.values import Order

MS_NS = 1_000_000


class Meetings:
    """Compares the open orders of a venue with its market."""

    def __init__(self, state: State, market: Market) -> None:
        self._state = state
        self._market = market
        self._seen: dict[tuple[str, int, int], tuple[Decimal, Decimal]] = {}

    def next(self, now: int, stop: int) -> tuple[int, list[Order]] | None:
        """The earliest moment in (now, stop] at which orders are reached, and those orders, stops first."""
        moments: dict[int, list[Order]] = {}
        self._seen.clear()
        for order in self._state.open.values():
            moment = self._moment(order, now, stop)
            if moment is not None:
                moments.setdefault(moment, []).append(order)
        if not moments:
            return None
        first = min(moments)
        return first, sorted(moments[first], key=lambda o: (not o.waiting, o.sequence))

    def _moment(self, order: Order, now: int, stop: int) -> int | None:
        begin = max(now, order.since_ms)
        if begin >= stop:
            return None
        expiry = stop + 1 if order.expire_ms is None else max(begin + 1, order.expire_ms)
        if order.part_ms is not None:
            due = min(max(order.part_ms, begin + 1), expiry)
            return due if due <= stop else None
        end = min(stop, expiry)
        if self._met(order, begin, end):
            return matching.first_moment(lambda until: self._met(order, begin, until), begin, end)
        return expiry if expiry <= stop else None

    def _met(self, order: Order, begin: int, end: int) -> bool:
        """Whether the market reaches the order in (begin, end]; a resting order needs a trade at its price."""
        low, high = self._extremes(order.symbol, begin, end)
        if not matching.reached(order, low, high):
            return False
        return order.waiting or low < high or bool(self._market.trades(order.symbol, begin * MS_NS, end, 1))

    def _extremes(self, symbol: str, begin: int, end: int) -> tuple[Decimal, Decimal]:
        """The market's extremes, read once for all orders of a symbol."""
        key = (symbol, begin, end)
        if key not in self._seen:
            self._seen[key] = self._market.extremes(symbol, begin, end)
        return self._seen[key]
