"""Auto Earn: free coins that Kraken moves out of reach of orders, and how `Earn/Allocations` reports them.

Flexible rewards are in an asset of their own (`XBT.F`); a vault's coins are in no balance at all. Coins are moved
when Auto Earn is switched on and at each full hour of the market clock. Switching it off returns everything.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.switches import Switches
from bot.sandbox.core.values import ZERO
from bot.sandbox.kraken.pairs import asset_of

HOUR_MS = 3_600_000
MONEY = frozenset({"USD", "EUR", "USDT", "USDC"})
OFF = "off"
FLEX = ".F"
VAULT = ".VAULT"
"""Internal name; never shown as an asset."""
PLACES = {"flex": FLEX, "vault": VAULT}


class AutoEarn:
    """Moves the coins of all accounts of the venue."""

    def __init__(self, exchange: Exchange, switches: Switches) -> None:
        self._exchange = exchange
        self._switches = switches
        self._mode = ""
        self._hour = 0

    def look(self) -> None:
        """Moves the coins that are due at the settled market time."""
        mode, hour = self._switches.word("auto_earn"), self._exchange.now // HOUR_MS
        if mode == self._mode and (mode == OFF or hour == self._hour):
            return
        self._mode, self._hour = mode, hour
        for account in list(self._exchange.state.accounts):
            if mode == OFF:
                self._bring_back(account, (FLEX, VAULT))
            else:
                self._sweep(account, PLACES[mode])

    def draw(self, account: str, coin: str) -> None:
        """Lets a sale use the coin's flexible rewards, where Kraken does so."""
        if self._switches.on("earn_draws_when_selling"):
            self._bring_back(account, (coin + FLEX,))

    def allocations(self, account: str, worth: Callable[[str, Decimal], Decimal]) -> dict[str, Any]:
        """The response of `Earn/Allocations`, in USD."""
        totals = self._exchange.state.account(account).total.items()
        mine = [(name, total) for name, total in totals if name.endswith((FLEX, VAULT)) and total > ZERO]
        return {
            "converted_asset": "USD",
            "total_allocated": _usd(sum((worth(name, total) for name, total in mine), ZERO)),
            "total_rewarded": _usd(ZERO),
            "items": [_allocation(name, total, worth(name, total)) for name, total in mine],
        }

    def _sweep(self, account: str, place: str) -> None:
        who = self._exchange.state.account(account)
        for coin in [name for name in who.total if "." not in name and name not in MONEY]:
            self._move(account, coin, coin + place, who.free(coin))

    def _bring_back(self, account: str, endings: tuple[str, ...]) -> None:
        totals = dict(self._exchange.state.account(account).total)
        for name, total in totals.items():
            if name.endswith(endings):
                self._move(account, name, name.partition(".")[0], total)

    def _move(self, account: str, source: str, target: str, amount: Decimal) -> None:
        if amount <= ZERO:
            return
        ref, now = self._exchange.new_id(), self._exchange.now
        self._exchange.funds.move(account, ref, "transfer", source, -amount, ZERO, now)
        self._exchange.funds.move(account, ref, "transfer", target, amount, ZERO, now)


def in_vault(name: str) -> bool:
    return name.endswith(VAULT)


def _allocation(name: str, total: Decimal, worth: Decimal) -> dict[str, Any]:
    coin, _, place = name.partition(".")
    asset = asset_of(coin)
    native = f"{total:.{asset.decimals}f}"
    return {
        "strategy_id": f"ES{place}-{asset.altname}",
        "native_asset": asset.altname,
        "amount_allocated": {"total": {"native": native, "converted": _usd(worth)}},
        "total_rewarded": {"native": f"{ZERO:.{asset.decimals}f}", "converted": _usd(ZERO)},
    }


def _usd(amount: Decimal) -> str:
    return f"{amount:.4f}"
