"""A venue's rate budget: we wait before the venue has to refuse us. Exits go before queries, queries before entries.

Owns the counters (on the market clock, as the venues keep theirs) and the waiting for room in them. Venue-neutral: capacities,
costs and counters come from each venue's own table. Threads of one account may share a counter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import RLock
from types import MappingProxyType

from bot.brokers.base import Priority
from bot.brokers.common.deadline import Deadline
from bot.domain.clock import Clock

#: The share of a budget that each priority may fill: the rest is reserved for higher priorities.
SHARES: Mapping[Priority, float] = MappingProxyType(
    {Priority.EXIT: 1.0, Priority.QUERY: 0.85, Priority.ENTRY: 0.6, Priority.CANDLES: 0.5}
)


class OverBudget(Exception):
    """The budget has no room before the deadline. `wait_ms` (real): until it would."""

    def __init__(self, name: str, wait_ms: int) -> None:
        super().__init__(f"own rate budget for {name} is used up, room in {wait_ms / 1000:.1f} s")
        self.wait_ms = wait_ms


class Budget:
    """A counter that every call raises by its cost and that decays by `decay` per market second.

    The venue refuses when its own counter reaches `capacity`. An empty counter admits any call.
    """

    def __init__(
        self, name: str, capacity: float, decay: float, clock: Clock, shares: Mapping[Priority, float] = SHARES
    ) -> None:
        self.name = name
        self._capacity = capacity
        self._decay = decay
        self._clock = clock
        self._shares = shares
        self._lock = RLock()
        self._level = 0.0
        self._at = self._now()

    def level(self) -> float:
        """The counter's level now."""
        with self._lock:
            now = self._now()
            self._level = max(0.0, self._level - max(0, now - self._at) / 1000 * self._decay)
            self._at = now  # also if the clock was set back: otherwise nothing would decay until it has caught up
            return self._level

    def wait_ms(self, cost: float, priority: Priority) -> int:
        """Market milliseconds until a call of this cost has room at its priority; 0 if it has room now."""
        with self._lock:
            level = self.level()
            ceiling = max(0.0, self._capacity * self._shares[priority] - cost)
            return 0 if level <= ceiling else int((level - ceiling) / self._decay * 1000) + 1

    def take(self, cost: float, priority: Priority) -> int:
        """Count a call that is about to be sent and return 0; without room, only return the market ms until there is."""
        with self._lock:
            wait = self.wait_ms(cost, priority)
            if not wait:
                self.spend(cost)
            return wait

    def spend(self, cost: float) -> None:
        """Count a call that is about to be sent, even without room."""
        with self._lock:
            self._level = self.level() + cost

    def pace(self, capacity: float, decay: float) -> None:
        """Change capacity and decay from now on."""
        with self._lock:
            self._level = self.level()
            self._capacity, self._decay = capacity, decay

    def recall(self, level: float, at: int, cost: float = 0.0) -> None:
        """Raise the counter to `level` as of market time `at`, decayed since then, plus `cost`; never lower it.

        Other programs may have used the same counter.
        """
        with self._lock:
            gone = max(0, self._now() - at) / 1000 * self._decay
            self._level = max(self.level(), min(max(0.0, level - gone), self._capacity) + cost)

    @property
    def state(self) -> tuple[float, int]:
        """The counter's level and its market time (ms), for `recall`."""
        with self._lock:
            return self.level(), self._at

    def exhaust(self) -> None:
        """Fill the counter, because the venue says that its own is full."""
        with self._lock:
            self._level = max(self.level(), self._capacity)

    def _now(self) -> int:
        return self._clock.pacer.counter_ms(self._clock.market_ms(), self._clock.wall_ms())


def admit(budget: Budget, cost: float, priority: Priority, deadline: Deadline, clock: Clock) -> None:
    """Wait for room and spend it; raises `OverBudget` if the deadline would pass first."""
    _await(lambda: budget.take(cost, priority), budget.name, deadline, clock)


def await_room(budget: Budget, cost: float, priority: Priority, deadline: Deadline, clock: Clock) -> None:
    """Wait for room without spending it; raises `OverBudget` if the deadline would pass first."""
    _await(lambda: budget.wait_ms(cost, priority), budget.name, deadline, clock)


def _await(missing: Callable[[], int], name: str, deadline: Deadline, clock: Clock) -> None:
    """Wait until nothing is missing. Counters decay in market time, waits are in real time: the clock's pacer converts."""
    while wait := missing():
        real = clock.pacer.counter_wait_ms(wait)
        if real >= deadline.left() * 1000:
            raise OverBudget(name, real)
        deadline.pause(real / 1000)
