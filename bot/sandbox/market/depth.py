"""Spread and depth around the last trade, computed from rules and hashes, without state.

Owns the shape of a book. Levels lie on a fixed price grid and keep their size for some seconds, so that two
snapshots of a book differ only where something happened.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import numpy as np

from bot.sandbox.market.coins import Listing
from bot.sandbox.market.noise import Floats, Ints, mixed, uniforms
from bot.sandbox.market.series import Last

KEEP_MS = 20_000
GRID = 0.35
"""Distance of the levels behind the best ones, in basis points of the price (at least one tick)."""


class Stack(NamedTuple):
    """One side of the book in ticks and lots, best price first."""

    prices: Ints
    lots: Ints


class Depth:
    """The book of one symbol."""

    def __init__(self, listing: Listing, tick: Decimal, depth_key: int) -> None:
        self._key = depth_key
        self._tick = float(tick)
        self._lot = float(listing.lot)
        self._spread = listing.spread * 1e-4
        self._best_usd = 400.0 + 0.00006 * listing.turnover
        """Typical value at the best price: a few hundred dollars in thin symbols, 10,000 in BTC-USD."""

    def best(self, last: Last, unrest: float) -> tuple[int, int]:
        """Best bid and ask in ticks; the last trade was at one of them, depending on its taker side."""
        spread = self._spread * max(unrest, 0.5) * (0.6 + 0.8 * (mixed(self._key, last.trade_id) & 1023) / 1024)
        ticks = max(1, round(spread * last.price))
        if last.buy and last.price > ticks:
            return last.price - ticks, last.price
        return last.price, last.price + ticks

    def best_lots(self, bid: int, ask: int, t_ms: int) -> tuple[int, int]:
        """Sizes at the best prices."""
        bids, asks = self._lots(np.array([bid]), bid, t_ms), self._lots(np.array([ask]), ask, t_ms)
        return int(bids[0]), int(asks[0])

    def book(self, bid: int, ask: int, t_ms: int, depth: int) -> tuple[Stack, Stack]:
        """Bids and asks of up to `depth` levels each."""
        grid = max(1, round(GRID * 1e-4 * bid))
        below = ((bid - 1) // grid - np.arange(depth - 1)) * grid
        above = (ask // grid + 1 + np.arange(depth - 1)) * grid
        bids = np.concatenate(([bid], below[below > 0]))
        asks = np.concatenate(([ask], above))
        return Stack(bids, self._lots(bids, bid, t_ms)), Stack(asks, self._lots(asks, ask, t_ms))

    def _lots(self, prices: Ints, best: int, t_ms: int) -> Ints:
        """Size of each level: larger behind the best price, uneven, renewed every KEEP_MS at the level's own moment."""
        salt = (uniforms(self._key, prices) * KEEP_MS).astype(np.int64)
        epoch = (t_ms + salt) // KEEP_MS
        chance = uniforms(self._key ^ 0xB00C, prices * 1_000_003 + epoch)
        usd = self._best_usd * _profile(np.abs(prices - best) / best) * (0.35 + 1.6 * chance**2)
        return np.maximum((usd / (prices * self._tick * self._lot)).astype(np.int64), 1)


def _profile(distance: Floats) -> Floats:
    """Size factor at a relative distance from the best price; three from 5 basis points on."""
    return 1.0 + 2.0 * np.minimum(distance / 5e-4, 1.0)
