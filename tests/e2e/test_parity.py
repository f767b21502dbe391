"""What you test is what you trade: the daemon and the backtest over the same market day."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parity.compare import TURNOVER, Cause
from tests.parity.run import measured

pytest.importorskip("numba", reason="numba is not installed")


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_a_market_day_is_traded_as_it_is_tested(tmp_path: Path) -> None:
    """The same entries on the same candle, of the same size; every other exit has its cause, and the result hardly differs."""
    parity = measured(tmp_path, days=1, pairs=2, look=100)
    assert parity.causes[Cause.UNKNOWN] == 0, parity.differences
    assert parity.same_entries >= 5, parity.lines()
    assert parity.same_sizes == parity.same_entries
    assert parity.ended - parity.same_exits <= len(parity.differences)
    assert parity.apart <= TURNOVER, parity.lines()
