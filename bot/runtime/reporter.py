"""How an actor reports its state: lines in the log, its status in the heartbeat and in the database."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from bot.brokers.base import BaseBroker, BrokerError, Connection, NoRoom
from bot.domain.clock import SECOND, Clock
from bot.domain.ids import AccountKey
from bot.domain.log import Event
from bot.domain.money import plain
from bot.domain.position import Position
from bot.domain.status import BrokerStatus, Holding, Status
from bot.engine.account_engine import TradingPlan
from bot.engine.accounting import AccountSnapshot
from bot.engine.daily_summary import earned
from bot.engine.entries import Entries
from bot.store.health import status_of
from bot.store.holdings import open_positions
from bot.store.ledger import Ledger
from bot.store.reader import Books
from bot.strategy.gate_words import explained
from bot.strategy.gates import Blocked, Gate
from bot.telemetry.heartbeat import Heartbeat
from bot.telemetry.log import EventLog

#: Fiat currencies that NIJA does not trade in.
FIAT = frozenset({"EUR", "GBP", "CHF", "CAD", "AUD", "JPY", "TRY", "BRL", "SGD", "AED", "PLN"})
#: Cycles whose lateness is kept.
_REMEMBERED = 1_000
#: Counts of errors in a row that are logged; the others are only counted.
_TOLD = frozenset({1, 10, 100, 1_000})


@dataclass(slots=True)
class Tally:
    """The counters of this run of the actor; times in wall ms. `lateness` is how late its last cycles began (real ms)."""

    cycles: int = 0
    cycles_ok: int = 0
    errors: int = 0
    last_error: str = ""
    remedy: str = ""
    last_good: int = 0
    reconciled: int = 0
    lateness: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def late(self, ms: int) -> None:
        """Record how late a cycle began (real ms)."""
        self.lateness.append(ms)


class Reporter:
    """Reports for one account. `snapshot` is its last measured state, None before the first."""

    def __init__(
        self,
        plan: TradingPlan,
        clock: Clock,
        log: EventLog,
        heartbeat: Heartbeat,
        ledger: Ledger,
        entries: Entries,
        connection: Connection,
        broker: BaseBroker,
    ) -> None:
        self._plan = plan
        self._clock = clock
        self._log = log
        self._heartbeat = heartbeat
        self._ledger = ledger
        self._entries = entries
        self._connection = connection
        self._broker = broker
        self._elsewhere = ""
        self.tally = Tally()
        self.snapshot: AccountSnapshot | None = None
        self._measured_at = 0
        self._waiting = False

    # -- the log --------------------------------------------------------------------------------------------------
    def connected(self) -> None:
        """Log which account this is and what the key may do."""
        found = self._connection
        self._log.info(
            Event.CONNECTED,
            account=found.account,
            permissions=" ".join(sorted(found.permissions)),
            clock_skew_ms=found.clock_skew_ms,
        )
        for warning in found.warnings:
            self._log.warning(Event.WARNING, reason=warning)
        self.stays()

    def measured(self, snapshot: AccountSnapshot) -> None:
        """Store a new snapshot; log it if the account has become funded or unfunded."""
        before, self.snapshot = self.snapshot, snapshot
        if before is not snapshot:
            self._measured_at = self._clock.wall_ms()
        if before is None or self._is_funded(before) is not self._is_funded(snapshot):
            self._say_money(snapshot)

    def cycled(self, reconciled: int) -> None:
        """A cycle succeeded. `reconciled` is when the book was last compared with all of the exchange's history (wall ms)."""
        self._waiting = False
        self.tally.cycles_ok += 1
        self.tally.errors, self.tally.remedy = 0, ""
        self.tally.last_good, self.tally.reconciled = self._clock.wall_ms(), reconciled

    def waits(self, error: NoRoom) -> None:
        """A cycle is postponed until the exchange's rate limit allows it, and does not count; logged once until one succeeds."""
        if not self._waiting:
            self._log.info(Event.WAITS, what="cycle", seconds=f"{error.retry_after_ms / SECOND:.1f}", reason=error.text)
        self._waiting = True
        self.tally.cycles -= 1

    def failed(self, error: BrokerError, *, fatal: bool) -> None:
        """The exchange did not answer."""
        self.tally.errors += 1
        self.tally.last_error, self.tally.remedy = error.text, error.remedy
        if self.tally.errors in _TOLD or fatal:
            self._log.warning(Event.ERROR, reason=error.text, remedy=error.remedy, in_a_row=self.tally.errors)

    def _is_funded(self, snapshot: AccountSnapshot) -> bool:
        return snapshot.useful >= self._plan.min_balance

    def _say_money(self, snapshot: AccountSnapshot) -> None:
        foreign = sorted(asset for asset in snapshot.other if asset in FIAT)
        if foreign:
            held = ", ".join(f"{plain(snapshot.other[asset])} {asset}" for asset in foreign)
            self._log.info(
                Event.CURRENCY,
                holds=held,
                reason="NIJA trades only with dollars (USD, USDT, USDC); these stay untouched",
            )
        balance, equity = snapshot.balance, snapshot.equity
        if not self._is_funded(snapshot):
            self._elsewhere = self._look_elsewhere()
            useless = snapshot.equity >= self._plan.min_balance
            reason = "no market traded here is paid in the currencies you hold" if useless else "waiting for money"
            reason += self._elsewhere
            needed = self._plan.min_balance
            self._log.warning(Event.UNFUNDED, balance_usd=balance, equity_usd=equity, needed_usd=needed, reason=reason)
        elif snapshot.equity < self._plan.recommended_balance:
            hint = (
                f"below {self._plan.recommended_balance} dollars, most orders are smaller than the exchange's minimum"
            )
            self._log.info(Event.FUNDED, balance_usd=balance, equity_usd=equity, hint=hint)
        else:
            self._log.info(Event.FUNDED, balance_usd=balance, equity_usd=equity)

    def _look_elsewhere(self) -> str:
        """Money at the exchange that must be moved or freed first, for the line about missing money; "" if there is none."""
        try:
            found = self._broker.elsewhere()
        except BrokerError as error:
            self._log.debug(Event.POCKETS, reason=error.text)
            return ""
        return f"; there is {found}" if found else ""

    # -- the status -----------------------------------------------------------------------------------------------
    def report(self, blocked_by: Blocked | None, evidence: str = "") -> None:
        """Write the newest status to the heartbeat for the supervisor, and to the database for other processes; `evidence` is
        what the owner should know of it.
        """
        gate = blocked_by.gate.word if blocked_by is not None else ""
        status = self._ledger.report_status(
            replace(self._status(*self._verdict(blocked_by)), gate=gate, evidence=evidence)
        )
        self._heartbeat.beat(status)

    def stays(self) -> None:
        """Report the ledger's positions, before the first measurement of a run and at its end; all else stays as last reported."""
        held = tuple(self._holding(one) for one in self._ledger.positions())
        self._heartbeat.beat(replace(self._heartbeat.latest, holdings=held))

    def sign_off(self) -> None:
        """Write the last status of a run that ended with an error."""
        latest = self._heartbeat.latest
        # Before the first measurement, the known amounts may belong to the account that was traded before.
        measured_at = latest.measured_at if self.snapshot is not None else 0
        last = replace(latest, status=Status.FAILED, at=self._clock.wall_ms(), pid=os.getpid(), measured_at=measured_at)
        self._ledger.report_status(last)

    def _verdict(self, blocked_by: Blocked | None) -> tuple[Status, str]:
        if self.tally.errors:
            return Status.DEGRADED, self.tally.last_error
        if blocked_by is None:
            return Status.HEALTHY, ""
        if blocked_by.gate is Gate.FUNDS:
            return Status.UNFUNDED, "less than MIN_BALANCE_USD" + self._elsewhere
        return Status.HALTED, explained(blocked_by).reason

    def _status(self, status: Status, reason: str) -> BrokerStatus:
        tally, snapshot, found = self.tally, self.snapshot, self._connection
        now = BrokerStatus(
            key=found.account.key,
            status=status,
            reason=reason,
            remedy=tally.remedy,
            mode=found.account.mode,
            account=str(found.account),
            at=self._clock.wall_ms(),
            pid=os.getpid(),
            cycles=tally.cycles,
            cycles_ok=tally.cycles_ok,
            errors=tally.errors,
            last_error=tally.last_error,
            last_good_cycle=tally.last_good,
            last_reconciled=tally.reconciled,
            signals=self._entries.signals,
            skipped=dict(self._entries.skipped),
            holdings=tuple(self._holding(one) for one in self._ledger.positions()),
            permissions=tuple(sorted(found.permissions)),
            ip_bound=found.ip_bound,
            clock_skew_ms=found.clock_skew_ms,
            lateness=tuple(tally.lateness),
        )
        if snapshot is None:
            return now
        today, week = earned(self._ledger, self._clock.market_ms(), snapshot.result)
        return replace(
            now,
            balance_usd=snapshot.balance,
            equity_usd=snapshot.equity,
            today_usd=today,
            week_usd=week,
            measured_at=self._measured_at,
            prices=dict(snapshot.prices),
            foreign=dict(snapshot.other),
        )

    def _holding(self, position: Position) -> Holding:
        prices = self.snapshot.prices if self.snapshot is not None else {}
        return Holding(position, prices.get(position.symbol))


def last_known(books: Books, modes: Mapping[AccountKey, str]) -> dict[AccountKey, BrokerStatus]:
    """The positions and last amounts of each account, from its newest ledger, for the time until its exchange answers. `modes` are
    the modes the accounts are traded in.
    """
    found: dict[AccountKey, BrokerStatus] = {}
    for seen in books.accounts(every=True):
        key = seen.account.key
        if key not in found and seen.account.mode == modes.get(key):
            said = books.read(seen, partial(status_of, seen.account)) or BrokerStatus(key, Status.DEGRADED)
            held = books.read(seen, open_positions) or ()
            found[key] = replace(said, holdings=tuple(Holding(one, said.prices.get(one.symbol)) for one in held))
    return found
