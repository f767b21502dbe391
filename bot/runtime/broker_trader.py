"""One broker's actor: one inbox, one loop, and everything that belongs to one account.

Only this joins the engine, one broker and the database. Start and restart are the same path: connect, reconcile, protect, trade.
An actor knows nothing about other brokers. It shares only an inbox, a heartbeat and a stop event with its supervisor.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event as Signal

from bot.brokers.base import BaseBroker, BrokerError, Connection, NoRoom
from bot.domain.clock import SECOND, Clock
from bot.domain.events import AccountEvent, Command, Moved, Timer
from bot.domain.ids import Account, ClientIds, new_tag
from bot.domain.judgement import Judgement
from bot.domain.outcome import ErrorMeaning
from bot.engine.account_engine import AccountEngine, Operator, TradingPlan
from bot.engine.denials import Denials
from bot.engine.order_manager import OrderManager
from bot.marketdata.polled import CandleRequest
from bot.runtime.evidence_judged import EvidenceAsked
from bot.runtime.evidence_watch import EvidenceWatch
from bot.runtime.feed import Feed
from bot.runtime.known_terms import TermsFile
from bot.runtime.operator_commands import OperatorCommands
from bot.runtime.reporter import Reporter
from bot.runtime.schedule import Now, Schedule
from bot.store.ledger import Ledger
from bot.strategy.gates import Blocked
from bot.telemetry.heartbeat import Heartbeat
from bot.telemetry.log import EventLog

#: Takes an account's judgements: returns at once and raises nothing.
Record = Callable[[Account, Sequence[Judgement]], object]
#: The name of an actor's thread among those of its account.
ACTOR = "actor"
#: Errors that retrying cannot fix: the owner has to act.
FATAL = frozenset({ErrorMeaning.CREDENTIALS, ErrorMeaning.PERMISSION, ErrorMeaning.LOCKED_OUT})


class BrokerTrader:
    """Trades one account until it is stopped. `run` raises whatever ends it; the supervisor then starts it again."""

    def __init__(
        self,
        broker: BaseBroker,
        open_ledger: Callable[[BaseBroker, Account], AbstractContextManager[Ledger]],
        plan: TradingPlan,
        clock: Clock,
        log: EventLog,
        heartbeat: Heartbeat,
        inbox: SimpleQueue[AccountEvent],
        stop: Signal,
        emergency_file: Path,
        rng: random.Random,
        run: str,
        *,
        watch_only: bool = False,
        record: Record = lambda *_: None,
        evidence: EvidenceAsked | None = None,
    ) -> None:
        """`run` identifies the daemon's run, during which an actor may be started several times."""
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
        self._run = run
        self._watch_only = watch_only
        self._record = record
        self._evidence_asked = evidence
        self.admitted = False
        """Whether the exchange has accepted our key in this run."""

    # -- one run of the actor -------------------------------------------------------------------------------------
    def run(self) -> None:
        """Connect, reconcile, protect, trade; returns after the stop event, once every order in hand is finished.

        Also returns when the ledger must be reopened, because its disk has filled up or has room again.
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
                    self._feed.close()
                    self._reporter.stays()
                    if not self._stop.is_set():
                        self._reporter.sign_off()

    def _settle_in(self, connection: Connection, ledger: Ledger) -> None:
        """Create everything that belongs to this account for this run."""
        oms = OrderManager(self._broker, ledger, self._clock, self._log, self._ids(ledger))
        self._oms, self._connection = oms, connection
        self._terms = TermsFile(self._emergency_file.parent, connection.account.key, self._log)
        self._evidence = EvidenceWatch(self._evidence_asked, connection.account, self._log)
        Denials(ledger).begin(self._run)
        self._engine = AccountEngine.of(oms, self._plan, self._fed)
        self._engine.entries.judgements.record = partial(self._record, connection.account)
        self._operator = OperatorCommands(
            ledger, self._engine, self._emergency_file, self._log, watch_only=self._watch_only
        )
        self._engine.operator = Operator(self._blocked_by, self._operator.execute, self._poll_commands)
        self._reporter = Reporter(
            self._plan,
            self._clock,
            self._log,
            self._heartbeat,
            ledger,
            self._engine.entries,
            connection,
            self._broker,
        )
        self._ledger = ledger
        self._schedule = Schedule(
            self._clock.pacer,
            cycle_ms=self._plan.cycle_ms,
            timeframe_ms=self._plan.timeframe_ms,
            exclusion_ms=self._plan.exclusion_ms,
            position_ms=self._plan.position_ms,
        )

    def _fed(self, window: int) -> Feed:
        """Start the thread that fetches candles, `window` of them per market."""
        strategy = self._plan.strategy
        request = CandleRequest(self._plan.timeframe_ms, window, fills_gaps=strategy.fills_gaps)
        account, reader = self._connection.account.key, self._broker.candle_reader
        self._feed = Feed(reader, account, self._clock, request, self._inbox, self._stop, self._log)
        return self._feed

    def _open(self) -> None:
        self._reporter.connected()
        snapshot = self._engine.start()
        self._look_for_evidence()
        self._engine.probe()
        self._reporter.measured(snapshot)
        self._reporter.tally.reconciled = self._engine.reconciliation.history.completed_at
        self._report()
        self._worker = self._clock.pacer.worker(self._connection.account.key, ACTOR, self._market_moved)

    def _market_moved(self) -> None:
        """In lock-step, called by another thread: wake the loop to check what is due."""
        if self._inbox.empty():
            self._inbox.put(Moved())

    def _ids(self, ledger: Ledger) -> ClientIds:
        """Client ids with this ledger's own tag, so that a second NIJA on the account can be recognised."""
        tag = ledger.get_state("tag") or new_tag(self._rng)
        ledger.set_state("tag", tag)
        return ClientIds(tag, self._clock.wall_ms, self._rng)

    def _turn(self) -> None:
        """One pass of the loop: wait until something arrives or is due, do what is due, then what has arrived."""
        event = self._next()
        began = self._now()
        for timer in self._schedule.due(began):
            self._handle(timer)
        if event is not None:
            self._handle(event)
        if not self._schedule.owes(began.market):
            self._worker.done(began.market, self._engine.entries.waits_until)
        self._heartbeat.beat()

    def _next(self) -> AccountEvent | None:
        """The next event, or None if something is due before one arrives."""
        try:
            event = self._inbox.get(timeout=self._schedule.wait_ms(self._now()) / SECOND)
        except Empty:
            return None
        self._worker.busy()
        return event

    def _now(self) -> Now:
        return Now.by(self._clock)

    def _poll_commands(self) -> None:
        """Check for commands of the owner."""
        if not self._is_undecided() and self._operator.poll():
            self._report()

    def _is_undecided(self) -> bool:
        """Whether it is not yet certain which orders are ours. Until then, a command to sell everything would find nothing."""
        return self._engine.reconciliation.adoption.watching and self._ledger.get_state("second_instance") is None

    # -- events ---------------------------------------------------------------------------------------------------
    def _handle(self, event: AccountEvent) -> None:
        engine = self._engine
        looks, snapshot = engine.monitor.looks, engine.entry_round.snapshot
        try:
            if event is Timer.CYCLE:
                self._cycle()
            else:
                engine.on(event)
        except BrokerError as error:
            if isinstance(error, NoRoom) and event is not Timer.MONITOR:
                self._schedule.put_off(self._now(), error.retry_after_ms)
            else:
                self._failed(error, event)
        finally:
            if engine.monitor.looks != looks:
                self._looked()
            if engine.calls_for_look():
                self._schedule.look_now()
        if isinstance(event, Command) or engine.entry_round.snapshot is not snapshot:
            self._measured()

    def _looked(self) -> None:
        engine = self._engine
        self._schedule.looked(self._now(), finished=engine.monitor.finished, urgent=engine.protection.is_urgent())

    def _cycle(self) -> None:
        """One cycle, which includes a check of the positions."""
        self._reporter.tally.late(self._schedule.late_ms)
        self._reporter.tally.cycles += 1
        if not self._is_undecided():
            self._operator.poll()  # no entry before the commands given while the daemon was not running
        self._look_for_evidence()
        try:
            self._engine.on(Timer.CYCLE)
        except NoRoom as error:
            self._reporter.waits(error)
            raise
        self._schedule.answered()
        self._reporter.cycled(self._engine.reconciliation.history.completed_at)
        self._terms.keep(self._oms.instruments, self._oms.fees)

    def _measured(self) -> None:
        """Report the account's newest state."""
        snapshot = self._engine.entry_round.snapshot
        if snapshot is not None:
            self._reporter.measured(snapshot)
        self._report()

    def _failed(self, error: BrokerError, event: AccountEvent) -> None:
        """The exchange did not answer: exits only, until a cycle succeeds. The first failure brings the next cycle forward, to
        finish the work; after that, only failed cycles do.
        """
        self._engine.entry_round.end()
        if event is Timer.CYCLE or not self._reporter.tally.errors:
            self._schedule.unanswered(self._now())
        fatal = error.meaning in FATAL
        self._reporter.failed(error, fatal=fatal)
        self._report()
        if fatal:
            raise error

    def _look_for_evidence(self) -> None:
        self._evidence.look(self._oms.fees, self._clock.wall_ms())

    def _blocked_by(self) -> Blocked | None:
        """The gate that blocks this account's entries now, because of a command, a setting or a fault."""
        return self._operator.blocked_by(
            stopping=self._stop.is_set(),
            exchange=self._connection.trading,
            watching=self._engine.reconciliation.adoption.watching,
            evidence=self._evidence.blocks,
        )

    def _report(self) -> None:
        """Report the current status. While stopping, the last report stays, because stopping is not a state of the account."""
        if self._stop.is_set():
            return
        snapshot = self._reporter.snapshot
        account = self._engine.blocked_by(snapshot) if snapshot is not None else None
        self._reporter.report(self._blocked_by() or account, self._evidence.warning)
