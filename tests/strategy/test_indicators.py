"""Each indicator against a second, plain writing of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.domain.candles import Candles, Series
from bot.strategy.indicators import Indicators, indicators, mean_of_last
from bot.strategy.params import APEX
from tests.strategy import given

SETTLED = 600


@pytest.fixture(scope="module")
def market() -> Candles:
    return given.walk(seed=11, count=900)


@pytest.fixture(scope="module")
def found(market: Candles) -> Indicators:
    return indicators(market, APEX)


def close_of(market: Candles) -> list[float]:
    return [float(value) for value in market.close]


def assert_settled(found: Series, expected: list[float], scale: float) -> None:
    np.testing.assert_allclose(found[SETTLED:], expected[SETTLED:], rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize(("name", "period"), [("ema_fast", 9), ("ema_middle", 21), ("ema_slow", 50)])
def test_ema(market: Candles, found: Indicators, name: str, period: int) -> None:
    assert_settled(getattr(found, name), given.ema(close_of(market), period), scale=100.0)


def test_rsi_with_wilder_smoothing(market: Candles, found: Indicators) -> None:
    assert_settled(found.rsi, given.rsi(close_of(market), 14), scale=100.0)


def test_atr_with_wilder_smoothing(market: Candles, found: Indicators) -> None:
    assert_settled(found.atr, given.wilder(given.true_range(market), 14), scale=1.0)


def test_adx_with_wilder_smoothing(market: Candles, found: Indicators) -> None:
    assert_settled(found.adx, given.adx(market, 14), scale=100.0)


def test_macd_histogram(market: Candles, found: Indicators) -> None:
    assert_settled(found.histogram, given.histogram(close_of(market)), scale=1.0)


def test_vwap_begins_anew_at_midnight(market: Candles, found: Indicators) -> None:
    np.testing.assert_allclose(found.vwap, given.vwap(market), rtol=1e-12)
    first = market.candle(288)
    assert first.time % 86_400_000 == 0
    assert found.vwap[288] == pytest.approx((first.high + first.low + first.close) / 3.0, rel=1e-12)


def test_swings_are_extremes_of_ten_candles_with_the_current_one(market: Candles, found: Indicators) -> None:
    for i in range(9, len(market)):
        assert found.swing_low[i] == min(market.low[i - 9 : i + 1])
        assert found.swing_high[i] == max(market.high[i - 9 : i + 1])


@pytest.mark.parametrize(("name", "count"), [("volume_2", 2), ("volume_5", 5), ("volume_20", 20)])
def test_volume_means_include_the_current_candle(market: Candles, found: Indicators, name: str, count: int) -> None:
    means = getattr(found, name)
    assert np.isnan(means[: count - 1]).all()
    for i in range(count - 1, len(market)):
        assert means[i] == pytest.approx(math.fsum(market.volume[i - count + 1 : i + 1]) / count, rel=1e-13)


def test_a_mean_over_more_than_there_is_is_unknown() -> None:
    assert np.isnan(mean_of_last(np.array([1.0, 2.0]), 3)).all()


class TestVwapOfAWindow:
    def test_a_day_whose_beginning_is_missing_is_unknown(self, market: Candles) -> None:
        cut = indicators(market[100:], APEX).vwap
        assert np.isnan(cut[:188]).all()
        assert not np.isnan(cut[188:]).any()

    def test_whole_days_are_the_same_bits_as_in_the_full_history(self, market: Candles, found: Indicators) -> None:
        cut = indicators(market[100:], APEX).vwap
        assert (cut[188:] == found.vwap[288:]).all()

    def test_a_window_that_begins_at_midnight_loses_nothing(self, market: Candles, found: Indicators) -> None:
        assert (indicators(market[288:], APEX).vwap == found.vwap[288:]).all()

    def test_unknown_until_the_day_has_traded(self) -> None:
        rows = [(given.MIDNIGHT + i * given.FIVE_MINUTES, 10.0, 10.0, 10.0, 10.0, float(i)) for i in range(3)]
        values = indicators(Candles.of(given.FIVE_MINUTES, rows), APEX).vwap
        assert math.isnan(values[0])
        assert list(values[1:]) == [10.0, 10.0]

    def test_a_candle_of_a_day_is_its_own_vwap(self) -> None:
        day = 86_400_000
        rows = [(given.MIDNIGHT + i * day, 9.0, 12.0, 6.0, 9.0 + i, 5.0) for i in range(3)]
        assert list(indicators(Candles.of(day, rows), APEX).vwap) == pytest.approx([9.0, 28 / 3, 29 / 3])


def test_vwap_of_days_with_times_left_out() -> None:
    """Days of unequal lengths, as a strategy that leaves gaps out sees them."""
    market = given.walk(3, 288 * 5 + 40)
    kept = np.ones(len(market), np.bool_)
    kept[[10, 300, 301, 600, 1_300]] = False
    columns = (getattr(market, name)[kept] for name in ("time", "open", "high", "low", "close", "volume"))
    cut = Candles(given.FIVE_MINUTES, *columns)
    np.testing.assert_allclose(indicators(cut, APEX).vwap, given.vwap(cut), rtol=1e-12)
