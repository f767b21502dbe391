"""The usual trading rules of the exchanges, for a backtest on their terms.

Live does not use them: there the exchange reports its rules.
"""

from __future__ import annotations

import math

from bot.backtest.terms import Market

#: The size step of Kraken, Coinbase and OKX spot.
LOT = 1e-8
#: The smallest order, in the quote.
MIN_COST = {"kraken": 0.5, "okx": 1.0, "coinbase": 1.0}
#: Venues that take the fee of a purchase in the coin that is bought; that of a contract never.
IN_COIN = frozenset({"okx"})
#: Venues with swaps, which can be sold short.
SHORTABLE = frozenset({"okx"})


def usual(venue: str, symbol: str, price: float) -> Market:
    """The usual rules of a market at this price: six significant digits, the smallest lot, the venue's smallest order."""
    tick = 10.0 ** (math.floor(math.log10(price)) - 5)
    is_spot = symbol.count("-") == 1
    return Market(LOT, float(f"{tick:.1e}"), LOT, MIN_COST[venue], is_spot and venue in IN_COIN)
