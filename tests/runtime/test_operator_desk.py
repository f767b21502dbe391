"""The operator's word: how a flattening is carried out, and what ends a halt."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.domain.clock import SystemClock
from bot.domain.events import Command, Verb
from bot.domain.log import Event, Halt
from bot.runtime.operator_desk import OperatorDesk
from bot.strategy.gates import Gate
from tests.notes import Notes


def blocked_by(desk: OperatorDesk) -> Gate | None:
    found = desk.blocked_by(stopping=False, exchange="online", watching=False)
    return None if found is None else found.gate


@pytest.mark.parametrize("halted", [True, False])
def test_a_resume_says_that_this_is_the_only_nija_again_where_another_had_been_seen(
    halted: bool, tmp_path: Path
) -> None:
    facts: dict[str, str | None] = {"second_instance": "nj-other"} if halted else {}
    ledger: Any = SimpleNamespace(
        fact=facts.get, remember=facts.__setitem__, commands=list, answer=lambda *_: None, blocked_by=""
    )
    business: Any = SimpleNamespace(resume=lambda: None, desk=SimpleNamespace(clock=SystemClock()))
    notes: Any = Notes()
    desk = OperatorDesk(ledger, business, tmp_path / "EMERGENCY_STOP", notes, watch_only=False)
    assert (blocked_by(desk) is Gate.SECOND_INSTANCE) is halted
    for _ in range(2):
        desk.obey(Command(Verb.RESUME))
    assert blocked_by(desk) is None
    assert [fields["limit"] for fields in notes.said(Event.RESUMED)] == [Halt.SECOND_INSTANCE] * halted


def test_a_flattening_that_no_attempt_brings_on_is_tried_with_waits_that_grow(tmp_path: Path) -> None:
    now, tried, left = 0, [], ["XRP-USDT"]

    def step(_: str) -> list[str]:
        tried.append(now)
        return left

    flattening = SimpleNamespace(left=lambda: left, step=step)
    business = SimpleNamespace(
        flattening=flattening, desk=SimpleNamespace(clock=SimpleNamespace(steady_ms=lambda: now))
    )
    ledger = SimpleNamespace(
        fact=lambda name: "1" if name == "flattening" else None, remember=lambda *_: None, blocked_by=""
    )
    ledger.commands = lambda: [SimpleNamespace(verb=Verb.FLATTEN, number=1)]
    desk = OperatorDesk(
        cast("Any", ledger), cast("Any", business), tmp_path / "EMERGENCY_STOP", cast("Any", Notes()), watch_only=False
    )
    while now <= 8_000:
        desk.attend()
        now += 10
    assert tried == [0, 10, 260, 760, 1_760, 3_760, 5_760, 7_760]
    left = ["ETH-USDT"]
    desk.attend()
    assert tried[-1] == now, "it was brought on: no wait"
