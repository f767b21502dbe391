"""What you test is what you trade: the daemon and the backtest over the same market."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parity.compare import Parity
from tests.parity.run import measured


def in_parity(parity: Parity, entries: int) -> None:
    """The same entries of the same size, each other exit with its cause, and results that hardly differ."""
    assert parity.holds, [*parity.differences, *parity.lines()]
    assert parity.same_entries >= entries, parity.lines()


@pytest.mark.timeout(300)
def test_a_quarter_day_is_traded_as_it_is_tested(tmp_path: Path) -> None:
    in_parity(measured(tmp_path, hours=6, pairs=3, compiled=False), 4)


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_a_day_is_traded_as_it_is_tested(tmp_path: Path) -> None:
    """As above, compiled, with every pair."""
    pytest.importorskip("numba", reason="numba is not installed")
    in_parity(measured(tmp_path, hours=24, pairs=10), 40)
