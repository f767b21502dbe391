"""OKX v5 over REST: `OKXBroker` and its configuration. The venue's names and formats stay in this package."""

from __future__ import annotations

from bot.brokers.okx.broker import OKXBroker
from bot.brokers.okx.config import Margin, OkxConfig

__all__ = ["Margin", "OKXBroker", "OkxConfig"]
