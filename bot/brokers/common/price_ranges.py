"""What the price did since a moment: from the trades that a venue shows, and from candles where those do not reach back. Pure."""

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
    """High and low of a stretch of candles; where a venue's candles say more than its trades, the last price and its time (ms)."""

    high: Decimal
    low: Decimal
    last: Decimal | None = None
    at: int = 0


def of_trades(symbol: str, since: int, trades: Sequence[Print]) -> PriceRange:
    """From trades, oldest first; `at` is the newest one's time, so that none is missed."""
    prices = [trade.price for trade in trades]
    return PriceRange(symbol, max(since, trades[-1].at), prices[-1], max(prices), min(prices))


def widened(seen: PriceRange, rest: Extremes | None) -> PriceRange:
    """What was seen, and what candles say of the time before."""
    if rest is None:
        return seen
    last = seen.last if rest.last is None else rest.last
    return PriceRange(seen.symbol, max(seen.at, rest.at), last, max(seen.high, rest.high), min(seen.low, rest.low))


def at_rest(symbol: str, since: int, price: Ticker | None, failure: Failures) -> PriceRange:
    """Without a trade: the last price, as the ticker has it."""
    if price is None:
        raise failure(ErrorMeaning.BUSY, f"no price of {symbol}")
    return PriceRange(symbol, since, price.last, price.last, price.last)


def shortest(lengths: Iterable[int], stretch: int, most: int) -> int:
    """The shortest candles of which `most` reach over a stretch; the longest ones where none do."""
    known = sorted(lengths)
    return next((each for each in known if stretch < each * most), known[-1])
