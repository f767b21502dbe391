"""OKX's bars: names, grids, rows, and their defects for the fault `bad_candle`.

Short bars lie on the UTC grid; 6H and longer ones open at midnight UTC+8 unless their name ends in `utc`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.sandbox.core.instrument import plain
from bot.sandbox.market import Bar
from bot.sandbox.okx.errors import bad
from bot.sandbox.okx.listing import Listed

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONDAY = 4 * DAY
HONG_KONG = 8 * HOUR
SHORT = {
    "1m": MINUTE, "3m": 3 * MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE, "30m": 30 * MINUTE, "1H": HOUR,
    "2H": 2 * HOUR, "4H": 4 * HOUR,
}  # fmt: skip
LONG = {"6H": 6 * HOUR, "12H": 12 * HOUR, "1D": DAY, "2D": 2 * DAY, "3D": 3 * DAY, "1W": 7 * DAY}
TIME, OPEN, HIGH, LOW, CLOSE = range(5)
Row = list[Any]


@dataclass(frozen=True)
class Grid:
    """A bar's length and the origin of its grid."""

    step_ms: int
    origin_ms: int

    def opened(self, t_ms: int) -> int:
        """The open time of the bar that contains `t_ms`."""
        return self.origin_ms + (t_ms - self.origin_ms) // self.step_ms * self.step_ms


def grid_of(name: str) -> Grid:
    """The grid of a bar name (case-sensitive); raises 51000."""
    if name in SHORT:
        return Grid(SHORT[name], 0)
    bare = name.removesuffix("utc")
    if bare not in LONG:
        raise bad("bar")
    origin = MONDAY if bare == "1W" else 0
    return Grid(LONG[bare], origin if name.endswith("utc") else origin - HONG_KONG)


def row(listed: Listed, bar: Bar, closed: bool) -> Row:
    """A bar's row with its three volumes: base, quote, quote for spot; contracts, base, quote for swaps."""
    price = listed.price
    paid = f"{bar.volume * bar.vwap:.8f}".rstrip("0").rstrip(".")
    volumes = [listed.size(bar.volume), plain(bar.volume) if listed.is_swap else paid, paid]
    shown = [price(bar.open), price(bar.high), price(bar.low), price(bar.close)]
    return [str(bar.time_ms), *shown, *volumes, "1" if closed else "0"]


def spoil(rows: list[Row], defect: str | None) -> list[Row]:
    """The rows (newest first) with one defect in the newest closed ones; by default a high below the low."""
    if len(rows) < 4:
        return rows
    out = [list(row) for row in rows]
    wrong = out[2]
    match defect or "high_below_low":
        case "nan":
            wrong[CLOSE] = "NaN"
        case "zero":
            wrong[OPEN] = wrong[HIGH] = wrong[LOW] = wrong[CLOSE] = "0"
        case "negative":
            wrong[LOW] = f"-{wrong[LOW]}"
        case "duplicate":
            out.insert(2, list(wrong))
        case "none":
            out.clear()
        case "missing":
            del out[2]
        case "out_of_order":
            out[1], out[2] = out[2], out[1]
        case _:
            wrong[HIGH], wrong[LOW] = wrong[LOW], _above(wrong[HIGH])
    return out


def _above(price: str) -> str:
    """A higher price with the same number of decimals."""
    decimals = len(price.partition(".")[2])
    return f"{float(price) * 1.01:.{decimals}f}"
