"""OKX's rate limits: calls of an endpoint per window, counted by user, by user and instrument, or by address.

The windows slide with the market clock, so that a faster market allows proportionally more calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from bot.sandbox.core.switches import Switches
from bot.sandbox.okx.errors import RATE_LIMIT, OkxError

TWO_SECONDS = 2_000
SHARED = {"account/positions-history": (10, 2_000), "system/status": (1, 5_000), "trade/cancel-all-after": (1, 1_000)}
PER_TWO_SECONDS = {
    "trade/order": 60, "trade/cancel-order": 60, "trade/amend-order": 60, "trade/batch-orders": 300,
    "trade/cancel-batch-orders": 300, "trade/amend-batch-orders": 300, "trade/orders-pending": 60, "trade/fills": 60,
    "trade/orders-history": 40, "trade/orders-history-archive": 20, "trade/fills-history": 10, "trade/order-algo": 20,
    "trade/cancel-algos": 20, "trade/amend-algos": 20, "trade/orders-algo-pending": 20,
    "trade/orders-algo-history": 20, "trade/close-position": 20, "trade/order-precheck": 5, "account/balance": 10,
    "account/positions": 10, "account/config": 5, "account/trade-fee": 5, "account/set-position-mode": 5,
    "account/set-fee-type": 5, "account/set-account-level": 5, "account/activate-feature": 5, "account/set-leverage": 20,
    "account/leverage-info": 20, "account/max-size": 20, "account/max-avail-size": 20, "account/instruments": 20,
    "asset/balances": 6, "asset/currencies": 6, "asset/transfer": 2, "market/ticker": 20, "market/tickers": 20,
    "market/candles": 40, "market/books": 40, "market/history-candles": 20, "market/trades": 100,
    "market/history-trades": 20, "finance/savings/balance": 12,
    "public/instruments": 20, "public/time": 10, "public/mark-price": 10,
    "public/funding-rate-history": 10, "public/funding-rate": 20, "public/market-data-history": 5,
}  # fmt: skip
BY_INSTRUMENT = frozenset(
    {
        "trade/order", "trade/cancel-order", "trade/amend-order", "trade/batch-orders", "trade/cancel-batch-orders",
        "trade/amend-batch-orders", "trade/order-algo", "trade/amend-algos", "trade/close-position",
        "public/funding-rate", "public/mark-price",
    }
)  # fmt: skip
SINGLE = {
    "trade/batch-orders": "trade/order",
    "trade/cancel-batch-orders": "trade/cancel-order",
    "trade/amend-batch-orders": "trade/amend-order",
}
"""A batch of one counts as a single order."""

ORDERS = frozenset({"trade/order", "trade/batch-orders", "trade/amend-order", "trade/amend-batch-orders"})
ACCOUNT_ORDERS = 1_000
"""New and amended orders of an account in two seconds, over all instruments."""


class Limits:
    """All windows of the venue."""

    def __init__(self, switches: Switches, now_ms: Callable[[], int]) -> None:
        self._switches = switches
        self._now_ms = now_ms
        self._calls: dict[tuple[str, str, str, str], deque[int]] = {}

    def charge(self, method: str, endpoint: str, who: str, instruments: list[str]) -> None:
        """Counts one call (of several orders, one per instrument named); raises 50011 above the limit."""
        if endpoint in SINGLE and len(instruments) == 1:
            method, endpoint = "POST", SINGLE[endpoint]
        number, window = SHARED.get(endpoint, (PER_TWO_SECONDS.get(endpoint, 20), TWO_SECONDS))
        scopes = instruments if endpoint in BY_INSTRUMENT and instruments else [""]
        number = max(1, number * self._switches.number("rate_limit_percent") // 100)
        counted = [self._count((method, endpoint, who, scope), number, window) for scope in scopes]
        if not all(counted):
            raise OkxError(RATE_LIMIT, status=self._switches.number("rate_limit_status"))
        if method == "POST" and endpoint in ORDERS:
            most = max(1, ACCOUNT_ORDERS * self._switches.number("rate_limit_percent") // 100)
            if not all(self._count((method, "orders", who, ""), most, TWO_SECONDS) for _ in instruments):
                raise OkxError("50061")

    def _count(self, key: tuple[str, str, str, str], number: int, window_ms: int) -> bool:
        now, calls = self._now_ms(), self._calls.setdefault(key, deque())
        while calls and calls[0] <= now - window_ms:
            calls.popleft()
        if len(calls) >= number:
            return False
        calls.append(now)
        return True
