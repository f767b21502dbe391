"""A fill: the only thing that changes a position."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.money import ONE, ZERO
from bot.domain.order import Side


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution under the venue's own identity. `fee` is positive when paid, in `fee_asset`; `time` in market ms.

    `fee_usd` is that fee in dollars at the fill's price. `qty` is in base units, `price` in the quote, of which one unit was
    worth `quote_usd` dollars when the fill was learned of.
    """

    fill_id: str
    exchange_order_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    time: int
    client_id: str | None = None
    fee_usd: Decimal = ZERO
    quote_usd: Decimal = ONE

    @property
    def base_change(self) -> Decimal:
        """How many coins the account gained (negative: gave), a fee taken in the coin included."""
        base = self.symbol.split("-", 1)[0]
        return self.qty * self.side.sign - (self.fee if self.fee_asset == base else ZERO)
