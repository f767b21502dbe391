"""Kraken's rate limits: a counter per key, the matching engine's counter per pair, and public calls.

All of them decay by the market clock, so that a faster market allows proportionally more calls.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from bot.sandbox.core.switches import Switches
from bot.sandbox.kraken import errors
from bot.sandbox.kraken.errors import KrakenError

DOUBLE = frozenset({"TradesHistory", "Ledgers", "QueryLedgers"})
FREE = frozenset({"AddOrder", "AddOrderBatch", "CancelOrder", "CancelOrderBatch", "EditOrder", "AmendOrder"})
AMEND = ((5, 3), (10, 2), (15, 1))
EDIT = ((5, 6), (10, 5), (15, 4), (45, 2), (90, 1))
CANCEL = ((5, 8), (10, 6), (15, 5), (45, 4), (90, 2), (300, 1))


class Counter:
    """A counter that decays steadily; times in milliseconds."""

    def __init__(self) -> None:
        self._value = Decimal(0)
        self._at_ms = 0

    def add(self, cost: Decimal, limit: int, decay: Decimal, now_ms: int) -> bool:
        """Adds a cost; False if that exceeds the limit. The cost is added anyway, up to 1.5 times the limit."""
        elapsed = Decimal(max(0, now_ms - self._at_ms)) / 1000
        self._value = max(Decimal(0), self._value - elapsed * decay)
        self._at_ms = now_ms
        fits = self._value + cost <= limit
        self._value = min(self._value + cost, Decimal(limit) * 3 / 2)
        return fits


class Limits:
    """All counters of the venue."""

    def __init__(self, switches: Switches, now_ms: Callable[[], int]) -> None:
        self._switches = switches
        self._now_ms = now_ms
        self._keys: dict[str, Counter] = {}
        self._pairs: dict[tuple[str, str], Counter] = {}
        self._public: dict[tuple[str, str], Counter] = {}

    def charge_key(self, key: str, method: str) -> None:
        """The private REST counter: +2 for history calls, 0 for orders, +1 for all others."""
        cost = 0 if method in FREE else 2 if method in DOUBLE else 1
        limit, decay = self._switches.number("rate_counter_max"), self._switches.number("rate_counter_decay_per_100s")
        counter = self._keys.setdefault(key, Counter())
        if cost and not counter.add(Decimal(cost), limit, Decimal(decay) / 100, self._now_ms()):
            raise KrakenError(errors.RATE_LIMIT)

    def charge_public(self, method: str, pair: str) -> None:
        """One call per second for each method and pair, with a small burst."""
        counter = self._public.setdefault((method, pair), Counter())
        if not counter.add(Decimal(1), self._switches.number("public_burst"), Decimal(1), self._now_ms()):
            raise KrakenError(errors.RATE_LIMIT)

    def charge_engine(self, account: str, symbol: str, cost: Decimal) -> None:
        """The matching engine's counter for a pair."""
        limit, decay = self._switches.number("engine_threshold"), self._switches.number("engine_decay_per_100s")
        counter = self._pairs.setdefault((account, symbol), Counter())
        if not counter.add(cost, limit, Decimal(decay) / 100, self._now_ms()):
            raise KrakenError(errors.ORDER_RATE_LIMIT)


def age_cost(table: tuple[tuple[int, int], ...], age_ms: int) -> int:
    """The extra cost of changing an order of that age."""
    return next((cost for seconds, cost in table if age_ms < seconds * 1000), 0)
