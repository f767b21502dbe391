"""The status of one broker: one frozen value, created by its actor and read by everything else.

The heartbeat file, the status block, the check scripts and the database each have one function that writes it in their format.
Formats that are read back have one that restores the same value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import IntEnum, StrEnum

from bot.domain.clock import SECOND
from bot.domain.ids import AccountKey
from bot.domain.money import ZERO
from bot.domain.position import Position

#: The reason of a broker that has neither connected nor failed since the daemon started.
CONNECTING = "connecting"
#: Real ms without a sign of life after which an actor counts as stuck. Waits for an exchange or a database give one more often.
STUCK_AFTER = 60 * SECOND
#: Errors in a row after which a broker counts as down although its actor is alive.
MANY_ERRORS = 10
#: Gates that open without intervention, mostly within seconds; and gates that are closed by the owner's settings.
PASSING_GATES = frozenset({"exchange", "watching", "history"})
CHOSEN_GATES = frozenset({"watch_only"})
#: The fields of a status that one measurement sets.
MEASURED = ("balance_usd", "equity_usd", "today_usd", "week_usd", "prices", "measured_at")


class Status(StrEnum):
    """The verdict on a broker."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """Errors: exits and stops only, until a cycle succeeds."""
    FAILED = "failed"
    """Not connected, or its thread died."""
    UNFUNDED = "unfunded"
    """Connected, but too little money: checked again every cycle."""
    HALTED = "halted"
    """A limit or the operator stopped new entries."""

    @classmethod
    def read(cls, text: str) -> Status:
        """The inverse of `str`; a verdict that only another version of NIJA knows is read as degraded."""
        return cls(text) if text in list(cls) else cls.DEGRADED


class Health(IntEnum):
    """A broker's health for outside observers, worst last."""

    WELL = 0
    """It works as configured, which includes waiting for money."""
    UNCERTAIN = 1
    """It is starting, or has had an error: the next minutes decide."""
    ILL = 2
    """It has failed or opens no positions: someone should check."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One open position and the price (in its quote) at which it could be closed at the last check; None before the first."""

    position: Position
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """One broker at one moment. Times are wall ms (0: never), money is in dollars, `errors` counts errors in a row.

    `account` is the account that it trades, "" until that is known; `mode` says whose money it is; `foreign` lists coins there
    that are not ours. `since` is when its verdict was first given. Money and `prices` (at which each position could be closed)
    were measured at `measured_at` and mean nothing before the first measurement. `today_usd` and `week_usd` are what trading
    earned, including open positions. `gate` is the gate that blocks the whole account, "" for none. `evidence` is what speaks
    against its strategy or is missing for it, and the command that makes it, "" where it earned. `lateness` is how late the
    last cycles began (real ms), oldest first. The supervisor sets `silent_ms` (time since the actor's last sign of life),
    `restarts` (how often it was restarted) and `stuck`.
    """

    key: AccountKey
    status: Status
    reason: str = ""
    remedy: str = ""
    mode: str = ""
    account: str = ""
    at: int = 0
    pid: int = 0
    balance_usd: Decimal = ZERO
    equity_usd: Decimal = ZERO
    today_usd: Decimal | None = None
    week_usd: Decimal | None = None
    measured_at: int = 0
    since: int = 0
    cycles: int = 0
    cycles_ok: int = 0
    errors: int = 0
    last_error: str = ""
    last_good_cycle: int = 0
    last_reconciled: int = 0
    signals: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    holdings: tuple[Holding, ...] = ()
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    foreign: Mapping[str, Decimal] = field(default_factory=dict)
    permissions: tuple[str, ...] = ()
    ip_bound: bool | None = None
    clock_skew_ms: int = 0
    lateness: tuple[int, ...] = ()
    silent_ms: int = 0
    restarts: int = 0
    stuck: bool = False
    gate: str = ""
    evidence: str = ""

    @property
    def connecting(self) -> bool:
        """Whether it has neither connected nor failed since the daemon started."""
        return self.reason == CONNECTING

    @property
    def connected(self) -> bool:
        """Whether its exchange answers."""
        return self.status not in (Status.FAILED, Status.DEGRADED)

    def after(self, before: BrokerStatus | None) -> BrokerStatus:
        """The same status with `since` set: if `before` had the same verdict, its `since` is kept.

        A halt survives a restart of the daemon; any other verdict belongs to one process.
        """
        goes_on = before is not None and before.status is self.status and before.since
        seen = before is not None and (self.status is Status.HALTED or self.pid == before.pid)
        return replace(self, since=before.since if before is not None and goes_on and seen else self.at)

    @property
    def alive(self) -> bool:
        """Whether its thread has recently given a sign of life."""
        return self.silent_ms <= STUCK_AFTER

    @property
    def health(self) -> Health:
        """Its health, for health checks and alarms."""
        if not self.alive or self.status is Status.FAILED or self.errors >= MANY_ERRORS:
            return Health.ILL
        if self.status is Status.DEGRADED or self.gate in PASSING_GATES:
            return Health.UNCERTAIN
        if self.status is Status.HALTED and self.gate not in CHOSEN_GATES:
            return Health.ILL
        return Health.WELL

    @property
    def late_p95(self) -> int:
        """The 95th percentile of the lateness of the remembered cycles (real ms)."""
        ordered = sorted(self.lateness)
        return ordered[int(0.95 * (len(ordered) - 1))] if ordered else 0


def health_of_all(statuses: Iterable[BrokerStatus]) -> Health:
    """The worst health of all; uncertain if there is none."""
    return max((one.health for one in statuses), default=Health.UNCERTAIN)
