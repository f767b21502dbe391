"""Trend C3 in lock-step: the daemon trades days of candles, with a restart among them, as a backtest of the same candles does."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from bot.backtest.candle_files import load
from bot.backtest.run import Backtest
from bot.backtest.terms import Account, Costs
from bot.domain.clock import DAY, iso
from bot.domain.log import Event
from bot.strategy.params import RiskSettings
from bot.strategy.trend import EXITS, TREND, TrendStrategy
from tests.daemon_fixture import Daemon
from tests.parity.live import DOLLARS, TIER, Leg, Trade, trades_of
from tests.sandbox_fixture import Sandbox

START = 1_767_571_200_000  # 2026-01-05T00:00:00Z
BEFORE, DAYS = 320, 9
HOUR = 3_600
#: The owner's list, best first: a price, and how it moves each day that is traded.
COINS = {"ETH-USD": (3_000.0, -0.03), "SOL-USD": (150.0, 0.005), "XRP-USD": (2.0, 0.015), "BTC-USD": (60_000.0, 0.01)}
#: The owner's limits as wide as the rule's own sizes.
SETTINGS = {
    "STRATEGY": "bot.strategy.trend:TrendStrategy",
    "PAIRS_ALLOW": ",".join(COINS),
    "TREND_SLOTS": "3",
    "TREND_RISK_PCT": "1.5",
    "CYCLE_SECONDS": "3600",
    "POSITION_SECONDS": "3600",
    "CANDLE_EXCLUSION_SECONDS": "0",
    **dict.fromkeys(("MAX_POSITION_PCT", "MAX_EXPOSURE_PCT", "MAX_COIN_EXPOSURE_PCT"), "100"),
    **dict.fromkeys(("MAX_DAILY_LOSS_PCT", "MAX_DRAWDOWN_PCT"), "100"),
}


def written(folder: Path) -> Path:
    """Days of candles: an up-trend for each coin and a still day; then the first falls, and the second crashes and recovers inside a
    day.
    """
    folder.mkdir()
    for number, (symbol, (price, drift)) in enumerate(COINS.items()):
        rng = np.random.default_rng(number)
        moves = rng.normal(0.002, 0.01, BEFORE + DAYS + 1)
        moves[BEFORE - 1], moves[BEFORE:] = 0.0, drift
        closes = price * np.exp(np.cumsum(moves))
        opens = np.concatenate(([price], closes[:-1]))
        highs, lows = np.maximum(opens, closes) * 1.004, np.minimum(opens, closes) * 0.996
        highs[BEFORE - 1] = lows[BEFORE - 1] = closes[BEFORE - 1]
        if number == 1:
            lows[BEFORE + 3] *= 0.6
        with (folder / f"{symbol}-1d.csv").open("w", newline="", encoding="utf-8") as text:
            rows = csv.writer(text)
            rows.writerow(("time", "open", "high", "low", "close", "volume"))
            for row in range(len(closes)):
                time = START + (row - BEFORE) * DAY
                rows.writerow((time, opens[row], highs[row], lows[row], closes[row], 1e6 / price))
    return folder


def test_days_are_traded_as_they_are_tested(tmp_path: Path) -> None:
    """The daemon is first started half a day late, and once more later. The still day has the same price all the time."""
    candles = written(tmp_path / "candles")
    market = (
        "--lockstep",
        "--start",
        iso(START - DAY // 2),
        "--candles",
        str(candles),
        "--fee-tier",
        str(TIER),
        "--pairs",
        "60",
    )
    with Sandbox(tmp_path, *market) as sandbox:
        balances = sandbox.ledger()["accounts"]["main"]
        equity = sum(float(balances[one]["free"]) for one in DOLLARS if one in balances)
        settings = {**SETTINGS, "SANDBOX_READY_FILE": str(sandbox.ready_file)}
        for start, steps in enumerate(((HOUR,) * 12 + (12 * HOUR,) * 8, (12 * HOUR,) * (2 * DAYS - 8)), 1):
            with Daemon(tmp_path / "nija", **settings) as daemon:
                daemon.says(Event.FUNDED, start)
                for seconds in steps:
                    sandbox.control("POST", "advance", seconds=seconds)
                book = daemon.book()
                assert daemon.stop()[0] == 0
    live, walked = trades_of(book, EXITS), backtest(candles, equity)
    assert {one.exit[1] for one in walked} >= {"close_stop", "stop", "open"}
    assert sorted(map(facts, live)) == sorted(map(facts, walked))
    sizes = [{(one.symbol, one.decided_at): one.qty for one in trades} for trades in (live, walked)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.002)


def facts(one: Trade) -> tuple[object, ...]:
    """What must be the same of a trade. A sale at a close belongs to the day that has closed."""
    ended = [((leg.at - 1 - START) // DAY, leg.reason) for leg in one.legs[-1:]]
    return one.symbol, (one.decided_at - START) // DAY, ended


def backtest(candles: Path, equity: float) -> list[Trade]:
    """The trades of a backtest in the daemon's form."""
    loaded = load(candles, list(COINS), "1d").histories
    histories = [one for history in loaded if (one := history.before(START + DAYS * DAY)) is not None]
    params = TREND._replace(slots=3, risk_pct=1.5)
    rule = TrendStrategy(RiskSettings(max_position_pct=100.0), params=params)
    made = Backtest(rule, histories, since=START - 2 * DAY, plainly=True, pairs=list(COINS))
    found = []
    for one in made.walk(Account(Costs(0.001, 0.0002), equity, slots=3)):
        trade = Trade(one.symbol, one.decided_at, one.entry_price, one.qty)
        if one.exit_reason != "end":
            leg = one.legs[-1]
            trade.legs.append(Leg(leg.time + (leg.reason not in EXITS), leg.price, leg.qty, leg.reason))
        found.append(trade)
    return found
