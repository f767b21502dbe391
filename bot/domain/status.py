"""How one broker is doing: one frozen value, made by its actor and told to everybody else.

The heartbeat file, the status block, the check scripts and the database each have one function that writes it in their form,
and those that are read again one that makes the same value of it.
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
#: Real ms without a sign of life after which an actor counts as stuck. No wait for an exchange or a database is as long
#: without one.
STUCK_AFTER = 60 * SECOND
#: Errors in a row after which a broker counts as down although its actor lives.
MANY_ERRORS = 10
#: Gates that open without anybody's doing, mostly within seconds; and those that are closed because the settings say so.
PASSING_GATES = frozenset({"exchange", "watching", "history"})
CHOSEN_GATES = frozenset({"watch_only"})
#: What of a status one measurement brings.
MEASURED = ("balance_usd", "equity_usd", "today_usd", "week_usd", "prices", "measured_at")


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

    @classmethod
    def read(cls, text: str) -> Status:
        """A verdict as it was written; one that only another version of NIJA knows is not relied on: degraded."""
        return cls(text) if text in list(cls) else cls.DEGRADED


class Health(IntEnum):
    """What somebody outside should know of a broker, the worst last."""

    WELL = 0
    """It does what its settings say. One that waits for money does."""
    UNCERTAIN = 1
    """It starts, or has met an error: the next minutes decide."""
    ILL = 2
    """It has failed or makes no entries: someone should look."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One open position and the price (in its quote) that it could be closed at when it was last looked at; None before that."""

    position: Position
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """One broker at one moment. Times are wall ms (0: never), money dollars, `errors` those in a row.

    `account` is the account that it trades, "" before that is known; `mode` whose money that is; `foreign` the coins there
    that are not ours. `since` is when its verdict was first given. Money and `prices` (what each position would close at) are
    those of `measured_at` and mean nothing before the first measurement; `today_usd` and `week_usd` are what trading earned, open
    positions included. `gate` is the gate that blocks the whole account, "" for none. `lateness` is how late the last cycles
    began (real ms), oldest first. `silent_ms`, `restarts` and `stuck` are the supervisor's word: how long nobody heard of the
    actor, how often it was restarted, whether it hangs.
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

    @property
    def connecting(self) -> bool:
        """Whether it has neither connected nor failed since the daemon started."""
        return self.reason == CONNECTING

    @property
    def connected(self) -> bool:
        """Whether its exchange answers."""
        return self.status not in (Status.FAILED, Status.DEGRADED)

    def after(self, before: BrokerStatus | None) -> BrokerStatus:
        """The same, with the time since which its verdict stands: a verdict that `before` gave already is as old as that one.

        A halt outlasts the daemon's process; any other verdict is of one process.
        """
        goes_on = before is not None and before.status is self.status and before.since
        seen = before is not None and (self.status is Status.HALTED or self.pid == before.pid)
        return replace(self, since=before.since if before is not None and goes_on and seen else self.at)

    @property
    def alive(self) -> bool:
        """Whether its thread has given a sign of life lately."""
        return self.silent_ms <= STUCK_AFTER

    @property
    def health(self) -> Health:
        """How it is, for whoever has to be alarmed."""
        if not self.alive or self.status is Status.FAILED or self.errors >= MANY_ERRORS:
            return Health.ILL
        if self.status is Status.DEGRADED or self.gate in PASSING_GATES:
            return Health.UNCERTAIN
        if self.status is Status.HALTED and self.gate not in CHOSEN_GATES:
            return Health.ILL
        return Health.WELL

    @property
    def late_p95(self) -> int:
        """The lateness that 95 % of the remembered cycles stayed within (real ms)."""
        ordered = sorted(self.lateness)
        return ordered[int(0.95 * (len(ordered) - 1))] if ordered else 0


def health_of_all(statuses: Iterable[BrokerStatus]) -> Health:
    """The health of the worst; uncertain where there is none."""
    return max((one.health for one in statuses), default=Health.UNCERTAIN)
