"""One life of an actor after another: what a dead one leaves behind is gone before the next is built."""

from __future__ import annotations

import gc
import random
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NoReturn, cast

import pytest

from bot import independent_broker_trader as module
from bot.broker_manager import BrokerManager
from bot.brokers.base import BrokerError
from bot.domain.clock import SystemClock
from bot.domain.events import AccountEvent, Fed
from bot.domain.outcome import ErrorMeaning
from bot.domain.status import BrokerStatus, Health, Status
from bot.independent_broker_trader import IndependentBrokerTrader
from bot.runtime.actor_run import HeartbeatClock
from bot.runtime.pacer import SteppedClock
from bot.telemetry.heartbeat import Heartbeat
from tests.notes import Notes


class Dying:
    """A broker that is in a cycle with itself, as SDKs and tracebacks are, and never connects."""

    name = "kraken"

    def __init__(self) -> None:
        self.myself = self

    def connect(self) -> NoReturn:
        raise BrokerError("kraken", ErrorMeaning.BUSY, "not today")

    def close(self) -> None:
        """Nothing is open."""

    def hurry(self, until: int) -> None:
        """Nothing is waited for."""


class Nursery:
    """Builds them, and says of each whether the ones before were still there."""

    venues = ("kraken",)

    def mode(self, _venue: str) -> str:
        return "sandbox"

    def __init__(self, enough: threading.Event) -> None:
        self.born: list[weakref.ref[Dying]] = []
        self.alive: list[int] = []
        self._enough = enough

    def build(self, *_: object) -> Dying:
        self.alive.append(sum(one() is not None for one in self.born))
        broker = Dying()
        self.born.append(weakref.ref(broker))
        if len(self.born) == 3:
            self._enough.set()
        return broker


def test_only_who_lives_by_a_clock_gives_a_sign_of_life_by_reading_it() -> None:
    """Another thread of the account, which goes on asking for candles, hides no deadlock."""
    heartbeat = Heartbeat(cast("Any", None))
    clock = HeartbeatClock(SystemClock(), heartbeat)
    other = threading.Thread(target=lambda: (clock.market_ms(), clock.wall_ms(), clock.steady_ms()))
    other.start()
    other.join()
    assert heartbeat.beats == 0
    clock.market_ms()
    assert heartbeat.beats == 1


def test_a_dead_life_is_gone_before_the_next_is_built(tmp_path: Path) -> None:
    enough, stop = threading.Event(), threading.Event()
    nursery, log = Nursery(enough), cast("Any", Notes())
    trader = IndependentBrokerTrader(
        manager=cast("BrokerManager", nursery),
        open_ledger=cast("Any", None),
        plan=cast("Any", None),
        clock=SystemClock(),
        log_for=lambda _: log,
        data_dir=tmp_path,
        status_ms=3_600_000,
        stop=stop,
        rng=random.Random(1),
    )
    gc.disable()
    try:
        running = threading.Thread(target=trader.run)
        running.start()
        assert enough.wait(20)
    finally:
        gc.enable()
        stop.set()
    running.join(20)
    assert nursery.alive == [0, 0, 0]


def test_what_a_dead_life_left_to_be_heard_is_not_heard_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its feed may speak once more, of an exchange session that is cut off; the next life's feed has reported better by then."""
    enough, stop, heard = threading.Event(), threading.Event(), list[bool]()

    class Actor:
        admitted = False

        def __init__(self, *, inbox: SimpleQueue[AccountEvent], **_: object) -> None:
            self.inbox = inbox

        def run(self) -> NoReturn:
            heard.append(not self.inbox.empty())
            self.inbox.put(Fed(0, ()))
            raise BrokerError("kraken", ErrorMeaning.BUSY, "not today")

    monkeypatch.setattr(module, "BrokerTrader", Actor)
    log = cast("Any", Notes())
    trader = IndependentBrokerTrader(
        manager=cast("BrokerManager", Nursery(enough)),
        open_ledger=cast("Any", None),
        plan=cast("Any", None),
        clock=SystemClock(),
        log_for=lambda _: log,
        data_dir=tmp_path,
        status_ms=3_600_000,
        stop=stop,
        rng=random.Random(1),
    )
    running = threading.Thread(target=trader.run)
    running.start()
    assert enough.wait(20)
    stop.set()
    running.join(20)
    assert heard[:2] == [False, False]


def test_a_market_in_lock_step_waits_for_an_exchange_until_it_has_started_or_failed(tmp_path: Path) -> None:
    clock, log = SteppedClock(100), cast("Any", Notes())
    trader = IndependentBrokerTrader(
        manager=cast("BrokerManager", Nursery(threading.Event())),
        open_ledger=cast("Any", None),
        plan=cast("Any", None),
        clock=clock,
        log_for=lambda _: log,
        data_dir=tmp_path,
        status_ms=3_600_000,
        stop=threading.Event(),
        rng=random.Random(1),
    )
    assert clock.pacer.done_up_to(100) == 0
    trader._mark_failed(trader.slots[0], "no answer", "")
    assert clock.pacer.done_up_to(100) == 100


def test_who_rests_between_two_lives_is_alive_and_the_observers_hear_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that is refused is not tried again for minutes: its thread must not look stuck meanwhile."""

    class Refused(Dying):
        def connect(self) -> NoReturn:
            raise BrokerError("kraken", ErrorMeaning.CREDENTIALS, "no such key")

    class Watching:
        def __init__(self) -> None:
            self.seen: list[BrokerStatus] = []
            self.stopped = False

        def observe(self, statuses: Sequence[BrokerStatus]) -> None:
            self.seen += statuses

        def stopping(self) -> None:
            self.stopped = True

    nursery, observer, log = Nursery(threading.Event()), Watching(), cast("Any", Notes())
    monkeypatch.setattr(nursery, "build", lambda *_: Refused())
    monkeypatch.setattr(module, "HEARTBEAT", 100)
    stop = threading.Event()
    trader = IndependentBrokerTrader(
        manager=cast("BrokerManager", nursery),
        open_ledger=cast("Any", None),
        plan=cast("Any", None),
        clock=SystemClock(),
        log_for=lambda _: log,
        data_dir=tmp_path,
        status_ms=3_600_000,
        stop=stop,
        rng=random.Random(1),
        observers=[observer],
    )
    running = threading.Thread(target=trader.run)
    running.start()
    heartbeat, until = trader.slots[0].heartbeat, time.monotonic() + 20
    while heartbeat.latest.status is not Status.FAILED or not observer.seen:
        assert time.monotonic() < until
        time.sleep(0.01)
    before = heartbeat.beats
    while heartbeat.beats < before + 2:
        assert time.monotonic() < until
        time.sleep(0.01)
    stop.set()
    running.join(20)
    assert observer.stopped
    assert observer.seen[-1].health is Health.ILL
    assert observer.seen[-1].alive
