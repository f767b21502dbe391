"""How fast a backtest is: the whole command and its parts, beside a bare TA-Lib and numba loop over the same arrays.

    scripts/bench.py backtest [--pairs 20] [--days 365] [--runs 4] [--json F]

Makes candles once (seeded, in build/bench), runs `./start.sh backtest` on them, and prints a table: the best of the runs, its peak
memory, each part, and whether half the candles take half the time. freqtrade is not run: its best quiet run on 2 cores over as
many candles is a constant here. Exit 1 when the command is not 100 times faster, takes more than a third of its memory, or when
indicators and walk take more than 5 times the bare loop.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bot.backtest.alternatives import alternatives
from bot.backtest.candle_files import load
from bot.backtest.history import History
from bot.backtest.numbers import numbers
from bot.backtest.run import Backtest
from bot.backtest.terms import Account
from bot.strategy.apex import ApexStrategy

ROOT = Path(__file__).resolve().parent.parent.parent
#: freqtrade 2026.6 over 20 pairs x 365 days of 5-minute candles: its best quiet run, and its peak memory.
FREQTRADE_SECONDS, FREQTRADE_MB = 287.0, 2_280.0
TIMES_FASTER, TIMES_BARE = 100.0, 5.0
FIVE_MINUTES, DAY, DAY_CANDLES = 300_000, 86_400_000, 288
START = 1_735_689_600_000  # 2025-01-01


def made(folder: Path, pairs: int, days: int) -> Path:
    """A folder of candles: random walks with slow waves, so that trends come and go."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = folder / f"{pairs}x{days}"
    if (place / "done").is_file():
        return place
    place.mkdir(parents=True, exist_ok=True)
    for number in range(pairs):
        columns = candles(number, days * DAY_CANDLES)
        pq.write_table(pa.table(columns), place / f"P{number:03}-USD-5m.parquet")
    (place / "done").touch()
    return place


def candles(seed: int, count: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    drift = 0.0003 * np.sin(np.arange(count) / (60.0 + 3.0 * seed))
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.0015, count) + drift))
    opening = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(opening, close) * (1.0 + np.abs(rng.normal(0.0, 0.0007, count)))
    low = np.minimum(opening, close) * (1.0 - np.abs(rng.normal(0.0, 0.0007, count)))
    prices = {"open": opening, "high": high, "low": low, "close": close}
    rounded = {name: np.round(column, 6) for name, column in prices.items()}
    time = START + FIVE_MINUTES * np.arange(count, dtype=np.int64)
    return {"time": time, **rounded, "volume": np.round(rng.lognormal(3.0, 0.5, count), 3)}


def command(folder: Path, data: Path) -> tuple[float, float, int]:
    """One run of the whole command: seconds, peak MB, trades."""
    found = data / "found.json"
    words = ["./start.sh", "backtest", "--data", str(folder), "--fee", "0.001", "--json", str(found)]
    began = time.perf_counter()
    run = subprocess.Popen(words, cwd=ROOT, env={**os.environ, "NIJA_DATA_DIR": str(data)}, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(run.pid, 0)
    took = time.perf_counter() - began
    if status:
        raise SystemExit(f"{' '.join(words)} failed")
    return took, used.ru_maxrss / 1024.0, len(json.loads(found.read_bytes())["trades"])


def timed(call: Callable[[], Any], runs: int) -> tuple[float, Any]:
    """CPU seconds of the best of some runs, so that a busy machine matters less, and what the last one gave."""
    best = float("inf")
    for _ in range(runs):
        began = time.process_time()
        found = call()
        best = min(best, time.process_time() - began)
    return best, found


def parts(folder: Path, data: Path, runs: int) -> dict[str, float]:
    """CPU seconds of each part, warm."""
    loading, loaded = timed(lambda: load(folder, (), "5m"), runs)
    histories, strategy = loaded.histories, ApexStrategy()
    columns, _ = timed(lambda: [strategy.columns(one.candles) for one in histories], runs)
    Backtest(strategy, histories, compile_to=data / "numba").walk(Account())
    backtest = Backtest(strategy, histories, compile_to=data / "numba")
    deciding, _ = timed(backtest._decided, runs)
    walking, result = timed(lambda: backtest.walk(Account()), runs)
    counting, _ = timed(lambda: numbers(result), runs)
    comparing, _ = timed(lambda: alternatives(backtest, Account(), result, 0.0012), 1)
    half = [one.before(int(one.time[len(one) // 2])) for one in histories]
    halved = Backtest(strategy, [one for one in half if one is not None], compile_to=data / "numba")
    return {
        "load": loading,
        "indicators": columns,
        "indicators and decisions": deciding,
        "walk": walking,
        "walk of half the candles": timed(lambda: halved.walk(Account()), runs)[0],
        "numbers": counting,
        "alternatives": comparing,
        "bare loop": timed(bare(histories), runs)[0],
    }


def bare(histories: Sequence[History]) -> Callable[[], int]:
    """What the same indicators cost at least, and one compiled loop over the arrays that enters, stops and sells."""
    import numba
    import talib

    @numba.njit
    def vwap(time: Any, high: Any, low: Any, close: Any, volume: Any) -> Any:
        found, worth, traded = np.empty(len(time)), 0.0, 0.0
        for row in range(len(time)):
            if time[row] % DAY == 0:
                worth, traded = 0.0, 0.0
            worth += (high[row] + low[row] + close[row]) / 3.0 * volume[row]
            traded += volume[row]
            found[row] = worth / traded
        return found

    @numba.njit
    def loop(
        high: Any, low: Any, close: Any, fast: Any, middle: Any, slow: Any, histogram: Any, adx: Any, atr: Any
    ) -> int:
        entry, stop, trades = 0.0, 0.0, 0
        for row in range(1, len(close)):
            if entry > 0.0:
                if low[row] <= stop or high[row] >= entry + 2.0 * (entry - stop) or fast[row] < middle[row]:
                    entry = 0.0
                    trades += 1
            elif fast[row] > middle[row] > slow[row] and histogram[row] > 0.0 and adx[row] >= 20.0:
                entry, stop = close[row], close[row] - 2.0 * atr[row]
        return trades

    def run() -> int:
        trades = 0
        for one in histories:
            high, low, close, volume = one.high, one.low, one.close, one.volume
            fast, middle, slow = talib.EMA(close, 9), talib.EMA(close, 21), talib.EMA(close, 50)
            vwap(one.time, high, low, close, volume)
            for count in (2, 5, 20):
                talib.SMA(volume, count)
            talib.RSI(close, 14), talib.MIN(low, 10), talib.MAX(high, 10)
            histogram = talib.MACD(close, 12, 26, 9)[2]
            atr, adx = talib.ATR(high, low, close, 14), talib.ADX(high, low, close, 14)
            trades += loop(high, low, close, fast, middle, slow, histogram, adx, atr)
        return trades

    run()
    return run


def parser() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--pairs", type=int, default=20)
    words.add_argument("--days", type=int, default=365)
    words.add_argument("--runs", type=int, default=4)
    words.add_argument("--json", type=Path)
    return words


def main(words: Sequence[str]) -> int:
    asked = parser().parse_args(words)
    folder = made(ROOT / "build" / "bench", asked.pairs, asked.days)
    with tempfile.TemporaryDirectory(prefix="nija-bench-") as name:
        data = Path(name)
        cold, _, _ = command(folder, data)
        runs = [command(folder, data) for _ in range(asked.runs)]
        seconds, peak, trades = min(runs)
        found = parts(folder, data, asked.runs)
    times_bare = (found["indicators and decisions"] + found["walk"]) / found["bare loop"]
    whole = {"candles": asked.pairs * asked.days * DAY_CANDLES, "trades": trades, "cold": cold, "best": seconds}
    report = {
        **whole,
        "runs": [took for took, _, _ in runs],
        "peak_mb": peak,
        "times_faster_than_freqtrade": FREQTRADE_SECONDS / seconds,
        "parts": found,
        "times_bare": times_bare,
    }
    if asked.json is not None:
        asked.json.write_text(json.dumps(report, indent=2))
    print(f"{whole['candles']:,} candles, {trades:,} trades; load {os.getloadavg()[0]:.1f}")
    print(f"{'whole command, compiling':<34}{cold:8.2f} s")
    print(
        f"{f'whole command, best of {asked.runs}':<34}{seconds:8.2f} s   {FREQTRADE_SECONDS / seconds:.0f} x freqtrade's speed"
    )
    print(f"{'peak memory':<34}{peak:8.0f} MB  {peak / FREQTRADE_MB:.2f} of freqtrade's")
    for part, took in found.items():
        print(f"  {part:<32}{took:8.3f} s")
    print(f"{'decisions and walk':<34}{times_bare:8.1f} x the bare loop")
    fast = seconds <= FREQTRADE_SECONDS / TIMES_FASTER and peak <= FREQTRADE_MB / 3.0 and times_bare <= TIMES_BARE
    return 0 if fast else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
