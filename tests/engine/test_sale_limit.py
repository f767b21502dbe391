"""The limit of a sale that is to fill at once: the one that was asked for, but never far from the market."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.domain.instrument import Trading
from bot.domain.order import Side
from bot.engine.exits import SLIPPAGE, _limit
from tests.engine.given import instrument

PRICE = Decimal(100)
LOW, HIGH = PRICE * (1 - SLIPPAGE), PRICE * (1 + SLIPPAGE)


@pytest.mark.parametrize(
    ("side", "wanted", "trading", "limit"),
    [
        (Side.BUY, None, Trading.ONLINE, None),
        (Side.SELL, None, Trading.ONLINE, None),
        (Side.BUY, None, Trading.LIMIT_ONLY, LOW),
        (Side.SELL, None, Trading.LIMIT_ONLY, HIGH),
        (Side.BUY, Decimal(99), Trading.ONLINE, Decimal(99)),
        (Side.BUY, Decimal(50), Trading.ONLINE, LOW),
        (Side.SELL, Decimal(101), Trading.ONLINE, Decimal(101)),
        (Side.SELL, Decimal(200), Trading.LIMIT_ONLY, HIGH),
    ],
)
def test_it_is_near_the_market(side: Side, wanted: Decimal | None, trading: Trading, limit: Decimal | None) -> None:
    """`side` is the position's: a short is bought back."""
    assert _limit(side, wanted, PRICE, replace(instrument("BTC-USD"), trading=trading)) == limit
