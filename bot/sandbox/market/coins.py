"""The coins and symbols of the generated market: price, tick, turnover, volatility, spread.

Contains plausible defaults only. A venue may list any of them with its own tick.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Coin:
    """A base coin: `price` in USD, `vol` the typical 5-minute log return, `wander` the size of daily moves."""

    name: str
    price: float
    vol: float
    wander: float
    slot: int


@dataclass(frozen=True)
class Listing:
    """A symbol: tick and lot of its tape, daily turnover in USD, trades per day, spread and basis in basis points."""

    symbol: str
    coin: Coin
    tick: Decimal
    lot: Decimal
    turnover: float
    prints: int
    spread: float
    basis: float


def coins() -> dict[str, Coin]:
    """All base coins, and other underlyings of contracts (an unlisted coin, a stock, gold), by name.

    `slot` is the coin's position in the staggering of trends.
    """
    return {
        name: Coin(name, price, vol, wander, slot)
        for slot, (name, price, vol, wander) in enumerate(
            [
                ("BTC", 95_000.0, 0.00105, 0.025),
                ("ETH", 3_400.0, 0.0011, 0.030),
                ("SOL", 170.0, 0.00124, 0.035),
                ("XRP", 2.30, 0.00115, 0.035),
                ("DOGE", 0.21, 0.00124, 0.040),
                ("ADA", 0.72, 0.0012, 0.035),
                ("LTC", 105.0, 0.0011, 0.030),
                ("LINK", 17.5, 0.00115, 0.035),
                ("AVAX", 24.0, 0.00124, 0.035),
                ("DOT", 4.6, 0.00115, 0.035),
                ("USDT", 1.0, 0.00004, 0.0002),
                ("USDC", 1.0, 0.00003, 0.0001),
                ("MEGA", 0.45, 0.0013, 0.040),
                ("MON", 0.031, 0.0013, 0.040),
                ("TSLA", 430.0, 0.0009, 0.020),
                ("XAU", 4_150.0, 0.0004, 0.010),
            ]
        )
    }


def listings() -> dict[str, Listing]:
    """Every symbol the generated market knows, by name."""
    coin = coins()
    return {
        f"{base}-{quote}": Listing(
            f"{base}-{quote}", coin[base], Decimal(tick), Decimal(lot), turnover, prints, spread, basis
        )
        for base, quote, tick, lot, turnover, prints, spread, basis in [
            ("BTC", "USD", "0.1", "0.00000001", 180e6, 28_000, 0.4, 0.0),
            ("ETH", "USD", "0.01", "0.000001", 90e6, 22_000, 0.6, 0.0),
            ("SOL", "USD", "0.01", "0.00001", 55e6, 18_000, 1.2, 0.0),
            ("XRP", "USD", "0.00001", "0.001", 60e6, 18_000, 1.5, 0.0),
            ("DOGE", "USD", "0.00001", "0.01", 22e6, 13_000, 2.5, 0.0),
            ("ADA", "USD", "0.0001", "0.01", 14e6, 11_000, 3.0, 0.0),
            ("LTC", "USD", "0.01", "0.00001", 10e6, 9_000, 3.0, 0.0),
            ("LINK", "USD", "0.001", "0.0001", 9e6, 9_000, 3.0, 0.0),
            ("AVAX", "USD", "0.01", "0.0001", 6e6, 8_000, 4.2, 0.0),
            ("DOT", "USD", "0.001", "0.001", 4e6, 7_000, 3.0, 0.0),
            ("BTC", "USDT", "0.1", "0.00000001", 120e6, 24_000, 0.5, 1.5),
            ("ETH", "USDT", "0.01", "0.000001", 70e6, 20_000, 0.6, 1.5),
            ("SOL", "USDT", "0.01", "0.00001", 40e6, 17_000, 1.2, 1.5),
            ("XRP", "USDT", "0.0001", "0.001", 38e6, 16_000, 1.5, 1.5),
            ("DOGE", "USDT", "0.00001", "0.01", 18e6, 13_000, 2.5, 1.5),
            ("ADA", "USDT", "0.0001", "0.01", 11e6, 10_000, 3.0, 1.5),
            ("LTC", "USDT", "0.01", "0.00001", 8e6, 9_000, 3.0, 1.5),
            ("LINK", "USDT", "0.001", "0.0001", 7e6, 9_000, 3.0, 1.5),
            ("AVAX", "USDT", "0.01", "0.0001", 5e6, 8_000, 4.2, 1.5),
            ("DOT", "USDT", "0.001", "0.001", 3e6, 7_000, 3.0, 1.5),
            ("BTC", "USDC", "0.1", "0.00000001", 30e6, 14_000, 0.7, 1.0),
            ("ETH", "USDC", "0.01", "0.000001", 18e6, 11_000, 0.9, 1.0),
            ("SOL", "USDC", "0.01", "0.00001", 9e6, 9_000, 1.2, 1.0),
            ("USDT", "USD", "0.00001", "0.001", 80e6, 12_000, 0.1, 0.0),
            ("USDC", "USD", "0.0001", "0.001", 25e6, 8_000, 1.0, 0.0),
            ("USDC", "USDT", "0.0001", "0.001", 20e6, 8_000, 1.0, 0.3),
            ("MEGA", "USDT", "0.0001", "0.01", 2e6, 6_000, 4.0, 1.5),
            ("MON", "USDT", "0.00001", "0.1", 2e6, 6_000, 4.0, 1.5),
            ("TSLA", "USDT", "0.01", "0.0001", 6e6, 7_000, 2.0, 1.5),
            ("XAU", "USDT", "0.1", "0.00001", 8e6, 7_000, 1.0, 1.5),
        ]
    }


def default_pairs() -> Mapping[str, tuple[str, ...]]:
    """The eight symbols that each venue lists by default, most traded first."""
    eight = ("BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LTC")
    dollars = tuple(f"{base}-USD" for base in eight)
    return {
        "kraken": (*dollars, "BTC-USDT"),
        "okx": tuple(f"{base}-USDT" for base in (*eight, "LINK")),
        "coinbase": (*dollars, "LINK-USD"),
    }
