"""How the owner's word is carried out."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from bot.domain.events import Verb
from bot.operator_desk import OperatorDesk
from tests.rig import Notes


def test_a_flattening_that_no_attempt_brings_on_is_tried_with_waits_that_grow(tmp_path: Path) -> None:
    now, tried, left = 0, [], ["XRP-USDT"]

    def step(_: str) -> list[str]:
        tried.append(now)
        return left

    flattening = SimpleNamespace(left=lambda: left, step=step)
    business = SimpleNamespace(
        flattening=flattening, desk=SimpleNamespace(clock=SimpleNamespace(steady_ms=lambda: now))
    )
    ledger = SimpleNamespace(fact=lambda name: "1" if name == "flattening" else None, remember=lambda *_: None)
    ledger.commands = lambda: [SimpleNamespace(verb=Verb.FLATTEN, number=1)]
    desk = OperatorDesk(
        cast("Any", ledger), cast("Any", business), tmp_path / "EMERGENCY_STOP", cast("Any", Notes()), may_enter=True
    )
    while now <= 8_000:
        desk.attend()
        now += 10
    assert tried == [0, 10, 260, 760, 1_760, 3_760, 5_760, 7_760]
    left = ["ETH-USDT"]
    desk.attend()
    assert tried[-1] == now, "it was brought on: no wait"
