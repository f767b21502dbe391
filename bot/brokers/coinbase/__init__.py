"""Coinbase Advanced Trade over REST: `CoinbaseBroker` and its configuration. The venue's names and formats stay in here."""

from __future__ import annotations

from bot.brokers.coinbase.broker import CoinbaseBroker
from bot.brokers.coinbase.config import CoinbaseConfig

__all__ = ["CoinbaseBroker", "CoinbaseConfig"]
