"""Which balances may be left out if they cannot be read: those of coins that nothing of ours depends on.

One coin with an absurd balance would otherwise leave every position of the account unwatched. Dollars and coins of positions are
never left out: a balance that is missing there would look like money or coins that are gone.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.brokers.common.lru_cache import LruCache
from bot.domain.instrument import DOLLARS
from bot.domain.log import Event, Log


class CoinsLeftOut:
    """Decides for one account, and logs each coin once. `needed` says which coins the book depends on, and may be replaced."""

    def __init__(self, venue: str, log: Log) -> None:
        self.needed: Callable[[str], bool] = lambda _: False
        self._venue = venue
        self._log = log
        self._said: LruCache[None] = LruCache()

    def excused(self, asset: str, reason: str) -> bool:
        """Whether to leave out a balance that cannot be read."""
        if not asset or asset in DOLLARS or self.needed(asset):
            return False
        if asset not in self._said:
            self._said[asset] = None
            self._log.warning(Event.LEFT_OUT, venue=self._venue, product=asset[:40], reason=f"its balance: {reason}")
        return True
