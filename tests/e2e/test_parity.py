"""What you test is what you trade: the daemon and the backtest over the same market."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parity.causes import Cause
from tests.parity.compare import TURNOVER, Parity
from tests.parity.run import measured


def in_parity(parity: Parity, entries: int, apart: int) -> None:
    """At least so many entries on the same candle, all of the same size; so many other exits at most, each with its cause."""
    found = [*parity.differences, *parity.lines()]
    assert parity.causes[Cause.UNKNOWN] == 0, found
    assert parity.same_entries == parity.same_sizes >= entries, found
    assert parity.ended - parity.same_exits <= apart, found
    assert parity.apart <= TURNOVER, found


@pytest.mark.timeout(300)
def test_a_quarter_day_is_traded_as_it_is_tested(tmp_path: Path) -> None:
    in_parity(measured(tmp_path, hours=6, pairs=3, compiled=False), entries=5, apart=1)


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_a_day_is_traded_as_it_is_tested(tmp_path: Path) -> None:
    """As above, compiled, with every pair."""
    pytest.importorskip("numba", reason="numba is not installed")
    in_parity(measured(tmp_path, hours=24, pairs=10), entries=50, apart=2)
