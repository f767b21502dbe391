"""The values that the market returns: bars, trades, quotes, books, daily statistics.

Plain frozen values; prices and quantities are Decimals on the symbol's tick and lot, times are UTC.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class MarketError(Exception):
    """The market cannot be built or queried like that; the message is one line for the user."""


class Side(StrEnum):
    """The taker's side."""

    BUY = "b"
    SELL = "s"


class Bar(NamedTuple):
    """One candle; `time_ms` is its open time. Without trades: flat at the last price, vwap and volume zero."""

    time_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    vwap: Decimal
    volume: Decimal
    trades: int


class Trade(NamedTuple):
    """One print of the tape. Ids are consecutive per symbol."""

    time_ns: int
    trade_id: int
    side: Side
    price: Decimal
    qty: Decimal


class Quote(NamedTuple):
    """Best bid and ask with their sizes in base units."""

    bid: Decimal
    ask: Decimal
    bid_qty: Decimal
    ask_qty: Decimal


class Level(NamedTuple):
    """One price level of a book."""

    price: Decimal
    qty: Decimal


class Book(NamedTuple):
    """Bids from the highest down, asks from the lowest up."""

    bids: list[Level]
    asks: list[Level]


class Stats(NamedTuple):
    """Statistics of one period; without trades, open, high, low and vwap are the last price."""

    open: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal
    vwap: Decimal
    trades: int


class DayStats(NamedTuple):
    """The last 24 hours, and today since 00:00 UTC."""

    last24h: Stats
    today: Stats


class Jump(NamedTuple):
    """The control API moved `symbol` to `price` at market time `time_ms`."""

    symbol: str
    time_ms: int
    price: Decimal
