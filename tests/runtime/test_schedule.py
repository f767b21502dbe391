"""What is due when: nothing later than promised, nothing twice for one point, whatever is done to the clock."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.clock import DAY, MINUTE, SECOND
from bot.domain.events import Timer
from bot.domain.pacer import Pacer, RealTime
from bot.runtime.pacer import LockStep
from bot.runtime.schedule import CYCLES_AGAIN, LOOKS_AGAIN, NAKED_AGAIN, STEERED, TURN, DueTime, Now, Schedule

CYCLE, TIMEFRAME, EXCLUSION, POSITION = 150 * SECOND, 5 * MINUTE, 6 * SECOND, 15 * SECOND
START = 1_767_600_000_000
SPEEDS = st.sampled_from([1.0, 7.3, 60.0, 600.0])
OUTCOMES = st.sampled_from(["well", "left something", "naked", "unanswered", "put off"])


def schedule(pacer: Pacer) -> Schedule:
    return Schedule(pacer, cycle_ms=CYCLE, timeframe_ms=TIMEFRAME, exclusion_ms=EXCLUSION, position_ms=POSITION)


@dataclass
class Course:
    """An actor that does what is due at once, with the outcome that a test sets; remembers what was done when."""

    pacer: Pacer
    now: Now = field(default_factory=lambda: Now(START, 0))
    done: list[tuple[Timer, Now]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.schedule = schedule(self.pacer)

    def turn(self, outcome: str = "well", put_off: int = 0) -> list[Timer]:
        work = self.schedule.due(self.now)
        self.done += [(timer, self.now) for timer in work]
        for timer in work:
            if timer is Timer.CYCLE and outcome == "unanswered":
                self.schedule.unanswered(self.now)
            elif timer is Timer.CYCLE and outcome == "put off":
                self.schedule.put_off(self.now, put_off)
                self.looked(outcome)
            elif timer is Timer.CYCLE:
                self.schedule.answered()
                self.looked(outcome)
            elif timer is Timer.MONITOR:
                self.looked(outcome)
        return work

    def looked(self, outcome: str) -> None:
        self.schedule.looked(self.now, finished=outcome in {"well", "put off"}, urgent=outcome == "naked")

    def sleep(self, real: int, set_by: int = 0) -> None:
        """Real time passes, and somebody sets the market's clock."""
        assert isinstance(self.pacer, RealTime)
        self.now = Now(self.now.market + round(real * self.pacer.speed) + set_by, self.now.steady + real)

    def gaps(self, *timers: Timer) -> list[int]:
        """Real ms between one such piece of work and the next, and since the last."""
        at = [now.steady for timer, now in self.done if timer in timers]
        return [b - a for a, b in zip(at, [*at[1:], self.now.steady], strict=True)]


@st.composite
def hours(draw: st.DrawFn) -> Course:
    """Work that goes well and badly, sleeps that are too long, clocks that are set forward and back."""
    course = Course(RealTime(draw(SPEEDS)))
    steps = st.tuples(OUTCOMES, st.integers(0, 20 * MINUTE), st.integers(0, 300), st.booleans())
    outcomes = draw(st.lists(steps, min_size=1, max_size=60))
    set_by = draw(st.dictionaries(st.integers(0, len(outcomes) - 1), jumps(), max_size=3))
    for number, (outcome, put_off, overslept, news) in enumerate(outcomes):
        course.turn(outcome, put_off)
        if news:
            course.schedule.look_now()
        course.sleep(course.schedule.wait_ms(course.now) + overslept, set_by.get(number, 0))
    for _ in range(40):
        course.turn()
        course.sleep(course.schedule.wait_ms(course.now))
    return course


def jumps() -> st.SearchStrategy[int]:
    return st.one_of(st.integers(-2 * DAY, 2 * DAY), st.integers(-3 * SECOND, 3 * SECOND))


SLACK = STEERED + TURN + 300 + 2
"""What a clock is steered by, one turn, one sleep that was too long, and the rounding of two conversions."""


@given(hours())
def test_everything_becomes_due_within_its_bound_whatever_is_done_to_the_clock(course: Course) -> None:
    real = course.pacer.real_ms
    assert max(course.gaps(Timer.CYCLE)) <= real(CYCLE) + SLACK
    assert max(course.gaps(Timer.CYCLE, Timer.MONITOR)) <= real(POSITION) + SLACK
    assert max(course.gaps(Timer.SEARCH)) <= TURN + 300
    assert max(course.gaps(Timer.POLL)) <= TURN + 300


@given(SPEEDS, st.lists(st.tuples(OUTCOMES, st.integers(0, 300)), min_size=1, max_size=60))
def test_after_what_failed_it_comes_again_by_its_backoff(speed: float, steps: list[tuple[str, int]]) -> None:
    course, cycles, looks = Course(RealTime(speed)), 0, 0
    for outcome, overslept in steps:
        done, now = course.turn(outcome), course.now
        if Timer.CYCLE in done:
            cycles = {"unanswered": CYCLES_AGAIN.after(cycles), "put off": cycles}.get(outcome, 0)
        if Timer.MONITOR in done or (Timer.CYCLE in done and outcome != "unanswered"):
            again = {"left something": LOOKS_AGAIN, "unanswered": LOOKS_AGAIN, "naked": NAKED_AGAIN}.get(outcome)
            looks = again.after(looks) if again is not None else 0
        if cycles and Timer.CYCLE in done:
            assert course.schedule.owes(now.market + course.pacer.market_ms(cycles))
        if looks:
            assert course.schedule.owes(now.market + course.pacer.market_ms(looks))
        course.sleep(course.schedule.wait_ms(course.now) + overslept)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), SPEEDS)
def test_nothing_is_due_twice_for_one_point_of_its_grid(sleeps: list[int], speed: float) -> None:
    course = Course(RealTime(speed))
    for real in sleeps:
        course.turn()
        course.sleep(real)
    points = [cycle_point(now.market) for timer, now in course.done if timer is Timer.CYCLE]
    assert len(points) == len(set(points))
    looks = [now.market // POSITION for timer, now in course.done if timer is Timer.MONITOR]
    assert len(looks) == len(set(looks))


def cycle_point(market: int) -> int:
    """The last point at which a cycle was due."""
    return max((market - EXCLUSION) // step * step + EXCLUSION for step in (CYCLE, TIMEFRAME))


@given(hours())
def test_what_is_due_is_due_once(course: Course) -> None:
    """A pass that does all that is due leaves nothing but what it brought forward itself."""
    course.turn()
    assert course.turn() == []


@given(SPEEDS, st.integers(0, 10 * MINUTE))
def test_a_wait_ends_when_something_is_due_and_not_before(speed: float, later: int) -> None:
    course = Course(RealTime(speed), Now(START + later, 0))
    course.turn()
    for _ in range(20):
        real = course.schedule.wait_ms(course.now)
        assert 0 < real <= TURN
        early = Now(course.now.market + int((real - 1) * speed), course.now.steady + real - 1)
        assert not course.schedule.owes(early.market)
        course.sleep(real)
        assert course.turn()


def test_cycles_begin_with_the_first_moment_at_which_a_new_candle_may_be_traded() -> None:
    course = Course(RealTime(), Now(START, 0))
    while course.now.steady < 11 * MINUTE:
        course.turn()
        course.sleep(course.schedule.wait_ms(course.now))
    assert [now.steady for timer, now in course.done if timer is Timer.CYCLE] == [
        0, 6_000, 156_000, 306_000, 456_000, 606_000,
    ]  # fmt: skip


def test_how_late_a_cycle_came_is_told_in_real_time() -> None:
    for pacer, late in ((RealTime(), 6_000), (RealTime(60), 100), (LockStep(), 0)):
        one = schedule(pacer)
        one.due(Now(START, 0))
        assert one.late_ms == 0
        one.due(Now(START + EXCLUSION + 6_000, 0))
        assert one.late_ms == late


def test_a_look_that_news_asks_for_is_due_at_once() -> None:
    course = Course(RealTime())
    course.turn()
    course.schedule.look_now()
    assert course.schedule.owes(course.now.market)
    assert course.turn() == [Timer.MONITOR]


def test_while_coins_lie_without_a_stop_looks_come_every_two_seconds() -> None:
    course = Course(RealTime())
    for outcome, longest in (("left something", 15 * SECOND), ("naked", 2 * SECOND)):
        for _ in range(400):
            course.turn(outcome)
            course.sleep(course.schedule.wait_ms(course.now))
        assert max(course.gaps(Timer.MONITOR, Timer.CYCLE)[-4:]) == longest


# -- in lock-step

STEPS = st.lists(st.tuples(st.integers(1, 400 * SECOND), OUTCOMES), min_size=1, max_size=40)


def stepped(steps: list[tuple[int, str]], idle: list[int]) -> list[tuple[Timer, int]]:
    """What is done, and when in market time, if so much real time passes at each stand."""
    course = Course(LockStep())
    for (step, outcome), real in zip(steps, idle, strict=True):
        turns = 0
        while turns == 0 or course.schedule.owes(course.now.market):
            course.turn(outcome)
            turns += 1
            assert turns < 4, "work is owed for ever"
        course.now = Now(course.now.market, course.now.steady + real)
        course.turn(outcome)
        assert not course.schedule.owes(course.now.market)
        course.now = Now(course.now.market + step, course.now.steady)
    return [(timer, now.market) for timer, now in course.done if timer in {Timer.CYCLE, Timer.MONITOR}]


@given(STEPS, st.data())
def test_in_lock_step_only_the_market_decides_what_is_due(steps: list[tuple[int, str]], data: st.DataObject) -> None:
    idle = st.lists(st.integers(0, 40 * DAY), min_size=len(steps), max_size=len(steps))
    assert stepped(steps, data.draw(idle)) == stepped(steps, [0] * len(steps))


@given(STEPS)
def test_in_lock_step_no_step_passes_over_what_is_due(steps: list[tuple[int, str]]) -> None:
    done = {market for _, market in stepped(steps, [0] * len(steps))}
    stands = itertools.accumulate((step for step, _ in steps[:-1]), initial=START)
    for before, stand in itertools.pairwise(stands):
        if before // POSITION != stand // POSITION or cycle_point(before) != cycle_point(stand):
            assert stand in done


# -- one thing alone


@given(SPEEDS, st.integers(0, DAY), jumps(), st.integers(0, 2 * DAY))
def test_one_due_time_comes_with_the_market_or_by_steady_time(speed: float, ahead: int, set_by: int, real: int) -> None:
    due, begun, pacer = DueTime(), Now(START, 0), RealTime(speed)
    assert due.has_come(begun)
    due.set(START + ahead, begun, pacer)
    now = Now(START + int(real * speed) + set_by, real)
    assert due.has_come(now) == (now.market >= START + ahead or real >= pacer.real_ms(ahead) + STEERED)


def test_in_lock_step_a_due_time_comes_with_the_market_only() -> None:
    due = DueTime()
    due.set(START + 1, Now(START, 0), LockStep())
    assert not due.has_come(Now(START, 100 * DAY))
    assert due.has_come(Now(START + 1, 0))
