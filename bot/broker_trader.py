"""One broker's actor: one inbox, one loop, and everything that belongs to one account.

It alone joins the engine, one broker and the database. Start and restart are one path: connect, reconcile, protect, trade.
It knows nothing of other brokers; its supervisor shares an inbox, a heartbeat and a stop event with it, and nothing else.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event as Signal

from bot.brokers.base import BaseBroker, BrokerError, Connection, NoRoom
from bot.domain.clock import SECOND, Clock
from bot.domain.events import AccountEvent, Command, Moved, Timer
from bot.domain.ids import Account, ClientIds, new_tag
from bot.domain.outcome import Meaning
from bot.engine.business import Business, Plan
from bot.engine.desk import Desk
from bot.operate.log import EventLog
from bot.operator_desk import OperatorDesk
from bot.reporter import Reporter
from bot.runtime.schedule import Now, Schedule
from bot.store.ledger import Ledger
from bot.strategy.gates import Blocked
from bot.telemetry.heartbeat import Heartbeat

#: The name of an actor's thread among those of its account.
ACTOR = "actor"
#: Errors that no waiting cures: the owner has to act.
FATAL = frozenset({Meaning.CREDENTIALS, Meaning.PERMISSION, Meaning.LOCKED_OUT})


class BrokerTrader:
    """Trades one account until told to stop. `run` raises whatever ends it: its supervisor starts it again."""

    def __init__(
        self,
        broker: BaseBroker,
        open_ledger: Callable[[BaseBroker, Account], AbstractContextManager[Ledger]],
        plan: Plan,
        clock: Clock,
        log: EventLog,
        heartbeat: Heartbeat,
        inbox: SimpleQueue[AccountEvent],
        stop: Signal,
        emergency_file: Path,
        rng: random.Random,
        *,
        watch_only: bool = False,
    ) -> None:
        self._broker = broker
        self._open_ledger = open_ledger
        self._plan = plan
        self._clock = clock
        self._log = log
        self._heartbeat = heartbeat
        self._inbox = inbox
        self._stop = stop
        self._emergency_file = emergency_file
        self._rng = rng
        self._watch_only = watch_only
        self.admitted = False
        """Whether the exchange has taken our key in this life."""

    # -- the life of an actor -------------------------------------------------------------------------------------
    def run(self) -> None:
        """Connect, reconcile, protect, trade; returns after the stop event, with every order in hand finished.

        Returns too when the book is to be opened anew, because its disk has filled or has room again.
        """
        with closing(self._broker):
            connection = self._broker.connect()
            self.admitted = True
            with self._open_ledger(self._broker, connection.account) as ledger:
                self._settle_in(connection, ledger)
                try:
                    self._open()
                    while not self._stop.is_set() and not ledger.outlived():
                        self._turn()
                finally:
                    self._reporter.stays()
                    if not self._stop.is_set():
                        self._reporter.sign_off()

    def _settle_in(self, connection: Connection, ledger: Ledger) -> None:
        """Everything that belongs to this account, made for this life."""
        desk = Desk(self._broker, ledger, self._clock, self._log, self._ids(ledger))
        self._business = Business.of(desk, self._plan)
        self._operator = OperatorDesk(
            ledger, self._business, self._emergency_file, self._log, watch_only=self._watch_only
        )
        self._reporter = Reporter(
            self._plan,
            self._clock,
            self._log,
            self._heartbeat,
            ledger,
            self._business.entries,
            connection,
            self._broker,
        )
        self._connection = connection
        self._ledger = ledger
        self._schedule = Schedule(
            self._clock.pacer,
            cycle_ms=self._plan.cycle_ms,
            timeframe_ms=self._plan.timeframe_ms,
            exclusion_ms=self._plan.exclusion_ms,
            position_ms=self._plan.position_ms,
        )

    def _open(self) -> None:
        self._reporter.connected()
        standing = self._business.start()
        self._business.prove()
        self._reporter.measured(standing)
        self._reporter.tally.reconciled = self._clock.wall_ms()
        self._report()
        self._worker = self._clock.pacer.worker(self._connection.account.venue, ACTOR, self._market_moved)

    def _market_moved(self) -> None:
        """In lock-step, from another thread: see what is due."""
        if self._inbox.empty():
            self._inbox.put(Moved())

    def _ids(self, ledger: Ledger) -> ClientIds:
        """Client ids under this book's own tag, so that a second NIJA on the account can be told apart."""
        tag = ledger.fact("tag") or new_tag(self._rng)
        ledger.remember("tag", tag)
        return ClientIds(tag, self._clock.wall_ms, self._rng)

    def _turn(self) -> None:
        """One pass of the loop: what is due, then what arrives while waiting for the next due time."""
        began = self._now()
        for timer in self._schedule.due(began):
            self._handle(timer)
        if not self._schedule.owes(began.market):
            self._worker.done(began.market, self._business.entries.waits_until)
        with suppress(Empty):
            event = self._inbox.get(timeout=self._schedule.wait_ms(self._now()) / SECOND)
            self._worker.busy()
            self._handle(event)
        self._heartbeat.beat()

    def _now(self) -> Now:
        return Now.by(self._clock)

    def _attend(self) -> None:
        """Look for the owner's word, a few times a second."""
        self._business.vigil.look()
        if not self._is_undecided() and self._operator.attend():
            self._report()

    def _is_undecided(self) -> bool:
        """Whether it will be known soon what is ours: until then an order to sell all of it would find nothing."""
        return self._business.reconciliation.adoption.watching and self._ledger.fact("second_instance") is None

    # -- events ---------------------------------------------------------------------------------------------------
    def _handle(self, event: AccountEvent) -> None:
        try:
            match event:
                case Timer.HUNT:
                    self._hunt()
                case Timer.WATCH:
                    self._look()
                case Timer.CYCLE:
                    self._cycle()
                case Timer.ATTEND:
                    self._attend()
                case Command():
                    self._operator.obey(event)
                    self._report()
                case Moved():
                    pass
                case _:
                    self._schedule.look_now()
        except BrokerError as error:
            self._failed(error)

    def _hunt(self) -> None:
        """Look for lost orders, then read on in the history; what either brings to light wants a look at the positions."""
        if self._business.hunt.pursue():
            self._schedule.look_now()
        if self._business.reconciliation.read_on():
            self._business.watch.resume()
            self._schedule.look_now()

    def _look(self) -> None:
        try:
            if self._business.reconciliation.adoption.is_due():
                self._business.start()
            with self._broker.urgently():
                self._business.watch.look()
        finally:
            self._looked()

    def _looked(self) -> None:
        business = self._business
        self._schedule.looked(self._now(), finished=business.watch.finished, urgent=business.protection.is_urgent())

    def _cycle(self) -> None:
        """One round, with a look in it; one that the exchange did not answer is tried again before the next is due."""
        self._reporter.tally.late(self._schedule.late_ms)
        self._reporter.tally.cycles += 1
        if not self._is_undecided():
            self._operator.attend()  # no entry before what was ordered while nobody was here
        try:
            standing = self._business.cycle(self._blocked_by())
        except NoRoom as error:
            self._schedule.put_off(self._now(), error.retry_after_ms)
            self._looked()
            self._reporter.waits(error)
            return
        except BrokerError:
            self._schedule.unanswered(self._now())
            raise
        self._schedule.answered()
        self._looked()
        self._reporter.measured(standing)
        self._reporter.cycled()
        self._report()

    def _failed(self, error: BrokerError) -> None:
        """The exchange did not answer: exits only until a cycle succeeds."""
        fatal = error.meaning in FATAL
        self._reporter.failed(error, fatal=fatal)
        self._report()
        if fatal:
            raise error

    def _blocked_by(self) -> Blocked | None:
        """The gate that blocks this account's entries now, by the operator's word or for trouble."""
        return self._operator.blocked_by(
            stopping=self._stop.is_set(),
            exchange=self._connection.trading,
            watching=self._business.reconciliation.adoption.watching,
        )

    def _report(self) -> None:
        """What is true now; the last word before a stop stands, since stopping is no state of the account."""
        if self._stop.is_set():
            return
        standing = self._reporter.standing
        account = self._business.blocked_by(standing) if standing is not None else None
        self._reporter.report(self._blocked_by() or account)
