"""One life of a broker's actor, and how its supervisor ends it from outside when it hangs.

A thread cannot be killed: one that hangs is left behind, and all by which it could still act is taken from it, its exchange
session, its book and the account's lock. Should it ever wake up, its next step fails, and nobody takes notice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from threading import Event as Signal

from bot.brokers.base import BaseBroker
from bot.domain.clock import Clock
from bot.domain.ids import Account
from bot.operate.health import Heartbeat
from bot.store.database import StoreError
from bot.store.ledger import Ledger

OpenLedger = Callable[[BaseBroker, Account], AbstractContextManager[Ledger]]


class LivelyClock:
    """A clock whose every reading is a sign of life: whoever works asks for the time all along, a deadlock never does."""

    def __init__(self, clock: Clock, heartbeat: Heartbeat) -> None:
        self._clock = clock
        self._heartbeat = heartbeat

    @property
    def speed(self) -> float:
        return self._clock.speed

    def market_ms(self) -> int:
        self._heartbeat.beat(self._clock.wall_ms())
        return self._clock.market_ms()

    def wall_ms(self) -> int:
        now = self._clock.wall_ms()
        self._heartbeat.beat(now)
        return now


class Silence:
    """For how long a heartbeat has not changed, on the monotonic clock: no step of the system's time looks like a death."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        self._heartbeat = heartbeat
        self._seen = heartbeat.at
        self._since = time.monotonic()

    def seconds(self) -> float:
        """Real seconds since the last sign of life, as far as somebody looked."""
        if self._heartbeat.at != self._seen:
            self._seen, self._since = self._heartbeat.at, time.monotonic()
        return time.monotonic() - self._since


class Life:
    """What one life of an actor holds. `over` tells it to end: the daemon stops, or another life has taken its place."""

    def __init__(self, broker: BaseBroker, open_ledger: OpenLedger) -> None:
        self.broker = broker
        self.over = Signal()
        self._open_ledger = open_ledger
        self._book = ExitStack()

    @contextmanager
    def book(self, broker: BaseBroker, account: Account) -> Iterator[Ledger]:
        """The account's book, for as long as this life has its place."""
        with self._book:
            ledger = self._book.enter_context(self._open_ledger(broker, account))
            if self.over.is_set():
                raise StoreError("the daemon stops, or another life has taken this one's place")
            yield ledger

    def leave_behind(self) -> None:
        """Take from it, in the supervisor's thread, what it could still act by: told to end, no sessions, no book, no lock."""
        self.over.set()
        self.broker.close()
        self._book.close()
