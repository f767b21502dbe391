"""Funding rates from files: NIJA's own and freqtrade's, each rate once and in the candle in which it falls due."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bot.backtest.candle_files import BadCandles, load
from bot.backtest.funding import funding_rates
from tests.backtest.candles import COLUMNS, MINUTE, START, Columns, as_freqtrade, columns, write

HOUR = 60 * MINUTE
DUE = {0: 0.0001, 8: -0.0002, 16: 0.0003}
"""By the hour since the start."""


def ours(times: list[int], rates: list[float]) -> Columns:
    return {"time": times, "rate": rates}


def candles(times: list[int], rates: list[float]) -> Columns:
    """As freqtrade keeps rates: the open of a candle whose other columns are 0."""
    none = np.zeros(len(times))
    return dict(zip(COLUMNS, (np.array(times), np.array(rates), none, none, none, none), strict=True))


def dated(times: list[int], rates: list[float]) -> Columns:
    return as_freqtrade(candles(times, rates))


def written(folder: Path, name: str, form: Callable[[list[int], list[float]], Columns]) -> Path:
    """An hourly market of a day with its rates; the second one falls due a moment late, and the third is written twice."""
    hours = [*DUE, 16]
    late = [7 if hour == 8 else 0 for hour in hours]
    times = [START + HOUR * hour + ms for hour, ms in zip(hours, late, strict=True)]
    write(folder / "BTC_USDT_USDT-1h-futures.feather", as_freqtrade(columns(24, HOUR)))
    write(folder / name, form(times, [DUE[hour] for hour in hours]))
    return folder


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("BTC-USDT-SWAP-funding.csv", ours),
        ("BTC-USDT-SWAP-funding.parquet", ours),
        ("BTC_USDT_USDT-8h-funding_rate.feather", dated),
        ("BTC_USDT_USDT-1h-funding_rate.parquet", dated),
        ("BTC_USDT_USDT-8h-funding_rate.json", candles),
        ("BTC_USDT_USDT-1h-funding_rate.json.gz", candles),
    ],
)
def test_each_rate_falls_due_once_in_its_candle(
    tmp_path: Path, name: str, form: Callable[[list[int], list[float]], Columns]
) -> None:
    written(tmp_path / "data/binance/futures", name, form)
    histories = load(tmp_path / "data", [], "1h").histories
    assert [one.symbol for one in histories] == ["BTC-USDT-SWAP"]
    (rates,) = funding_rates(tmp_path / "data", histories).values()
    assert {hour: rate for hour, rate in enumerate(rates.tolist()) if rate} == DUE


def test_a_market_with_two_files_of_rates_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "BTC_USDT_USDT-8h-funding_rate.feather", dated)
    written(tmp_path, "BTC-USDT-SWAP-funding.csv", ours)
    with pytest.raises(BadCandles, match="has its funding rates twice"):
        funding_rates(tmp_path, load(tmp_path, [], "1h").histories)


def test_a_rate_that_is_no_number_is_refused(tmp_path: Path) -> None:
    form = candles([START], [0.0]) | {"open": [np.nan]}
    write(tmp_path / "BTC_USDT_USDT-1h-futures.feather", as_freqtrade(columns(24, HOUR)))
    write(tmp_path / "BTC_USDT_USDT-8h-funding_rate.parquet", as_freqtrade(form))
    with pytest.raises(BadCandles, match="not a number"):
        funding_rates(tmp_path, load(tmp_path, [], "1h").histories)
