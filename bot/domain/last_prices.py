"""The last known prices of an account's markets, and their stored form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from bot.domain.money import ONE, decimal, plain

#: The name of this stored state.
LAST_PRICES = "last_prices"


@dataclass(frozen=True, slots=True)
class LastPrices:
    """The last price of each symbol (in the quote) and when it was seen (market ms)."""

    seen: Mapping[str, tuple[Decimal, int]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str | None) -> LastPrices:
        """The inverse of `written`; None reads as no prices."""
        rows = json.loads(text or "{}")
        return cls({symbol: (decimal(price), int(at)) for symbol, (price, at) in rows.items()})

    def written(self) -> str:
        rows = {symbol: (plain(price), at) for symbol, (price, at) in self.seen.items()}
        return json.dumps(rows, separators=(",", ":"))

    def after(self, prices: Mapping[str, Decimal], at: int) -> LastPrices:
        """These prices, updated with newer ones."""
        return LastPrices({**self.seen, **{symbol: (price, at) for symbol, price in prices.items()}})

    def of(self, symbol: str) -> Decimal | None:
        """The last price of a market; None if none was ever seen."""
        return self.seen[symbol][0] if symbol in self.seen else None

    def quote_usd(self, symbol: str) -> Decimal:
        """Dollars for one unit of a market's quote: 1 unless the exchange trades the quote against dollars."""
        return self.of(dollar_market(symbol)) or ONE


def dollar_market(symbol: str) -> str:
    """The market that trades a symbol's quote against dollars: `USDT-USD` for `BTC-USDT`. The name of a market that is not listed any
    more may not tell its quote: there is no such market then.
    """
    return f"{''.join(symbol.split('-')[1:2])}-USD"
