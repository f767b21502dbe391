"""A fill of the entry shows up only after the stop has sold everything: no position may be left of it."""

from __future__ import annotations

from decimal import Decimal

from tests.rig import Rig


def test_a_late_fill_of_an_entry_whose_stop_fired_leaves_no_position(rig: Rig) -> None:
    rig.deposit("USD", Decimal(100_000))
    rig.arm("late_fill", seconds=4.0, count=1)
    rig.enter()
    assert len([one for one in rig.truth()["fills"] if one["side"] == "buy"]) > 1
    rig.jump("0.9")
    rig.restart()
    rig.until(lambda: rig.agreed() and rig.coins() == 0, "the truth")
    assert rig.position is None
    assert rig.differences() == []
