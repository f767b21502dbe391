"""The configuration of an OKX broker.

Plain values: nothing here reads the environment, and no `repr` shows a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from bot.brokers.common.secrets import Secret, plain_text, revealed
from bot.domain.money import ONE

PUBLIC_URL = "https://www.okx.com"


class Margin(StrEnum):
    """The collateral of a swap position: the whole account, or only the margin set aside for it."""

    CROSS = "cross"
    ISOLATED = "isolated"


@dataclass(frozen=True, slots=True)
class OkxConfig:
    """One OKX account. `mode` is sandbox, demo or live; `environment` distinguishes accounts of one mode; `account_name` is the
    owner's name for it.

    `demo` selects demo trading (a key created inside Demo Trading, sent with `x-simulated-trading: 1`). `swaps` enables the
    USDT-margined perpetual swaps and futures, at `leverage` (set once per contract) under `margin`. `non_crypto` also enables
    markets of stocks, commodities, currencies and bonds. `state_dir` holds the key's lock. It must be the same for every
    program on this host that uses the key.
    """

    api_key: str | Secret = field(repr=False)
    api_secret: str | Secret = field(repr=False)
    passphrase: str | Secret = field(repr=False)
    state_dir: Path
    api_url: str = PUBLIC_URL
    mode: str = "live"
    environment: str = "main"
    account_name: str = ""
    demo: bool = False
    swaps: bool = False
    non_crypto: bool = False
    leverage: Decimal = ONE
    margin: Margin = Margin.CROSS
    allow_withdraw: bool = False
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

    @property
    def phrase(self) -> str:
        """The passphrase unchanged: blanks may be part of it."""
        return revealed(self.passphrase)
