"""What an actor makes of an exchange that does not answer, and of a rate that has no room, whatever it was doing."""

from __future__ import annotations

import random
from pathlib import Path
from queue import SimpleQueue
from threading import Event as Signal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.brokers.base import BrokerError, NoRoom
from bot.domain.clock import MINUTE, SECOND
from bot.domain.events import AccountEvent, CandleClosed, Timer, Unfit
from bot.domain.outcome import ErrorMeaning
from bot.domain.pacer import RealTime
from bot.runtime.broker_trader import BrokerTrader
from bot.runtime.schedule import CYCLES_AGAIN, Now, Schedule
from tests.marketdata.given import START, Hand

CLOSED = CandleClosed("A-USD", START, Unfit("late"))


class Actor:
    """An actor whose last cycle has just gone well, and whose work ends in `error` from now on."""

    def __init__(self) -> None:
        self.clock = Hand(RealTime())
        self.errors: list[str] = []
        self.waits: list[str] = []
        self.ended = 0
        nothing = cast("Any", None)
        trader = self.trader = BrokerTrader(
            nothing, nothing, nothing, self.clock, nothing, nothing, SimpleQueue(), Signal(), Path(), random.Random(1), "a run"
        )  # fmt: skip
        trader._schedule = Schedule(RealTime(), 150 * SECOND, 5 * MINUTE, 0, 15 * SECOND)
        trader._engine = cast(
            "Any",
            SimpleNamespace(
                on=self._on,
                monitor=SimpleNamespace(looks=0),
                entry_round=SimpleNamespace(snapshot=None, end=self._end),
                calls_for_look=lambda: False,
            ),
        )
        tally = SimpleNamespace(late=lambda _: None, cycles=0, errors=0)
        trader._reporter = cast(
            "Any", SimpleNamespace(tally=tally, failed=self._failed, waits=self._waits, cycled=lambda _: None)
        )
        for name in ("_report", "_attend", "_look_for_evidence"):
            setattr(trader, name, lambda: None)
        trader._is_undecided = lambda: True  # type: ignore[method-assign]
        trader._schedule.due(self.now)

    @property
    def now(self) -> Now:
        return Now.by(self.clock)

    def does(self, event: AccountEvent, error: BrokerError) -> None:
        self.error = error
        self.trader._handle(event)

    def cycles_after(self, ms: int) -> bool:
        self.clock.now += ms
        return Timer.CYCLE in self.trader._schedule.due(self.now)

    def _on(self, _event: AccountEvent) -> None:
        raise self.error

    def _end(self) -> None:
        self.ended += 1

    def _failed(self, error: BrokerError, *, fatal: bool) -> None:
        assert not fatal
        self.errors.append(error.text)
        self.trader._reporter.tally.errors += 1

    def _waits(self, error: NoRoom) -> None:
        self.waits.append(error.text)


def busy() -> BrokerError:
    return BrokerError("kraken", ErrorMeaning.BUSY, "no answer")


def full() -> NoRoom:
    return NoRoom("kraken", ErrorMeaning.RATE_LIMITED, "no room", retry_after_ms=3_000)


@pytest.mark.parametrize("event", [CLOSED, Timer.SEARCH, Timer.CYCLE])
def test_no_room_is_no_error_and_what_was_left_is_done_once_there_is(event: AccountEvent) -> None:
    actor = Actor()
    actor.does(event, full())
    assert (actor.errors, actor.ended) == ([], 0)
    assert not actor.cycles_after(2_900)
    assert actor.cycles_after(1_200)


@pytest.mark.parametrize("event", [CLOSED, Timer.SEARCH, Timer.MONITOR, Timer.CYCLE])
def test_after_the_first_error_a_cycle_makes_up_for_it_soon(event: AccountEvent) -> None:
    """An exit, or an entry, of a candle that arrived late is not left to the next regular cycle."""
    actor = Actor()
    actor.does(event, busy())
    assert (actor.errors, actor.ended) == (["no answer"], 1)
    assert actor.cycles_after(CYCLES_AGAIN.first_ms + SECOND)


def test_what_goes_on_failing_beside_the_cycles_brings_none_of_them_forward() -> None:
    actor = Actor()
    for wait in (2, 4, 8, 16):
        actor.does(Timer.CYCLE, busy())
        for _ in range(10):
            actor.does(Timer.SEARCH, busy())
        assert not actor.cycles_after((wait - 1) * SECOND)
        assert actor.cycles_after(2 * SECOND)
