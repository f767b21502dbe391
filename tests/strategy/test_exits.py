"""The life of a trade, one row a candle: what it sells, and where the stop is afterwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.strategy import exits
from bot.strategy.exits import Bar, Exit, Step, Trade, Way
from bot.strategy.params import APEX
from tests.strategy.given import LONG_TRADE, SHORT_TRADE

HALF_SPREAD = 0.01
BREAKEVEN = LONG_TRADE.breakeven
TRAIL_105 = 105.0 - 1.5

Sales = list[tuple[Way, int, float]]


def bar(
    opening: float,
    high: float,
    low: float,
    close: float,
    atr: float = 1.0,
    emas: tuple[float, float] = (2.0, 1.0),
) -> Bar:
    return Bar(opening, high, low, close, atr, *emas)


def upside_down(candle: Bar) -> Bar:
    """Mirrored at 100, the entry of both example trades."""
    return Bar(
        200.0 - candle.open,
        200.0 - candle.low,
        200.0 - candle.high,
        200.0 - candle.close,
        candle.atr,
        -candle.ema_fast,
        -candle.ema_middle,
    )


def assert_step(step: Step, sold: Sales, stage: int, stop: float) -> None:
    sales = [sale for sale in (step.first, step.second, step.last) if sale.lots]
    assert [(sale.way, sale.lots) for sale in sales] == [(way, lots) for way, lots, _ in sold]
    assert [sale.price for sale in sales] == pytest.approx([price for _, _, price in sold])
    assert step.trade.stage == stage
    assert step.trade.stop == pytest.approx(stop)


at_stage_1 = LONG_TRADE._replace(stage=1, held=50, stop=BREAKEVEN)
at_stage_2 = LONG_TRADE._replace(stage=2, held=25, stop=101.0)
tiny = LONG_TRADE._replace(smallest=60)
small = LONG_TRADE._replace(smallest=25)
odd = LONG_TRADE._replace(initial=101, held=101)

STEPS: list[tuple[str, Trade, Bar, Sales, int, float]] = [
    ("nothing happens", LONG_TRADE, bar(100, 101.9, 98.1, 100), [], 0, 98.0),
    ("the low is the stop", LONG_TRADE, bar(100, 101, 98, 99), [(Way.STOP, 100, 97.99)], 0, 98.0),
    ("stop before target", LONG_TRADE, bar(100, 110, 98, 109), [(Way.STOP, 100, 97.99)], 0, 98.0),
    ("gap through the stop", LONG_TRADE, bar(97, 99, 96, 99), [(Way.STOP, 100, 96.99)], 0, 98.0),
    ("opens at the stop", LONG_TRADE, bar(98, 99, 97, 99), [(Way.STOP, 100, 97.99)], 0, 98.0),
    ("just short of TP1", LONG_TRADE, bar(100, 101.99, 99, 100), [], 0, 98.0),
    (
        "TP1, stop to break-even",
        LONG_TRADE,
        bar(100, 102, 99, 101, atr=5),
        [(Way.TP1, 50, 101.99)],
        1,
        BREAKEVEN,
    ),
    ("TP1, and the close trails at once", LONG_TRADE, bar(100, 102, 99, 102), [(Way.TP1, 50, 101.99)], 1, 100.5),
    (
        "TP1 and TP2 in one candle",
        LONG_TRADE,
        bar(100, 105, 99, 105),
        [(Way.TP1, 50, 101.99), (Way.TP2, 25, 103.99)],
        2,
        TRAIL_105,
    ),
    (
        "all targets in one candle",
        LONG_TRADE,
        bar(100, 107, 99, 99),
        [(Way.TP1, 50, 101.99), (Way.TP2, 25, 103.99), (Way.TP3, 25, 105.99)],
        3,
        BREAKEVEN,
    ),
    (
        "TP1, then out at the close",
        LONG_TRADE,
        bar(100, 102, 99, 101, emas=(1.0, 2.0)),
        [(Way.TP1, 50, 101.99), (Way.TURN, 50, 100.99)],
        1,
        BREAKEVEN,
    ),
    (
        "a stop moved in this candle acts from the next",
        LONG_TRADE,
        bar(100, 102, 99, 99),
        [(Way.TP1, 50, 101.99)],
        1,
        BREAKEVEN,
    ),
    (
        "break-even stop",
        at_stage_1,
        bar(101, 103, BREAKEVEN, 102),
        [(Way.STOP, 50, BREAKEVEN - HALF_SPREAD)],
        1,
        BREAKEVEN,
    ),
    ("trail follows", at_stage_1, bar(102, 103.9, 102, 103.5), [], 1, 102.0),
    ("trail never loosens", at_stage_2, bar(102, 102, 101.5, 101.6), [], 2, 101.0),
    ("no trail before TP1", LONG_TRADE, bar(101, 101.9, 101, 101.9, atr=0.1), [], 0, 98.0),
    ("TP2 alone", at_stage_1, bar(103, 104, 103, 104, atr=5), [(Way.TP2, 25, 103.99)], 2, BREAKEVEN),
    ("TP3 sells the rest", at_stage_2, bar(105, 106, 105, 106), [(Way.TP3, 25, 105.99)], 3, 101.0),
    ("the EMAs cross", LONG_TRADE, bar(100, 101, 99, 100, emas=(1.0, 1.1)), [(Way.TURN, 100, 99.99)], 0, 98.0),
    ("the EMAs meet", LONG_TRADE, bar(100, 101, 99, 100, emas=(1.1, 1.1)), [], 0, 98.0),
    ("stop before the cross", LONG_TRADE, bar(100, 101, 97, 97, emas=(1.0, 1.1)), [(Way.STOP, 100, 97.99)], 0, 98.0),
    ("TP1 too small to sell alone, the stop still moves", tiny, bar(100, 102, 99, 102, atr=5), [], 1, BREAKEVEN),
    ("merged legs all go at TP3", tiny, bar(100, 106, 99, 106), [(Way.TP3, 100, 105.99)], 3, BREAKEVEN),
    (
        "TP1 alone, TP2 too",
        small,
        bar(100, 104, 99, 104, atr=5),
        [(Way.TP1, 50, 101.99), (Way.TP2, 25, 103.99)],
        2,
        BREAKEVEN,
    ),
    (
        "TP2 merges into TP3",
        LONG_TRADE._replace(smallest=26),
        bar(100, 106, 99, 106),
        [(Way.TP1, 50, 101.99), (Way.TP3, 50, 105.99)],
        3,
        BREAKEVEN,
    ),
    (
        "legs are whole lots",
        odd,
        bar(100, 107, 99, 99),
        [(Way.TP1, 50, 101.99), (Way.TP2, 25, 103.99), (Way.TP3, 26, 105.99)],
        3,
        BREAKEVEN,
    ),
    (
        "what a partial TP1 left is sold at TP2",
        at_stage_1._replace(held=70),
        bar(103, 104, 103, 104, atr=5),
        [(Way.TP2, 45, 103.99)],
        2,
        BREAKEVEN,
    ),
]


@pytest.mark.parametrize(
    ("trade", "candle", "sold", "stage", "stop"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS]
)
def test_long_steps(trade: Trade, candle: Bar, sold: Sales, stage: int, stop: float) -> None:
    step = exits.step(trade, candle, HALF_SPREAD, APEX)
    assert_step(step, sold, stage, stop)
    assert step.trade.held == trade.held - sum(lots for _, lots, _ in sold)


@pytest.mark.parametrize(
    ("trade", "candle", "sold", "stage", "stop"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS]
)
def test_short_steps_mirror_the_long_ones(trade: Trade, candle: Bar, sold: Sales, stage: int, stop: float) -> None:
    """A price p of the long trade is 200 - p of the short one, its break-even stop included."""
    short = trade._replace(side=-1, stop=200.0 - trade.stop, breakeven=200.0 - trade.breakeven)
    step = exits.step(short, upside_down(candle), HALF_SPREAD, APEX)
    flipped = [(way, lots, 200.0 - price) for way, lots, price in sold]
    assert_step(step, flipped, stage, 200.0 - stop)


class TestBreakEven:
    """The price at which the trade has paid both of its fees: by the money, not by the formula."""

    @given(entry=st.floats(1e-6, 1e6), fee=st.floats(0.0, 0.02))
    def test_long(self, entry: float, fee: float) -> None:
        paid = entry * (1 + fee)
        assert exits.breakeven(1, entry, fee, 0.0) * (1 - fee) == pytest.approx(paid)

    @given(entry=st.floats(1e-6, 1e6), fee=st.floats(0.0, 0.02))
    def test_short(self, entry: float, fee: float) -> None:
        received = entry * (1 - fee)
        assert exits.breakeven(-1, entry, fee, 0.0) * (1 + fee) == pytest.approx(received)
        assert exits.breakeven(-1, entry, fee, 0.0) <= entry * (1 + 1e-11)


def test_a_trade_is_measured_from_its_fill() -> None:
    trade = exits.opened(1, 100.5, 98.0, 0.001, lots=40, smallest=10, tick=0.1)
    assert (trade.r, trade.stop, trade.initial, trade.held, trade.stage) == (2.5, 98.0, 40, 40, 0)
    assert [exits.target(trade, stage, APEX) for stage in (1, 2, 3)] == [103.0, 105.5, 108.0]
    short = exits.opened(-1, 100.5, 103.0, 0.001, lots=40, smallest=10, tick=0.1)
    assert [exits.target(short, stage, APEX) for stage in (1, 2, 3)] == [98.0, 95.5, 93.0]


def test_a_trail_without_an_atr_leaves_the_stop() -> None:
    assert exits.trailed(at_stage_1, 105.0, float("nan"), APEX) == BREAKEVEN


prices = st.floats(90.0, 112.0)
candles = st.builds(
    lambda four, atr, fast: Bar(four[0], max(four), min(four), four[1], atr, fast, 1.0),
    st.tuples(prices, prices, prices, prices),
    st.floats(0.01, 5.0),
    st.sampled_from([0.9, 1.1, 1.1, 1.1]),
)


@given(
    st.lists(candles, min_size=1, max_size=30),
    st.integers(1, 1000),
    st.integers(1, 600),
    st.sampled_from([LONG_TRADE, SHORT_TRADE]),
)
def test_whatever_the_market_does(path: list[Bar], lots: int, smallest: int, example: Trade) -> None:
    """Every lot is sold once, the stop never loosens, and no leg or remainder is too small to trade."""
    trade = example._replace(initial=lots, held=lots, smallest=smallest)
    sold = 0
    for candle in path:
        step = exits.step(trade, candle, HALF_SPREAD, APEX)
        assert trade.side * (step.trade.stop - trade.stop) >= 0.0
        assert step.trade.stage >= trade.stage
        for leg in (step.first, step.second):
            assert leg == Exit(Way.HOLD, 0, 0.0) or leg.lots >= smallest
        if step.first.lots or step.second.lots:
            assert step.last.lots + step.trade.held >= smallest
        sold += step.first.lots + step.second.lots + step.last.lots
        trade = step.trade
        if trade.held == 0:
            break
    assert sold + trade.held == lots
