"""The configuration of a Kraken broker, and Kraken's rate limits.

Plain values: nothing here reads the environment, and no `repr` shows a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from bot.brokers.common.secrets import Secret, plain_text

PUBLIC_URL = "https://api.kraken.com"


class Tier(StrEnum):
    """Kraken's verification level. It determines the rate limits, and no query returns it."""

    STARTER = "starter"
    INTERMEDIATE = "intermediate"
    PRO = "pro"


@dataclass(frozen=True, slots=True)
class Limits:
    """One tier's counters: private calls per key and orders per pair, each with its decay per second.

    Source: docs.kraken.com, guides "Spot REST rate limits" and "Spot trading rate limits".
    """

    calls: float
    calls_decay: float
    orders: float
    orders_decay: float


LIMITS: Mapping[Tier, Limits] = MappingProxyType(
    {
        Tier.STARTER: Limits(15, 0.33, 60, 1.0),
        Tier.INTERMEDIATE: Limits(20, 0.5, 125, 2.34),
        Tier.PRO: Limits(20, 1.0, 180, 3.75),
    }
)


@dataclass(frozen=True, slots=True)
class KrakenConfig:
    """One Kraken account. `mode` is sandbox, demo or live; `environment` distinguishes accounts of one mode; `account_name` is
    the owner's name for it.

    `state_dir` holds the key's lock and nonce floor. It must be the same for every program on this host that uses the key.
    """

    api_key: str | Secret = field(repr=False)
    api_secret: str | Secret = field(repr=False)
    state_dir: Path
    api_url: str = PUBLIC_URL
    mode: str = "live"
    environment: str = "main"
    account_name: str = ""
    allow_withdraw: bool = False
    tier: Tier = Tier.STARTER
    ca_file: str | None = None
    read_seconds: float = 12.0
    order_seconds: float = 10.0
    deadline_ms: int = 5_000

    @property
    def key(self) -> str:
        return plain_text(self.api_key)

    @property
    def secret(self) -> str:
        return plain_text(self.api_secret)
