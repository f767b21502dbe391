"""The crossing between exact money and the rule, and the finding of a strategy by its name."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.instrument import Instrument
from bot.domain.order import Side
from bot.domain.position import Position
from bot.strategy.apex import ApexStrategy
from bot.strategy.exact import minimums, trade_of
from bot.strategy.exits import opened
from bot.strategy.named import named
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
        candle_close=0,
        fee_rate=Decimal("0.001"),
        entry_id="nj1",
    )
    trade = trade_of(position, DOGE)
    fresh = opened(side.sign, 0.12, float(stop), 0.001, lots=1997, smallest=trade.smallest, tick=0.00001)
    assert trade.r == pytest.approx(0.005)
    assert trade == fresh._replace(stop=0.12, held=998, stage=1, r=trade.r)
    assert trade.smallest == 101


def test_a_strategy_is_found_by_its_name() -> None:
    assert named("bot.strategy.apex:ApexStrategy") is ApexStrategy


@pytest.mark.parametrize(
    "text",
    ["", "bot.strategy.apex", ":ApexStrategy", "bot.nowhere:X", "bot.strategy.apex:Nothing", "bot.strategy.apex:rule"],
)
def test_a_name_that_leads_nowhere_is_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        named(text)
