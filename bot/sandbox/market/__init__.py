"""The sandbox's market: one price for all venues, a pure function of a seed.

Owns prices, trades, books and their history; knows no accounts, orders or venues.
"""

from __future__ import annotations

from bot.sandbox.market.coins import default_pairs
from bot.sandbox.market.market import Market
from bot.sandbox.market.values import (
    Bar,
    Book,
    DayStats,
    Jump,
    Level,
    MarketError,
    Quote,
    Side,
    Stats,
    Trade,
)

__all__ = [
    "Bar",
    "Book",
    "DayStats",
    "Jump",
    "Level",
    "Market",
    "MarketError",
    "Quote",
    "Side",
    "Stats",
    "Trade",
    "default_pairs",
]
