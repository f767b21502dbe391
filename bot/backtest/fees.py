"""What the venues charge a taker, tier by tier, as published in 2026: for comparisons, where no account's own rate is known.

Fractions, the best tier first; the last is what a newcomer pays. Live never reads them: there the venue says what it charges.
"""

from __future__ import annotations

from itertools import chain

TAKER = {
    "kraken": (0.001, 0.0012, 0.0014, 0.0016, 0.0018, 0.002, 0.0022, 0.0024, 0.0035, 0.004),
    "okx": (0.00015, 0.0002, 0.00025, 0.0003, 0.0004, 0.0005, 0.0006, 0.0007, 0.0008, 0.001),
    "coinbase": (0.0005, 0.0008, 0.0012, 0.0016, 0.0018, 0.002, 0.0025, 0.004, 0.006, 0.012),
}


def newcomer(venue: str) -> float:
    """What an account without any volume pays."""
    return TAKER[venue][-1]


def next_worse(fee: float, venue: str | None = None) -> float:
    """The next higher fee of the venue, or of any of them; above the highest half as much again."""
    tiers = TAKER[venue] if venue in TAKER else sorted(chain(*TAKER.values()))
    return next((tier for tier in tiers if tier > fee * 1.000001), fee * 1.5)
