"""A time without trades is a flat candle for a strategy, or no candle, as the strategy chooses."""

from __future__ import annotations

import numpy as np
import pytest

from bot.domain.candles import Candles
from bot.strategy.base import Evaluation
from tests.rig import OnDemand, Rig


class Seeing(OnDemand):
    """Records the candles that it receives."""

    def __init__(self, *, fills_gaps: bool) -> None:
        super().__init__()
        self.fills_gaps = fills_gaps
        self.seen: Candles | None = None

    def evaluate(self, candles: Candles) -> Evaluation:
        self.seen = candles
        return super().evaluate(candles)


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
@pytest.mark.parametrize("fills_gaps", [True, False], ids=["filled", "left out"])
def test_a_candle_that_is_missing_is_filled_in_or_left_out(unopened: Rig, fills_gaps: bool) -> None:
    rig = unopened
    rig.rule = rule = Seeing(fills_gaps=fills_gaps)
    rig.open()
    rig.arm("bad_candle", body="missing")
    rig.until(lambda: bool(rig.enter()), "an entry")
    rig.disarm()
    assert rule.seen is not None
    steps = np.diff(rule.seen.time) // rule.seen.timeframe_ms
    assert (steps.max() > 1) is not fills_gaps
    assert (rule.seen.volume == 0.0).any() == fills_gaps
    rig.quiet()
    assert rig.protected()
