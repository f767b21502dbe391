"""The markets that a strategy chooses, over candles of the past: at each month's begin, from candles of before it."""

from __future__ import annotations

import numpy as np
import pytest

from bot.backtest.history import History
from bot.backtest.universe import NOWHERE, Choice
from bot.domain.candles import Candles
from bot.domain.clock import DAY, parse_iso
from bot.strategy.base import Universe
from tests.strategy.trend_series import history

MONTH = Universe(most=2, among=2, candles=3, period="month")
FIRST = parse_iso("2026-01-01")
JANUARY, FEBRUARY = parse_iso("2026-01-20"), parse_iso("2026-02-01")


def market(name: str, january: float, february: float, days: tuple[int, int] = (-10, 50)) -> History:
    """A market by the volume that it has before January, and from then on; days count from the 1st."""
    numbers = range(*days)
    rows = [(FIRST + day * DAY, 1, 1, 1, 1, january if day < 0 else february) for day in numbers]
    return history(Candles.of(DAY, rows), f"{name}-USD")


def volume(symbol: str, candles: Candles) -> float | None:
    assert len(candles) <= MONTH.candles
    assert candles.closed_at % DAY == 0
    return None if symbol == "X-USD" else float(candles.volume.sum())


def places(histories: list[History], close: int, pairs: tuple[str, ...] = ()) -> dict[str, int]:
    choice = Choice(MONTH, histories, pairs, volume)
    found = {one.symbol[0]: int(choice.places(at, np.array([close]))[0]) for at, one in enumerate(histories)}
    return {name: place for name, place in found.items() if place != NOWHERE}


MARKETS = [market("A", 1, 9), market("B", 5, 1), market("C", 7, 2), market("X", 99, 99)]


@pytest.mark.parametrize(
    ("close", "expected"),
    [(JANUARY, {"C": 0, "B": 1}), (FEBRUARY - 1, {"C": 0, "B": 1}), (FEBRUARY, {"A": 0, "C": 1})],
)
def test_the_best_at_a_months_begin_may_be_entered_in_that_month(close: int, expected: dict[str, int]) -> None:
    assert places(MARKETS, close) == expected


def test_a_market_that_has_ended_takes_no_place() -> None:
    assert places([*MARKETS, market("D", 50, 50, (-10, 20))], FEBRUARY) == {"A": 0, "C": 1}


def test_an_owners_list_is_the_order_whatever_the_volume() -> None:
    assert places(MARKETS, JANUARY, ("B-USD", "X-USD", "A-USD")) == {"B": 0, "X": 1, "A": 2}


def test_without_a_universe_all_are_alike() -> None:
    choice = Choice(None, MARKETS, (), volume)
    assert [choice.places(at, np.array([JANUARY, FEBRUARY])).tolist() for at in range(4)] == [[0, 0]] * 4
