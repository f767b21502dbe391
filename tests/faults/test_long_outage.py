"""An exchange that does not answer for days: every wait stays within its bound, and no counter overflows."""

from __future__ import annotations

import random
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.base import BrokerError
from bot.domain.clock import DAY, HOUR, SECOND, Pause
from bot.domain.events import AccountEvent, Timer
from bot.domain.ids import AccountKey
from bot.domain.log import Event
from bot.domain.outcome import ErrorMeaning
from bot.domain.pacer import RealTime
from bot.domain.status import BrokerStatus, Status
from bot.engine.naked_watchdog import NakedWatchdog
from bot.engine.refusals import Refusals
from bot.independent_broker_trader import RESTARTS, IndependentBrokerTrader
from bot.runtime.actor_run import Liveness
from bot.runtime.broker_trader import BrokerTrader
from bot.runtime.reporter import Tally
from bot.runtime.schedule import CYCLES_AGAIN, LOOKS_AGAIN, Now, Schedule
from bot.telemetry.heartbeat import Heartbeat
from tests.notes import Notes

OUTAGE = 200 * HOUR


@dataclass
class Hours:
    """A clock that the test advances; `set_by` is a change of the system clock, during which no time passes."""

    now: int = 1_700_000_000_000
    pacer: RealTime = field(default_factory=RealTime)
    set_by: int = 0

    def market_ms(self) -> int:
        return self.now + self.set_by

    def wall_ms(self) -> int:
        return self.now + self.set_by

    def steady_ms(self) -> int:
        return self.now


def unanswered(*_: object) -> NoReturn:
    raise BrokerError("kraken", ErrorMeaning.BUSY, "no answer")


class Unheard:
    """An engine whose exchange never answers."""

    def __init__(self) -> None:
        self.monitor = SimpleNamespace(looks=0, finished=False)
        self.entry_round = SimpleNamespace(snapshot=None, end=lambda: None)
        self.protection = SimpleNamespace(is_urgent=lambda: False)
        self.reconciliation = SimpleNamespace(adoption=SimpleNamespace(watching=False))

    def on(self, event: AccountEvent) -> None:
        if event is Timer.MONITOR:
            self.monitor.looks += 1
        if event in (Timer.MONITOR, Timer.CYCLE):
            unanswered()

    def calls_for_look(self) -> bool:
        return False


def actor(clock: Hours, position_ms: int, cycle_ms: int) -> BrokerTrader:
    """An actor whose exchange never answers, with the work of an open position left undone."""
    heartbeat = Heartbeat(BrokerStatus(AccountKey("kraken"), Status.DEGRADED))
    made = BrokerTrader(
        cast("Any", SimpleNamespace(urgently=nullcontext)),
        cast("Any", None), cast("Any", None), clock, cast("Any", Notes()), heartbeat,
        cast("Any", None), threading.Event(), Path("nowhere"), random.Random(1), "a run",
    )  # fmt: skip
    tally = Tally()

    def failed(*_: object, fatal: bool) -> None:
        tally.errors += 1

    parts: dict[str, Any] = {
        "_engine": Unheard(),
        "_reporter": SimpleNamespace(tally=tally, failed=failed, snapshot=None, report=lambda *_: None),
        "_schedule": Schedule(clock.pacer, cycle_ms, DAY, 0, position_ms),
        "_operator": SimpleNamespace(poll=lambda: False, blocked_by=lambda **_: None),
        "_connection": SimpleNamespace(trading=None),
        "_evidence": SimpleNamespace(look=lambda *_: None, blocks=None, warning=""),
        "_oms": SimpleNamespace(fees={}),
    }  # fmt: skip
    for name, part in parts.items():
        setattr(made, name, part)
    return made


def test_an_actor_outlives_200_hours_without_an_answer() -> None:
    for speed in (1.0, 60.0):
        clock = Hours(pacer=RealTime(speed))
        trader = actor(clock, 15 * SECOND, 150 * SECOND)
        end = clock.now + OUTAGE
        while clock.now < end:
            for timer in trader._schedule.due(Now.by(clock)):
                trader._handle(timer)
            clock.now += SECOND
        assert trader._schedule._looks == LOOKS_AGAIN.cap_ms
        assert trader._schedule._cycles == CYCLES_AGAIN.cap_ms


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_supervisor_outlives_200_hours_of_threads_that_die_at_once(tmp_path: Path) -> None:
    clock, log = Hours(), cast("Any", Notes())

    def dies(*_: object) -> NoReturn:
        raise SystemExit

    trader = IndependentBrokerTrader(
        manager=cast("Any", SimpleNamespace(venues=("kraken",), build=dies)),
        open_ledger=cast("Any", None), plan=cast("Any", None), clock=clock, log_for=lambda _: log, data_dir=tmp_path,
        status_ms=HOUR, stop=threading.Event(), rng=random.Random(1),
    )  # fmt: skip
    (post,) = trader.slots
    trader._start(post)
    for _ in range(1_100):
        assert post.thread is not None
        post.thread.join(10)
        clock.now += RESTARTS.cap_ms
        trader._revive()
    post.thread.join(10)  # the error that it dies of is the test's
    assert len(log.said(Event.CRASHED)) == 1_100


# --- a supervisor that was suspended itself


def test_whoever_slept_himself_calls_nobody_dead() -> None:
    """SIGSTOP, or a closed lid: no actor could send a heartbeat meanwhile."""
    clock, heartbeat = Hours(), Heartbeat(BrokerStatus(AccountKey("kraken"), Status.HEALTHY))
    liveness = Liveness(heartbeat, clock)
    for _ in range(10):
        clock.now += SECOND
        assert liveness.seconds() < 11
    clock.now += 75 * SECOND
    assert liveness.seconds() == 0
    for _ in range(70):
        clock.now += SECOND
        liveness.seconds()
    assert liveness.seconds() == 70
    heartbeat.beat()
    assert liveness.seconds() == 0


# --- a system clock that is set meanwhile


@given(st.integers(1, DAY), st.lists(st.tuples(st.integers(-2 * DAY, 2 * DAY), st.integers(0, HOUR)), max_size=20))
def test_a_pause_lasts_its_time_whatever_is_done_to_the_clock(length: int, steps: list[tuple[int, int]]) -> None:
    clock = Hours()
    pause, passed = Pause(clock, length), 0
    for set_by, ms in steps:
        clock.set_by += set_by
        clock.now += ms
        passed += ms
        assert pause.left() == max(length - passed, 0)
        assert pause.is_over() is (passed >= length)


def test_naked_coins_are_told_of_in_time_although_the_clock_was_set_back() -> None:
    clock, notes = Hours(), Notes()
    since = clock.wall_ms()
    desk = SimpleNamespace(
        clock=clock,
        log=notes,
        book=SimpleNamespace(unprotected=lambda: {"BTC-USD": (since, "refused")}, position=lambda _: None),
    )
    naked_watchdog = NakedWatchdog(cast("Any", desk), Refusals())
    naked_watchdog.check()
    clock.set_by -= HOUR
    for _ in range(12):
        clock.now += SECOND
        naked_watchdog.check()
    assert len(notes.said(Event.NAKED)) == 1
    clock.set_by += 2 * HOUR
    for _ in range(12):
        clock.now += SECOND
        naked_watchdog.check()
    assert len(notes.said(Event.NAKED)) == 1
