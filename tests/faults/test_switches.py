"""What Kraken's documentation leaves open, both ways: bought, protected, a target taken, out, and the book is the truth."""

from __future__ import annotations

import pytest

from tests.rig import Rig

SWITCHES: list[tuple[str, object]] = [
    ("stop_holds_base", False),
    ("stop_holds_base", True),
    ("close_refused_on_spot", True),
    ("close_below_ordermin_dropped", True),
    ("validate_any_is_true", True),
    ("key_info_snake_case", True),
    ("query_unknown_is_error", True),
    ("post_only_rejects", False),
    ("fcib_default_on_sell", True),
    ("volume_minimum_is_argument", True),
    ("nonce_window", 10),
]


@pytest.mark.parametrize(("name", "value"), SWITCHES)
def test_a_whole_trade(unopened: Rig, name: str, value: object) -> None:
    rig = unopened
    with rig.switched(name, value):
        rig.open()
        rig.bought()
        rig.quiet()
        assert rig.position is not None
        assert rig.resting() == rig.position.qty
        rig.jump("1.05")
        rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
        rig.quiet()
        rig.jump("0.85")
        rig.until(lambda: rig.position is None, "the end")
        rig.quiet()
        assert rig.coins() == rig.resting() == 0
