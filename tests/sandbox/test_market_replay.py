"""Candles from files: reproduced exactly, or rejected with a clear error."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bot.sandbox.market import Market, MarketError

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
FIRST = 1_700_000_100_000
STEP = 5 * MINUTE
Row = tuple[int, str, str, str, str, str]


def rows(count: int = 700) -> list[Row]:
    """A small random walk with a few candles without trades."""
    dice = np.random.default_rng(4)
    price, found = 30_000, []
    for n in range(count):
        if n % 50 == 7:
            flat = f"{price}.5"
            found.append((FIRST + n * STEP, flat, flat, flat, flat, "0"))
            continue
        close = price + int(dice.integers(-40, 41))
        top = max(price, close) + int(dice.integers(0, 30))
        bottom = min(price, close) - int(dice.integers(0, 30))
        volume = f"{dice.uniform(0.01, 9):.8f}"
        found.append((FIRST + n * STEP, f"{price}.5", f"{top}.5", f"{bottom}.5", f"{close}.5", volume))
        price = close
    return found


def write(folder: Path, lines: list[Row], name: str = "BTC-USD-5m.csv") -> None:
    with (folder / name).open("w", newline="", encoding="utf-8") as text:
        table = csv.writer(text)
        table.writerow(("time", "open", "high", "low", "close", "volume"))
        table.writerows(lines)


def market(folder: Path, start_ms: int = FIRST + DAY) -> Market:
    return Market(1, start_ms, ("BTC-USD", "ETH-USD"), replay=folder)


def test_candles_come_back_exactly(tmp_path: Path) -> None:
    write(tmp_path, rows())
    bars = market(tmp_path).bars("BTC-USD", STEP, FIRST, FIRST + 699 * STEP + STEP - 1)
    got = [(b.time_ms, *(Decimal(v) for v in (b.open, b.high, b.low, b.close, b.volume))) for b in bars]
    assert got == [(row[0], *(Decimal(value) for value in row[1:])) for row in rows()]


def test_ticks_inside_a_candle_make_that_candle(tmp_path: Path) -> None:
    write(tmp_path, rows(120))
    replayed = market(tmp_path, FIRST)
    for time, open_, high, low, close, volume in rows(120):
        trades = replayed.trades("BTC-USD", time * 10**6 - 1, time + STEP - 1, 10**5)
        prices = [trade.price for trade in trades]
        assert sum(trade.qty for trade in trades) == Decimal(volume)
        if trades:
            assert [prices[0], max(prices), min(prices), prices[-1]] == [Decimal(v) for v in (open_, high, low, close)]
        shorter = [b for b in replayed.bars("BTC-USD", MINUTE, time, time + STEP - 1) if b.trades]
        assert sum(bar.trades for bar in shorter) == len(trades)


def test_only_symbols_with_files_trade_and_the_finest_file_counts(tmp_path: Path) -> None:
    write(tmp_path, rows())
    write(tmp_path, [(FIRST // DAY * DAY, "1", "2", "1", "2", "5")], "BTC-USD-1d.csv")
    assert market(tmp_path).symbols == ("BTC-USD",)
    assert market(tmp_path).last("BTC-USD", FIRST + DAY) > 20_000


def test_a_missing_row_is_a_time_without_trades(tmp_path: Path) -> None:
    write(tmp_path, rows()[:300] + rows()[303:])
    bars = market(tmp_path).bars("BTC-USD", STEP, FIRST + 299 * STEP, FIRST + 304 * STEP - 1)
    assert [bar.trades > 0 for bar in bars] == [True, False, False, False, True]
    assert {bar.close for bar in bars[:4]} == {bars[0].close}


def test_after_the_last_candle_the_market_stands_still(tmp_path: Path) -> None:
    write(tmp_path, rows())
    replayed = market(tmp_path)
    end = replayed.ends_ms("BTC-USD")
    assert end == FIRST + 700 * STEP
    last = replayed.last("BTC-USD", end)
    for later in (end + 2 * HOUR, end + 3 * DAY, end + 400 * DAY):
        assert replayed.last("BTC-USD", later) == last
        assert replayed.bars("BTC-USD", HOUR, later - HOUR, later)[-1].trades == 0
        assert replayed.quote("BTC-USD", later).bid <= last <= replayed.quote("BTC-USD", later).ask
    assert replayed.trades("BTC-USD", end * 10**6, end + DAY, 10) == []


def test_a_jump_works_on_a_replayed_market_too(tmp_path: Path) -> None:
    write(tmp_path, rows())
    replayed = market(tmp_path)
    replayed.jump("BTC-USD", FIRST + DAY, Decimal(15_000))
    assert replayed.last("BTC-USD", FIRST + DAY) == 15_000
    assert replayed.last("BTC-USD", FIRST + DAY + HOUR) < 20_000


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ((FIRST + STEP + 1, "1", "1", "1", "1", "1"), "not a multiple"),
        ((FIRST, "1", "1", "1", "1", "1"), "not after"),
        ((FIRST + STEP, "nan", "1", "1", "1", "1"), "missing or infinite"),
        ((FIRST + STEP, "0", "1", "0", "1", "1"), "not above 0"),
        ((FIRST + STEP, "5", "4", "3", "4", "1"), "do not enclose"),
        ((FIRST + STEP, "3", "4", "3", "4", "0"), "without volume"),
        ((FIRST + STEP, "x", "4", "3", "4", "0"), "line 3 is no candle"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, bad: Row, said: str) -> None:
    write(tmp_path, [*rows(1), bad])
    with pytest.raises(MarketError, match=rf"BTC-USD-5m.csv.*{said}") as refused:
        market(tmp_path)
    assert "\n" not in str(refused.value)


def test_what_cannot_be_replayed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MarketError, match="no candle files"):
        market(tmp_path)
    with pytest.raises(MarketError, match="no folder"):
        market(tmp_path / "nowhere")
    write(tmp_path, rows())
    with pytest.raises(MarketError, match="is outside"):
        market(tmp_path, FIRST - DAY)
    with pytest.raises(MarketError, match="none of ETH-USD"):
        Market(1, FIRST, ("ETH-USD",), replay=tmp_path)
    (tmp_path / "ETH-USD-7x.csv").write_text("time\n")
    with pytest.raises(MarketError, match="expected <BASE>"):
        market(tmp_path)


def test_a_file_without_its_columns_or_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "BTC-USD-5m.csv").write_text("time,open\n1,2\n")
    with pytest.raises(MarketError, match="no column high, low, close, volume"):
        market(tmp_path)
    write(tmp_path, [])
    with pytest.raises(MarketError, match="holds no candles"):
        market(tmp_path)


def test_parquet_or_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "BTC-USD-5m.parquet").write_bytes(b"no parquet")
    with pytest.raises(MarketError, match=r"BTC-USD-5m.parquet: (no candles|reading .parquet needs)"):
        market(tmp_path)
