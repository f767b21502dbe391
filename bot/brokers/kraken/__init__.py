"""Kraken spot over REST: `KrakenBroker` and its configuration. The venue's names and formats stay in this package."""

from __future__ import annotations

from bot.brokers.kraken.broker import KrakenBroker
from bot.brokers.kraken.config import KrakenConfig, Tier

__all__ = ["KrakenBroker", "KrakenConfig", "Tier"]
