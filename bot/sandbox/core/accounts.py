"""Money of the accounts: totals, the part held by orders, and the ledger of every movement.

Every change of a total is one `Movement`. A total never goes below zero and never below the amount held.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from bot.sandbox.core.values import ZERO, Movement

STALE_SNAPSHOTS = 2_000


class BrokenBooks(Exception):
    """A bug of the sandbox: money would appear, vanish or be spent twice."""


@dataclass
class Account:
    """One account's totals and holds, by common asset name."""

    name: str
    total: dict[str, Decimal] = field(default_factory=dict)
    held: dict[str, Decimal] = field(default_factory=dict)

    def free(self, asset: str) -> Decimal:
        return self.total.get(asset, ZERO) - self.held.get(asset, ZERO)

    def hold(self, asset: str, change: Decimal) -> None:
        """Holds an amount, or releases it if negative; the caller has checked that it is there."""
        held = self.held.get(asset, ZERO) + change
        if not ZERO <= held <= self.total.get(asset, ZERO):
            raise BrokenBooks(f"{self.name}: hold of {held} {asset}")
        self.held[asset] = held

    def move(self, asset: str, change: Decimal) -> Decimal:
        """Changes a total and returns the new one."""
        total = self.total.get(asset, ZERO) + change
        if total < self.held.get(asset, ZERO):
            raise BrokenBooks(f"{self.name}: {total} {asset} left, less than held")
        self.total[asset] = total
        return total

    def snapshot(self) -> Balances:
        return {a: (t, self.held.get(a, ZERO)) for a, t in self.total.items()}


Balances = dict[str, tuple[Decimal, Decimal]]


@dataclass
class BalanceHistory:
    """Past balances by wall time, for a venue that answers with old balances."""

    rows: deque[tuple[int, Balances]] = field(default_factory=lambda: deque(maxlen=STALE_SNAPSHOTS))

    def note(self, wall_ms: int, balances: Balances) -> None:
        self.rows.append((wall_ms, balances))

    def as_of(self, wall_ms: int) -> Balances | None:
        """The newest balances recorded at or before `wall_ms`; the oldest ones known if none are that old."""
        found = self.rows[0][1] if self.rows else None
        for noted_ms, balances in self.rows:
            if noted_ms > wall_ms:
                break
            found = balances
        return found


def apply_movement(account: Account, movement: Movement) -> Movement:
    """Books `amount - fee` on the account and fills in the resulting balance."""
    movement.balance = account.move(movement.asset, movement.amount - movement.fee)
    return movement
