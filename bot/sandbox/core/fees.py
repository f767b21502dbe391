"""Trading fees: a table of tiers by 30-day volume, and each account's volume on the market clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

from bot.sandbox.core.values import ZERO

THIRTY_DAYS_MS = 30 * 86_400_000


@dataclass(frozen=True)
class Tier:
    """Maker and taker fees, as fractions of the cost, from a 30-day `volume` (USD) on."""

    volume: Decimal
    taker: Decimal
    maker: Decimal


@dataclass(frozen=True)
class FeeTable:
    tiers: tuple[Tier, ...]

    def tier(self, volume: Decimal) -> Tier:
        return [tier for tier in self.tiers if tier.volume <= volume][-1]

    def next_tier(self, volume: Decimal) -> Tier | None:
        """The next better tier; None at the top."""
        return next((later for now, later in pairwise(self.tiers) if now.volume <= volume < later.volume), None)


@dataclass
class Volume:
    """What an account has traded: a base volume that never expires, and fills of the last 30 market days."""

    base: Decimal
    recent: deque[tuple[int, Decimal]] = field(default_factory=deque)
    recent_sum: Decimal = ZERO

    def add(self, time_ms: int, cost: Decimal) -> None:
        self.recent.append((time_ms, cost))
        self.recent_sum += cost

    def at(self, time_ms: int) -> Decimal:
        while self.recent and self.recent[0][0] <= time_ms - THIRTY_DAYS_MS:
            self.recent_sum -= self.recent.popleft()[1]
        return self.base + self.recent_sum
