"""Candles for both sides of a comparison: those of the sandbox's own market, written to files that it replays and a backtest reads."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from bot.sandbox.market import Market

MINUTE, FIVE_MINUTES, HOUR, DAY = 60_000, 300_000, 3_600_000, 86_400_000
#: Days before the first candle that is traded: markets must be 30 days old. Of the older ones a minute a day is enough to show
#: that; the rule reads the newer ones.
BEFORE, READ = 32, 4
COINS = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LTC", "LINK", "AVAX", "DOT")
#: Prices of these are so many times as high: at its own, one tick is up to a tenth of R.
SCALES = {"ADA": 10, "LTC": 10, "AVAX": 10, "DOT": 10}
#: Looks at the spread in each day that is traded.
LOOKS = 48


class Replay(NamedTuple):
    """The candles of `symbols` in `folder`, the time that is traded: `hours` from `start_ms` (ms UTC), and the usual spread."""

    folder: Path
    seed: int
    start_ms: int
    hours: int
    symbols: tuple[str, ...]
    spread: float

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.hours * HOUR

    def market(self) -> Market:
        """The market that a sandbox makes of the candles, down to the single trade."""
        return Market(self.seed, self.start_ms, self.symbols, replay=self.folder, spread=self.spread)


class Seen:
    """The market of a replay as it was, for who looks every `look_ms`: prices in the quote."""

    def __init__(self, market: Market, look_ms: int) -> None:
        self.look_ms = look_ms
        self._market = market

    def bid(self, symbol: str, at: int) -> float:
        return float(self._market.quote(symbol, at).bid)

    def ask(self, symbol: str, at: int) -> float:
        return float(self._market.quote(symbol, at).ask)

    def extremes(self, symbol: str, after: int, until: int) -> tuple[float, float]:
        low, high = self._market.extremes(symbol, after, until)
        return float(low), float(high)


def write(replay: Replay) -> None:
    """Candles of a minute around the time that is traded, a day more in the end."""
    folder, start_ms = replay.folder, replay.start_ms
    folder.mkdir(parents=True, exist_ok=True)
    scales = {symbol: SCALES.get(symbol.split("-")[0], 1) for symbol in replay.symbols}
    coarse = Market(replay.seed, start_ms, replay.symbols)
    ticks = {symbol: coarse.tick(symbol) / scale for symbol, scale in scales.items()}
    market = Market(replay.seed, start_ms, replay.symbols, ticks=ticks)
    first, read_from, end = start_ms - BEFORE * DAY, start_ms - READ * DAY, replay.end_ms + DAY
    spans = [
        *((day, day) for day in range(first, read_from, DAY)),
        *((day, day + DAY - 1) for day in range(read_from, end, DAY)),
    ]
    for symbol, scale in scales.items():
        with (folder / f"{symbol}-1m.csv").open("w", newline="", encoding="utf-8") as text:
            rows = csv.writer(text)
            rows.writerow(("time", "open", "high", "low", "close", "volume"))
            for begin, until in spans:
                for bar in market.bars(symbol, MINUTE, begin, until):
                    prices = (price * scale for price in (bar.open, bar.high, bar.low, bar.close))
                    rows.writerow((bar.time_ms, *prices, bar.volume))


def spreads(replay: Replay) -> dict[str, float]:
    """The mean of ask - bid by market, as a fraction of the middle, over the time that is traded."""
    market, found = replay.market(), {}
    for symbol in replay.symbols:
        quotes = [market.quote(symbol, time) for time in range(replay.start_ms, replay.end_ms, DAY // LOOKS)]
        found[symbol] = sum(float((one.ask - one.bid) / (one.ask + one.bid) * 2) for one in quotes) / len(quotes)
    return found
