"""Orders that an exchange reports as filled while the figure of what has filled is still less than their size.

The status means "fully filled" at all three exchanges (Kraken's `closed`, OKX's `filled`, Coinbase's `FILLED`), and the figures may
come later, so the missing part counts as filled: coins that may be sold already are not sold again and get no second stop. If the
figure stays short, the order ended partly filled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from bot.brokers.common.lru_cache import LruCache
from bot.domain.clock import SECOND
from bot.domain.money import ZERO
from bot.domain.order import OrderStatus, VenueOrder

#: Real ms for which the status counts more than the figures.
_HOLD = 30 * SECOND


class FillLag:
    """Remembers since when the figures of each such order have lagged behind its status. An order that lacks no more than
    `insignificant` may be complete.
    """

    def __init__(self, steady_ms: Callable[[], int], insignificant: Decimal = ZERO) -> None:
        self._steady_ms = steady_ms
        self._insignificant = insignificant
        self._since: LruCache[int] = LruCache(100)

    def made_up(self, order: VenueOrder) -> VenueOrder:
        """The order as fully filled while its figures may lag; after that, as one that ended partly filled."""
        if order.status is not OrderStatus.FILLED or order.filled_qty >= order.qty - self._insignificant:
            return order
        now, since = self._steady_ms(), self._since.get(order.exchange_id)
        if since is None:
            self._since[order.exchange_id] = since = now
        if now - since < _HOLD:
            return replace(order, filled_qty=order.qty - self._insignificant)
        return replace(order, status=OrderStatus.CANCELED)
