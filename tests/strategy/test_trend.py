"""Trend C3 by its table, row for row: what its questions answer, and what a backtest of the same candles makes of it, both ways."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.backtest.result import Result
from bot.backtest.run import Backtest
from bot.backtest.terms import Account, Costs
from bot.domain.candles import Candles
from bot.domain.clock import DAY
from bot.strategy import checks, exits
from bot.strategy.base import Costs as Paid
from bot.strategy.base import Ended, Evaluation
from bot.strategy.exits import Trade
from bot.strategy.gate_inputs import Offer
from bot.strategy.named import named, with_params
from bot.strategy.params import RiskSettings
from bot.strategy.sizing import BuyingPower, Minimums, size
from bot.strategy.trend import TREND, AtClose, TrendStrategy, closed, kept_on, size_of
from tests.backtest.given import COMPILED
from tests.strategy.trend_series import DAY_0, closed_at, history, series

OWNER = RiskSettings(max_position_pct=100.0)
RULE = TrendStrategy(OWNER)
COLUMNS = ("open", "high", "low", "close", "volume")
BOTH = pytest.mark.parametrize("plainly", [True, False], ids=["asked", "compiled"])


def at(day: int) -> Evaluation:
    return RULE.evaluate(series(day))


def entered(evaluation: Evaluation, entry: float) -> Trade:
    one = exits.opened(1, entry, evaluation.stop, evaluation.out_at, 0.0026, 1_000, 1, 0.0, evaluation.closed_at)
    return one._replace(kept=evaluation.kept)


def held_until(day: int) -> Trade:
    """The trade of row E2 after the closes up to a day."""
    trade = entered(at(100), 101.0)
    for number in range(101, day + 1):
        close = RULE.on_close(trade, series(number))
        assert close.exit == ""
        assert close.kept is not None
        trade = trade._replace(stop=max(trade.stop, close.stop), kept=close.kept)
    return trade


# -- rows E -----------------------------------------------------------------------------------------------------------
def test_e1_equal_averages_are_no_trend() -> None:
    assert at(99).side == 0


def test_e2_the_faster_average_above_the_slower_is_a_signal() -> None:
    one, facts = at(100), dict(at(100).facts)
    assert (one.side, one.stop, one.risk_price) == (1, 89.0, 95.0)
    assert (facts["fast"], facts["slow"], facts["atr"]) == pytest.approx((100.05, 100.01, 2.0))
    assert RULE.size_pct(one) == 15.0


@pytest.mark.parametrize(
    ("day", "highest", "close_stop", "resting"), [(109, 110.0, 104.0, 98.0), (110, 110.0, 104.0, 98.0)]
)
def test_e4_e5_both_stops_follow_the_highest_close_and_never_loosen(
    day: int, highest: float, close_stop: float, resting: float
) -> None:
    trade = held_until(day)
    assert (trade.stop, dict(trade.kept)) == (resting, {"highest": highest, "close_stop": close_stop})


def test_e6_a_close_at_the_close_stop_sells() -> None:
    close = RULE.on_close(held_until(110), series(111))
    assert (close.exit, close.stop) == ("close_stop", 98.0)
    assert "104 is at or below 104" in close.words


@pytest.mark.parametrize(("day", "returns"), [(111, False), (112, False), (116, False), (117, True)])
def test_e7_after_a_stop_only_a_new_high_is_entered(day: int, returns: bool) -> None:
    assert at(day).side == 1
    ended = Ended(closed_at(111) + 5_000, "close_stop")
    assert RULE.may_return(series(day), ended) is returns
    assert RULE.may_return(series(day), ended._replace(exit="stop")) is returns
    assert RULE.may_return(series(day), ended._replace(exit="turn")) is (day > 111)


def walked(candles: Candles, plainly: bool, costs: Costs) -> Result:
    strategy = TrendStrategy(OWNER)
    made = Backtest(strategy, [history(candles)], plainly=plainly, compile_to=COMPILED, pairs=["BTC-USD"])
    assert not made.troubles
    return made.walk(Account(costs, slots=10))


def day_of(time: int) -> int:
    return (time - DAY_0) // DAY


@BOTH
def test_e2_to_e7_as_a_backtest_trades_them(plainly: bool) -> None:
    """Bought at the open of 101 and of 118, sold at the open of 112 and at the last close."""
    first, second = walked(series(121), plainly, Costs(0.0026, 0.0))
    assert (day_of(first.entry_time), first.entry_price, first.stop, first.score) == (101, 101.0, 89.0, None)
    assert first.qty == pytest.approx(14.851485, abs=1e-6)
    assert 10_000.0 - first.qty * 101.0 * 1.0026 == pytest.approx(8_496.10, abs=0.001)
    assert (day_of(first.legs[0].time), first.legs[0].price, first.exit_reason) == (112, 104.0, "close_stop")
    assert (first.pnl, first.pnl_r) == pytest.approx((36.6385, 36.6385 / (14.851485 * 6.0)), abs=2e-4)
    assert (day_of(second.entry_time), second.exit_reason, day_of(second.legs[0].time)) == (118, "end", 121)


@BOTH
def test_e8_the_resting_stop_sells_inside_the_candle(plainly: bool) -> None:
    """Touched at 98; the same day's close may enter again, but is no new high."""
    first, *_ = walked(series(121, low_of_111=97.0), plainly, Costs(0.0, 0.001))
    assert (day_of(first.legs[0].time), first.exit_reason) == (111, "stop")
    assert first.legs[0].price == pytest.approx(98.0 * (1.0 - 0.0005 - 0.002))


@BOTH
def test_a_gap_through_the_resting_stop_sells_at_the_open_without_a_slip(plainly: bool) -> None:
    rows = [series(110).candle(row) for row in range(len(series(110)))]
    gapped = Candles.of(DAY, [*rows, (closed_at(110), 90.0, 91.0, 89.0, 90.5, 1.0)])
    (one,) = walked(gapped, plainly, Costs(0.0, 0.001))
    assert (one.exit_reason, one.legs[0].price) == ("stop", pytest.approx(90.0 * 0.9995))


@BOTH
def test_t4_an_open_at_the_close_stop_is_no_entry(plainly: bool) -> None:
    rows = [series(100).candle(row) for row in range(len(series(100)))]
    fallen = Candles.of(
        DAY, [*rows, (closed_at(100), 95.0, 96.0, 94.0, 95.0, 1.0), (closed_at(101), 95.0, 96.0, 94.0, 95.0, 1.0)]
    )
    result = walked(fallen, plainly, Costs(0.0, 0.0))
    assert (len(result.trades), result.skips["stop"]) == (0, 1)


@BOTH
def test_without_a_next_candle_a_purchase_lapses_and_a_sale_waits(plainly: bool) -> None:
    """Without day 101 the signal of 100 lapses and that of 102 is taken; without day 112 what 111 sells is sold at the open of 113."""
    first, *_ = walked(without(101), plainly, Costs(0.0, 0.0))
    assert (day_of(first.entry_time), first.entry_price) == (103, 103.0)
    first, *_ = walked(without(112), plainly, Costs(0.0, 0.0))
    assert (day_of(first.legs[0].time), first.legs[0].price, first.exit_reason) == (113, 105.0, "close_stop")


def without(day: int) -> Candles:
    """Series E with a missing day."""
    whole = series(121)
    kept = whole.time != DAY_0 + day * DAY
    return Candles(DAY, whole.time[kept], *(getattr(whole, name)[kept] for name in COLUMNS))


# -- rows S: size -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("row", "atr", "free", "fee", "lot", "price", "quantity"),
    [
        ("S1", 4.0, 10_000.0, 0.0, 1e-8, 100.0, 8.3333333),
        ("S2", 2.0, 10_000.0, 0.0, 1e-8, 100.0, 15.0),
        ("S3", 4.0, 500.0, 0.0026, 1e-8, 100.0, 4.98703),
        ("S4", 4.0, 10_000.0, 0.0, 0.1, 100.1, 8.3),
    ],
)
def test_sizes(row: str, atr: float, free: float, fee: float, lot: float, price: float, quantity: float) -> None:
    power = BuyingPower(10_000.0, free, fee, 0.0, math.inf)
    found = size(size_of(100.0, atr, TREND), price, 76.0, power, Minimums(lot, 1, 0.0), OWNER, RULE.least_part)
    assert found.lots * lot == pytest.approx(quantity, abs=1e-5)


def test_what_cash_cuts_below_a_hundredth_of_its_size_is_skipped() -> None:
    sizes = [
        size(15.0, 100.0, 76.0, BuyingPower(10_000.0, free, 0.0, 0.0, math.inf), Minimums(1e-8, 1, 0.0),
             OWNER._replace(max_position_pct_small=0.0), RULE.least_part).lots
        for free in (15.1, 14.9)
    ]  # fmt: skip
    assert sizes == [15_100_000, 0]


# -- rows T: stops ----------------------------------------------------------------------------------------------------
def test_t1_to_t3_stops_rise_stay_and_sell_at_equality() -> None:
    known = exits.opened(1, 100.0, 70.0, 85.0, 0.0, 1, 1, 0.0)._replace(kept=(100.0, 85.0))  # type: ignore[arg-type]
    rows = [(104.0, 5.2, (88.4, 72.8), 0), (98.0, 6.0, (88.4, 72.8), 0), (88.4, 6.0, (88.4, 72.8), 1)]
    for close, atr, stops, exit_ in rows:
        now = AtClose(110.0, 100.0, atr, 110.0)
        found, kept = closed(known, close, now, TREND), kept_on(known, close, now, TREND)
        known = known._replace(stop=max(known.stop, found.stop), kept=kept)  # type: ignore[arg-type]
        assert ((kept[1], known.stop), found.exit) == (stops, exit_)


@pytest.mark.parametrize(("price", "blocked"), [(88.0, True), (88.4, True), (88.41, False)])
def test_t4_a_price_at_or_below_the_close_stop_is_no_trade(price: float, blocked: bool) -> None:
    found = Evaluation(1, 0, 104.0, 72.8, risk_price=88.4)
    terms = RULE.terms(found, price, Paid(0.0026, 0.05))
    assert checks.stop(Offer("ask", 1, price, *terms)).blocked is blocked
    assert not checks.costs(Offer("ask", 1, max(price, 88.41), *terms)).blocked, "costs are a matter of the close"


# -- rows G: costs ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("row", "atr", "blocked"), [("G1", 2.4, True), ("G2", 2.5, False)])
def test_a_dead_market_does_not_pay_its_costs(row: str, atr: float, blocked: bool) -> None:
    found = Evaluation(1, 0, 100.0, 100.0 - 6.0 * atr, risk_price=100.0 - 3.0 * atr)
    terms = RULE.terms(found, 100.0, Paid(0.012, 0.05))
    assert checks.costs(Offer("close", 1, 100.0, *terms)).blocked is blocked


# -- beyond the table -------------------------------------------------------------------------------------------------
def test_what_a_trade_keeps_is_rebuilt_from_the_candles_since_its_decision() -> None:
    trade = held_until(109)
    lost = trade._replace(kept=())
    assert RULE.on_close(lost, series(110)) == RULE.on_close(trade, series(110))
    a_little_late = lost._replace(decided_at=lost.decided_at + 9_000)
    assert RULE.on_close(a_little_late, series(110)) == RULE.on_close(trade, series(110))


def test_in_a_wild_market_the_resting_stop_is_a_price_above_zero() -> None:
    still = series(99)
    high = still.high.copy()
    high[-40:] = 130.0
    wild = Candles(DAY, still.time, still.open, high, still.low, np.append(still.close[:-1], 101.0), still.volume)
    found = RULE.evaluate(wild)
    assert found.side == 1
    assert 0.0 < found.stop < 0.01
    assert found.stop < found.out_at < found.close


@pytest.mark.parametrize(("gaps", "side"), [(3, 1), (4, 0)])
def test_more_than_three_missing_days_are_no_entry(gaps: int, side: int) -> None:
    whole = series(100)
    kept = np.ones(len(whole), np.bool_)
    kept[-100 : -100 + gaps] = False
    columns = (getattr(whole, name)[kept] for name in COLUMNS)
    found = RULE.evaluate(Candles(DAY, whole.time[kept], *columns))
    assert (found.side, dict(found.facts)["missing"]) == (side, gaps)


def test_markets_are_ranked_by_the_median_turnover_of_ninety_days() -> None:
    days = series(121)
    volume = np.full(len(days), 1e9)
    volume[-90:] = 20_000.0
    known = Candles(DAY, days.time, days.open, days.high, days.low, days.close, volume)
    assert RULE.rank("BTC-USD", known) == pytest.approx(20_000.0 * float(np.median(known.close[-90:])))
    assert RULE.rank("BTC-USD", known[-199:]) is None
    assert RULE.rank("BTC-USD", days) is None, "too little is traded"
    followers = ["USDT-USD", "PAXG-USD", "WBTC-USD", "STETH-USD", "BTC3L-USDT", "ETHDOWN-USDT"]
    assert [RULE.rank(symbol, known) for symbol in followers] == [None] * len(followers)
    assert RULE.rank("JUP-USD", known) is not None


def test_its_numbers_can_be_set() -> None:
    rule = with_params(named("bot.strategy.trend:TrendStrategy", OWNER), {"slots": "2", "risk_pct": "5"})
    assert (rule.slots, rule.largest_pct) == (2, 75.0)
    assert size_of(100.0, 4.0, rule.params) == pytest.approx(100.0 * 0.025 / 0.12)  # type: ignore[attr-defined]
    for wrong, words in (
        ({"slots": "0"}, "slots is 0"),
        ({"fast": "100"}, "fast < slow"),
        ({"resting_stop_atr": "2"}, "farther"),
    ):
        with pytest.raises(ValueError, match=words):
            with_params(RULE, wrong)
