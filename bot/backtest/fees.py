"""The taker fees of the venues by tier, as published in 2026: for comparisons where an account's own rate is not known.

Fractions, the best tier first; a new account pays the last one. Live does not use them: there the venue reports its fees.
"""

from __future__ import annotations

from itertools import chain

TAKER = {
    "kraken": (0.001, 0.0012, 0.0014, 0.0016, 0.0018, 0.002, 0.0022, 0.0024, 0.0035, 0.004),
    "okx": (0.00015, 0.0002, 0.00025, 0.0003, 0.0004, 0.0005, 0.0006, 0.0007, 0.0008, 0.001),
    "coinbase": (0.0005, 0.0008, 0.0012, 0.0016, 0.0018, 0.002, 0.0025, 0.004, 0.006, 0.012),
}


def newcomer(venue: str) -> float:
    """The fee of an account without any volume."""
    return TAKER[venue][-1]


def next_worse(fee: float, venue: str | None = None) -> float:
    """The next higher fee of the venue, or of any venue if it is not known; above the highest, 1.5 x `fee`."""
    tiers = TAKER[venue] if venue in TAKER else sorted(chain(*TAKER.values()))
    return next((tier for tier in tiers if tier > fee * 1.000001), fee * 1.5)
