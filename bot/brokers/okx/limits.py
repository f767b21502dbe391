"""OKX's rate limits as budgets: calls per two seconds for each endpoint, some per instrument as well.

Source: OKX v5 API guide, "Rate Limit" of each endpoint. All decay in market time. No window of two seconds exceeds the limit:
30 % of it may be used at once, the rest is spread over the window.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from types import MappingProxyType

from bot.brokers.base import Priority
from bot.brokers.common.deadline import Deadline
from bot.brokers.common.rate_limits import Budget, admit
from bot.domain.clock import Clock

#: Calls per two seconds; other endpoints have `_USUAL`.
_CALLS: Mapping[str, float] = MappingProxyType(
    {
        "/api/v5/trade/order": 60,
        "/api/v5/trade/cancel-order": 60,
        "/api/v5/trade/amend-order": 60,
        "/api/v5/trade/orders-pending": 60,
        "/api/v5/trade/fills": 60,
        "/api/v5/trade/orders-history": 40,
        "/api/v5/trade/fills-history": 10,
        "/api/v5/trade/order-precheck": 5,
        "/api/v5/account/balance": 10,
        "/api/v5/account/positions": 10,
        "/api/v5/account/config": 5,
        "/api/v5/account/trade-fee": 5,
        "/api/v5/asset/balances": 10,
        "/api/v5/finance/savings/balance": 10,
        "/api/v5/market/candles": 40,
        "/api/v5/market/trades": 100,
        "/api/v5/public/time": 10,
        "/api/v5/public/funding-rate": 10,
        "/api/v5/public/funding-rate-history": 10,
        "/api/v5/public/market-data-history": 5,
        "/api/v5/system/status": 0.4,
    }
)
_USUAL = 20.0
_AT_ONCE, _FLOW = 0.3, 0.35
#: Counted per instrument as well as per user.
_PER_MARKET = frozenset(
    {
        "/api/v5/trade/order",
        "/api/v5/trade/cancel-order",
        "/api/v5/trade/amend-order",
        "/api/v5/trade/order-algo",
        "/api/v5/trade/cancel-algos",
        "/api/v5/trade/amend-algos",
        "/api/v5/public/funding-rate",
    }
)


class OkxLimits:
    """The budgets of one key. Waiting for room ends at the call's deadline (`OverBudget`)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._budgets: dict[str, Budget] = {}
        self._last: Budget | None = None

    def beside(self) -> OkxLimits:
        """The same budgets for another thread, whose refusals are tracked separately."""
        return copy(self)

    def spend(self, method: str, path: str, market: str, priority: Priority, deadline: Deadline) -> None:
        """Wait for room for one call. `market` is its instrument, "" for none."""
        name = f"{method} {path}" + (f" {market}" if path in _PER_MARKET else "")
        self._last = self._budgets.setdefault(name, self._budget(name, _CALLS.get(path, _USUAL)))
        admit(self._last, 1.0, priority, deadline, self._clock)

    def refused(self) -> None:
        """The venue refused the last call for its rate: its counter is full, so ours is filled too."""
        if self._last is not None:
            self._last.exhaust()

    def _budget(self, name: str, calls: float) -> Budget:
        return Budget(name, max(calls * _AT_ONCE, 1.0), calls * _FLOW, self._clock)
