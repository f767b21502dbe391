"""How a broker is doing: one frozen record, passed from its thread to whoever wants to know through a one-slot heartbeat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from bot.domain.money import ZERO


class Status(StrEnum):
    """The verdict on a broker."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """Errors: exits and stops only, until a cycle succeeds."""
    FAILED = "failed"
    """Not connected, or its thread died."""
    UNFUNDED = "unfunded"
    """Connected, too little money: looked at again every cycle."""
    HALTED = "halted"
    """A limit or the operator stopped new entries."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One open position as the status block shows it."""

    symbol: str
    side: str
    qty: Decimal
    entry: Decimal
    price: Decimal
    stop: Decimal
    stage: int
    unrealised: Decimal


@dataclass(frozen=True, slots=True)
class Pulse:
    """One broker at one moment. Times are wall ms (0: never), money dollars."""

    broker: str
    status: Status
    account: str = ""
    reason: str = ""
    remedy: str = ""
    balance_usd: Decimal = ZERO
    equity_usd: Decimal = ZERO
    cycles: int = 0
    cycles_ok: int = 0
    consecutive_errors: int = 0
    last_error: str = ""
    last_good_cycle: int = 0
    last_reconciled: int = 0
    signals: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    holdings: tuple[Holding, ...] = ()
    other: Mapping[str, Decimal] = field(default_factory=dict)
    connected: bool = False
    permissions: tuple[str, ...] = ()
    ip_bound: bool | None = None
    clock_skew_ms: int = 0
    lateness: tuple[int, ...] = ()
    """How late the last cycles began (real ms), oldest first."""

    @property
    def success_rate(self) -> Decimal:
        """Good cycles among all, as a fraction."""
        return Decimal(self.cycles_ok) / Decimal(self.cycles) if self.cycles else ZERO


class Heartbeat:
    """One slot: the broker's thread writes, the supervisor reads.

    `beats` counts the signs of life.
    """

    def __init__(self, pulse: Pulse) -> None:
        self.pulse = pulse
        self.beats = 0

    def beat(self, pulse: Pulse | None = None) -> None:
        """A sign of life, and the newest record if there is one."""
        if pulse is not None:
            self.pulse = pulse
        self.beats += 1
