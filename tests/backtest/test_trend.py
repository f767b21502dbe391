"""Trend C3 walked compiled, against a second implementation that shares nothing with it: trade by trade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.backtest import result
from bot.backtest.candle_files import load
from bot.backtest.history import History
from bot.backtest.run import Backtest
from bot.backtest.terms import Account, Costs
from bot.domain.candles import Candles
from bot.domain.clock import DAY
from bot.strategy.params import RiskSettings
from bot.strategy.trend import TREND, TrendStrategy
from tests.backtest.given import COMPILED
from tests.backtest.trend_reference import Candle, Simulation, Terms, Trade
from tests.strategy.trend_series import history

pytest.importorskip("numba", reason="numba is not installed")

#: Real candles of twelve coins, beside the checkout; never part of it.
REAL = Path(__file__).resolve().parents[3] / "shared" / "candles" / "daily"
COINS = ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "LINK", "LTC", "BCH", "DOT", "TRX", "EOS")
START = 1_600_000_000_000 // DAY * DAY
#: A size in lots of 1e-8, and stops of 12 digits.
NEAR = 1e-6


def walked(histories: Sequence[History], pairs: Sequence[str], terms: Terms) -> list[result.Trade]:
    params = TREND._replace(slots=terms.slots)
    rule = TrendStrategy(RiskSettings(max_position_pct=100.0), params=params)
    made = Backtest(rule, histories, compile_to=COMPILED, pairs=pairs)
    return list(made.walk(Account(Costs(terms.fee, terms.spread), terms.equity, terms.slots)))


def rows(one: History) -> list[Candle]:
    columns = (one.time, one.open, one.high, one.low, one.close, one.filled)
    return [(int(t), *map(float, prices)) for t, *prices, filled in zip(*columns, strict=True) if not filled]  # type: ignore[misc]


def compare(mine: Sequence[result.Trade], theirs: Sequence[Trade], order: Sequence[str]) -> None:
    mine = sorted(mine, key=lambda one: (one.entry_time, order.index(one.symbol)))
    assert [_when(one.symbol, one.entry_time, one.legs[0].time, one.exit_reason) for one in mine] == [
        _when(one.symbol, one.entry_time, one.exit_time, one.reason) for one in theirs
    ]
    numbers = [(one.qty, one.entry_price, one.legs[0].price, one.pnl, one.pnl_r) for one in mine]
    others = [(one.qty, one.entry, one.exit, one.pnl, one.pnl_r) for one in theirs]
    assert numbers == [pytest.approx(one, rel=NEAR, abs=NEAR) for one in others]
    assert {one.score for one in mine} <= {None}
    stops = [(one.stop, other.first_stop) for one, other in zip(mine, theirs, strict=True) if other.first_stop > 0.0]
    assert [one for one, _ in stops] == pytest.approx([other for _, other in stops], rel=1e-9)


def _when(symbol: str, entry: int, exit_: int, reason: str) -> tuple[str, int, int, str]:
    return symbol, entry // DAY, exit_ // DAY, reason


# -- markets by chance ------------------------------------------------------------------------------------------------
def market(seed: int, days: int, volatility: float, gaps: int) -> Candles:
    """Waves of up- and down-trends, with some days missing, some crashes inside a day, and opens that are not the close before."""
    rng = np.random.default_rng(seed)
    waves = 0.012 * np.sin(np.arange(days) / rng.uniform(8.0, 30.0) + rng.uniform(0.0, 6.0))
    closes = 100.0 * np.exp(np.cumsum(rng.normal(0.0, volatility, days) + waves))
    opens = np.concatenate(([100.0], closes[:-1])) * np.exp(rng.normal(0.0, volatility / 8.0, days))
    reach = np.abs(rng.normal(0.0, volatility, (2, days)))
    highs, lows = np.maximum(opens, closes) * np.exp(reach[0]), np.minimum(opens, closes) * np.exp(-reach[1])
    lows[rng.integers(200, days, 2)] *= 0.5
    late = int(rng.integers(0, 40))
    kept = np.ones(days, np.bool_)
    kept[:late] = False
    kept[rng.integers(late + 1, days - 1, gaps)] = False
    time = START + DAY * np.arange(days, dtype=np.int64)
    columns = (opens, highs, lows, closes, np.ones(days))
    return Candles(DAY, time[kept], *(column[kept] for column in columns))


@settings(max_examples=15, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 10_000), min_size=2, max_size=5, unique=True),
    volatility=st.sampled_from((0.01, 0.03, 0.06)),
    gaps=st.integers(0, 8),
    slots=st.integers(1, 4),
    fee=st.sampled_from((0.0, 0.001, 0.0026, 0.012)),
    spread=st.sampled_from((0.0, 0.0005, 0.01)),
)
@example(seeds=[0, 2422], volatility=0.06, gaps=1, slots=1, fee=0.0, spread=0.0)  # 6 ATR are nearly the whole price
def test_small_markets_are_traded_as_the_text_says(
    seeds: list[int], volatility: float, gaps: int, slots: int, fee: float, spread: float
) -> None:
    histories = [history(market(seed, 290, volatility, gaps), f"C{seed}-USD") for seed in seeds]
    check(histories, [one.symbol for one in histories], Terms(fee, spread, slots=slots))


def test_real_candles_are_traded_as_the_text_says() -> None:
    if not REAL.is_dir():
        pytest.skip("the real daily candles are not here")
    pairs = [f"{coin}-USD" for coin in COINS]
    loaded = load(REAL, pairs, "1d").histories
    trades = check(loaded, pairs, Terms(0.0026, 0.0002))
    assert len(trades) > 300


def check(histories: Sequence[History], pairs: Sequence[str], terms: Terms) -> list[result.Trade]:
    by_symbol: Mapping[str, History] = {one.symbol: one for one in histories}
    mine = walked(histories, pairs, terms)
    compare(mine, Simulation({pair: rows(by_symbol[pair]) for pair in pairs}, terms).run(), pairs)
    return mine
