"""The two clocks of the sandbox."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.clock import SandboxClock


class Wall:
    """A wall clock that the test sets."""

    def __init__(self, now: int = 1_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def test_market_runs_at_its_speed() -> None:
    wall = Wall()
    clock = SandboxClock(5_000_000, speed=60, wall=wall)
    assert clock.market_ms() == 5_000_000
    wall.now += 5_000
    assert clock.market_ms() == 5_300_000
    assert clock.wall_ms() == wall.now


def test_market_never_steps_back_with_the_wall() -> None:
    wall = Wall()
    clock = SandboxClock(0, speed=10, wall=wall)
    wall.now += 1_000
    assert clock.market_ms() == 10_000
    wall.now -= 700
    assert clock.market_ms() == 10_000


def test_a_resumed_market_goes_on_where_it_was() -> None:
    wall = Wall()
    clock = SandboxClock(0, speed=60, wall=wall)
    wall.now += 10_000
    saved = clock.market_ms()
    wall.now += 3_600_000
    assert SandboxClock(saved, speed=60, wall=wall).market_ms() == saved


@given(st.integers(0, 10**13), st.floats(0.1, 5000), st.integers(0, 10**7))
def test_wall_of_is_the_way_back(start: int, speed: float, elapsed: int) -> None:
    wall = Wall()
    clock = SandboxClock(start, speed, wall=wall)
    wall.now += elapsed
    assert abs(clock.wall_of(clock.market_ms()) - wall.now) <= 1 + 1 / speed


def test_lockstep_stands_still_until_advanced() -> None:
    wall = Wall()
    clock = SandboxClock(7_000, speed=60, lockstep=True, wall=wall)
    wall.now += 100_000
    assert clock.market_ms() == 7_000
    assert clock.advance(1.5) == 8_500
    assert clock.market_ms() == 8_500
    assert clock.wall_of(7_000) == wall.now


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="speed"):
        SandboxClock(0, speed=0)
    with pytest.raises(ValueError, match="lock-step"):
        SandboxClock(0, speed=1).advance(1)
    with pytest.raises(ValueError, match="forward"):
        SandboxClock(0, speed=1, lockstep=True).advance(-1)
