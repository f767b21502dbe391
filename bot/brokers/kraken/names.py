"""Kraken's names and ours: `XXBTZUSD`, `XBTUSD` and `XBT/USD` are `BTC-USD`; `XXBT` is `BTC`, `XBT.F` is BTC in Earn.

Built from Kraken's own lists (Assets, AssetPairs); letters are never stripped by guessing. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from bot.domain.text import safe_text

#: Kraken's altnames that differ from the common names.
COMMON: Mapping[str, str] = MappingProxyType(
    {"XBT": "BTC", "XDG": "DOGE", "LUNA": "LUNC", "LUNA2": "LUNA", "REP": "REPV1", "REPV2": "REP"}
)
#: Ids of fiat currencies, known even if Kraken's list omits them (support.kraken.com, "Asset codes").
CURRENCIES: Mapping[str, str] = MappingProxyType(
    {f"Z{name}": name for name in ("USD", "EUR", "GBP", "CAD", "JPY", "AUD")}
)
_LOCKED_FOR = re.compile(r"\d+$")


@dataclass(frozen=True, slots=True)
class Names:
    """The names from one read of Assets and AssetPairs."""

    assets: Mapping[str, str] = field(default_factory=dict)
    """Asset id or altname -> common name (tradeable assets only)."""
    symbols: Mapping[str, str] = field(default_factory=dict)
    """Pair id, altname or wsname -> our symbol."""
    pairs: Mapping[str, str] = field(default_factory=dict)
    """Our symbol -> pair id."""

    def asset(self, name: str) -> str:
        """The common name of an asset id or altname."""
        return self.assets.get(name) or COMMON.get(name) or CURRENCIES.get(name, safe_text(name))

    def coin_of_dotted(self, name: str) -> str:
        """The coin of a dotted asset: `XBT.F` -> BTC, `DOT28.S` -> DOT."""
        base = name.split(".", 1)[0]
        bare = _LOCKED_FOR.sub("", base)
        return self.asset(bare if base not in self.assets and bare in self.assets else base)

    def symbol(self, pair: str) -> str:
        """Our symbol for a pair. Our orders and fills may refer to a pair that Kraken no longer lists: it is named after the two
        assets in its name, or keeps Kraken's name if those are ambiguous.
        """
        return self.symbols.get(pair) or self._composed(pair.replace("/", "")) or safe_text(pair)

    def _composed(self, pair: str) -> str | None:
        halves = ((pair[:at], pair[at:]) for at in range(1, len(pair)))
        found = {f"{self.assets[a]}-{self.assets[b]}" for a, b in halves if a in self.assets and b in self.assets}
        return found.pop() if len(found) == 1 else None

    def knows(self, pair: str) -> bool:
        return pair in self.symbols

    def pair(self, symbol: str) -> str | None:
        """The pair id of one of our symbols."""
        return self.pairs.get(symbol)


def read_names(assets: Mapping[str, Mapping[str, Any]], pairs: Mapping[str, Mapping[str, Any]]) -> Names:
    """Names from the results of Assets and AssetPairs."""
    common: dict[str, str] = {}
    for asset_id, row in assets.items():
        altname = str(row.get("altname", asset_id))
        common[asset_id] = common[altname] = COMMON.get(altname, altname)
    symbols: dict[str, str] = {}
    ids: dict[str, str] = {}
    for pair_id, row in pairs.items():
        if pair_id.endswith(".d"):  # dark pools share their names with the open market
            continue
        symbol = pair_symbol(row, common)
        ids.setdefault(symbol, pair_id)
        for name in (pair_id, row.get("altname"), row.get("wsname")):
            if isinstance(name, str):
                symbols.setdefault(name, symbol)
    return Names(common, symbols, ids)


def pair_symbol(row: Mapping[str, Any], common: Mapping[str, str]) -> str:
    """`BASE-QUOTE` of a row of AssetPairs."""
    base, quote = str(row.get("base", "?")), str(row.get("quote", "?"))
    return safe_text(f"{common.get(base) or COMMON.get(base, base)}-{common.get(quote) or COMMON.get(quote, quote)}")


def file_name(symbol: str) -> str:
    """Kraken's altname of a market, composed of its assets' altnames: `XBTUSD` for BTC-USD."""
    altnames = {common: altname for altname, common in COMMON.items()}
    return "".join(altnames.get(part, part) for part in symbol.split("-"))
