"""Which markets are looked at: liquid, quiet in spread, old enough, and not a coin pegged to another. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from bot.domain.instrument import DOLLARS, STABLECOINS, Instrument, Kind, Ticker, Trading
from bot.domain.money import ZERO

#: Spread (fraction of the middle) beyond which a market is not liquid enough to be looked at.
WIDEST_SPREAD = Decimal("0.005")


@dataclass(frozen=True, slots=True)
class Wishes:
    """The owner's choice: `allow` empty means all, `deny` takes symbols and base coins, `most` is MAX_PAIRS."""

    most: int
    allow: Collection[str] = field(default_factory=frozenset)
    deny: Collection[str] = field(default_factory=frozenset)
    swaps: bool = False


def eligible(instrument: Instrument, wishes: Wishes) -> bool:
    """Whether a market may be traded at all, whatever its liquidity."""
    if instrument.quote not in DOLLARS or instrument.exotic or instrument.trading is not Trading.ONLINE:
        return False
    if instrument.base in STABLECOINS or (instrument.kind is not Kind.SPOT and not wishes.swaps):
        return False
    if wishes.allow and instrument.symbol not in wishes.allow:
        return False
    return instrument.symbol not in wishes.deny and instrument.base not in wishes.deny


def choose(
    instruments: Mapping[str, Instrument],
    tickers: Mapping[str, Ticker],
    cash: Mapping[str, Decimal],
    wishes: Wishes,
) -> list[str]:
    """The symbols fit to be looked at, the most traded first, one per base coin: the quote with the most cash."""
    fit = [
        symbol
        for symbol, instrument in instruments.items()
        if symbol in tickers and eligible(instrument, wishes) and tickers[symbol].spread <= WIDEST_SPREAD
    ]
    fit.sort(key=lambda symbol: (-cash.get(instruments[symbol].quote, ZERO), -tickers[symbol].turnover, symbol))
    of_base: dict[str, str] = {}
    for symbol in fit:
        of_base.setdefault(instruments[symbol].base, symbol)
    return sorted(of_base.values(), key=lambda symbol: (-tickers[symbol].turnover, symbol))
