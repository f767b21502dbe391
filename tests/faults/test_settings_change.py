"""Settings change under an open position: it is still listed and managed, and can be sold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.log import Event
from tests.rig import Rig
from tests.sandbox_fixture import Sandbox


@pytest.fixture
def venue() -> str:
    return "okx"


@pytest.fixture
def swap(sandbox: Sandbox, tmp_path: Path) -> Rig:
    """A contract is held, and OKX_TRADE_SWAPS is switched off before the next start."""
    rig = Rig(sandbox, tmp_path, "ETH-USDT-SWAP", venue="okx")
    rig.open()
    rig.steady()
    rig.bought()
    rig.swaps = False
    return rig


@pytest.mark.parametrize("end", ["target", "flatten", "stop"])
def test_a_contract_is_looked_after_when_contracts_are_not_traded_any_more(swap: Rig, end: str) -> None:
    rig = swap
    position = rig.position
    assert position is not None
    rig.restart()
    assert rig.notes.said(Event.HALTED) == []
    assert rig.resting() == position.qty
    stop = rig.engine.protection.stops_of(position, rig.engine.oms.broker.open_orders())[0]
    rig.engine.oms.broker.cancel(stop)
    rig.until(lambda: rig.resting() == position.qty, "the lost stop placed again")
    ends: dict[str, Callable[[], object]] = {
        "target": lambda: rig.jump("1.30"),
        "stop": lambda: rig.jump("0.90"),
        "flatten": lambda: rig.engine.flattening.step("flatten"),
    }
    ends[end]()
    rig.until(lambda: rig.position is None, end)
    rig.quiet()
    rig.engine.read_rules()
    assert rig.engine.selection.symbols == []
    rig.crash()
