"""The crossing between exact money and the rule."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.instrument import Instrument
from bot.domain.order import Side
from bot.domain.position import Position
from bot.strategy.exact import minimums, trade_of
from bot.strategy.exits import opened
from bot.strategy.sizing import Minimums

DOGE = Instrument(
    symbol="DOGE-USD",
    base="DOGE",
    quote="USD",
    tick=Decimal("0.00001"),
    lot=Decimal("0.1"),
    min_qty=Decimal("10.05"),
    min_cost=Decimal("0.5"),
)


def test_minimums_are_whole_lots() -> None:
    assert minimums(DOGE) == Minimums(lot=0.1, lots=101, cost=0.5)


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_a_position_is_rebuilt_as_the_trade_it_was_opened_as(side: Side) -> None:
    stop = Decimal("0.115") if side is Side.BUY else Decimal("0.125")
    position = Position(
        symbol="DOGE-USD",
        side=side,
        qty=Decimal("99.87"),
        initial_qty=Decimal("199.79"),
        bought=Decimal(200),
        cost=Decimal(24),
        stop_price=Decimal("0.12"),
        first_stop=stop,
        stage=1,
        opened_at=0,
        candle_close=300_000,
        fee_rate=Decimal("0.001"),
        entry_id="nj1",
        kept=(("best", 0.13),),
    )
    trade = trade_of(position, DOGE)
    fresh = opened(side.sign, 0.12, float(stop), float(stop), 0.001, lots=1997, smallest=trade.smallest, tick=0.00001)
    assert trade.r == pytest.approx(0.005)
    assert trade == fresh._replace(stop=0.12, held=998, stage=1, r=trade.r, decided_at=300_000, kept=(("best", 0.13),))
    assert trade.smallest == 101


def test_r_is_measured_from_the_price_at_risk() -> None:
    """The stop that rests far away is not where the strategy gets out."""
    position = Position(
        symbol="DOGE-USD",
        side=Side.BUY,
        qty=Decimal(200),
        initial_qty=Decimal(200),
        bought=Decimal(200),
        cost=Decimal(24),
        stop_price=Decimal("0.1"),
        first_stop=Decimal("0.1"),
        stage=0,
        opened_at=0,
        candle_close=0,
        fee_rate=Decimal("0.001"),
        entry_id="nj1",
        risk_price=Decimal("0.115"),
    )
    assert trade_of(position, DOGE).r == 0.005
