"""A decision is checked again at the price its order would pay, and can use what an exit at the same close has freed."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.candles import Candles
from bot.domain.clock import MINUTE
from bot.domain.log import Event
from bot.strategy.base import Close, Strategy, Trade
from bot.strategy.params import RiskSettings
from tests.rig import OnDemand, Rig
from tests.sandbox_fixture import Sandbox

# the market's move since the close, and the stop's distance from it -> what blocks the entry
MOVES = [
    ("1.015", 0.04, "risk"),
    ("1.015", 0.01, "target"),
    ("0.955", 0.04, "stop"),
    ("0.9615", 0.04, "costs"),
    ("1.005", 0.04, None),
]


def offer(rig: Rig, move: str, far: float) -> None:
    """Moves the market after a close, and scans with that close's decision before the next one."""
    while True:
        rig.notes.lines.clear()
        closed = rig.candles()
        if (
            rig.clock.market_ms() - closed.closed_at > 2 * MINUTE
        ):  # at the next close the stop would be far from the price
            time.sleep(0.1)
            continue
        rig.move(Decimal(repr(float(closed.close[-1]))) * Decimal(move))
        rig.enter(far=far)
        if rig.engine.candle_cache.newest() == closed.closed_at:
            return


@pytest.mark.parametrize(("move", "far", "gate"), MOVES)
def test_the_price_to_be_paid_decides(rig: Rig, move: str, far: float, gate: str | None) -> None:
    rig.rule.widest_r = Strategy.widest_r
    offer(rig, move, far)
    assert [line["gate"] for line in rig.notes.said(Event.SKIP)] == ([] if gate is None else [gate])
    assert len(rig.sent(side="buy")) == (gate is None)


class Turning(OnDemand):
    """Puts nearly all its money into one market, and exits at a close when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.risk_settings = RiskSettings(min_position_pct=90.0, max_position_pct=90.0)
        self.out = False

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        return Close(trade.stop, "told" if self.out else "")


def test_an_exit_frees_its_slot_and_its_cash_for_the_entries_of_its_close(sandbox: Sandbox, tmp_path: Path) -> None:
    rig = Rig(sandbox, tmp_path, "LTC-USD", "ADA-USD")
    rig.rule = Turning()
    all_in = Decimal(100)
    rig.limits = replace(rig.limits, max_open_positions=1, max_exposure_pct=all_in, max_coin_exposure_pct=all_in)
    rig.open()
    rig.steady()
    position = rig.bought()
    rig.until(lambda: rig.engine.candle_cache.newest() > position.opened_at, "the next close")
    rig.steady()
    rig.rule.out, rig.rule.side, rig.rule.stop = True, 1, 0.96
    rig.until(lambda: bool(rig.cycle() or rig.book.position("ADA-USD")), "the other market")
    other = rig.book.position("ADA-USD")
    assert other is not None
    assert other.cost > Decimal(700)
    assert [line for line in rig.notes.said(Event.SKIP) if line["symbol"] == "ADA-USD" and line["gate"] == "size"] == []
    assert rig.position is None
    rig.crash()
