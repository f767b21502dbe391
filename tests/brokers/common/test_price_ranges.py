"""Price ranges since a point in time, combined from trades and candles."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.base import BrokerError
from bot.brokers.common.failures import Failures
from bot.brokers.common.price_ranges import Extremes, Print, at_rest, of_trades, shortest, widened
from bot.domain.instrument import PriceRange, Ticker

PRICES = st.decimals(1, 1000, places=2)


@given(prices=st.lists(PRICES, min_size=1), since=st.integers(0, 100))
def test_trades_are_seen_from_the_last_to_the_edges(prices: list[Decimal], since: int) -> None:
    look = of_trades("A-USD", since, [Print(price, at) for at, price in enumerate(prices)])
    assert (look.last, look.high, look.low) == (prices[-1], max(prices), min(prices))
    assert look.at == max(since, len(prices) - 1)


@given(high=PRICES, low=PRICES)
def test_candles_only_widen_what_was_seen(high: Decimal, low: Decimal) -> None:
    seen = PriceRange("A-USD", 50, Decimal(10), Decimal(12), Decimal(9))
    wide = widened(seen, Extremes(high, low))
    assert (wide.at, wide.last) == (50, Decimal(10))
    assert wide.high == max(high, Decimal(12))
    assert wide.low == min(low, Decimal(9))
    assert widened(seen, None) == seen
    newer = widened(seen, Extremes(high, low, Decimal(11), 60))
    assert (newer.at, newer.last) == (60, Decimal(11))


def test_without_a_trade_the_ticker_tells_and_without_that_nothing() -> None:
    failure = Failures("venue", "Venue", {})
    look = at_rest("A-USD", 7, Ticker(Decimal(1), Decimal(3), Decimal(2), Decimal(0)), failure)
    assert look == PriceRange("A-USD", 7, Decimal(2), Decimal(2), Decimal(2))
    with pytest.raises(BrokerError, match="no price of A-USD"):
        at_rest("A-USD", 7, None, failure)


@pytest.mark.parametrize(("stretch", "length"), [(0, 1), (9, 1), (10, 5), (49, 5), (50, 60), (9_999, 60)])
def test_the_shortest_candles_that_reach(stretch: int, length: int) -> None:
    assert shortest({60, 5, 1}, stretch, 10) == length
