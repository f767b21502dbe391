"""Money of the accounts: totals, what orders hold of them, and the ledger of every movement.

Every change of a total is one `Movement`; a total never goes below zero and never below what is held.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from bot.sandbox.core.values import ZERO, Movement

STALE_SNAPSHOTS = 2_000


class BrokenBooks(Exception):
    """The sandbox itself is wrong: money would appear, vanish or be spent twice."""


@dataclass
class Account:
    """One account's totals and holds, by common asset name."""

    name: str
    total: dict[str, Decimal] = field(default_factory=dict)
    held: dict[str, Decimal] = field(default_factory=dict)

    def free(self, asset: str) -> Decimal:
        return self.total.get(asset, ZERO) - self.held.get(asset, ZERO)

    def hold(self, asset: str, change: Decimal) -> None:
        """Freezes (or with a negative change releases) an amount; the caller knows that it is there."""
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
    """Past balances by wall time, for a venue that answers with yesterday's truth."""

    rows: deque[tuple[int, Balances]] = field(default_factory=lambda: deque(maxlen=STALE_SNAPSHOTS))

    def note(self, wall_ms: int, balances: Balances) -> None:
        self.rows.append((wall_ms, balances))

    def as_of(self, wall_ms: int) -> Balances | None:
        """The newest balances noted at or before `wall_ms`; the oldest known where none is that old."""
        found = self.rows[0][1] if self.rows else None
        for noted_ms, balances in self.rows:
            if noted_ms > wall_ms:
                break
            found = balances
        return found


def apply_movement(account: Account, movement: Movement) -> Movement:
    """Books `amount - fee` on the account and completes the movement with the balance after it."""
    movement.balance = account.move(movement.asset, movement.amount - movement.fee)
    return movement
