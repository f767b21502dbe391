"""All market data is consistent, in whatever order it is read."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sandbox.market import Bar, Market, MarketError, Side, Trade, default_pairs

START = 1_790_000_123_456
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SYMBOLS = ("BTC-USD", "BTC-USDT", "DOGE-USD", "AVAX-USD", "USDT-USD")
MARKET = Market(7, START, SYMBOLS)

symbols = st.sampled_from(SYMBOLS)
moments = st.integers(START - 3 * DAY, START + 3 * DAY)
unhurried = settings(max_examples=60, deadline=None)


def printed(market: Market, symbol: str, from_ms: int, to_ms: int) -> list[Trade]:
    """Trades in [from, to]."""
    return market.trades(symbol, from_ms * 1_000_000 - 1, to_ms, 10**6)


def bar_of(trades: list[Trade], time_ms: int, tick: Decimal) -> Bar:
    prices = [trade.price for trade in trades]
    volume = sum((trade.qty for trade in trades), Decimal(0))
    paid = sum((trade.qty * trade.price for trade in trades), Decimal(0))
    vwap = ((paid / volume) / tick).quantize(Decimal(1), "ROUND_HALF_UP") * tick
    return Bar(time_ms, prices[0], max(prices), min(prices), prices[-1], vwap, volume, len(trades))


@unhurried
@given(symbols, moments, st.sampled_from((1, 3, 5, 15, 30, 60)))
def test_bars_are_the_sum_of_their_trades_also_while_they_run(symbol: str, now: int, minutes: int) -> None:
    interval = minutes * MINUTE
    for bar in MARKET.bars(symbol, interval, now - 3 * interval, now):
        trades = printed(MARKET, symbol, bar.time_ms, min(bar.time_ms + interval - 1, now))
        if trades:
            assert bar == bar_of(trades, bar.time_ms, MARKET.tick(symbol))
        else:
            flat = MARKET.last(symbol, bar.time_ms - 1)
            assert bar == Bar(bar.time_ms, flat, flat, flat, flat, Decimal(0), Decimal(0), 0)


@unhurried
@given(symbols, moments)
def test_last_is_the_last_trade_and_the_quote_straddles_it(symbol: str, now: int) -> None:
    last, quote, newest = MARKET.last(symbol, now), MARKET.quote(symbol, now), MARKET.recent(symbol, now, 1)[0]
    assert last == newest.price
    assert newest.time_ns < (now + 1) * 1_000_000
    assert quote.bid <= last <= quote.ask
    assert last == (quote.ask if newest.side is Side.BUY else quote.bid)
    assert quote.bid < quote.ask
    for price in (quote.bid, quote.ask, last):
        assert price % MARKET.tick(symbol) == 0


@unhurried
@given(symbols, moments, st.integers(0, 5 * HOUR))
def test_extremes_are_those_of_the_trades(symbol: str, now: int, span: int) -> None:
    prices = [trade.price for trade in printed(MARKET, symbol, now - span + 1, now)]
    expected = (min(prices), max(prices)) if prices else (MARKET.last(symbol, now),) * 2
    assert MARKET.extremes(symbol, now - span, now) == expected


@unhurried
@given(symbols, moments, st.integers(1, 500))
def test_the_book_begins_with_the_quote_and_is_in_order(symbol: str, now: int, depth: int) -> None:
    book, quote = MARKET.book(symbol, now, depth), MARKET.quote(symbol, now)
    assert book.bids[0] == (quote.bid, quote.bid_qty)
    assert book.asks[0] == (quote.ask, quote.ask_qty)
    assert all(better.price > worse.price for better, worse in pairwise(book.bids))
    assert all(better.price < worse.price for better, worse in pairwise(book.asks))
    assert all(level.qty > 0 for level in (*book.bids, *book.asks))
    assert len(book.asks) == depth


@unhurried
@given(symbols, moments)
def test_the_figures_of_the_day_are_those_of_its_bars(symbol: str, now: int) -> None:
    stats = MARKET.stats24h(symbol, now)
    for figures, since in ((stats.today, now // DAY * DAY), (stats.last24h, now // MINUTE * MINUTE - DAY + MINUTE)):
        bars = MARKET.bars(symbol, MINUTE, since, now)
        traded = [bar for bar in bars if bar.trades]
        assert figures.volume == sum(bar.volume for bar in bars)
        assert figures.trades == sum(bar.trades for bar in bars)
        if traded:
            assert figures.open == traded[0].open
            assert figures.high == max(bar.high for bar in traded)
            assert figures.low == min(bar.low for bar in traded)
            assert figures.low <= figures.vwap <= figures.high


@unhurried
@given(symbols, moments, st.integers(1, 400))
def test_pages_of_trades_follow_each_other_without_gap_or_overlap(symbol: str, now: int, size: int) -> None:
    whole = printed(MARKET, symbol, now - HOUR, now)
    paged: list[Trade] = []
    after = (now - HOUR) * 1_000_000 - 1
    while page := MARKET.trades(symbol, after, now, size):
        paged += page
        after = page[-1].time_ns
    assert paged == whole
    assert [b.trade_id - a.trade_id for a, b in pairwise(whole)] == [1] * (len(whole) - 1)
    assert all(a.time_ns < b.time_ns for a, b in pairwise(whole))
    assert MARKET.recent(symbol, now, size)[-len(whole) :] == whole[-size:]


@unhurried
@given(symbols, moments, st.lists(moments, max_size=3))
def test_the_order_of_looking_changes_nothing(symbol: str, now: int, before: list[int]) -> None:
    other = Market(7, START, (symbol,))
    for moment in before:
        other.last(symbol, moment)
        other.bars(symbol, HOUR, moment - 5 * HOUR, moment)
    assert other.last(symbol, now) == MARKET.last(symbol, now)
    assert other.bars(symbol, 5 * MINUTE, now - HOUR, now) == MARKET.bars(symbol, 5 * MINUTE, now - HOUR, now)
    assert other.book(symbol, now, 20) == MARKET.book(symbol, now, 20)


def test_long_bars_are_made_of_short_ones_also_across_the_seam_of_the_tape() -> None:
    day = (START // DAY - 9) * DAY
    for interval in (15 * MINUTE, 4 * HOUR, DAY):
        for bar in MARKET.bars("DOGE-USD", interval, day, day + 3 * DAY - 1):
            short = [b for b in MARKET.bars("DOGE-USD", MINUTE, bar.time_ms, bar.time_ms + interval - 1) if b.trades]
            assert bar.open == short[0].open
            assert bar.close == short[-1].close
            assert bar.high == max(b.high for b in short)
            assert bar.low == min(b.low for b in short)
            assert bar.volume == sum(b.volume for b in short)
            assert bar.trades == sum(b.trades for b in short)


@pytest.mark.parametrize("minutes", [1, 5, 15, 30, 60, 240, 1440])
def test_there_is_enough_history_before_the_start(minutes: int) -> None:
    interval = minutes * MINUTE
    bars = MARKET.bars("AVAX-USD", interval, START - 720 * interval, START)
    assert len(bars) == 720
    assert [bar.time_ms for bar in bars] == [bars[0].time_ms + n * interval for n in range(720)]
    assert bars[-1].time_ms <= START < bars[-1].time_ms + interval
    assert all(a.close > 0 and a.low <= min(a.open, a.close) <= max(a.open, a.close) <= a.high for a in bars)


def test_long_intervals_begin_at_the_listing() -> None:
    bars = MARKET.bars("AVAX-USD", 15 * DAY, 0, START)
    assert bars[0].time_ms >= MARKET.listed_ms("AVAX-USD")
    assert len(bars) > 50


def test_the_grid_of_bars_can_begin_elsewhere() -> None:
    monday = 4 * DAY
    assert all(bar.time_ms % (7 * DAY) == monday for bar in MARKET.bars("BTC-USD", 7 * DAY, 0, START, monday))


def test_seeds_make_markets() -> None:
    again, other = Market(7, START, ("BTC-USD",)), Market(8, START, ("BTC-USD",))
    bars = [m.bars("BTC-USD", 5 * MINUTE, START - HOUR, START) for m in (MARKET, again, other)]
    assert bars[0] == bars[1] != bars[2]


def test_one_coin_has_one_price_in_all_quotes_and_ticks() -> None:
    coarse = Market(7, START, ("BTC-USD",), ticks={"BTC-USD": Decimal("0.5")})
    for now in range(START, START + DAY, HOUR):
        dollars = MARKET.last("BTC-USD", now)
        assert abs(MARKET.last("BTC-USDT", now) / dollars - 1) < Decimal("0.003")
        assert abs(coarse.last("BTC-USD", now) - dollars) < dollars / 500
        assert coarse.last("BTC-USD", now) % Decimal("0.5") == 0
        assert abs(MARKET.last("USDT-USD", now) - 1) < Decimal("0.005")


@pytest.mark.parametrize(("spread", "widest"), [(0.0, Decimal("0.1")), (0.0002, Decimal(200))])
def test_a_market_is_as_wide_as_asked(spread: float, widest: Decimal) -> None:
    market = Market(7, START, ("BTC-USD",), spread=spread)
    widths = [
        quote.ask - quote.bid for quote in (market.quote("BTC-USD", now) for now in range(START, START + DAY, HOUR))
    ]
    assert min(widths) >= market.tick("BTC-USD")
    assert max(widths) <= widest
    assert (max(widths) > Decimal(10)) is (spread > 0)


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_orders_of_everyday_size_fill_near_the_market(venue: str) -> None:
    pairs = default_pairs()[venue]
    market = Market(3, START, pairs)
    assert len(pairs) == 8
    for symbol in pairs:
        for now in range(START, START + DAY, 2 * HOUR):
            book = market.book(symbol, now, 50)
            left, paid, got = Decimal(5000), Decimal(0), Decimal(0)
            for price, qty in book.asks:
                part = min(left, price * qty)
                left, paid, got = left - part, paid + part, got + part / price
            assert left == 0
            assert paid / got / book.asks[0].price - 1 < Decimal("0.0015")


def test_turnover_ranks_the_pairs_as_in_the_world() -> None:
    market = Market(3, START, default_pairs()["coinbase"])
    turnover = {}
    for symbol in market.symbols:
        stats = market.stats24h(symbol, START).last24h
        turnover[symbol] = stats.volume * stats.vwap
    ranked = sorted(turnover, key=lambda symbol: -turnover[symbol])
    assert ranked[0] == "BTC-USD"
    assert {"ETH-USD", "SOL-USD", "XRP-USD"} == set(ranked[1:4])
    assert turnover["BTC-USD"] > 50_000_000
    assert min(turnover.values()) > 1_000_000


def test_what_is_not_there_is_refused_in_one_line() -> None:
    with pytest.raises(MarketError, match="no market for MOON-USD"):
        Market(1, START, ("MOON-USD",))
    with pytest.raises(MarketError, match="no market for ETH-USD"):
        MARKET.last("ETH-USD", START)
    with pytest.raises(MarketError, match="whole minutes"):
        MARKET.bars("BTC-USD", 1000, START, START)
