"""Rows of a venue's lists that are left out because they cannot be read and cannot be ours, with one log line for each kind."""

from __future__ import annotations

from bot.brokers.common.lru_cache import LruCache
from bot.domain.log import Event, Log


class LeftOut:
    """Logs each product (or coin) of which a row was left out once."""

    def __init__(self, venue: str, log: Log) -> None:
        self._venue = venue
        self._log = log
        self._said: LruCache[None] = LruCache()

    def say(self, product: str, reason: str) -> None:
        """Log it, unless this product was named before."""
        product = product[:40]
        if product not in self._said:
            self._said[product] = None
            self._log.warning(Event.LEFT_OUT, venue=self._venue, product=product, reason=reason)
