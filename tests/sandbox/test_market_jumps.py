"""A market jump: everything after it follows, and nothing before it changes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sandbox.market import Market, MarketError

START = 1_790_000_123_456
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
PAIR = ("BTC-USD", "BTC-USDT", "ETH-USD")


def test_the_price_is_there_at_once_and_goes_on_from_there() -> None:
    market, quiet = Market(5, START, PAIR), Market(5, START, PAIR)
    market.jump("BTC-USD", START, Decimal(50000))
    assert market.last("BTC-USD", START) == Decimal(50000)
    assert market.recent("BTC-USD", START, 1)[0].price == Decimal(50000)
    ratio = Decimal(50000) / quiet.last("BTC-USD", START)
    for later in range(START, START + 2 * DAY, HOUR):
        moved = market.last("BTC-USD", later) / quiet.last("BTC-USD", later)
        assert abs(moved / ratio - 1) < Decimal("0.00001")


def test_the_past_stays() -> None:
    market, quiet = Market(5, START, PAIR), Market(5, START, PAIR)
    market.jump("BTC-USD", START, Decimal(50000))
    for symbol in PAIR:
        assert market.last(symbol, START - 1) == quiet.last(symbol, START - 1)
        before = (symbol, 5 * MINUTE, START - DAY, START - 1)
        assert market.bars(*before) == quiet.bars(*before)
        assert market.recent(symbol, START - 1, 500) == quiet.recent(symbol, START - 1, 500)


def test_the_coin_moves_in_all_its_quotes_and_no_other_coin_does() -> None:
    market, quiet = Market(5, START, PAIR), Market(5, START, PAIR)
    market.jump("BTC-USD", START, Decimal(50000))
    assert abs(market.last("BTC-USDT", START) - 50000) < 150
    assert market.bars("ETH-USD", MINUTE, START - HOUR, START + HOUR) == quiet.bars(
        "ETH-USD", MINUTE, START - HOUR, START + HOUR
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3 * HOUR), st.integers(10_000, 400_000)), min_size=1, max_size=4))
def test_bars_extremes_and_trades_agree_around_jumps(jumps: list[tuple[int, int]]) -> None:
    market = Market(5, START, PAIR)
    for after, price in sorted(jumps, key=lambda jump: jump[0]):
        market.jump("BTC-USDT", START + after, Decimal(price))
    end = START + 4 * HOUR
    for bar in market.bars("BTC-USDT", 5 * MINUTE, START, end)[:-1]:
        trades = market.trades("BTC-USDT", bar.time_ms * 10**6 - 1, bar.time_ms + 5 * MINUTE - 1, 10**5)
        prices = [trade.price for trade in trades]
        assert (bar.open, bar.high, bar.low, bar.close) == (prices[0], max(prices), min(prices), prices[-1])
        assert bar.volume == sum(trade.qty for trade in trades)
        assert market.extremes("BTC-USDT", bar.time_ms - 1, bar.time_ms + 5 * MINUTE - 1) == (bar.low, bar.high)
        assert market.last("BTC-USDT", bar.time_ms + 5 * MINUTE - 1) == bar.close
    ids = [trade.trade_id for trade in market.trades("BTC-USDT", (START - HOUR) * 10**6, end, 10**5)]
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_seed_start_and_jumps_restore_the_market() -> None:
    market = Market(5, START, PAIR)
    market.jump("BTC-USD", START + HOUR, Decimal(60000))
    market.jump("ETH-USD", START + HOUR, Decimal(9000))
    market.jump("BTC-USDT", START + 2 * HOUR, Decimal(200000))
    again = Market(5, START, PAIR)
    again.restore(market.jumps())
    for symbol in PAIR:
        looks = [m.bars(symbol, MINUTE, START, START + 3 * HOUR) for m in (market, again)]
        assert looks[0] == looks[1]


def test_a_jump_into_the_past_or_below_a_tick_is_refused() -> None:
    market = Market(5, START, PAIR)
    market.jump("BTC-USD", START + HOUR, Decimal(60000))
    with pytest.raises(MarketError, match="cannot jump"):
        market.jump("BTC-USD", START, Decimal(50000))
    with pytest.raises(MarketError, match="cannot trade at"):
        market.jump("BTC-USD", START + HOUR, Decimal(0))
