"""Kraken's counters as budgets: public calls per endpoint, private calls per key, orders per pair with their age table.

Source: docs.kraken.com, guides "Spot REST rate limits" and "Spot trading rate limits". All decay in market time.
"""

from __future__ import annotations

from typing import NamedTuple

from bot.brokers.base import Lane
from bot.brokers.deadline import Deadline
from bot.brokers.kraken.config import Limits
from bot.brokers.rate_limits import Budget, admit
from bot.domain.clock import Clock

#: Questions that cost more than one point: everything about ledgers and trades.
_DEAR = frozenset({"TradesHistory", "QueryTrades", "Ledgers", "QueryLedgers"})
#: About one call a second per public endpoint; three at once do no harm.
_PUBLIC_BURST, _PUBLIC_DECAY = 3.0, 1.0
#: Counted for each pair: one market's candles do not wait for another's. All pairs together are held to more than one a second.
_PER_PAIR = frozenset({"OHLC", "Trades"})
_PAIRS_BURST, _PAIRS_DECAY = 12.0, 4.0

ADD_COST = 1.0
#: Points by the age of the order in seconds: younger than the bound costs so much.
_AMEND_AGES = ((5, 4.0), (10, 3.0), (15, 2.0))
_CANCEL_AGES = ((5, 8.0), (10, 6.0), (15, 5.0), (45, 4.0), (90, 2.0), (300, 1.0))


def amend_cost(age_ms: int) -> float:
    """Points for changing an order of this age: 1, and more for a young one."""
    return next((cost for bound, cost in _AMEND_AGES if age_ms < bound * 1000), 1.0)


def cancel_cost(age_ms: int) -> float:
    """Points for cancelling an order of this age: nothing once it is five minutes old."""
    return next((cost for bound, cost in _CANCEL_AGES if age_ms < bound * 1000), 0.0)


class Charge(NamedTuple):
    """What an order request takes from its pair's counter, and in which lane it queues for it."""

    pair: str
    cost: float
    lane: Lane


class KrakenLimits:
    """The budgets of one key. Waiting for room ends with the call's deadline (`OverBudget`)."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._calls = Budget("private calls", limits.calls, limits.calls_decay, clock)
        self._public: dict[str, Budget] = {}
        self._pairs: dict[str, Budget] = {}
        self._last = self._calls

    def public(self, method: str, pair: str, deadline: Deadline) -> None:
        """Room for one public call; `pair` is the market it is about, "" for none or many."""
        if method in _PER_PAIR:
            self._spend(self._of(method, _PAIRS_BURST, _PAIRS_DECAY), 1.0, Lane.QUERY, deadline)
        name = f"{method} {pair}" if method in _PER_PAIR else method
        self._spend(self._of(name, _PUBLIC_BURST, _PUBLIC_DECAY), 1.0, Lane.QUERY, deadline)

    def _of(self, name: str, burst: float, decay: float) -> Budget:
        return self._public.setdefault(name, Budget(name, burst, decay, self._clock))

    def question(self, method: str, deadline: Deadline) -> None:
        """Room for one private question."""
        self._spend(self._calls, 2.0 if method in _DEAR else 1.0, Lane.QUERY, deadline)

    def order(self, charge: Charge, deadline: Deadline) -> None:
        """Room for one order request."""
        limits, pair = self._limits, charge.pair
        budget = self._pairs.get(pair) or Budget(f"orders of {pair}", limits.orders, limits.orders_decay, self._clock)
        self._pairs[pair] = budget
        self._spend(budget, charge.cost, charge.lane, deadline)

    def refused(self) -> None:
        """The venue refused the last call for its rate: its counter is full."""
        self._last.exhaust()

    def _spend(self, budget: Budget, cost: float, lane: Lane, deadline: Deadline) -> None:
        self._last = budget
        admit(budget, cost, lane, deadline, self._clock)
