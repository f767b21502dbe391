"""Markets and their rules, with one name per market whatever the exchange calls it.

Symbols are `BASE-QUOTE` with common names (`BTC-USD`), and `BTC-USDT-SWAP` for swaps. Names that an exchange uses stay inside
`brokers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from bot.domain.money import ONE, ZERO, ceil_to, floor_to, nearest_to

#: Quotes that count as dollars, one to one.
DOLLARS = frozenset({"USD", "USDT", "USDC"})

#: Coins pegged to a currency: there is no trend to trade between them.
STABLECOINS = frozenset(
    (
        *("USDT", "USDC", "DAI", "TUSD", "USDP", "PYUSD", "FDUSD", "USDD", "GUSD", "BUSD", "USDG", "USDQ", "USDR"),
        *("RLUSD", "UST", "USTC", "USDS", "USDE", "USD1", "AUSD", "EURT", "EURC", "EURR", "EURQ", "EUROP"),
        *("USD", "EUR", "GBP", "CHF", "CAD", "AUD", "JPY", "TRY", "BRL", "SGD"),
    )
)


class Kind(StrEnum):
    """What a position in the instrument is made of."""

    SPOT = "spot"
    SWAP = "swap"
    FUTURE = "future"


class Trading(StrEnum):
    """Which orders the market accepts now."""

    ONLINE = "online"
    POST_ONLY = "post_only"
    LIMIT_ONLY = "limit_only"
    CANCEL_ONLY = "cancel_only"
    REDUCE_ONLY = "reduce_only"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Instrument:
    """The rules of one market. Sizes are in base units, prices and costs in the quote.

    `lot` is the size step, `min_qty` the smallest size, `min_cost` the smallest size times price (0: none), `max_qty` and `max_cost`
    the same of the largest order that can be a stop or a sale at the market (None: no limit). `unit` is the base
    quantity of one unit on the wire (the contract value of a swap; 1 for spot). `paid_in` lists the currencies that can pay for
    an order, if not simply the quote. An `exotic` market is never entered, however liquid it is.
    """

    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    min_qty: Decimal
    min_cost: Decimal = ZERO
    kind: Kind = Kind.SPOT
    trading: Trading = Trading.ONLINE
    unit: Decimal = ONE
    max_leverage: Decimal = ONE
    max_qty: Decimal | None = None
    listed_at: int | None = None
    exotic: bool = False
    paid_in: tuple[str, ...] = ()
    max_cost: Decimal | None = None

    def size(self, qty: Decimal) -> Decimal:
        """`qty` rounded down to the lot, so never more than is held."""
        return floor_to(qty, self.lot)

    def at_most(self, qty: Decimal, price: Decimal) -> Decimal:
        """`qty`, or the most that a stop or a sale at this market price may have."""
        qty = qty if self.max_qty is None else min(qty, self.max_qty)
        return qty if self.max_cost is None else min(qty, self.size(self.max_cost / price))

    def price(self, price: Decimal) -> Decimal:
        """`price` rounded to the nearest tick."""
        return nearest_to(price, self.tick)

    def price_up(self, price: Decimal) -> Decimal:
        """`price` rounded up to a tick."""
        return ceil_to(price, self.tick)

    def price_down(self, price: Decimal) -> Decimal:
        """`price` rounded down to a tick."""
        return floor_to(price, self.tick)

    def tradeable(self, qty: Decimal, price: Decimal) -> bool:
        """Whether the exchange would accept an order of this size at this price."""
        return qty >= self.min_qty and qty * price >= self.min_cost

    @property
    def currencies(self) -> tuple[str, ...]:
        """The currencies that can pay for an order; they all count as dollars if the quote does."""
        return self.paid_in or (self.quote,)

    @property
    def shortable(self) -> bool:
        """Whether short positions are possible; spot is long only."""
        return self.kind is not Kind.SPOT


@dataclass(frozen=True, slots=True)
class FeeRate:
    """The fees of this account, as fractions of the value traded (0.002 = 0.2 %); a negative fee is a rebate.

    `in_coin`: the fee of a purchase is taken in the coin bought, so the account holds less than it bought.
    """

    maker: Decimal
    taker: Decimal
    in_coin: bool = False


@dataclass(frozen=True, slots=True)
class Balance:
    """One asset of the account: `free` can be spent now, `held` is reserved for orders."""

    free: Decimal
    held: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.free + self.held


@dataclass(frozen=True, slots=True)
class Ticker:
    """The best bid and ask, and the turnover of the last 24 hours in quote units."""

    bid: Decimal
    ask: Decimal
    last: Decimal
    turnover: Decimal = ZERO

    @property
    def spread(self) -> Decimal:
        """Ask minus bid, as a fraction of the mid price."""
        middle = (self.bid + self.ask) / 2
        return (self.ask - self.bid) / middle if middle > 0 else ONE


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Last, high and low of the trades since the previous check."""

    symbol: str
    at: int
    last: Decimal
    high: Decimal
    low: Decimal
