"""The life of a trade, one row a candle: what it sells, and where the stop is afterwards."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.strategy import exits, rule
from bot.strategy.apex import ApexStrategy
from bot.strategy.base import ExitLeg, Trade
from bot.strategy.exits import Bar
from bot.strategy.params import APEX
from tests.strategy.given import LONG_TRADE, SHORT_TRADE

#: A fraction of the price.
HALF_SPREAD = 0.0001
LEGS = ApexStrategy().legs
BREAKEVEN = LONG_TRADE.breakeven
TRAIL_105 = 105.0 - 1.5

#: What is sold by a target (1 to 3), by the stop (0) or by a reason of the rule's own, and where the middle of the market is then.
Sales = list[tuple[int | str, int, float]]


class Day(NamedTuple):
    """A candle, and what the rule reads at its close."""

    bar: Bar
    atr: float
    emas: tuple[float, float]


def bar(
    opening: float,
    high: float,
    low: float,
    close: float,
    atr: float = 1.0,
    emas: tuple[float, float] = (2.0, 1.0),
) -> Day:
    return Day(Bar(opening, high, low, close), atr, emas)


def upside_down(day: Day) -> Day:
    """Mirrored at 100, the entry of both example trades."""
    candle = day.bar
    flipped = Bar(200.0 - candle.open, 200.0 - candle.low, 200.0 - candle.high, 200.0 - candle.close)
    return Day(flipped, day.atr, (-day.emas[0], -day.emas[1]))


def lived(trade: Trade, day: Day) -> tuple[Trade, Sales]:
    """A trade after a candle and its close, and what was sold."""
    trade, sales = exits.within(trade, day.bar, HALF_SPREAD, LEGS)
    made: Sales = [(sale.stage, sale.lots, sale.price) for sale in sales]
    if trade.held == 0:
        return trade, made
    if rule.turned(trade.side, *day.emas):
        out = exits.market(trade.side, day.bar.close, HALF_SPREAD)
        return exits.moved(trade, trade.stop, 0, trade.stage), [*made, ("turn", trade.held, out)]
    return exits.moved(trade, rule.trailed(trade, day.bar.close, day.atr, APEX), trade.held, trade.stage), made


def assert_lived(now: Trade, sales: Sales, sold: Sales, stage: int, stop: float) -> None:
    assert [(by, lots) for by, lots, _ in sales] == [(by, lots) for by, lots, _ in sold]
    assert [price for _, _, price in sales] == pytest.approx(
        [price * (1.0 - now.side * HALF_SPREAD) for _, _, price in sold], rel=1e-12
    )
    assert now.stage == stage
    assert now.stop == pytest.approx(stop)


at_stage_1 = LONG_TRADE._replace(stage=1, held=50, stop=BREAKEVEN)
at_stage_2 = LONG_TRADE._replace(stage=2, held=25, stop=101.0)
tiny = LONG_TRADE._replace(smallest=60)
small = LONG_TRADE._replace(smallest=25)
odd = LONG_TRADE._replace(initial=101, held=101)

STEPS: list[tuple[str, Trade, Day, Sales, int, float]] = [
    ("nothing happens", LONG_TRADE, bar(100, 101.9, 98.1, 100), [], 0, 98.0),
    ("the low is the stop", LONG_TRADE, bar(100, 101, 98, 99), [(0, 100, 98.0)], 0, 98.0),
    ("stop before target", LONG_TRADE, bar(100, 110, 98, 109), [(0, 100, 98.0)], 0, 98.0),
    ("gap through the stop", LONG_TRADE, bar(97, 99, 96, 99), [(0, 100, 97.0)], 0, 98.0),
    ("opens at the stop", LONG_TRADE, bar(98, 99, 97, 99), [(0, 100, 98.0)], 0, 98.0),
    ("just short of TP1", LONG_TRADE, bar(100, 101.99, 99, 100), [], 0, 98.0),
    (
        "TP1, stop to break-even",
        LONG_TRADE,
        bar(100, 102, 99, 101, atr=5),
        [(1, 50, 102.0)],
        1,
        BREAKEVEN,
    ),
    ("TP1, and the close trails at once", LONG_TRADE, bar(100, 102, 99, 102), [(1, 50, 102.0)], 1, 100.5),
    (
        "TP1 and TP2 in one candle",
        LONG_TRADE,
        bar(100, 105, 99, 105),
        [(1, 50, 102.0), (2, 25, 104.0)],
        2,
        TRAIL_105,
    ),
    (
        "all targets in one candle",
        LONG_TRADE,
        bar(100, 107, 99, 99),
        [(1, 50, 102.0), (2, 25, 104.0), (3, 25, 106.0)],
        3,
        BREAKEVEN,
    ),
    (
        "TP1, then out at the close",
        LONG_TRADE,
        bar(100, 102, 99, 101, emas=(1.0, 2.0)),
        [(1, 50, 102.0), ("turn", 50, 101.0)],
        1,
        BREAKEVEN,
    ),
    (
        "a stop moved in this candle acts from the next",
        LONG_TRADE,
        bar(100, 102, 99, 99),
        [(1, 50, 102.0)],
        1,
        BREAKEVEN,
    ),
    (
        "break-even stop",
        at_stage_1,
        bar(101, 103, BREAKEVEN, 102),
        [(0, 50, BREAKEVEN)],
        1,
        BREAKEVEN,
    ),
    ("trail follows", at_stage_1, bar(102, 103.9, 102, 103.5), [], 1, 102.0),
    ("trail never loosens", at_stage_2, bar(102, 102, 101.5, 101.6), [], 2, 101.0),
    ("no trail before TP1", LONG_TRADE, bar(101, 101.9, 101, 101.9, atr=0.1), [], 0, 98.0),
    ("TP2 alone", at_stage_1, bar(103, 104, 103, 104, atr=5), [(2, 25, 104.0)], 2, BREAKEVEN),
    ("TP3 sells the rest", at_stage_2, bar(105, 106, 105, 106), [(3, 25, 106.0)], 3, 101.0),
    ("the EMAs cross", LONG_TRADE, bar(100, 101, 99, 100, emas=(1.0, 1.1)), [("turn", 100, 100.0)], 0, 98.0),
    ("the EMAs meet", LONG_TRADE, bar(100, 101, 99, 100, emas=(1.1, 1.1)), [], 0, 98.0),
    ("stop before the cross", LONG_TRADE, bar(100, 101, 97, 97, emas=(1.0, 1.1)), [(0, 100, 98.0)], 0, 98.0),
    ("TP1 too small to sell alone, the stop still moves", tiny, bar(100, 102, 99, 102, atr=5), [], 1, BREAKEVEN),
    ("merged legs all go at TP3", tiny, bar(100, 106, 99, 106), [(3, 100, 106.0)], 3, BREAKEVEN),
    (
        "TP1 alone, TP2 too",
        small,
        bar(100, 104, 99, 104, atr=5),
        [(1, 50, 102.0), (2, 25, 104.0)],
        2,
        BREAKEVEN,
    ),
    (
        "TP2 merges into TP3",
        LONG_TRADE._replace(smallest=26),
        bar(100, 106, 99, 106),
        [(1, 50, 102.0), (3, 50, 106.0)],
        3,
        BREAKEVEN,
    ),
    (
        "legs are whole lots",
        odd,
        bar(100, 107, 99, 99),
        [(1, 50, 102.0), (2, 25, 104.0), (3, 26, 106.0)],
        3,
        BREAKEVEN,
    ),
    (
        "what a partial TP1 left is sold at TP2",
        at_stage_1._replace(held=70),
        bar(103, 104, 103, 104, atr=5),
        [(2, 45, 104.0)],
        2,
        BREAKEVEN,
    ),
]


@pytest.mark.parametrize(
    ("trade", "candle", "sold", "stage", "stop"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS]
)
def test_long_steps(trade: Trade, candle: Day, sold: Sales, stage: int, stop: float) -> None:
    now, sales = lived(trade, candle)
    assert_lived(now, sales, sold, stage, stop)
    assert now.held == trade.held - sum(lots for _, lots, _ in sold)


@pytest.mark.parametrize(
    ("trade", "candle", "sold", "stage", "stop"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS]
)
def test_short_steps_mirror_the_long_ones(trade: Trade, candle: Day, sold: Sales, stage: int, stop: float) -> None:
    """A price p of the long trade is 200 - p of the short one, its break-even stop included."""
    short = trade._replace(side=-1, stop=200.0 - trade.stop, breakeven=200.0 - trade.breakeven)
    now, sales = lived(short, upside_down(candle))
    flipped: Sales = [(by, lots, 200.0 - price) for by, lots, price in sold]
    assert_lived(now, sales, flipped, stage, 200.0 - stop)


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
    trade = exits.opened(1, 100.5, 98.0, 98.0, 0.001, lots=40, smallest=10, tick=0.1)
    assert (trade.r, trade.stop, trade.initial, trade.held, trade.stage) == (2.5, 98.0, 40, 40, 0)
    assert [exits.target(trade, stage, LEGS) for stage in (1, 2, 3)] == [103.0, 105.5, 108.0]
    short = exits.opened(-1, 100.5, 103.0, 103.0, 0.001, lots=40, smallest=10, tick=0.1)
    assert [exits.target(short, stage, LEGS) for stage in (1, 2, 3)] == [98.0, 95.5, 93.0]


def test_a_trail_without_an_atr_leaves_the_stop() -> None:
    assert rule.trailed(at_stage_1, 105.0, float("nan"), APEX) == BREAKEVEN


def test_r_follows_the_price_at_risk_and_not_a_stop_that_rests_far_away() -> None:
    trade = exits.opened(1, 100.0, 90.0, 95.0, 0.001, lots=40, smallest=10, tick=0.1)
    assert (trade.stop, trade.r) == (90.0, 5.0)
    assert exits.target(trade, 2, LEGS) == 110.0


FOUR = (ExitLeg(0.1, 0.5), ExitLeg(0.2, 1.0), ExitLeg(0.4, 1.5), ExitLeg(0.3, 4.0))
HALF = (ExitLeg(0.5, 1.0),)

# the legs, how high the market goes -> what is sold by which target, how many stay
LADDERS: list[tuple[tuple[ExitLeg, ...], float, list[tuple[int, int]], int]] = [
    ((), 200.0, [], 100),
    (HALF, 200.0, [(1, 50)], 50),
    (FOUR, 101.0, [(1, 10)], 90),
    (FOUR, 103.0, [(1, 10), (2, 20), (3, 40)], 30),
    (FOUR, 108.0, [(1, 10), (2, 20), (3, 40), (4, 30)], 0),
    (tuple(ExitLeg(0.1, float(n)) for n in range(1, 11)), 200.0, [(n, 10) for n in range(1, 11)], 0),
]


@pytest.mark.parametrize(("legs", "high", "sold", "left"), LADDERS)
@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
def test_legs_are_data_of_any_number(
    legs: tuple[ExitLeg, ...], high: float, sold: list[tuple[int, int]], left: int, side: int
) -> None:
    trade = LONG_TRADE if side > 0 else SHORT_TRADE
    far = high if side > 0 else 200.0 - high
    ran = exits.within(trade, Bar(100.0, max(100.0, far), min(100.0, far), 100.0), HALF_SPREAD, legs)
    assert [(sale.stage, sale.lots) for sale in ran.sales] == sold
    assert (ran.trade.held, ran.trade.stage) == (left, len(sold))
    live = exits.at_targets(trade, max(100.0, far), min(100.0, far), legs)
    assert [(sale.stage, sale.lots) for sale in live] == sold


def test_a_trade_of_more_legs_than_there_are_now_meets_no_target() -> None:
    """The owner has chosen another strategy since."""
    assert exits.at_targets(LONG_TRADE._replace(stage=3, held=25), 200.0, 99.0, HALF) == []


prices = st.floats(90.0, 112.0)
bars = st.builds(lambda four: Bar(four[0], max(four), min(four), four[1]), st.tuples(prices, prices, prices, prices))
ladders = st.lists(st.tuples(st.integers(1, 100), st.integers(1, 30)), max_size=6, unique_by=lambda leg: leg[1]).map(
    lambda legs: tuple(
        ExitLeg(share / max(sum(one[0] for one in legs), 100), distance / 5.0)
        for share, distance in sorted(legs, key=lambda leg: leg[1])
    )
)


@given(
    st.lists(bars, min_size=1, max_size=30),
    ladders,
    st.integers(1, 1000),
    st.integers(1, 600),
    st.sampled_from([LONG_TRADE, SHORT_TRADE]),
)
def test_whatever_the_market_does(
    path: list[Bar], legs: tuple[ExitLeg, ...], lots: int, smallest: int, example: Trade
) -> None:
    """Every lot is sold once, the stop never loosens, and no leg or remainder is too small to trade."""
    trade = example._replace(initial=lots, held=lots, smallest=smallest)
    sold = 0
    for candle in path:
        step = exits.within(trade, candle, HALF_SPREAD, legs)
        assert trade.side * (step.trade.stop - trade.stop) >= 0.0
        assert step.trade.stage >= trade.stage
        left = trade.held
        for sale in step.sales:
            left -= sale.lots
            assert left == 0 or (sale.lots >= smallest and left >= smallest)
        assert left == step.trade.held
        sold += sum(sale.lots for sale in step.sales)
        trade = step.trade
        if trade.held == 0:
            break
    assert sold + trade.held == lots


def test_a_trade_just_entered_is_all_there_and_nothing_is_known_of_its_decision() -> None:
    trade = exits.opened(1, 100.0, 98.0, 98.5, 0.001, 70, 3, 0.1)
    assert trade == Trade(1, 100.0, 98.0, 1.5, 100.3, 70, 70, 3, 0, 0.1, 0, ())
