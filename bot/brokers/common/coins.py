"""Which balances may be left out if they cannot be read: those of coins that nothing of ours depends on.

One coin with an absurd balance would otherwise leave every position of the account unwatched. Dollars and coins of positions are
never left out: a balance that is missing there would look like money or coins that are gone.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.brokers.common.left_out import LeftOut
from bot.domain.instrument import DOLLARS
from bot.domain.log import Log


class CoinsLeftOut:
    """Decides for one account, and logs each coin once. `needed` says which coins the book depends on, and may be replaced."""

    def __init__(self, venue: str, log: Log) -> None:
        self.needed: Callable[[str], bool] = lambda _: False
        self._left_out = LeftOut(venue, log)

    def excused(self, asset: str, reason: str) -> bool:
        """Whether to leave out a balance that cannot be read."""
        if not asset or asset in DOLLARS or self.needed(asset):
            return False
        self._left_out.say(asset, f"its balance: {reason}")
        return True
