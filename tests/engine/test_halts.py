"""A halt begins when a loss exceeds its limit, and ends once: with the day, or when the owner resumes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from bot.domain.clock import DAY, day_start
from bot.domain.log import Event
from bot.engine.risk import Losses
from tests.engine.exchange import Scene

MUCH, LITTLE = Decimal(91), Decimal(1)


def test_that_of_a_day_ends_once_with_the_day(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    halts = scene.engine.halts
    assert halts.look(Losses(day_pct=MUCH)) is not None
    assert halts.look(Losses(day_pct=LITTLE)) is not None
    assert len(scene.log.said(Event.HALTED)) == 1
    scene.clock.now = day_start(scene.clock.now) + DAY
    for _ in range(2):
        assert halts.look(Losses(day_pct=LITTLE)) is None
        assert len(scene.log.said(Event.RESUMED)) == 1


def test_that_of_a_drawdown_lasts_until_the_owner_resumes(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    halts = scene.engine.halts
    assert halts.look(Losses(drawdown_pct=MUCH)) is not None
    scene.clock.now += 3 * DAY
    assert halts.look(Losses(drawdown_pct=LITTLE)) is not None
    halts.lift()
    halts.lift()
    assert halts.look(Losses(drawdown_pct=LITTLE)) is None
    assert len(scene.log.said(Event.RESUMED)) == 1
