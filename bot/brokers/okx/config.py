"""What an OKX broker needs to be told.

Plain values: nothing here reads the environment, and no representation shows a secret.
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
    """What answers for a swap position: the whole account, or only what was set aside for it."""

    CROSS = "cross"
    ISOLATED = "isolated"


@dataclass(frozen=True, slots=True)
class OkxConfig:
    """One OKX account. `mode` is sandbox, demo or live, `environment` tells accounts of one mode apart;
    `account_name` is the owner's own name for it.

    `demo` asks for demo trading (a key made inside Demo Trading, sent with `x-simulated-trading: 1`). `swaps` opens the
    USDT-margined perpetual swaps and futures, at `leverage` (set once per contract) under `margin`; `non_crypto` opens markets
    of stocks, commodities, currencies and bonds, too. `state_dir` holds the key's lock; it must be the same for every program
    of this host that uses the key.
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
        """The passphrase as it is: blanks may belong to it."""
        return revealed(self.passphrase)
