"""The parameters of the strategy.

All constants of APEX v7.1 and the few settings of the account's owner. Values only: the code that uses them is in `rule`,
`exits` and `sizing`, which the backtest compiles unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class RiskSettings(NamedTuple):
    """The owner's settings (`MIN_POSITION_PCT` and so on), in percent of equity: 2.0 is 2 %."""

    min_position_pct: float = 2.0
    max_position_pct: float = 10.0
    max_position_pct_small: float = 50.0
    min_reward_to_cost: float = 1.0


class ApexParams(NamedTuple):
    """The constants of APEX v7.1. Shares and slippages are fractions (0.5 is half); `_pct` are percentages of equity; `_r` are
    multiples of R.
    """

    ema_fast: int = 9
    ema_middle: int = 21
    ema_slow: int = 50
    rsi_period: int = 14
    atr_period: int = 14
    adx_period: int = 14
    macd_fast: int = 12
    macd_slow: int = 26
    macd_signal: int = 9
    swing: int = 10

    adx_floor: float = 20.0
    volume_floor_of_5: float = 0.5
    volume_floor_of_20: float = 0.3
    score_needed: int = 3
    pullback: float = 0.005
    rsi_low: float = 30.0
    rsi_high: float = 70.0
    long_wick: float = 2.0
    short_wick: float = 0.5
    volume_of_2: float = 0.6

    stop_atr: float = 0.5
    widest_r: float = 0.05
    tp1_r: float = 1.0
    tp2_r: float = 2.0
    tp3_r: float = 3.0
    tp1_share: float = 0.5
    tp2_share: float = 0.25
    trail_atr: float = 1.5

    adx_band_1: float = 25.0
    adx_band_2: float = 30.0
    adx_band_3: float = 40.0
    adx_band_4: float = 50.0
    pct_band_0: float = 2.0
    pct_band_1: float = 4.0
    pct_band_2: float = 6.0
    pct_band_3: float = 8.0
    pct_band_4: float = 10.0
    weight_score_3: float = 0.8
    weight_score_4: float = 0.9
    weight_score_5: float = 1.0


class Tuned(NamedTuple):
    """Parameters that were searched and written down: the file, the values it gives, and the timeframe they were found in."""

    file: str
    params: Mapping[str, float]
    timeframe: str


DEFAULT_RISK_SETTINGS = RiskSettings()
APEX = ApexParams()
