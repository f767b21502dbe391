"""One run of a broker's actor, and how its supervisor ends it from outside when it hangs.

A thread cannot be killed. One that hangs is abandoned, after everything it could act with is closed: its exchange session, its
ledger and the account's lock. If it ever wakes up, its next step fails without effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event as Signal
from threading import Thread, get_ident
from typing import Protocol

from bot.brokers.base import BaseBroker
from bot.domain.clock import SECOND, Clock
from bot.domain.events import AccountEvent
from bot.domain.ids import Account, AccountKey
from bot.domain.pacer import Pacer
from bot.store.database import StoreError
from bot.store.ledger import Ledger
from bot.store.lock import AccountLocked
from bot.telemetry.heartbeat import Heartbeat
from bot.telemetry.log import EventLog

#: Real ms between two checks of a heartbeat after which the checking thread itself must have slept; it checks several times a
#: second.
OVERSLEPT = 5 * SECOND

OpenLedger = Callable[[BaseBroker, Account], AbstractContextManager[Ledger]]


class HeartbeatCount(Protocol):
    """Counts an actor's signs of life."""

    @property
    def beats(self) -> int: ...


class HeartbeatClock:
    """A clock that counts each reading by the thread that created it as a sign of life: a working thread asks for the time
    constantly, a deadlocked one never does.
    """

    def __init__(self, clock: Clock, heartbeat: Heartbeat) -> None:
        self._clock = clock
        self._heartbeat = heartbeat
        self._thread = get_ident()

    @property
    def pacer(self) -> Pacer:
        return self._clock.pacer

    def market_ms(self) -> int:
        self._beat()
        return self._clock.market_ms()

    def wall_ms(self) -> int:
        self._beat()
        return self._clock.wall_ms()

    def steady_ms(self) -> int:
        self._beat()
        return self._clock.steady_ms()

    def _beat(self) -> None:
        if get_ident() == self._thread:
            self._heartbeat.beat()


class Liveness:
    """How long a heartbeat has been silent, in steady time, so that a step of the system clock does not look like a hang.

    After a long gap between two checks (the process was stopped, the machine slept), the silence is counted from now: nothing
    could have beaten meanwhile.
    """

    def __init__(self, heartbeat: HeartbeatCount, clock: Clock) -> None:
        self._heartbeat = heartbeat
        self._clock = clock
        self._seen = heartbeat.beats
        self._since = self._looked = clock.steady_ms()

    def seconds(self) -> float:
        """Real seconds since the last sign of life that a check has seen."""
        now = self._clock.steady_ms()
        if self._heartbeat.beats != self._seen or now - self._looked > OVERSLEPT:
            self._seen, self._since = self._heartbeat.beats, now
        self._looked = now
        return (now - self._since) / SECOND


class ActorRun:
    """The resources of one run of an actor. `over` asks it to end: the daemon stops, or another run has replaced it."""

    def __init__(self, broker: BaseBroker, open_ledger: OpenLedger) -> None:
        self.broker = broker
        self.over = Signal()
        self._open_ledger = open_ledger
        self._opened = ExitStack()

    @contextmanager
    def opened_ledger(self, broker: BaseBroker, account: Account) -> Iterator[Ledger]:
        """The account's ledger, for as long as this run is the current one."""
        with self._opened:
            ledger = self._opened.enter_context(self._open_ledger(broker, account))
            if self.over.is_set():
                raise StoreError("the daemon is stopping, or another run has replaced this one")
            yield ledger

    def abandon(self) -> None:
        """Called by the supervisor: ask it to end, and close its sessions, its ledger and the account's lock."""
        self.over.set()
        self.broker.close()
        self._opened.close()


@dataclass(slots=True)
class Post:
    """One account's slot: what supervisor and actor share, and what the supervisor knows about the actor.

    `born` is the steady time at which its thread started, `wait` the wait before that start (real ms).
    """

    key: AccountKey
    heartbeat: Heartbeat
    liveness: Liveness
    log: EventLog
    inbox: SimpleQueue[AccountEvent] = field(default_factory=SimpleQueue)
    broker: BaseBroker | None = None
    thread: Thread | None = None
    run: ActorRun | None = None
    restarts: int = 0
    born: int = 0
    wait: int = 0
    admitted: bool = False
    doubts: int = 0
    locked: AccountLocked | None = None
    damaged: bool = False
    stuck: bool = False
    down: bool = False
