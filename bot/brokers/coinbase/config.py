"""What a Coinbase broker needs to be told, and the numbers of Coinbase's rate limits.

Plain values: nothing here reads the environment, and no representation shows a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bot.brokers.common.secrets import Secret, plain_text

PUBLIC_URL = "https://api.coinbase.com"


@dataclass(frozen=True, slots=True)
class Limits:
    """A bucket of calls for the whole key and how many a second flow out of it.

    Coinbase publishes no figure for this interface; 30 a second per user is what was always granted, a third is sustained.
    """

    calls: float = 30.0
    calls_decay: float = 10.0


@dataclass(frozen=True, slots=True)
class CoinbaseConfig:
    """One Coinbase portfolio: a key belongs to exactly one. `mode` is sandbox, demo or live, `environment` tells hosts apart;
    `account_name` is the owner's own name for it.

    `api_key` is the key's name (`organizations/…/apiKeys/…` or a UUID), `api_secret` its private key in any form that
    `keys.private_key` reads. `state_dir` holds until when Coinbase wants to be left alone, for every program of this host
    that uses the key.
    """

    api_key: str | Secret = field(repr=False)
    api_secret: str | Secret = field(repr=False)
    state_dir: Path
    api_url: str = PUBLIC_URL
    mode: str = "live"
    environment: str = "main"
    account_name: str = ""
    allow_withdraw: bool = False
    ca_file: str | None = None
    read_seconds: float = 12.0
    order_seconds: float = 8.0
    limits: Limits = Limits()

    @property
    def key(self) -> str:
        return plain_text(self.api_key).strip("\"'")

    @property
    def secret(self) -> str:
        return plain_text(self.api_secret)
