"""What can be traded and by which rules: one name per market, whatever the venue calls it.

Symbols are `BASE-QUOTE` with common names (`BTC-USD`), swaps `BTC-USDT-SWAP`. Venue names stay inside `brokers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from bot.domain.money import ONE, ZERO, ceil_to, floor_to, nearest_to

#: Quotes that count as dollars one to one.
DOLLARS = frozenset({"USD", "USDT", "USDC"})

#: Coins that are worth a fixed amount of some currency: no trend to trade between them.
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
    """Which orders the market takes at the moment."""

    ONLINE = "online"
    POST_ONLY = "post_only"
    LIMIT_ONLY = "limit_only"
    CANCEL_ONLY = "cancel_only"
    REDUCE_ONLY = "reduce_only"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One market's rules. Sizes in base units, prices and costs in the quote.

    `lot` is the step of a size, `min_qty` the smallest size, `min_cost` the smallest size times price (0: none).
    `unit` is the base quantity of one wire unit (swaps: contract value; spot: 1). `paid_in` names the currencies that an order
    can be paid in where that is not simply the quote. `exotic`: nothing to be entered, whatever its liquidity.
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

    def size(self, qty: Decimal) -> Decimal:
        """`qty` rounded down to the lot: never more than is there."""
        return floor_to(qty, self.lot)

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
        """Whether the venue would take an order of this size at this price."""
        return qty >= self.min_qty and qty * price >= self.min_cost

    @property
    def currencies(self) -> tuple[str, ...]:
        """What an order can be paid in; all of them count as dollars where the quote does."""
        return self.paid_in or (self.quote,)

    @property
    def shortable(self) -> bool:
        """Spot is long only."""
        return self.kind is not Kind.SPOT


@dataclass(frozen=True, slots=True)
class FeeRate:
    """What this account pays, as fractions of the value traded (0.002 = 0.2 %); negative is a rebate.

    `in_coin`: a purchase pays it in the coin that it buys, so that less is held than was bought.
    """

    maker: Decimal
    taker: Decimal
    in_coin: bool = False


@dataclass(frozen=True, slots=True)
class Balance:
    """One asset of the account: `free` can be spent now, `held` is tied up in orders."""

    free: Decimal
    held: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.free + self.held


@dataclass(frozen=True, slots=True)
class Ticker:
    """The best prices and the last 24 hours' turnover in quote units."""

    bid: Decimal
    ask: Decimal
    last: Decimal
    turnover: Decimal = ZERO

    @property
    def spread(self) -> Decimal:
        """Ask minus bid, as a fraction of the middle."""
        middle = (self.bid + self.ask) / 2
        return (self.ask - self.bid) / middle if middle > 0 else ONE


@dataclass(frozen=True, slots=True)
class PriceRange:
    """What the price did since the look before: last, high and low of the trades in between."""

    symbol: str
    at: int
    last: Decimal
    high: Decimal
    low: Decimal
