"""The price range since a point in time: from the trades a venue shows, and from candles where those do not reach. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bot.brokers.common.failures import Failures
from bot.domain.instrument import PriceRange, Ticker
from bot.domain.outcome import ErrorMeaning


@dataclass(frozen=True, slots=True)
class Print:
    """One trade of the market: price and market time (ms)."""

    price: Decimal
    at: int


@dataclass(frozen=True, slots=True)
class Extremes:
    """High and low of some candles; if they are newer than the trades, also the last price and its time (market ms)."""

    high: Decimal
    low: Decimal
    last: Decimal | None = None
    at: int = 0


def of_trades(symbol: str, since: int, trades: Sequence[Print]) -> PriceRange:
    """The range of these trades (oldest first). Its `at` is the newest trade's time, so that none is missed."""
    prices = [trade.price for trade in trades]
    return PriceRange(symbol, max(since, trades[-1].at), prices[-1], max(prices), min(prices))


def widened(seen: PriceRange, rest: Extremes | None) -> PriceRange:
    """The range seen in trades, widened by candles for the time they do not cover."""
    if rest is None:
        return seen
    last = seen.last if rest.last is None else rest.last
    return PriceRange(seen.symbol, max(seen.at, rest.at), last, max(seen.high, rest.high), min(seen.low, rest.low))


def at_rest(symbol: str, since: int, price: Ticker | None, failure: Failures) -> PriceRange:
    """The range without any trade: the ticker's last price."""
    if price is None:
        raise failure(ErrorMeaning.BUSY, f"no price of {symbol}")
    return PriceRange(symbol, since, price.last, price.last, price.last)


def shortest(lengths: Iterable[int], stretch: int, most: int) -> int:
    """The shortest candle length of which `most` candles cover `stretch`; the longest if none do."""
    known = sorted(lengths)
    return next((each for each in known if stretch < each * most), known[-1])
