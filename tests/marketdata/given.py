"""Candles, and an exchange that delivers them by hand."""

from __future__ import annotations

import math

from bot.brokers.base import BrokerError
from bot.domain.candles import Candles, Row
from bot.domain.clock import MINUTE
from bot.domain.outcome import ErrorMeaning

FRAME = 5 * MINUTE
START = 1_767_225_600_000


def row(number: int, close: float = 100.0, volume: float = 1.0) -> Row:
    """The candle that opens `number` frames after the start."""
    return START + number * FRAME, close, close + 1, close - 1, close, volume


def candles(*numbers: int, volume: float = 1.0) -> Candles:
    return Candles.of(FRAME, [row(number, 100.0 + number % 7, volume) for number in numbers])


class Hand:
    """A clock that is set by hand, beside a market that runs by itself or stands still."""

    def __init__(self, pacer: object) -> None:
        self.pacer = pacer
        self.now = START

    def market_ms(self) -> int:
        return self.now

    def wall_ms(self) -> int:
        return self.now

    def steady_ms(self) -> int:
        return self.now


class Venue:
    """Shows what has closed by its clock, `late` ms after the close, or says `error`."""

    def __init__(self, clock: Hand) -> None:
        self.clock = clock
        self.asked: list[tuple[str, int]] = []
        self.error: BrokerError | None = None
        self.late = 0
        self.missing: set[int] = set()
        self.bad = 0
        """So many answers from now on hold a candle that cannot be true."""
        self.volume = 1.0
        self.shift = 0.0
        """By how much past candles differ when they are read again."""
        self.also: int | None = None
        """A candle of this time comes before all others."""
        self.is_closed = False

    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        self.asked.append((symbol, count))
        if self.error is not None:
            raise self.error
        newest = (self.clock.now - self.late - START) // timeframe_ms
        numbers = [number for number in range(newest - count, newest) if number not in self.missing]
        rows = [row(number, 100.0 + number % 7 + self.shift, self.volume) for number in numbers]
        if self.also is not None:
            rows = [(self.also, *rows[0][1:]), *rows[1:]]
        if self.bad:
            self.bad -= 1
            rows[-1] = row(numbers[-1], math.nan)
        return Candles.of(timeframe_ms, rows)

    def close(self) -> None:
        self.is_closed = True


def busy() -> BrokerError:
    return BrokerError("kraken", ErrorMeaning.BUSY, "try again")
