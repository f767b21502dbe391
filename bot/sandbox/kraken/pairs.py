"""Kraken's assets and pairs with their legacy names, decimals and minimums.

Legacy assets have a prefix (X for coins, Z for money); BTC is XBT and DOGE is XDG. Requests may name a pair by its
id, altname or wsname; responses are keyed by the id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from bot.sandbox.core.fees import FeeTable, Tier
from bot.sandbox.core.instrument import Instrument
from bot.sandbox.core.rules import DELISTED, rules_of
from bot.sandbox.kraken import errors
from bot.sandbox.kraken.errors import KrakenError

LOT_DECIMALS = 8
COST_DECIMALS = 5
MINIMUMS = {
    "BTC": "0.00005",
    "ETH": "0.001",
    "SOL": "0.02",
    "XRP": "1.65",
    "DOGE": "13",
    "ADA": "4.4",
    "LTC": "0.04",
    "LINK": "0.2",
    "AVAX": "0.14",
    "DOT": "0.6",
    "USDT": "5",
    "USDC": "5",
}
LEGACY_PAIRS = {"BTC-USD": "XXBTZUSD", "ETH-USD": "XETHZUSD", "XRP-USD": "XXRPZUSD", "LTC-USD": "XLTCZUSD"}
OTHER_PAIRS = {"USDT-USD": "USDTZUSD"}
REBATE = "-0.02"
"""Maker fees in percent, where makers receive a rebate."""


@dataclass(frozen=True)
class Asset:
    """An asset; `name` is its common name."""

    name: str
    id: str
    altname: str
    decimals: int
    display_decimals: int


@dataclass(frozen=True)
class Pair:
    """A listed pair; `listed_ms` is the market time of its first candle."""

    symbol: str
    id: str
    altname: str
    wsname: str
    base: Asset
    quote: Asset
    price_decimals: int
    tick: Decimal
    order_min: Decimal
    cost_min: Decimal
    listed_ms: int
    lot_decimals: int = LOT_DECIMALS

    @property
    def lot(self) -> Decimal:
        return _step(self.lot_decimals)

    @property
    def new_name(self) -> str:
        """The pair's name in asset version 1: `BTC/USD`."""
        return f"{self.base.name}/{self.quote.name}"

    def new_names(self) -> dict[str, str]:
        """The names in the pair's row in asset version 1."""
        base, quote = self.base.name, self.quote.name
        return {"altname": f"{base}{quote}", "wsname": self.new_name, "base": base, "quote": quote}

    def changed(self, rules: Mapping[str, Decimal]) -> Pair:
        """The pair under new rules; steps are powers of ten."""
        tick, lot = rules.get("tick", self.tick), rules.get("lot", self.lot)
        return replace(
            self,
            tick=tick,
            price_decimals=max(self.price_decimals, len(format(tick, "f").partition(".")[2])),
            lot_decimals=len(format(lot, "f").partition(".")[2]),
            order_min=rules.get("min", self.order_min),
            cost_min=rules.get("cost", self.cost_min),
        )

    def price(self, value: Decimal) -> str:
        """A price with the pair's decimals."""
        return f"{value:.{self.price_decimals}f}"

    def instrument(self) -> Instrument:
        return Instrument(
            symbol=self.symbol,
            tick=self.tick,
            lot=self.lot,
            min_qty=self.order_min,
            min_cost=self.cost_min,
            cost_step=_step(min(COST_DECIMALS, self.quote.decimals)),
            base_step=_step(max(LOT_DECIMALS, self.base.decimals)),
            wallet_step=_step(self.base.decimals) if self.base.decimals < self.lot_decimals else None,
        )


def assets() -> dict[str, Asset]:
    """All known assets by common name."""
    rows = [
        Asset("BTC", "XXBT", "XBT", 10, 5),
        Asset("ETH", "XETH", "ETH", 10, 5),
        Asset("LTC", "XLTC", "LTC", 10, 5),
        Asset("XRP", "XXRP", "XRP", 8, 5),
        Asset("DOGE", "XXDG", "XDG", 8, 2),
        Asset("SOL", "SOL", "SOL", 10, 5),
        Asset("ADA", "ADA", "ADA", 8, 6),
        Asset("LINK", "LINK", "LINK", 10, 5),
        Asset("AVAX", "AVAX", "AVAX", 10, 5),
        Asset("DOT", "DOT", "DOT", 10, 8),
        Asset("USD", "ZUSD", "USD", 4, 2),
        Asset("EUR", "ZEUR", "EUR", 4, 2),
        Asset("USDT", "USDT", "USDT", 8, 4),
        Asset("USDC", "USDC", "USDC", 8, 4),
    ]
    return {asset.name: asset for asset in rows}


def asset_of(name: str) -> Asset:
    """The asset of a common name; one with a suffix (`BTC.F`) is a separate asset, named after the coin's altname."""
    known = assets()
    if name in known:
        return known[name]
    coin, dot, suffix = name.partition(".")
    plain = known.get(coin)
    written = f"{plain.altname if plain else coin}{dot}{suffix}"
    return Asset(name, written, written, plain.decimals if plain else 10, plain.display_decimals if plain else 5)


def pair_of(symbol: str, tick: Decimal, listed_ms: int) -> Pair:
    """Kraken's pair for a symbol."""
    base, quote = (asset_of(name) for name in symbol.split("-"))
    altname = f"{base.altname}{quote.altname}"
    return Pair(
        symbol=symbol,
        id=LEGACY_PAIRS.get(symbol) or OTHER_PAIRS.get(symbol) or altname,
        altname=altname,
        wsname=f"{base.altname}/{quote.altname}",
        base=base,
        quote=quote,
        price_decimals=len(format(tick, "f").partition(".")[2]),
        tick=tick,
        order_min=Decimal(MINIMUMS[base.name]),
        cost_min=Decimal("0.5"),
        listed_ms=listed_ms,
    )


class Listing:
    """All pairs of the venue, by any of their names."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        self.by_symbol: dict[str, Pair] = {pair.symbol: pair for pair in pairs}
        self._first = dict(self.by_symbol)
        self._gone: set[str] = set()
        self._by_name = {
            name: pair.symbol for pair in self.by_symbol.values() for name in (pair.id, pair.altname, pair.wsname)
        }

    def change(self, symbol: str, text: str) -> Instrument:
        """Changes a pair's rules or delists it; its orders stay known. Raises ValueError."""
        rules = {} if text == DELISTED else rules_of(text)
        (self._gone.add if text == DELISTED else self._gone.discard)(symbol)
        self.by_symbol[symbol] = self._first[symbol].changed(rules)
        return self.by_symbol[symbol].instrument()

    def keep(self, decimals: int) -> dict[str, Instrument]:
        """Limits the decimals that wallets keep of coins, or with 0 lifts that limit; returns the changed instruments."""
        for symbol, pair in self.by_symbol.items():
            base = asset_of(pair.base.name)
            kept = min(decimals, base.decimals) if decimals else base.decimals
            self.by_symbol[symbol] = replace(pair, base=replace(base, decimals=kept))
        self._first = {s: replace(pair, base=self.by_symbol[s].base) for s, pair in self._first.items()}
        return {symbol: pair.instrument() for symbol, pair in self.by_symbol.items()}

    def find(self, name: str) -> Pair:
        """The pair of a request; raises `EQuery:Unknown asset pair`."""
        symbol = self._by_name.get(name.strip())
        if symbol is None or symbol in self._gone:
            raise KrakenError(errors.UNKNOWN_PAIR)
        return self.by_symbol[symbol]

    def some(self, names: str | None) -> list[Pair]:
        """The pairs of a comma-separated list; all of them without a list."""
        if not names:
            return [pair for symbol, pair in self.by_symbol.items() if symbol not in self._gone]
        return [self.find(name) for name in names.split(",")]

    def assets(self) -> dict[str, Asset]:
        """The assets of the listed pairs by common name."""
        return {asset.name: asset for pair in self.by_symbol.values() for asset in (pair.base, pair.quote)}


def fee_table(*, rebate: bool = False) -> FeeTable:
    """The standard fee schedule as of November 2025, as fractions; with `rebate`, makers are paid."""
    volumes = (0, 10_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000)
    taker = ("0.40", "0.35", "0.24", "0.22", "0.20", "0.18", "0.16", "0.14", "0.12", "0.10")
    maker = ("0.25", "0.20", "0.14", "0.12", "0.10", "0.08", "0.06", "0.04", "0.02", "0.00")
    rows = zip(volumes, taker, (REBATE,) * len(maker) if rebate else maker, strict=True)
    return FeeTable(tuple(Tier(Decimal(v), Decimal(t) / 100, Decimal(m) / 100) for v, t, m in rows))


def _step(decimals: int) -> Decimal:
    return Decimal(1).scaleb(-decimals)
