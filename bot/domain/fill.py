"""A fill: the only thing that changes a position."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.money import ONE, ZERO
from bot.domain.order import Side


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution, identified by the exchange's own id. `fee` is in `fee_asset`, positive when paid; `time` is in market ms.

    `fee_usd` is the fee in dollars at the fill's price. `qty` is in base units, `price` in the quote. `quote_usd` is the value
    of one unit of the quote in dollars when NIJA learned of the fill.
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
        """The change of the account's base balance, including a fee taken in the coin."""
        base = self.symbol.split("-", 1)[0]
        return self.qty * self.side.sign - (self.fee if self.fee_asset == base else ZERO)
