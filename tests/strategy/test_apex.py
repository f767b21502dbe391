"""The whole strategy: candles in, decision out, against a second writing of the rule and against itself."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest

from bot.domain.candles import Candle, Candles
from bot.strategy import rule
from bot.strategy.apex import ApexStrategy
from bot.strategy.base import Close, Costs, Evaluation, Exit, Strategy, Terms, Trade, TradedRange, ranked
from bot.strategy.exits import opened
from bot.strategy.grid import rounded
from bot.strategy.indicators import indicators
from bot.strategy.params import APEX, RiskSettings
from bot.strategy.rule import SignalReason
from tests.strategy.given import (
    FIVE_MINUTES,
    LONG_READING,
    LONG_TRADE,
    MIDNIGHT,
    SHORT_TRADE,
    SecondWriting,
    mirrored,
    walk,
)

APEX_STRATEGY = ApexStrategy()
WINDOW = 720


def climb(last: Candle | None = None) -> Candles:
    """560 candles that climb in waves, just out of a dip; `last` replaces the last one."""
    closes = [100.0 + 0.02 * k + 0.6 * math.sin(k / 9.0) for k in range(-1, 560)]
    rows = [
        Candle(
            MIDNIGHT + k * FIVE_MINUTES,
            before,
            max(before, close) + 0.05,
            min(before, close) - 0.05,
            close,
            100.0 + 5.0 * (k % 3),
        )
        for k, (before, close) in enumerate(pairwise(closes))
    ]
    return Candles.of(FIVE_MINUTES, rows if last is None else [*rows[:-1], last])


BASE = climb().candle(len(climb()) - 1)


def ending(**changes: Any) -> Candles:
    return climb(BASE._replace(**changes))


# what is changed of the last candle -> side, why, score
LAST_CANDLES: list[tuple[str, dict[str, float], int, SignalReason, int]] = [
    ("RSI over 70 costs a point", {}, 1, SignalReason.ENTER, 3),
    ("RSI within range and rising", {"close": BASE.open + 0.03}, 1, SignalReason.ENTER, 4),
    ("RSI falling", {"close": BASE.open - 0.05, "low": BASE.open - 0.3}, 1, SignalReason.ENTER, 3),
    ("a hammer", {"low": BASE.open - 0.5, "high": BASE.close}, 1, SignalReason.ENTER, 4),
    ("too far from EMA21 and VWAP", {"close": BASE.open + 0.6, "high": BASE.open + 0.7}, 0, SignalReason.LOW_SCORE, 2),
    ("volume 54 % of its mean of 5", {"volume": 50.0}, 1, SignalReason.ENTER, 3),
    ("volume 48 % of its mean of 5", {"volume": 44.0}, 0, SignalReason.THIN_VOLUME, 3),
    ("no volume", {"volume": 0.0}, 0, SignalReason.THIN_VOLUME, 2),
    ("the trend breaks", {"close": BASE.open - 0.2, "low": BASE.open - 0.3}, 0, SignalReason.NO_TREND, 0),
    (
        "a crash is the other side's signal",
        {"close": BASE.open - 3.0, "low": BASE.open - 3.1},
        -1,
        SignalReason.ENTER,
        3,
    ),
    ("an unknown volume", {"volume": math.nan}, 0, SignalReason.NOT_READY, 0),
]


@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
@pytest.mark.parametrize(
    ("changes", "entered", "why", "score"), [row[1:] for row in LAST_CANDLES], ids=[row[0] for row in LAST_CANDLES]
)
def test_candles_in_decision_out(
    changes: dict[str, float], entered: int, why: SignalReason, score: int, side: int
) -> None:
    candles = ending(**changes)
    if side < 0:
        candles = mirrored(candles, around=112.0)
    found = APEX_STRATEGY.evaluate(candles)
    assert (found.side, found.score) == (side * entered, score)
    assert found.why == (f"score {score} adx {dict(found.facts)['adx']:.1f}" if entered else why.name.lower())


def test_what_an_evaluation_says() -> None:
    candles = climb()
    found = APEX_STRATEGY.evaluate(candles)
    facts = dict(found.facts)
    assert found.closed_at == int(candles.time[-1]) + FIVE_MINUTES
    assert found.close == BASE.close
    assert found.stop == pytest.approx(min(candles.low[-10:]) - 0.5 * facts["atr"])
    assert found.momentum == pytest.approx(
        0.4 * facts["adx"] / 50
        + 0.3 * min(facts["histogram"] / facts["atr"], 1.0)
        + 0.3 * min(BASE.volume / facts["volume_20"], 2.0) / 2.0
    )
    assert facts["point_histogram"] == 1.0
    assert facts["trend"] == 1.0


@pytest.mark.parametrize("count", [0, 1, 499])
def test_too_young_a_market_is_not_evaluated(count: int) -> None:
    found = APEX_STRATEGY.evaluate(climb()[:count])
    assert (found.side, found.why) == (0, "not_ready")


def test_decisions_are_those_of_the_rule_written_a_second_time() -> None:
    market = walk(seed=5, count=3000)
    second, columns = SecondWriting(market), indicators(market, APEX)
    entries = unchanged = 0
    for i in range(700, len(market)):
        expected, found = second.decide(i), rule.decide(rule.reading(columns, i), APEX)
        assert (found.side, found.score) == (expected.side, expected.score), market.time[i]
        if found.trend:
            assert found.stop == pytest.approx(expected.stop, rel=1e-9)
            assert found.momentum == pytest.approx(expected.momentum, rel=1e-6)
        entries += abs(found.side)
        unchanged += market.close[i] == market.close[i - 1]
    assert unchanged > 10
    assert entries > 50


#: By the first condition that is needed and does not hold: what the decision says of it.
WHY = {
    **dict.fromkeys(("vwap", "ema_fast", "ema_middle", "histogram"), SignalReason.NO_TREND),
    "adx": SignalReason.WEAK_TREND,
    "volume_5": SignalReason.THIN_VOLUME,
    "volume_20": SignalReason.DRY_VOLUME,
    "score": SignalReason.LOW_SCORE,
}


def test_the_conditions_that_are_shown_are_those_that_decide() -> None:
    """Every close of a market with trends, its mirror image included: what does not hold is what blocks."""
    seen, market = set(), walk(seed=5, count=2_000)
    for end in range(864, len(market), 3):
        for candles in (market[end - WINDOW : end], mirrored(market[end - WINDOW : end], 200.0)):
            found = APEX_STRATEGY.evaluate(candles)
            asked = {one.name: one for one in found.conditions}
            assert len(asked) == len(found.conditions)
            missing = [one.name for one in found.conditions if one.needed and not one.held]
            assert bool(missing) == (found.side == 0)
            facts = dict(found.facts)
            assert found.considered == (facts["trend"] or 1)
            assert all(facts[f"point_{n}"] == asked[f"point_{n}"].held for n in rule.Points._fields if facts["trend"])
            if missing:
                assert WHY[missing[0]].name.lower() == found.why
                seen.add(missing[0])
    assert seen >= set(WHY) - {"volume_20"}  # hardly ever the first


# name of a condition -> what it is held against, of a candle that is all at its limits
LIMITS = [
    ("vwap", 100.5, 99.8),
    ("ema_fast", 100.4, 100.3),
    ("histogram", 0.2, 0.0),
    ("adx", 27.0, 20.0),
    ("volume_5", 120.0, 50.0),
    ("volume_20", 120.0, 30.0),
    ("near_ema", 0.2, 0.5025),
    ("rsi_low", 55.0, 30.0),
    ("rsi_high", 55.0, 70.0),
    ("close_moving", 100.5, 100.1),
    ("engulfing_open", 100.1, 100.1),
    ("wick_against", 0.1, 0.8),
    ("wick_ahead", 0.1, 0.2),
    ("histogram_moving", 0.2, 0.1),
    ("volume_2", 120.0, 66.0),
]


@pytest.mark.parametrize(("name", "value", "limit"), LIMITS)
def test_a_condition_has_its_number_and_its_limit(name: str, value: float, limit: float) -> None:
    found = getattr(rule.conditions(LONG_READING, 1, APEX), name)
    assert (found.value, found.limit) == (pytest.approx(value), pytest.approx(limit))


def test_a_window_decides_as_the_full_history_does() -> None:
    """10,000 closes, each seen through the live window and in a history that began 3 days before the first."""
    market = walk(seed=9, count=10_864)
    columns = indicators(market, APEX)
    sides = 0
    for end in range(864, len(market)):
        full = rule.decide(rule.reading(columns, end), APEX)
        live = APEX_STRATEGY.evaluate(market[end + 1 - WINDOW : end + 1])
        assert (live.side, live.score) == (full.side, full.score)
        if full.trend:
            assert live.stop == pytest.approx(full.stop, abs=1e-9 * live.close)
            assert live.momentum == pytest.approx(full.momentum, abs=1e-9)
        sides += abs(full.side)
    assert sides > 200


def test_500_candles_know_the_indicators_to_a_billionth_of_the_price() -> None:
    market = walk(seed=13, count=4000)
    full = indicators(market, APEX)
    for end in range(1000, 4000, 97):
        window = indicators(market[end - 500 : end], APEX)
        for name in full._fields:
            long, short = getattr(full, name)[end - 1], getattr(window, name)[-1]
            assert short == pytest.approx(long, abs=1e-9 * market.close[end - 1]), name


@pytest.mark.parametrize(
    ("timeframe", "count"), [(60_000, 1440), (180_000, 720), (FIVE_MINUTES, 720), (86_400_000, 720)]
)
def test_the_window_holds_a_whole_day(timeframe: int, count: int) -> None:
    assert APEX_STRATEGY.window(timeframe) == count


#: What each target of the example sells, for 0.2 % less than its price at worst.
TP1, TP2, TP3 = Exit(1, 50, 101.796), Exit(2, 25, 103.792), Exit(3, 25, 105.788)
#: The first target has sold 20 of its 50 lots.
PARTLY = LONG_TRADE._replace(stage=1, held=80, stop=LONG_TRADE.breakeven)


class TestLiveTrade:
    """The engine's questions about an open trade."""

    def test_at_a_close_the_emas_decide(self) -> None:
        falling = mirrored(climb(), around=112.0)
        assert APEX_STRATEGY.on_close(LONG_TRADE, falling) == Close(98.0, "turn", "EMA9 crossed EMA21")
        assert APEX_STRATEGY.on_close(SHORT_TRADE, falling) == Close(102.0)

    def test_an_opposite_signal_alone_is_no_exit(self) -> None:
        """The crash at the last candle is a short's entry, but EMA9 of a slower pair is not below EMA21 of it yet."""
        crash = ending(close=BASE.open - 3.0, low=BASE.open - 3.1)
        assert APEX_STRATEGY.evaluate(crash).side == -1
        slow = ApexStrategy(params=APEX._replace(ema_fast=21, ema_middle=9))
        assert APEX_STRATEGY.on_close(LONG_TRADE, crash).exit == "turn"
        assert slow.on_close(LONG_TRADE, crash).exit == ""

    def test_after_the_first_target_the_stop_trails(self) -> None:
        candles = climb()
        now = APEX_STRATEGY.evaluate(candles)
        running = LONG_TRADE._replace(stage=1, held=50, stop=105.0)
        assert APEX_STRATEGY.on_close(running, candles) == Close(rounded(now.close - 1.5 * dict(now.facts)["atr"]))
        assert APEX_STRATEGY.on_close(running._replace(tick=0.5), candles).stop % 0.5 == 0.0
        assert APEX_STRATEGY.on_close(running._replace(stage=0), candles) == Close(105.0)

    @pytest.mark.parametrize("count", [0, 1, 499])
    def test_too_few_candles_change_nothing(self, count: int) -> None:
        running = LONG_TRADE._replace(stage=1, held=50, stop=105.0)
        falling = mirrored(climb(), around=112.0)[:count]
        assert APEX_STRATEGY.on_close(running, falling) == Close(105.0)

    @pytest.mark.parametrize(
        ("look", "sold"),
        [
            (TradedRange(100.0, 101.9, 98.1), []),
            (TradedRange(102.0, 102.0, 100.0), [TP1]),
            (TradedRange(100.0, 104.0, 100.0), [TP1, TP2]),
            (TradedRange(106.5, 106.5, 106.5), [TP1, TP2, TP3]),
        ],
    )
    def test_a_look_at_the_price(self, look: TradedRange, sold: list[Exit]) -> None:
        assert APEX_STRATEGY.on_price(LONG_TRADE, look) == sold

    def test_a_leg_that_merges_is_reached_without_a_sale(self) -> None:
        sold = APEX_STRATEGY.on_price(LONG_TRADE._replace(smallest=60), TradedRange(102.0, 102.0, 101.0))
        assert sold == [TP1._replace(lots=0)]

    @pytest.mark.parametrize(
        ("trade", "high", "sold"),
        [
            (PARTLY, 101.9, []),
            (PARTLY, 102.0, [TP1._replace(lots=30)]),
            (PARTLY, 104.0, [TP2._replace(lots=55)]),
            (PARTLY, 106.0, [TP2._replace(lots=55), TP3]),
            (PARTLY._replace(held=59), 102.0, []),
            (PARTLY._replace(held=59), 104.0, [TP2._replace(lots=34)]),
            (PARTLY._replace(stage=3, held=20), 105.9, []),
            (PARTLY._replace(stage=3, held=20), 106.0, [TP3._replace(lots=20)]),
            (PARTLY._replace(stage=3, held=3), 106.0, [TP3._replace(lots=3)]),
        ],
    )
    def test_what_a_sale_left_of_its_leg_stays_due(self, trade: Trade, high: float, sold: list[Exit]) -> None:
        """At its own target, or with the next; less than the smallest size merges into the next."""
        assert APEX_STRATEGY.on_price(trade, TradedRange(101.0, high, 101.0)) == sold

    def test_a_sale_at_a_target_gives_a_quarter_of_r_at_most(self) -> None:
        narrow = LONG_TRADE._replace(stop=99.6, r=0.4)
        (leg,) = APEX_STRATEGY.on_price(narrow, TradedRange(100.4, 100.4, 100.4))
        assert leg.price == 100.3
        short = SHORT_TRADE._replace(stop=100.4, r=0.4)
        (leg,) = APEX_STRATEGY.on_price(short, TradedRange(99.6, 99.6, 99.6))
        assert leg.price == 99.7

    def test_a_look_at_a_finished_trade_finds_nothing(self) -> None:
        done = LONG_TRADE._replace(stage=3, held=0)
        assert APEX_STRATEGY.on_price(done, TradedRange(110.0, 110.0, 109.0)) == []


def test_an_entry_is_sized_and_checked_by_the_owners_choices() -> None:
    idea = Evaluation(1, 0, 100.0, stop=99.0, score=4, facts=(("adx", 32.0),))
    choosy = ApexStrategy(RiskSettings(max_position_pct=5.0, min_reward_to_cost=3.0))
    assert APEX_STRATEGY.size_pct(idea) == pytest.approx(5.4)
    assert choosy.size_pct(idea) == 5.0
    terms = APEX_STRATEGY.terms(idea, 100.0, Costs(0.002, 0.05))
    assert terms == Terms(99.0, 0.05, 101.0, pytest.approx(0.4 / 0.998 + 0.05))
    assert choosy.terms(idea, 100.0, Costs(0.002, 0.05)).least == pytest.approx(3.0 * terms.least)


def test_momentum_is_compared_in_12_decimals() -> None:
    found = {
        "B-USD": Evaluation(1, 0, 1.0, momentum=0.1 + 0.2),
        "A-USD": Evaluation(1, 0, 1.0, momentum=0.3),
        "C-USD": Evaluation(1, 0, 1.0, momentum=0.3 + 2e-12),
    }
    assert ranked(found) == ["C-USD", "A-USD", "B-USD"]


def test_the_strongest_momentum_comes_first() -> None:
    def idea(side: int, momentum: float) -> Evaluation:
        return Evaluation(side, 0, 1.0, momentum=momentum)

    found = {"B-USD": idea(1, 0.5), "C-USD": idea(-1, 0.7), "A-USD": idea(1, 0.5), "D-USD": idea(0, 0.9)}
    assert ranked(found) == ["C-USD", "A-USD", "B-USD"]
    assert ranked(found, in_order=True) == ["C-USD", "B-USD", "A-USD"]


class Simple(Strategy):
    """The least a strategy needs: here, long after a rise and short after a fall."""

    def evaluate(self, candles: Candles) -> Evaluation:
        last = candles.candle(-1)
        side = 1 if last.close > last.open else -1
        return Evaluation(side, candles.closed_at, last.close, last.close - side)


def test_a_strategy_that_only_evaluates_has_exits() -> None:
    simple = Simple()
    trade = opened(1, 100.0, 98.0, 98.0, 0.001, 100, 10, 0.5)
    rise = Candles.of(FIVE_MINUTES, [(MIDNIGHT, 103.0, 105.0, 103.0, 105.0, 1.0)])
    assert [(sale.stage, sale.lots) for sale in simple.on_price(trade, TradedRange(105.0, 106.0, 100.0))] == [
        (1, 50),
        (2, 25),
        (3, 25),
    ]
    assert simple.on_close(trade, rise) == Close(98.0)
    assert simple.size_pct(simple.evaluate(rise)) == 2.0
    assert simple.terms(simple.evaluate(rise), 105.0, Costs(0.001, 0.01)).stop == 104.0
