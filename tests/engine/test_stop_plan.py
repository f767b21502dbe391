"""From any stops to the wanted coverage: exactly, never above the position on the way, and without a needless step."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.order import VenueOrder
from bot.engine.stop_plan import Amend, Cancel, Place, Step, plan_stops, protected_qty, remaining
from tests.engine.given import instrument, stop

COIN = instrument()
TRIGGER = Decimal(90)
MINIMUM = int(COIN.min_qty / COIN.lot)
_lots = st.integers(min_value=MINIMUM, max_value=500)


@st.composite
def _stops(draw: st.DrawFn) -> list[VenueOrder]:
    """Stops as an exchange may hold them: at least the minimum size when placed, perhaps partly filled since."""
    rows = draw(st.lists(st.tuples(_lots, st.sampled_from([90, 88]), st.integers(0, 30)), max_size=5))
    return [
        stop(number, lots * COIN.lot, Decimal(trigger), filled * COIN.lot)
        for number, (lots, trigger, filled) in enumerate(rows)
    ]


_want = st.one_of(st.just(0), _lots).map(lambda lots: lots * COIN.lot)


def after(stops: list[VenueOrder], steps: list[Step]) -> list[tuple[Decimal, dict[str, tuple[Decimal, Decimal]]]]:
    """The coverage and the stops (size left, trigger) after each step."""
    now = {one.exchange_id: (remaining(one), one.trigger_price or Decimal(0)) for one in stops}
    trace = []
    for number, step in enumerate(steps):
        match step:
            case Cancel(one):
                del now[one.exchange_id]
            case Amend(one, qty, trigger):
                assert one.exchange_id in now
                now[one.exchange_id] = (qty - one.filled_qty, trigger)
            case Place(qty, trigger):
                now[f"new {number}"] = (qty, trigger)
        trace.append((sum((qty for qty, _ in now.values()), Decimal(0)), dict(now)))
    return trace


def end(stops: list[VenueOrder], steps: list[Step]) -> dict[str, tuple[Decimal, Decimal]]:
    unchanged = {one.exchange_id: (remaining(one), one.trigger_price or Decimal(0)) for one in stops}
    return after(stops, steps)[-1][1] if steps else unchanged


@given(_stops(), _want, st.booleans())
def test_coverage_is_exactly_what_is_wanted(stops: list[VenueOrder], want: Decimal, amend: bool) -> None:
    left = end(stops, plan_stops(stops, want, TRIGGER, COIN, amend=amend))
    assert sum((qty for qty, _ in left.values()), Decimal(0)) == want
    assert {trigger for _, trigger in left.values()} <= {TRIGGER}


@given(_stops(), _want, st.booleans())
def test_no_stop_is_left_below_the_minimum(stops: list[VenueOrder], want: Decimal, amend: bool) -> None:
    left = end(stops, plan_stops(stops, want, TRIGGER, COIN, amend=amend))
    assert all(qty >= COIN.min_qty for qty, _ in left.values())


@given(_stops(), _want, st.booleans())
def test_on_the_way_never_more_than_held_or_than_there_was(stops: list[VenueOrder], want: Decimal, amend: bool) -> None:
    most = max(want, protected_qty(stops))
    trace = [coverage for coverage, _ in after(stops, plan_stops(stops, want, TRIGGER, COIN, amend=amend))]
    assert all(coverage <= most for coverage in trace)
    grown = [one for one, then in pairwise(trace) if then > one]
    assert all(coverage < want for coverage in grown), "it grows only towards the position"


@given(st.lists(_lots, max_size=5), st.booleans())
def test_what_is_right_already_is_left_alone(sizes: list[int], amend: bool) -> None:
    """Without amends, several stops are replaced by one."""
    several = [stop(number, lots * COIN.lot, TRIGGER) for number, lots in enumerate(sizes)]
    stops = several if amend else several[:1]
    assert plan_stops(stops, protected_qty(stops), TRIGGER, COIN, amend=amend) == []


@given(_stops(), _want)
def test_no_stop_is_touched_twice(stops: list[VenueOrder], want: Decimal) -> None:
    steps = plan_stops(stops, want, TRIGGER, COIN, amend=True)
    touched = [step.stop.exchange_id for step in steps if not isinstance(step, Place)]
    assert len(touched) == len(set(touched))


@pytest.mark.parametrize(
    ("sizes", "want", "expected"),
    [
        ([], "0", []),
        ([], "1", [("place", "1")]),
        (["1"], "0", [("cancel", "S0")]),
        (["1"], "0.5", [("amend S0", "0.5")]),
        (["1"], "2", [("amend S0", "2")]),
        (["1", "0.5"], "1", [("cancel", "S1")]),
        (["1", "0.5"], "1.2", [("amend S1", "0.2")]),
        (["1", "0.06"], "1.04", [("cancel", "S1"), ("amend S0", "1.04")]),
        (["0.06"], "0", [("cancel", "S0")]),
    ],
)
def test_table(sizes: list[str], want: str, expected: list[tuple[str, str]]) -> None:
    stops = [stop(number, Decimal(size), TRIGGER) for number, size in enumerate(sizes)]
    assert [_described(step) for step in plan_stops(stops, Decimal(want), TRIGGER, COIN, amend=True)] == expected


def _described(step: Step) -> tuple[str, str]:
    match step:
        case Cancel(one):
            return "cancel", one.exchange_id
        case Amend(one, qty, _):
            return f"amend {one.exchange_id}", str(qty.normalize())
        case Place(qty, _):
            return "place", str(qty.normalize())


def test_without_amend_a_stop_that_is_right_stays_and_the_others_go() -> None:
    stops = [stop(0, Decimal(1), TRIGGER), stop(1, Decimal(1), TRIGGER)]
    assert plan_stops(stops, Decimal(1), TRIGGER, COIN, amend=False) == [Cancel(stops[1])]
