"""Results as a walk returns them, built from a few numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from bot.backtest.result import Legs, Result, Trades

START, DAY = 1_735_689_600_000, 86_400_000


def result(count: int = 200, days: int = 120, seed: int = 7, drift: float = 0.0, **changed: Any) -> Result:
    """Random trades with two legs each, spread over the days. Their results are independent of the equity curve."""
    random = np.random.default_rng(seed)
    entered = np.sort(random.integers(0, days, count)) * DAY + START
    in_r = random.normal(drift, 1.0, count)
    r, qty = random.uniform(0.5, 2.0, count), random.uniform(1.0, 5.0, count)
    side = np.where(random.random(count) < 0.7, 1, -1)
    trades = Trades(
        symbol=random.integers(0, 3, count),
        side=side,
        decided_at=entered,
        entry_time=entered,
        entry_price=np.full(count, 100.0),
        qty=qty,
        stop=100.0 - side * r,
        score=np.full(count, 3.0),
        r=r,
        fee=0.1 * qty,
        funding=np.zeros(count),
        exit_time=entered + DAY,
        exit_reason=random.integers(0, 2, count),
        pnl=in_r * r * qty,
        first_leg=2 * np.arange(count + 1),
    )
    legs = Legs(
        time=np.repeat(entered + DAY, 2),
        price=np.repeat(100.0 + in_r, 2),
        qty=np.repeat(qty / 2.0, 2),
        fee=np.repeat(0.05 * qty, 2),
        reason=np.tile([0, 1], count),
    )
    curve = 10_000.0 * np.cumprod(1.0 + random.normal(drift / 100.0, 0.01, days))
    given = {
        "pairs": ("ADA-USD", "BTC-USD", "ETH-USD"),
        "reasons": ("stop", "turn"),
        "timeframe_ms": 300_000,
        "since": START,
        "until": START + days * DAY,
        "equity": 10_000.0,
        "fee": 0.001,
        "spread": 0.0002,
        "candles": 1_000,
        "trades": trades,
        "legs": legs,
        "skips": {},
        "day": START + DAY * np.arange(days),
        "day_equity": curve,
        "day_exposure": random.uniform(0.0, 0.5, days),
    }
    return Result(**(given | changed))
