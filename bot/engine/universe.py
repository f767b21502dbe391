"""Which markets may be traded: liquid, with a narrow spread, and not pegged to a currency. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from bot.domain.instrument import DOLLARS, STABLECOINS, Instrument, Kind, Ticker, Trading
from bot.domain.money import ZERO

#: The spread (fraction of the mid price) beyond which a market is not liquid enough.
WIDEST_SPREAD = Decimal("0.005")


@dataclass(frozen=True, slots=True)
class MarketCriteria:
    """The owner's choice. `allow` has the best first, empty means all; `deny` has symbols and base coins; `most` is MAX_PAIRS."""

    most: int
    allow: Collection[str] = ()
    deny: Collection[str] = field(default_factory=frozenset)
    swaps: bool = False


def eligible(instrument: Instrument, criteria: MarketCriteria) -> bool:
    """Whether a market may be traded at all, whatever its liquidity."""
    return instrument.trading is Trading.ONLINE and is_selected(instrument, criteria)


def is_selected(instrument: Instrument, criteria: MarketCriteria) -> bool:
    """Whether the owner trades a market, whether or not it is open now."""
    if instrument.quote not in DOLLARS or instrument.exotic:
        return False
    if instrument.base in STABLECOINS or (instrument.kind is not Kind.SPOT and not criteria.swaps):
        return False
    if criteria.allow and instrument.symbol not in criteria.allow:
        return False
    return instrument.symbol not in criteria.deny and instrument.base not in criteria.deny


def unlisted(instruments: Mapping[str, Instrument], names: Iterable[str]) -> list[str]:
    """The names, of symbols or base coins, that belong to no market here: they may be slips of the pen."""
    known = {*instruments, *(one.base for one in instruments.values())}
    return sorted(set(names) - known)


def spendable(instruments: Iterable[Instrument], criteria: MarketCriteria) -> frozenset[str]:
    """The currencies that can buy something, regardless of the owner's lists of pairs."""
    any_pair = replace(criteria, allow=(), deny=frozenset())
    return frozenset(currency for one in instruments if is_selected(one, any_pair) for currency in one.currencies)


def choose(
    instruments: Mapping[str, Instrument],
    tickers: Mapping[str, Ticker],
    cash: Mapping[str, Decimal],
    criteria: MarketCriteria,
) -> list[str]:
    """The eligible symbols, highest turnover first, one per base coin: the one that the most cash can pay for."""
    fit = [
        symbol
        for symbol, instrument in instruments.items()
        if symbol in tickers and eligible(instrument, criteria) and tickers[symbol].spread <= WIDEST_SPREAD
    ]
    worth = {symbol: sum((cash.get(one, ZERO) for one in instruments[symbol].currencies), ZERO) for symbol in fit}
    fit.sort(key=lambda symbol: (-worth[symbol], -tickers[symbol].turnover, symbol))
    of_base: dict[str, str] = {}
    for symbol in fit:
        of_base.setdefault(instruments[symbol].base, symbol)
    return sorted(of_base.values(), key=lambda symbol: (-tickers[symbol].turnover, symbol))
