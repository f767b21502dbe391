"""Coinbase's products: increments, minimums, and which of them share a book.

A `-USDC` twin is an alias: it shares the book, trades and candles of the `-USD` product, but not its wallets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from bot.sandbox.coinbase.errors import not_found
from bot.sandbox.core.fees import FeeTable, Tier
from bot.sandbox.core.instrument import Instrument
from bot.sandbox.core.rules import DELISTED, rules_of

ZERO = Decimal(0)
QUOTE_MINIMUM = Decimal(1)
MONEY_STEP = Decimal("1e-12")
"""The smallest money amount that a wallet can hold."""
FINE_STEP = Decimal("1e-15")
"""The smallest coin amount that a wallet can hold; orders are sized in the product's increments."""
INCREMENTS = {
    "BTC": ("0.00000001", "0.01"),
    "ETH": ("0.00000001", "0.01"),
    "SOL": ("0.00000001", "0.01"),
    "XRP": ("0.000001", "0.0001"),
    "DOGE": ("0.1", "0.00001"),
    "ADA": ("0.00000001", "0.0001"),
    "LTC": ("0.00000001", "0.01"),
    "LINK": ("0.01", "0.001"),
    "AVAX": ("0.00000001", "0.01"),
    "DOT": ("0.00000001", "0.001"),
    "USDT": ("0.01", "0.00001"),
}
NAMES = {
    "BTC": "Bitcoin",
    "ETH": "Ethereum",
    "SOL": "Solana",
    "XRP": "XRP",
    "DOGE": "Dogecoin",
    "ADA": "Cardano",
    "LTC": "Litecoin",
    "LINK": "Chainlink",
    "AVAX": "Avalanche",
    "DOT": "Polkadot",
    "USDT": "Tether",
    "USDC": "USDC",
    "USD": "US Dollar",
}
FIAT = frozenset({"USD"})


@dataclass(frozen=True)
class Product:
    """A listed product; `book` is the product whose book it shares (itself if it is no alias)."""

    id: str
    book: str
    tick: Decimal
    lot: Decimal
    listed_ms: int
    new: bool = False
    least: Decimal = ZERO
    least_cost: Decimal = QUOTE_MINIMUM

    @property
    def base_min(self) -> Decimal:
        return max(self.lot, self.least)

    @property
    def base(self) -> str:
        return self.id.split("-")[0]

    @property
    def quote(self) -> str:
        return self.id.split("-")[1]

    @property
    def is_alias(self) -> bool:
        return self.book != self.id

    @property
    def base_max(self) -> Decimal:
        return self.lot * 10**11

    def instrument(self) -> Instrument:
        return Instrument(
            symbol=self.id,
            tick=self.tick,
            lot=self.lot,
            min_qty=self.base_min,
            min_cost=self.least_cost,
            cost_step=MONEY_STEP,
            base_step=FINE_STEP,
            max_qty=self.base_max,
        )


def tick_of(symbol: str) -> Decimal:
    return Decimal(INCREMENTS[symbol.split("-", maxsplit=1)[0]][1])


def product_of(symbol: str, book: str, listed_ms: int, new: bool) -> Product:
    lot, tick = INCREMENTS[symbol.split("-", maxsplit=1)[0]]
    return Product(symbol, book, Decimal(tick), Decimal(lot), listed_ms, new)


class Listing:
    """All products of the venue by id."""

    def __init__(self, products: Iterable[Product]) -> None:
        self.by_id: dict[str, Product] = {product.id: product for product in products}
        self._first = dict(self.by_id)
        self._gone: set[str] = set()

    def change(self, symbol: str, text: str) -> Instrument:
        """Changes a product's rules or delists it; its orders stay known. Raises ValueError."""
        rules, first = {} if text == DELISTED else rules_of(text), self._first[symbol]
        (self._gone.add if text == DELISTED else self._gone.discard)(symbol)
        self.by_id[symbol] = replace(
            first,
            tick=rules.get("tick", first.tick),
            lot=rules.get("lot", first.lot),
            least=rules.get("min", first.least),
            least_cost=rules.get("cost", first.least_cost),
        )
        return self.by_id[symbol].instrument()

    def shown(self) -> list[Product]:
        """The products listed now."""
        return [product for product in self.by_id.values() if product.id not in self._gone]

    def find(self, name: str) -> Product:
        """The product named in a path or query; raises 404."""
        product = self.by_id.get(name)
        if product is None or name in self._gone:
            raise not_found(f"Product {name} not supported")
        return product

    def aliases_of(self, product: Product) -> list[str]:
        return [other.id for other in self.by_id.values() if other.is_alias and other.book == product.id]

    def currencies(self) -> list[str]:
        """The currencies of all products, money first."""
        found = {name for product in self.by_id.values() for name in (product.base, product.quote)}
        return sorted(found, key=lambda name: (name not in FIAT, name))


def fee_table() -> FeeTable:
    """Advanced fee tiers by 30-day volume in USD, as fractions; the first is for newcomers."""
    volumes = (0, 1_000, 10_000, 50_000, 100_000, 1_000_000, 15_000_000, 75_000_000, 250_000_000, 400_000_000)
    taker = ("0.012", "0.006", "0.004", "0.0025", "0.002", "0.0018", "0.0016", "0.0012", "0.0008", "0.0005")
    maker = ("0.006", "0.004", "0.0025", "0.0015", "0.001", "0.0008", "0.0006", "0.0003", "0", "0")
    rows = zip(volumes, taker, maker, strict=True)
    return FeeTable(tuple(Tier(Decimal(v), Decimal(t), Decimal(m)) for v, t, m in rows))
