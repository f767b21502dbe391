"""The market of the sandbox: one price for everyone, a pure function of a seed.

Owns prices, trades, books and their past; never accounts, orders or any venue's wire.
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
