"""Kraken's counters as budgets: public calls per endpoint, private calls per key, orders per pair with costs by age.

Source: docs.kraken.com, guides "Spot REST rate limits" and "Spot trading rate limits". All decay in market time. The decay
depends on the account's level, which Kraken does not report. The owner's setting holds until a refusal lowers it for a while.
"""

from __future__ import annotations

import time
from copy import copy
from types import MappingProxyType
from typing import NamedTuple

from bot.brokers.base import Priority
from bot.brokers.common.deadline import Deadline
from bot.brokers.common.rate_limits import Budget, admit, await_room
from bot.brokers.kraken.config import LIMITS, Limits, Tier
from bot.domain.clock import HOUR, MINUTE, Clock
from bot.domain.log import Event, Log

#: Queries that cost two points: everything about ledgers and trades.
_DEAR = frozenset({"TradesHistory", "QueryTrades", "Ledgers", "QueryLedgers"})
#: About one call per second and public endpoint; three at once are harmless.
_PUBLIC_BURST, _PUBLIC_DECAY = 3.0, 1.0
#: Counted per pair, so one market's candles do not wait for another's. All pairs together have a larger limit of their own.
_PER_PAIR = frozenset({"OHLC", "Trades"})
_PAIRS_BURST, _PAIRS_DECAY = 12.0, 4.0
#: Points of the key's counter that are never used, because Kraken's clock and ours are not in step.
_SPARE = 0.5
#: The share of the key's counter that each priority may fill. One point takes seconds to decay, so room is kept for exits first,
#: then for queries.
_SHARES = MappingProxyType({Priority.EXIT: 1.0, Priority.QUERY: 0.7, Priority.ENTRY: 0.5})
#: Market ms after a rate refusal during which the account counts as one of the level below.
LOWERED_FOR = HOUR
#: The shortest wait (real ms) that is logged, and the time (real seconds) until another one is.
_WORTH_A_LINE, _QUIET = 1_000, MINUTE / 1_000

ADD_COST = 1.0
#: Points by the order's age in seconds: (younger than, cost).
_AMEND_AGES = ((5, 4.0), (10, 3.0), (15, 2.0))
_CANCEL_AGES = ((5, 8.0), (10, 6.0), (15, 5.0), (45, 4.0), (90, 2.0), (300, 1.0))
_TIERS = (Tier.STARTER, Tier.INTERMEDIATE, Tier.PRO)


def amend_cost(age_ms: int) -> float:
    """Points for amending an order of this age (ms): 1, and more for a young order."""
    return next((cost for bound, cost in _AMEND_AGES if age_ms < bound * 1000), 1.0)


def cancel_cost(age_ms: int) -> float:
    """Points for cancelling an order of this age (ms): 0 once it is five minutes old."""
    return next((cost for bound, cost in _CANCEL_AGES if age_ms < bound * 1000), 0.0)


def question_cost(method: str) -> float:
    """Points of the key's counter for a private query."""
    return 2.0 if method in _DEAR else 1.0


class Charge(NamedTuple):
    """What an order request costs on its pair's counter, and the priority at which it waits."""

    pair: str
    cost: float
    priority: Priority


class KrakenLimits:
    """The budgets of one key. Waiting for room ends at the call's deadline (`OverBudget`)."""

    def __init__(self, tier: Tier, clock: Clock, log: Log) -> None:
        self._tier = tier
        self._clock = clock
        self._log = log
        self._believed, self._lowered_at = tier, 0
        self._calls = Budget("private calls", LIMITS[tier].calls - _SPARE, LIMITS[tier].calls_decay, clock, _SHARES)
        self._public: dict[str, Budget] = {}
        self._pairs: dict[str, Budget] = {}
        self._last = self._calls
        self._said = float("-inf")

    def beside(self) -> KrakenLimits:
        """The same budgets for another thread, whose refusals are tracked separately."""
        return copy(self)

    def public(
        self, method: str, pair: str, deadline: Deadline, priority: Priority = Priority.QUERY, cost: float = 1.0
    ) -> None:
        """Wait for room for one public call. `pair` is its market, "" for none or many."""
        if method in _PER_PAIR:
            self._spend(self._of(method, _PAIRS_BURST, _PAIRS_DECAY), cost, priority, deadline)
        name = f"{method} {pair}" if method in _PER_PAIR else method
        self._spend(self._of(name, _PUBLIC_BURST, _PUBLIC_DECAY), cost, priority, deadline)

    def _of(self, name: str, burst: float, decay: float) -> Budget:
        return self._public.setdefault(name, Budget(name, burst, decay, self._clock))

    def question(self, method: str, deadline: Deadline, priority: Priority = Priority.QUERY) -> None:
        """Wait for room for one private query."""
        self._pace()
        self._spend(self._calls, question_cost(method), priority, deadline)

    def room(self, questions: int, deadline: Deadline) -> None:
        """Wait until this many one-point queries have room at once, at the highest priority."""
        self._pace()
        await_room(self._calls, float(questions), Priority.EXIT, deadline, self._clock)

    def _pace(self) -> None:
        limits = self._limits()
        self._calls.pace(limits.calls - _SPARE, limits.calls_decay)

    def order(self, charge: Charge, deadline: Deadline) -> None:
        """Wait for room for one order request."""
        limits, pair = self._limits(), charge.pair
        budget = self._pairs.get(pair) or Budget(f"orders of {pair}", limits.orders, limits.orders_decay, self._clock)
        budget.pace(limits.orders, limits.orders_decay)
        self._pairs[pair] = budget
        self._spend(budget, charge.cost, charge.priority, deadline)

    # -- the key's counter across programs --------------------------------------------------------------------------
    def recall(self, spent: tuple[float, int], cost: float = 0.0) -> None:
        """Raise the key's counter to what a program on this host last stored (`spent`), plus `cost` for a call since."""
        self._calls.recall(*spent, cost)

    @property
    def spent(self) -> tuple[float, int]:
        """The level of the key's counter, and its market time (ms)."""
        return self._calls.state

    # -- refusals ---------------------------------------------------------------------------------------------------
    def refused(self) -> None:
        """The venue refused the last call for its rate: its counter is full, and the account's level may be lower."""
        self._last.exhaust()
        if self._last is not self._calls and self._last not in self._pairs.values():
            return
        below = _TIERS[max(_TIERS.index(self._level()) - 1, 0)]
        self._lowered_at = self._clock.market_ms()
        if below is not self._believed:
            self._believed = below
            self._log.warning(Event.TIER, venue="kraken", set=self._tier, believed=below, reason="refused for its rate")

    def _level(self) -> Tier:
        """The level that the account currently counts as."""
        if self._believed is not self._tier and self._clock.market_ms() - self._lowered_at >= LOWERED_FOR:
            self._believed = self._tier
        return self._believed

    def _limits(self) -> Limits:
        return LIMITS[self._level()]

    def _spend(self, budget: Budget, cost: float, priority: Priority, deadline: Deadline) -> None:
        self._last = budget
        real = self._clock.pacer.counter_wait_ms(budget.wait_ms(cost, priority))
        if _WORTH_A_LINE <= real < deadline.left() * 1000 and time.monotonic() - self._said > _QUIET:
            self._said = time.monotonic()
            self._log.info(Event.WAITS, venue="kraken", budget=budget.name, seconds=f"{real / 1000:.1f}")
        admit(budget, cost, priority, deadline, self._clock)
