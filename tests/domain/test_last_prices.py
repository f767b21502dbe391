"""What one unit of a market's quote is worth in dollars."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.last_prices import LastPrices, dollar_market


@pytest.mark.parametrize(
    ("symbol", "market", "worth"),
    [
        ("BTC-USDT", "USDT-USD", "0.99"),
        ("BTC-USDT-SWAP", "USDT-USD", "0.99"),
        ("BTC-USD", "USD-USD", "1"),
        ("XXOLDZUSD", "-USD", "1"),  # a delisted pair whose two assets cannot be told apart
    ],
)
def test_a_quote_is_worth_what_its_own_market_says(symbol: str, market: str, worth: str) -> None:
    prices = LastPrices({"USDT-USD": (Decimal("0.99"), 1)})
    assert dollar_market(symbol) == market
    assert prices.quote_usd(symbol) == Decimal(worth)
