"""The status block: one line a broker, and how many signals each gate has blocked."""

from __future__ import annotations

import pytest

from bot.operate.health import Pulse, Status
from bot.operate.status import board


@pytest.mark.parametrize(
    ("skipped", "said"),
    [({}, "skipped: none"), ({"spread": 1, "costs": 3, "cash": 1}, "skipped: costs 3, cash 1, spread 1")],
)
def test_what_gates_have_blocked_is_counted_by_gate(skipped: dict[str, int], said: str) -> None:
    (line,) = board([Pulse("kraken", Status.HEALTHY, skipped=skipped)], 0)
    assert f"  {said}  " in line
