"""OKX v5 over REST: `OKXBroker` and its configuration. The venue's names and shapes stay in this room."""

from __future__ import annotations

from bot.brokers.okx.broker import OKXBroker
from bot.brokers.okx.config import Margin, OkxConfig

__all__ = ["Margin", "OKXBroker", "OkxConfig"]
