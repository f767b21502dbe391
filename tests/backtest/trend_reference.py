"""Trend C3 written a second time, straight from its text, in plain loops: nothing of `bot` is used, so that both can be compared.

A market is a list of (open time in ms, open, high, low, close), one for each day that has a candle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DAY = 86_400_000
Candle = tuple[int, float, float, float, float]


@dataclass
class Reading:
    """What the rule reads at one close."""

    fast: float
    slow: float
    atr: float
    high: float
    missing: int


@dataclass
class Trade:
    symbol: str
    entry_time: int
    entry: float
    qty: float
    first_stop: float
    first_close_stop: float
    highest: float
    close_stop: float
    resting: float
    fee: float
    exit_time: int = 0
    exit: float = 0.0
    reason: str = ""
    leaving: str = ""

    @property
    def pnl(self) -> float:
        return self.qty * (self.exit - self.entry) - self.fee

    @property
    def pnl_r(self) -> float:
        return self.pnl / (self.qty * (self.entry - self.first_close_stop))


@dataclass
class Terms:
    fee: float = 0.001
    spread: float = 0.0002
    equity: float = 10_000.0
    slots: int = 10
    risk: float = 0.10
    min_stop_to_cost: float = 3.0


def readings(candles: Sequence[Candle]) -> list[Reading | None]:
    """From the 200th candle on, which is the youngest that may be entered on; before, from the 120th, for what is held."""
    found: list[Reading | None] = []
    atr, ranges = 0.0, []
    for i, (time, _, high, low, close) in enumerate(candles):
        if i > 0:
            before = candles[i - 1][4]
            ranges.append(max(high, before) - min(low, before))
            if i == 20:
                atr = sum(ranges) / 20
            elif i > 20:
                atr = (19 * atr + ranges[-1]) / 20
        if i < 119:
            found.append(None)
            continue
        closes = [one[4] for one in candles[i - 99 : i + 1]]
        there = sum(1 for one in candles[max(i - 119, 0) : i + 1] if one[0] > time - 120 * DAY)
        found.append(Reading(sum(closes[-20:]) / 20, sum(closes) / 100, atr, max(closes[-20:]), 120 - there))
        assert close == closes[-1]
    return found


@dataclass
class Order:
    symbol: str
    close: float
    atr: float


class Simulation:
    """One purse through all days. `markets` is the owner's list, best first."""

    def __init__(self, markets: Mapping[str, Sequence[Candle]], terms: Terms) -> None:
        self.terms = terms
        self.half = terms.spread / 2
        self.order = list(markets)
        self.candles = {name: {one[0]: one for one in rows} for name, rows in markets.items()}
        self.read = {
            name: dict(zip((one[0] for one in rows), readings(rows), strict=True)) for name, rows in markets.items()
        }
        self.number = {name: {one[0]: i for i, one in enumerate(rows)} for name, rows in markets.items()}
        self.last = {name: rows[-1][0] for name, rows in markets.items()}
        self.cash = terms.equity
        self.held: dict[str, Trade] = {}
        self.done: list[Trade] = []
        self.stopped: set[str] = set()
        self.marks: dict[str, float] = {}
        self.buys: list[Order] = []

    def run(self) -> list[Trade]:
        days = [time for rows in self.candles.values() for time in rows]
        for day in range(min(days), max(days) + DAY, DAY):
            self.open(day)
            self.stops(day)
            self.close(day)
        return sorted(self.done, key=lambda one: (one.entry_time, self.order.index(one.symbol)))

    def open(self, day: int) -> None:
        """The orders of the last close: sales, then purchases."""
        for name, trade in list(self.held.items()):
            if trade.leaving and day in self.candles[name]:
                self.sell(trade, day, self.candles[name][day][1] * (1 - self.half), trade.leaving)
        equity = self.cash + sum(one.qty * self.marks[name] for name, one in self.held.items())
        for order in self.buys:
            if day in self.candles[order.symbol]:
                self.buy(order, day, equity)
        self.buys = []

    def buy(self, order: Order, day: int, equity: float) -> None:
        t = self.terms
        price = self.candles[order.symbol][day][1] * (1 + self.half)
        close_stop, resting = order.close - 3 * order.atr, order.close - 6 * order.atr
        if price <= close_stop:
            return
        wanted = min(1.5 / t.slots, (t.risk / t.slots) / (3 * order.atr / order.close)) * equity
        value = min(wanted, self.cash / (1 + t.fee))
        if value < 0.01 * wanted:
            return
        qty = value / price
        fee = qty * price * t.fee
        self.cash -= qty * price + fee
        self.marks[order.symbol] = price
        self.stopped.discard(order.symbol)
        self.held[order.symbol] = Trade(
            order.symbol, day, price, qty, resting, close_stop, order.close, close_stop, resting, fee
        )

    def sell(self, trade: Trade, day: int, price: float, reason: str) -> None:
        fee = trade.qty * price * self.terms.fee
        self.cash += trade.qty * price - fee
        trade.fee += fee
        trade.exit_time, trade.exit, trade.reason = day, price, reason
        if reason in ("stop", "close_stop"):
            self.stopped.add(trade.symbol)
        del self.held[trade.symbol]
        self.done.append(trade)

    def stops(self, day: int) -> None:
        """The resting stop, inside the candle."""
        for name, trade in list(self.held.items()):
            if day not in self.candles[name]:
                continue
            _, opening, _, low, _ = self.candles[name][day]
            if opening <= trade.resting:
                self.sell(trade, day, opening * (1 - self.half), "stop")
            elif low <= trade.resting:
                self.sell(trade, day, trade.resting * (1 - self.half - 0.002), "stop")

    def close(self, day: int) -> None:
        """The decisions of a close."""
        flat = set(self.order) - set(self.held)
        for name, trade in list(self.held.items()):
            if day in self.candles[name]:
                self.judge(trade, day)
        free = self.terms.slots - sum(1 for one in self.held.values() if not one.leaving)
        for name in self.order:
            if free > 0 and name in flat and self.enters(name, day):
                free -= 1
                read = self.read[name][day]
                assert read is not None
                self.buys.append(Order(name, self.candles[name][day][4], read.atr))

    def judge(self, trade: Trade, day: int) -> None:
        name, close = trade.symbol, self.candles[trade.symbol][day][4]
        self.marks[name] = close
        read = self.read[name][day]
        assert read is not None
        trade.highest = max(trade.highest, close)
        trade.close_stop = max(trade.close_stop, trade.highest - 3 * read.atr)
        trade.resting = max(trade.resting, trade.highest - 6 * read.atr)
        if day == self.last[name]:
            self.sell(trade, day, close * (1 - self.half), "end")
        elif close <= trade.close_stop:
            trade.leaving = "close_stop"
        elif read.fast <= read.slow:
            trade.leaving = "turn"

    def enters(self, name: str, day: int) -> bool:
        if day not in self.candles[name] or self.number[name][day] < 199:
            return False
        t, close, read = self.terms, self.candles[name][day][4], self.read[name][day]
        assert read is not None
        if not read.fast > read.slow or read.missing > 3:
            return False
        if name in self.stopped and close < read.high:
            return False
        return 3 * read.atr / close >= t.min_stop_to_cost * (2 * t.fee + t.spread)
