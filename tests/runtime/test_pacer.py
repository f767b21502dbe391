"""How market time and real time go together, and for whom a market in lock-step waits."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.ids import AccountKey
from bot.domain.pacer import Pacer, RealTime
from bot.runtime.pacer import LockStep, SteppedClock

KRAKEN, OKX, SAVINGS = AccountKey("kraken"), AccountKey("okx"), AccountKey("kraken", "savings")
STRETCH = st.integers(0, 10**10)
SPEEDS = st.sampled_from([0.1, 1.0, 7.3, 60.0, 600.0])


@given(STRETCH, SPEEDS)
def test_a_wait_ends_when_the_market_has_come_so_far_and_not_before(market: int, speed: float) -> None:
    pacer = RealTime(speed)
    real = pacer.wait_ms(market, 10**12)
    assert real * speed >= market - 1e-3
    assert (real - 1) * speed < market or real == 0
    assert pacer.wait_ms(market, 250) == min(real, 250)


@given(STRETCH, SPEEDS)
def test_there_and_back_loses_nothing(real: int, speed: float) -> None:
    pacer = RealTime(speed)
    assert 0 <= pacer.real_ms(pacer.market_ms(real)) - real <= 1 + 1 / speed


@pytest.mark.parametrize("pacer", [RealTime(), RealTime(60), LockStep()], ids=str)
def test_what_is_due_is_not_waited_for(pacer: Pacer) -> None:
    for overdue in (0, -1, -(10**9)):
        assert pacer.wait_ms(overdue, 250) == 0
    assert 0 < pacer.wait_ms(1, 250) <= 250


def test_in_lock_step_nothing_is_late_and_any_wait_ends_with_the_next_step() -> None:
    pacer = LockStep()
    assert pacer.real_ms(300_000) == 0
    assert pacer.wait_ms(1, 250) == 250
    assert (pacer.market_ms(0), pacer.market_ms(1), pacer.market_ms(300_000)) == (0, 1, 1)


@given(st.integers(0, 10**9))
def test_in_lock_step_counters_run_down_while_we_wait(counter: int) -> None:
    pacer = LockStep()
    real = pacer.counter_wait_ms(counter)
    assert pacer.counter_ms(5, 1_000 + real) - pacer.counter_ms(5, 1_000) >= counter


# -- those who work


def test_the_market_waits_for_the_slowest_worker_of_all_accounts() -> None:
    pacer = LockStep()
    assert pacer.done_up_to(100) == 100
    kraken, feed, okx = pacer.worker(KRAKEN, "actor"), pacer.worker(KRAKEN, "feed"), pacer.worker(OKX, "actor")
    assert pacer.done_up_to(100) == 0
    for worker, up_to in ((kraken, 100), (feed, 60), (okx, 90)):
        worker.done(up_to)
    assert pacer.done_up_to(100) == 60
    feed.done(100)
    assert pacer.done_up_to(100) == 90
    okx.leave()
    assert pacer.done_up_to(100) == 100


def test_whoever_gets_something_to_do_owes_again() -> None:
    pacer = LockStep()
    actor = pacer.worker(KRAKEN, "actor")
    actor.done(100)
    actor.busy()
    assert pacer.done_up_to(100) == 0
    actor.done(100)
    assert pacer.done_up_to(100) == 100


def test_a_failed_account_owes_nothing_until_it_takes_a_new_place() -> None:
    pacer = LockStep()
    before = [pacer.worker(KRAKEN, name) for name in ("actor", "feed")]
    pacer.excuse(KRAKEN)
    for one in before:
        one.done(1)  # a life that was left behind: nobody listens
    assert pacer.done_up_to(100) == 100
    pacer.worker(KRAKEN, "actor")
    assert pacer.done_up_to(100) == 0


def test_a_new_life_takes_the_place_of_the_one_before() -> None:
    pacer = LockStep()
    old, new = pacer.worker(KRAKEN, "actor"), pacer.worker(KRAKEN, "actor")
    new.done(100)
    old.busy()
    assert pacer.done_up_to(100) == 100


def test_the_market_is_told_where_to_stop_next() -> None:
    pacer = LockStep()
    assert pacer.wakes_at(100) is None
    for account, wakes_at in ((KRAKEN, 0), (OKX, 106), (SAVINGS, 103)):
        pacer.worker(account, "actor").done(100, wakes_at)
    assert pacer.wakes_at(100) == 103
    assert pacer.wakes_at(103) == 106
    pacer.excuse(OKX)
    assert pacer.wakes_at(103) is None


def test_a_step_of_the_market_is_told_to_all_who_want_to_hear_of_it() -> None:
    clock, heard = SteppedClock(100), []
    clock.pacer.worker(KRAKEN, "actor", lambda: heard.append(clock.market_ms()))
    clock.pacer.worker(OKX, "actor")
    clock.set(200)
    clock.set(150)
    assert heard == [200, 200]


@pytest.mark.parametrize("word", ["done", "leave", "excuse"])
def test_whoever_follows_the_market_hears_at_once_that_all_are_done(word: str) -> None:
    pacer = LockStep()
    worker = pacer.worker(KRAKEN, "actor")
    say = {"done": lambda: worker.done(100), "leave": worker.leave, "excuse": lambda: pacer.excuse(KRAKEN)}[word]
    assert pacer.wait_done(100, 0.01) == 0
    threading.Timer(0.05, say).start()
    assert pacer.wait_done(100, 60) == 100
