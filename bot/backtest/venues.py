"""What an exchange asks of its markets and charges, for a backtest on its terms.

Owns the choice between what is known of the account and what exchanges usually ask. Live never reads
it: there the exchange says so itself.
"""

from __future__ import annotations

import math

from bot.backtest.terms import Market

#: Kraken and Coinbase count coins in 1e-8; so does OKX on spot.
LOT = 1e-8
#: The smallest order, in the quote.
MIN_COST = {"kraken": 0.5, "okx": 1.0, "coinbase": 1.0}
#: Where the fee of a purchase is taken in the coin that is bought.
IN_COIN = frozenset({"okx"})
#: Where something can be sold short at all, as a swap.
SHORTABLE = frozenset({"okx"})


def usual(venue: str, price: float) -> Market:
    """What a market at this price usually asks: six digits of the price, the smallest lot, the venue's smallest order."""
    tick = 10.0 ** (math.floor(math.log10(price)) - 5)
    return Market(LOT, float(f"{tick:.1e}"), LOT, MIN_COST[venue])
