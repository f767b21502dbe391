"""Candles from files: every format gives the same candles, repairs are made and counted, and other faults are one line."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backtest.candle_files import BadCandles, load
from bot.backtest.candle_rows import Rows
from bot.backtest.history import History
from bot.backtest.repair import repaired
from bot.domain.candles import Candles, fill_flat, inspect
from tests.backtest.candles import COLUMNS, MINUTE, START, Columns, as_freqtrade, columns, write

FIVE = 5 * MINUTE
REAL = Path(__file__).resolve().parents[3] / "shared/candles"


def of(history: History) -> list[list[float]]:
    return [getattr(history, name).tolist() for name in COLUMNS]


def only(folder: Path, timeframe: str = "5m", **how: float) -> History:
    (history,) = load(folder, [], timeframe, **how).histories
    return history


# -- formats ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("BTC-USD-5m.parquet", dict),
        ("BTC-USD-5m.csv", dict),
        ("BTC-USD-5m.feather", dict),
        ("data/kraken/BTC_USD-5m.feather", as_freqtrade),
        ("data/kraken/BTC_USD-5m.parquet", as_freqtrade),
        ("data/kraken/BTC_USD-5m.json", dict),
        ("data/kraken/BTC_USD-5m.json.gz", dict),
    ],
)
def test_every_format_gives_the_same_candles(tmp_path: Path, name: str, form: Callable[[Columns], Columns]) -> None:
    data = columns(50)
    write(tmp_path / name, form(data))
    history = only((tmp_path / name).parent)
    assert of(history) == [data[column].tolist() for column in COLUMNS]
    assert (history.symbol, history.timeframe_ms, history.source) == ("BTC-USD", FIVE, Path(name).name)
    assert not history.filled.any()
    assert of(only(tmp_path)) == of(history)


@pytest.mark.parametrize(
    ("ending", "time"),
    [
        ("parquet", lambda ms: pa.array(ms).cast(pa.timestamp("ms"))),
        ("parquet", lambda ms: pa.array(ms * 1_000_000).cast(pa.timestamp("ns", tz="Europe/Berlin"))),
        ("parquet", lambda ms: pa.array(ms.astype(np.float64))),
        ("csv", lambda ms: pa.array([f"{one}Z" for one in ms.astype("datetime64[ms]").astype("datetime64[s]")])),
        (
            "csv",
            lambda ms: pa.array(
                [f"{one}".replace("T", " ") for one in ms.astype("datetime64[ms]").astype("datetime64[s]")]
            ),
        ),
    ],
)
def test_times_may_be_written_as_dates(tmp_path: Path, ending: str, time: Callable[[np.ndarray], pa.Array]) -> None:
    data = columns(20)
    written = time(data["time"])
    write(tmp_path / f"BTC-USD-5m.{ending}", data | {"time": written})
    assert only(tmp_path).time.tolist() == data["time"].tolist()


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BTC-USDT-SWAP-5m.parquet", "BTC-USDT-SWAP"),
        ("1INCH-USD-5m.csv", "1INCH-USD"),
        ("BTC_USDT_USDT-5m-futures.feather", "BTC-USDT-SWAP"),
        ("BTC_USDT-5m.feather", "BTC-USDT"),
    ],
)
def test_a_name_says_the_market(tmp_path: Path, name: str, symbol: str) -> None:
    write(tmp_path / name, columns(3))
    assert only(tmp_path).symbol == symbol


def test_what_is_no_candle_file_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "BTC-USD-5m.csv", columns(3))
    for name in (
        "BTC_USDT_USDT-1h-funding_rate.feather",
        "BTC_USDT_USDT-5m-mark.feather",
        "result.json",
        "BTC-USD-0m.csv",
    ):
        (tmp_path / name).write_text("not read")
    assert only(tmp_path).symbol == "BTC-USD"


def test_a_file_may_say_itself_what_was_filled(tmp_path: Path) -> None:
    filled = np.arange(20) % 7 == 3
    write(tmp_path / "BTC-USD-5m.parquet", columns(20) | {"filled": filled, "source": ["kraken"] * 20})
    assert only(tmp_path).filled.tolist() == filled.tolist()


# -- which file -------------------------------------------------------------------------------------------------------
def test_pairs_come_in_the_order_of_their_names_and_only_those_asked_for_are_read(tmp_path: Path) -> None:
    for symbol in ("ETH-USD", "ADA-USD", "BTC-USD"):
        write(tmp_path / f"{symbol}-5m.csv", columns(10))
    (tmp_path / "DOT-USD-5m.csv").write_text("damaged")
    assert [one.symbol for one in load(tmp_path, ["ETH-USD", "BTC-USD"], "5m").histories] == ["BTC-USD", "ETH-USD"]


def test_a_timeframe_without_a_file_is_made_of_whole_candles_of_the_longest_finer_one(tmp_path: Path) -> None:
    fine = columns(62, 5 * MINUTE)
    fine["time"] = fine["time"] + 2 * 5 * MINUTE  # begins within a candle of 15m, and ends within another
    write(tmp_path / "BTC-USD-5m.csv", fine)
    write(tmp_path / "BTC-USD-1m.csv", columns(10, MINUTE, seed=8))
    made = only(tmp_path, "15m")
    assert made.time.tolist() == [START + 15 * MINUTE * number for number in range(1, 21)]
    for row in range(20):
        parts = slice(1 + 3 * row, 4 + 3 * row)
        assert made.open[row] == fine["open"][parts][0]
        assert made.high[row] == fine["high"][parts].max()
        assert made.low[row] == fine["low"][parts].min()
        assert made.close[row] == fine["close"][parts][-1]
        assert made.volume[row] == pytest.approx(fine["volume"][parts].sum())
    assert len(only(tmp_path, "1m")) == 10


def test_a_longer_candle_is_filled_where_all_its_parts_are(tmp_path: Path) -> None:
    fine = {name: np.delete(column, [4, 9, 10, 11]) for name, column in columns(30).items()}
    write(tmp_path / "BTC-USD-5m.csv", fine)
    assert np.flatnonzero(only(tmp_path, "15m", max_holes=1.0).filled).tolist() == [3]


# -- repairs ----------------------------------------------------------------------------------------------------------
def test_what_can_be_repaired_is_repaired_and_counted(tmp_path: Path) -> None:
    data = columns(200)
    true = {name: column.copy() for name, column in data.items()}
    data["close"][20] = np.nan
    data["high"][30] = data["low"][30] / 2
    data["volume"][40] = -1.0
    data["low"][50] = 0.0
    order = np.concatenate((np.arange(100), [99, 98], np.arange(100, 200)))  # two doubles, out of order
    written = {name: column[order] for name, column in data.items()}
    written["close"][101] = 1_000_000.0  # the first of equal times is kept
    written["high"][101] = 1_000_000.0
    write(tmp_path / "BTC-USD-5m.csv", written)
    loaded = load(tmp_path, [], "5m")
    (history,) = loaded.histories
    assert np.flatnonzero(history.filled).tolist() == [20, 30, 40, 50]
    for row in (20, 30, 40, 50):
        before = float(true["close"][row - 1])
        assert history.candles.candle(row)[1:] == (before, before, before, before, 0.0)
    kept = ~history.filled
    assert history.close[kept].tolist() == true["close"][kept].tolist()
    assert loaded.notes == ["BTC-USD: 4 impossible, 2 twice, 1 out of order, 4 missing (longest gap 1)"]


def test_what_stands_off_the_grid_is_dropped(tmp_path: Path) -> None:
    data = columns(100)
    data["time"][50] += 1
    write(tmp_path / "BTC-USD-5m.parquet", data)
    loaded = load(tmp_path, [], "5m")
    assert np.flatnonzero(loaded.histories[0].filled).tolist() == [50]
    assert loaded.notes == ["BTC-USD: 1 off the grid, 1 missing (longest gap 1)"]


def test_candles_without_volume_are_candles(tmp_path: Path) -> None:
    data = columns(30)
    data["volume"][:] = 0.0
    write(tmp_path / "BTC-USD-5m.csv", data)
    loaded = load(tmp_path, [], "5m")
    assert loaded.notes == []
    assert loaded.histories[0].close.tolist() == data["close"].tolist()


@given(st.data())
def test_any_disorder_comes_out_as_the_candles_that_are_true(draw: st.DataObject) -> None:
    """Rows dropped, duplicated, shuffled and broken: the result is the valid rest, with its holes filled."""
    count = draw.draw(st.integers(2, 40))
    data = columns(count)
    kept = draw.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=60))
    broken = draw.draw(st.sets(st.integers(0, len(kept) - 1)))
    rows = {name: column[kept] for name, column in data.items()}
    for row in broken:
        rows[draw.draw(st.sampled_from(COLUMNS[1:5]))][row] = draw.draw(st.sampled_from([np.nan, np.inf, 0.0, -1.0]))
    filled = np.zeros(len(kept), np.bool_)
    found = repaired(Rows(*(rows[name] for name in COLUMNS), filled), FIVE)
    good = sorted({kept[row] for row in range(len(kept)) if row not in broken})
    expected = fill_flat(Candles(FIVE, *(data[name][good] for name in COLUMNS))) if good else None
    if expected is None:
        assert len(found.candles) == 0
        return
    assert inspect(found.candles) == ()
    for name in COLUMNS:
        assert getattr(found.candles, name).tolist() == getattr(expected, name).tolist()
    assert int(found.filled.sum()) == found.repairs.holes == len(expected) - len(good)


# -- one line ---------------------------------------------------------------------------------------------------------
def truncated(folder: Path) -> None:
    path = write(folder / "BTC-USD-5m.parquet", columns(500))
    path.write_bytes(path.read_bytes()[:-100])


def cut_json(folder: Path) -> None:
    path = write(folder / "BTC_USD-5m.json.gz", columns(500))
    path.write_bytes(path.read_bytes()[:-100])


def with_holes(folder: Path) -> None:
    write(
        folder / "BTC-USD-5m.csv", {name: np.delete(column, np.arange(10, 20)) for name, column in columns(100).items()}
    )


def twice(folder: Path) -> None:
    write(folder / "BTC-USD-5m.csv", columns(10))
    write(folder / "BTC_USD-5m.feather", columns(10))


def several(folder: Path) -> None:
    write(folder / "kraken/BTC-USD-5m.csv", columns(10))
    write(folder / "okx/BTC-USDT-5m.csv", columns(10))


def file_of(**changed: object) -> Callable[[Path], object]:
    def made(folder: Path) -> object:
        return write(folder / "BTC-USD-5m.csv", columns(10) | changed)

    return made


def text(content: bytes, name: str = "BTC-USD-5m.csv") -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("make", "pairs", "line"),
    [
        (
            shutil.rmtree,
            [],
            "there is no folder {folder}: give one with candle files named <BASE>-",
        ),
        (lambda folder: None, [], "no candles in {folder}: files named <BASE>-"),
        (several, [], "{folder} has candles of several kinds: give one of {folder}/kraken, {folder}/okx"),
        (file_of(), ["DOGE-USD"], "no candles of DOGE-USD in {folder}: there are BTC-USD"),
        (
            lambda folder: write(folder / "BTC-USD-1h.csv", columns(10, 60 * MINUTE)),
            ["BTC-USD"],
            "BTC-USD has candles of 1h: 5m cannot be built from them",
        ),
        (
            lambda folder: write(folder / "BTC-USD-1h.csv", columns(10, 60 * MINUTE)),
            [],
            "5m cannot be built from the candles in {folder}: there are 1h",
        ),
        (twice, [], "BTC-USD has its 5m candles twice, in BTC-USD-5m.csv and BTC_USD-5m.feather: keep one"),
        (truncated, [], "BTC-USD-5m.parquet cannot be read: "),
        (cut_json, [], "BTC_USD-5m.json.gz cannot be read: "),
        (text(b"[[1,2],[3]]", "BTC_USD-5m.json"), [], "BTC_USD-5m.json cannot be read: "),
        (text(b""), [], "BTC-USD-5m.csv has no column time, open, high, low, close, volume: time (ms UTC), open"),
        (text(b"time,open,close,high\n1,2,3,4\n"), [], "BTC-USD-5m.csv has no column low, volume: "),
        (text(b"time,open,high,low,close,volume\n"), [], "BTC-USD-5m.csv holds no candles"),
        (text(b"time,open,high,low,close,volume\n1735689600000,1,2,x,1,1\n"), [], "BTC-USD-5m.csv cannot be read: "),
        (
            file_of(time=1_735_689_600 + 300 * np.arange(10)),
            [],
            "BTC-USD-5m.csv: 1735689600 is not the time of a candle: milli",
        ),
        (file_of(time=["soon"] * 10), [], "BTC-USD-5m.csv cannot be read: "),
        (file_of(close=np.full(10, np.nan)), [], "BTC-USD-5m.csv: none of its 10 candles can be used (10 impossible)"),
        (
            with_holes,
            [],
            "BTC-USD-5m.csv: 10.0% of its candles are missing, more than 5.0%: get them, or allow it with --max-holes 0.11",
        ),
    ],
)
def test_what_cannot_be_used_is_one_line(
    tmp_path: Path, make: Callable[[Path], object], pairs: list[str], line: str
) -> None:
    make(tmp_path)
    with pytest.raises(BadCandles) as raised:
        load(tmp_path, pairs, "5m")
    assert str(raised.value).startswith(line.format(folder=tmp_path))
    assert "\n" not in str(raised.value)


def test_holes_may_be_allowed(tmp_path: Path) -> None:
    with_holes(tmp_path)
    assert int(only(tmp_path, max_holes=0.11).filled.sum()) == 10


def test_too_short_for_one_candle_is_one_line(tmp_path: Path) -> None:
    write(tmp_path / "BTC-USD-5m.csv", columns(10))
    with pytest.raises(BadCandles, match="too short to make a single whole candle of 1h"):
        load(tmp_path, [], "1h")


def test_a_compressed_file_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "BTC_USD-5m.json.gz").write_bytes(gzip.compress(b"{}"))
    with pytest.raises(BadCandles, match="cannot be read"):
        load(tmp_path, [], "5m")


@pytest.mark.skipif(not REAL.is_dir(), reason="no real candles on this machine")
def test_real_candles_are_read(tmp_path: Path) -> None:
    loaded = load(REAL / "freqtrade-1m", [], "1m")
    assert loaded.repairs["UNITTEST-BTC"].holes == 717
    assert sum(len(one) for one in load(REAL / "bybit2025-5m", [], "5m").histories) == 155_520
