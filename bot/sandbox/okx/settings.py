"""An OKX account's settings: account mode, position mode, fee type, leverage. Saved in the state."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from decimal import Decimal

from bot.sandbox.core.records import from_record, to_record
from bot.sandbox.core.state import State
from bot.sandbox.core.values import Leg

DEFAULT_LEVERAGE = "3"


@dataclass
class AccountSettings:
    """One account's settings with OKX's values; `leverage` by `instId/mgnMode/posSide`."""

    level: str = "2"
    position_mode: str = "net_mode"
    fee_type: str = "0"
    uid: str = ""
    usdc_active: bool = False
    leverage: dict[str, str] = field(default_factory=dict)

    def leverage_of(self, symbol: str, mode: str, leg: Leg) -> Decimal:
        """An instrument's leverage; in cross mode both legs share one."""
        return Decimal(self.leverage.get(_key(symbol, mode, leg), DEFAULT_LEVERAGE))

    def lever(self, symbol: str, mode: str, leg: Leg, leverage: str) -> None:
        self.leverage[_key(symbol, mode, leg)] = leverage

    @property
    def is_portfolio(self) -> bool:
        """Portfolio margin: net positions, no reduce-only orders, no leverage setting."""
        return self.level == "4"

    @property
    def hedged(self) -> bool:
        return self.position_mode == "long_short_mode"


class Settings:
    """The settings of all accounts."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._accounts = {name: from_record(AccountSettings, row) for name, row in state.wire("settings/")}

    def of(self, account: str) -> AccountSettings:
        """An account's settings; a new account gets an id that is unique among the sandboxes of this host."""
        if account not in self._accounts:
            self._accounts[account] = AccountSettings(uid=str(10**16 + secrets.randbelow(9 * 10**16)))
            self.note(account)
        return self._accounts[account]

    def activate_usdc(self) -> None:
        """Lets main and sub-accounts trade USDC pairs from now on."""
        for name, own in self._accounts.items():
            own.usdc_active = True
            self.note(name)

    def note(self, account: str) -> None:
        """Saves changed settings."""
        self._state.remember(f"settings/{account}", to_record(self.of(account)))


def _key(symbol: str, mode: str, leg: Leg) -> str:
    return f"{symbol}/{mode}/{Leg.NET if mode == 'cross' else leg}"
