"""Symbols as people write them, in NIJA's form: `BASE-QUOTE` with common names, in capitals."""

from __future__ import annotations

import re
from typing import Final

#: Kraken shows these coins under names of its own, on its website too.
_COMMON: Final = {"XBT": "BTC", "XDG": "DOGE"}


def pair(text: str) -> str:
    """The symbol of a market; raises ValueError."""
    symbol = text.upper()
    if not re.fullmatch(r"[A-Z0-9]+-[A-Z0-9]+(-SWAP)?", symbol):
        raise ValueError("not BASE-QUOTE")
    return "-".join(_COMMON.get(part, part) for part in symbol.split("-"))


def pair_or_base(text: str) -> str:
    """The symbol of a market, or a base coin; raises ValueError."""
    return _COMMON.get(text.upper(), text.upper()) if re.fullmatch(r"[A-Za-z0-9]+", text) else pair(text)
