"""Orders that Kraken calls `closed` while it shows less than all of them as executed.

`closed` is its only word for "fully filled" (api-reference, order statuses), so what is not shown counts as filled: coins that
may be sold already are neither sold nor guarded a second time. If Kraken keeps showing less, the order ended short.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.brokers.common.lru_cache import LruCache
from bot.brokers.kraken.parse import INSIGNIFICANT
from bot.domain.clock import SECOND
from bot.domain.order import OrderStatus, VenueOrder

#: Real ms for which the word outweighs the figures.
_HOLD = 30 * SECOND


class FillLag:
    """Since when the figures of each such order have lagged behind its status."""

    def __init__(self, steady_ms: Callable[[], int]) -> None:
        self._steady_ms = steady_ms
        self._since: LruCache[int] = LruCache(100)

    def made_up(self, order: VenueOrder) -> VenueOrder:
        """The order as wholly filled while its figures may lag, afterwards as one that ended short."""
        if order.status is not OrderStatus.FILLED or order.filled_qty >= order.qty - INSIGNIFICANT:
            return order
        now, since = self._steady_ms(), self._since.get(order.exchange_id)
        if since is None:
            self._since[order.exchange_id] = since = now
        if now - since < _HOLD:
            return replace(order, filled_qty=order.qty - INSIGNIFICANT)
        return replace(order, status=OrderStatus.CANCELED)
