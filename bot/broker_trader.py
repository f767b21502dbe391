"""One broker's actor: one inbox, one loop, and everything that belongs to one account.

It alone joins the engine, one broker and the database. Start and restart are one path: connect, reconcile, protect, trade.
It knows nothing of other brokers; its supervisor shares an inbox, a heartbeat and a stop event with it, and nothing else.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event as Signal

from bot.brokers.base import BaseBroker, BrokerError, Connection, NoRoom
from bot.domain.clock import MINUTE, SECOND, Clock, backed_off
from bot.domain.events import AccountEvent, Command, Moved, Timer
from bot.domain.ids import Account, ClientIds, new_tag
from bot.domain.instrument import Trading
from bot.domain.outcome import Meaning
from bot.engine.business import Business, Plan
from bot.engine.desk import Desk
from bot.operate.health import Heartbeat
from bot.operate.log import EventLog
from bot.operator_desk import OperatorDesk
from bot.reporter import Reporter
from bot.store.ledger import Ledger

#: The name of an actor's thread among those of its account.
ACTOR = "actor"
#: Real seconds between two looks at commands, the emergency file and orders in flight.
TURN = 0.25
#: The first waits (real ms) after a look at the positions that left something to do (a stop in doubt, a sale refused), and
#: after a cycle that the exchange did not answer; each further one in a row is twice as long, up to the longest.
LOOK_AGAIN, CYCLE_AGAIN, LONGEST_AGAIN = 500, 2 * SECOND, 5 * MINUTE
#: The longest such wait while coins lie without a stop.
LOOK_NAKED = 2 * SECOND
#: Errors that no waiting cures: the owner has to act.
FATAL = frozenset({Meaning.CREDENTIALS, Meaning.PERMISSION, Meaning.LOCKED_OUT})


@dataclass(slots=True)
class _Dues:
    """When each kind of work is next due: cycle and watch in market ms, hunt and the owner's word (`attend`) in steady ms.

    `looks` and `cycles` are the waits (real ms) after work that could not be finished, 0 when the last could. `market` is the
    time at which this was last asked.
    """

    cycle: int = 0
    watch: int = 0
    hunt: int = 0
    attend: int = 0
    looks: int = 0
    cycles: int = 0
    market: int = 0

    def follow(self, market: int) -> None:
        """What time it is. A clock that was set back would keep its work waiting until it has caught up: it is due now."""
        if market < self.market - SECOND:
            self.cycle = self.watch = 0
        self.market = market


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
        may_enter: bool = True,
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
        self._may_enter = may_enter
        self._dues = _Dues()
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
            ledger, self._business, self._emergency_file, self._log, may_enter=self._may_enter
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

    def _open(self) -> None:
        self._reporter.connected()
        standing = self._business.start()
        self._business.prove()
        self._reporter.measured(standing)
        self._reporter.tally.reconciled = self._clock.wall_ms()
        self._report()
        self._worker = self._clock.pacer.worker(self._connection.account.key, ACTOR, self._market_moved)

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
        began = self._clock.market_ms()
        for timer in self._due():
            self._handle(timer)
        if not self._owes(began):
            self._worker.done(began, self._business.entries.waits_until)
        with suppress(Empty):
            event = self._inbox.get(timeout=self._wait())
            self._worker.busy()
            self._handle(event)
        self._attend()
        self._heartbeat.beat()

    def _attend(self) -> None:
        """Look for the owner's word, a few times a second."""
        now = self._clock.steady_ms()
        if now < self._dues.attend:
            return
        self._dues.attend = now + int(TURN * SECOND)
        self._business.vigil.look()
        if self._is_undecided():
            return
        if self._operator.attend():
            self._report()

    def _is_undecided(self) -> bool:
        """Whether it will be known soon what is ours: until then an order to sell all of it would find nothing."""
        return self._business.reconciliation.adoption.watching and self._ledger.fact("second_instance") is None

    def _due(self) -> list[Timer]:
        market, now = self._clock.market_ms(), self._clock.steady_ms()
        self._dues.follow(market)
        due = []
        if now >= self._dues.hunt:
            self._dues.hunt = now + int(TURN * SECOND)
            due.append(Timer.HUNT)
        if market >= self._dues.cycle:
            late = market - self._dues.cycle if self._dues.cycle else 0
            self._reporter.tally.late(self._clock.pacer.real_ms(late))
            self._dues.cycle = self._next_cycle(market)
            due.append(Timer.CYCLE)
        elif market >= self._dues.watch:
            due.append(Timer.WATCH)
        return due

    def _owes(self, market: int) -> bool:
        """Whether work is due by a market time: what was just done can have brought a look forward."""
        return min(self._dues.cycle, self._dues.watch) <= market

    def _next_cycle(self, market: int) -> int:
        """The next point of the cycle grid, or the moment when the next candle may be traded, whichever comes first."""
        late = self._plan.exclusion_ms
        points = (
            _after(market - late, self._plan.cycle_ms) + late,
            _after(market - late, self._plan.timeframe_ms) + late,
        )
        return min(points)

    def _wait(self) -> float:
        """Real seconds until something is due, a turn at most; in lock-step the inbox hears when the market has moved."""
        market = min(self._dues.cycle, self._dues.watch) - self._clock.market_ms()
        return max(self._clock.pacer.wait_ms(market, int(TURN * SECOND)), 1) / SECOND

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
                case Command():
                    self._operator.obey(event)
                    self._report()
                case Moved():
                    pass
                case _:
                    self._dues.watch = 0
        except BrokerError as error:
            self._failed(error)

    def _hunt(self) -> None:
        """Look for lost orders, then read on in the history; what either brings to light wants a look at the positions."""
        if self._business.hunt.pursue():
            self._dues.watch = 0
        if self._business.reconciliation.read_on():
            self._business.watch.resume()
            self._dues.watch = 0

    def _look(self) -> None:
        try:
            if self._business.reconciliation.adoption.is_due():
                self._business.start()
            with self._broker.urgently():
                self._business.watch.look()
        finally:
            self._looked()

    def _looked(self) -> None:
        """When to look again: what could not be finished is tried again soon, with growing waits."""
        longest = LOOK_NAKED if self._business.protection.is_urgent() else LONGEST_AGAIN
        self._dues.looks = 0 if self._business.watch.finished else backed_off(self._dues.looks, LOOK_AGAIN, longest)
        step = self._plan.position_ms
        self._dues.watch = self._sooner(_after(self._clock.market_ms(), step), self._dues.looks)

    def _cycle(self) -> None:
        """One round, with a look in it; one that the exchange did not answer is tried again before the next is due."""
        self._reporter.tally.cycles += 1
        self._dues.cycles = backed_off(self._dues.cycles, CYCLE_AGAIN, LONGEST_AGAIN)
        if not self._is_undecided():
            self._operator.attend()  # no entry before what was ordered while nobody was here
        try:
            standing = self._business.cycle(self._barrier())
            self._dues.cycles = 0
            self._looked()
        except NoRoom as error:
            self._dues.cycles = max(LOOK_AGAIN, error.retry_after_ms)
            self._looked()
            self._reporter.waits(error)
            return
        finally:
            self._dues.cycle = self._sooner(self._dues.cycle, self._dues.cycles)
        self._reporter.measured(standing)
        self._reporter.cycled()
        self._report()

    def _sooner(self, due: int, wait: int) -> int:
        """A due time (market ms), brought forward to `wait` real ms from now."""
        return min(due, self._clock.market_ms() + self._clock.pacer.market_ms(wait)) if wait else due

    def _failed(self, error: BrokerError) -> None:
        """The exchange did not answer: exits only until a cycle succeeds."""
        fatal = error.meaning in FATAL
        self._reporter.failed(error, fatal=fatal)
        self._report()
        if fatal:
            raise error

    def _barrier(self) -> str | None:
        """Why the operator, or trouble, allows no entries now."""
        if self._stop.is_set():
            return "stopping"
        if self._connection.trading is not Trading.ONLINE:
            return f"the exchange is in {self._connection.trading}"
        if self._business.reconciliation.adoption.watching:
            return "watched whether another NIJA lives here"
        return self._ledger.barrier or self._operator.barrier()

    def _report(self) -> None:
        """What is true now; the last word before a stop stands, since stopping is no state of the account."""
        if self._stop.is_set():
            return
        standing = self._reporter.standing
        objection = self._business.objection(standing) if standing is not None else None
        self._reporter.report(self._barrier(), objection)


def _after(now: int, step: int) -> int:
    """The next multiple of `step` after `now`."""
    return now - now % step + step
