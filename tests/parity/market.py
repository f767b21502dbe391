"""Candles for both sides of a comparison: those of the sandbox's own market, written to files that it replays and a backtest reads."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from bot.sandbox.market import Market

MINUTE, FIVE_MINUTES, DAY = 60_000, 300_000, 86_400_000
#: Days of candles before the first one that is traded: a market must be 30 days old.
BEFORE = 32
COINS = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LTC", "LINK", "AVAX", "DOT")
#: Looks at the spread in each day that is traded.
LOOKS = 48


def written(folder: Path, seed: int, start_ms: int, days: int, symbols: Sequence[str]) -> Path:
    """A folder of candles of a minute around the time that is traded, a day more in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    market = Market(seed, start_ms, symbols)
    for symbol in symbols:
        with (folder / f"{symbol}-1m.csv").open("w", newline="", encoding="utf-8") as text:
            rows = csv.writer(text)
            rows.writerow(("time", "open", "high", "low", "close", "volume"))
            for day in range(start_ms - BEFORE * DAY, start_ms + (days + 1) * DAY, DAY):
                bars = market.bars(symbol, MINUTE, day, day + DAY - 1)
                rows.writerows((bar.time_ms, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars)
    return folder


def spreads(folder: Path, seed: int, start_ms: int, days: int, symbols: Sequence[str]) -> dict[str, float]:
    """The mean of ask - bid by market, as a fraction of the middle, over the time that is traded."""
    market = Market(seed, start_ms, symbols, replay=folder)
    found = {}
    for symbol in symbols:
        quotes = [market.quote(symbol, time) for time in range(start_ms, start_ms + days * DAY, DAY // LOOKS)]
        found[symbol] = sum(float((one.ask - one.bid) / (one.ask + one.bid) * 2) for one in quotes) / len(quotes)
    return found
