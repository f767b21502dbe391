"""The configuration of a Coinbase broker, and Coinbase's rate limits.

Plain values: nothing here reads the environment, and no `repr` shows a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bot.brokers.common.secrets import Secret, plain_text

PUBLIC_URL = "https://api.coinbase.com"


@dataclass(frozen=True, slots=True)
class Limits:
    """The counters of calls, for the whole key and for this address without a key, and their decay per second.

    Coinbase publishes no figures for this interface. 30 per second and user, and 10 per second and address, have always been
    granted; less is sustained.
    """

    calls: float = 30.0
    calls_decay: float = 10.0
    open_calls: float = 8.0
    open_calls_decay: float = 6.0


@dataclass(frozen=True, slots=True)
class CoinbaseConfig:
    """One Coinbase portfolio: a key belongs to exactly one. `mode` is sandbox, demo or live; `environment` distinguishes hosts;
    `account_name` is the owner's name for it.

    `api_key` is the key's name (`organizations/…/apiKeys/…` or a UUID), `api_secret` its private key in any form that
    `keys.private_key` reads. `state_dir` holds the pauses that Coinbase asked for, shared by every program on this host that
    uses the key.
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
