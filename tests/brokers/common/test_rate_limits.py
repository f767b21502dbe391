"""Our rate budget, which makes us wait before a venue has to refuse us."""

from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.base import Priority
from bot.brokers.common.deadline import WaitLimit
from bot.brokers.common.rate_limits import Budget, OverBudget, admit
from bot.brokers.kraken.limits import amend_cost, cancel_cost
from bot.domain.clock import ScaledClock, SystemClock, system_ms
from bot.domain.pacer import RealTime
from bot.runtime.pacer import SteppedClock


class Hand:
    """A market clock that the test moves, although its pacer is that of real time."""

    pacer = RealTime()

    def __init__(self) -> None:
        self.now = 1_000_000

    def market_ms(self) -> int:
        return self.now

    def wall_ms(self) -> int:
        return self.now

    def steady_ms(self) -> int:
        return self.now


def test_a_full_counter_makes_room_as_market_time_passes() -> None:
    clock = Hand()
    budget = Budget("calls", 10, 0.5, clock)
    budget.spend(10)
    assert budget.wait_ms(1, Priority.EXIT) == pytest.approx(2000, abs=2)
    clock.now += 2001
    assert budget.wait_ms(1, Priority.EXIT) == 0


def test_entries_leave_room_for_questions_and_questions_for_exits() -> None:
    budget = Budget("calls", 10, 1, Hand())
    budget.spend(5.5)
    assert budget.wait_ms(1, Priority.ENTRY) > 0
    assert budget.wait_ms(1, Priority.QUERY) == 0
    budget.spend(2.5)
    assert budget.wait_ms(1, Priority.QUERY) > 0
    assert budget.wait_ms(1, Priority.EXIT) == 0


def test_an_empty_counter_takes_a_call_dearer_than_its_share() -> None:
    assert Budget("calls", 1, 1, Hand()).wait_ms(1, Priority.ENTRY) == 0


def test_time_going_back_gives_no_room() -> None:
    clock = Hand()
    budget = Budget("calls", 10, 1, clock)
    budget.spend(8)
    clock.now -= 60_000
    assert budget.level() == 8


@given(
    st.lists(
        st.tuples(st.integers(0, 5_000), st.sampled_from(list(Priority)), st.sampled_from([1.0, 2.0])), max_size=60
    )
)
def test_whatever_is_asked_the_venue_never_sees_more_than_its_capacity(
    asked: list[tuple[int, Priority, float]],
) -> None:
    clock = Hand()
    budget = Budget("calls", 15, 0.33, clock)
    for pause, priority, cost in asked:
        clock.now += pause
        if budget.wait_ms(cost, priority) == 0:
            budget.spend(cost)
        assert budget.level() <= 15


def test_waiting_is_converted_from_market_to_real_time() -> None:
    clock = ScaledClock(system_ms(), system_ms(), 1000.0)
    budget = Budget("calls", 1, 0.01, clock)
    budget.spend(1)
    admit(budget, 1, Priority.EXIT, WaitLimit(clock.wall_ms).deadline(5), clock)  # 100 s of the market
    assert budget.level() >= 0.9


def test_no_room_before_the_deadline_is_said_at_once() -> None:
    clock = SystemClock()
    budget = Budget("calls", 1, 0.001, clock)
    budget.spend(1)
    with pytest.raises(OverBudget) as caught:
        admit(budget, 1, Priority.EXIT, WaitLimit(clock.wall_ms).deadline(5), clock)
    assert caught.value.wait_ms > 900_000


def test_in_lock_step_a_counter_flows_out_as_a_sandboxs_does_and_empties_with_a_step_of_the_market() -> None:
    clock = SteppedClock(1_000_000, Hand().wall_ms)
    budget = Budget("calls", 3, 1, clock)
    for _ in range(3):
        admit(budget, 1, Priority.EXIT, WaitLimit(clock.wall_ms).deadline(5), clock)
    assert budget.wait_ms(1, Priority.EXIT) == 1_001
    clock.set(1_002_000)
    assert budget.level() == 1


def test_in_lock_step_waiting_makes_room() -> None:
    clock = SteppedClock(1_000_000)
    budget = Budget("calls", 1, 1, clock)
    for _ in range(3):
        admit(budget, 1, Priority.EXIT, WaitLimit(clock.wall_ms).deadline(5), clock)
    assert budget.level() <= 1


def test_young_orders_cost_more_to_change_and_to_cancel() -> None:
    ages = [0, 4_999, 5_000, 10_000, 15_000, 45_000, 90_000, 300_000]
    assert [amend_cost(age) for age in ages] == [4, 4, 3, 2, 1, 1, 1, 1]
    assert [cancel_cost(age) for age in ages] == [8, 8, 6, 5, 4, 2, 1, 0]
    assert all(cancel_cost(a) >= cancel_cost(b) for a, b in itertools.pairwise(ages))


def test_threads_that_share_a_counter_never_take_more_than_it_holds() -> None:
    """Threads compete for the last room: checking and taking must be one atomic step."""
    budget = Budget("calls", 50, 1, Hand())
    taken: list[int] = []

    def take() -> None:
        taken.extend(1 for _ in range(200) if budget.take(1, Priority.EXIT) == 0)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 50


def test_candles_leave_room_for_everything_else() -> None:
    budget = Budget("calls", 10, 1, Hand())
    while budget.take(1, Priority.CANDLES) == 0:
        pass
    assert [budget.wait_ms(1, priority) for priority in (Priority.ENTRY, Priority.QUERY, Priority.EXIT)] == [0, 0, 0]
