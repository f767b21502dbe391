"""Defects of candle responses, for the fault `bad_candle`."""

from __future__ import annotations

from typing import Any

Row = list[Any]
DEFECTS = ("nan", "zero", "negative", "high_below_low", "duplicate", "missing", "out_of_order", "none")
TIME, OPEN, HIGH, LOW, CLOSE = range(5)


def spoil(rows: list[Row], defect: str | None) -> list[Row]:
    """The rows with one defect in the newest committed candles (by default a high below the low)."""
    if len(rows) < 4:
        return rows
    out = [list(row) for row in rows]
    bad = out[-3]
    match defect or "high_below_low":
        case "nan":
            bad[CLOSE] = "NaN"
        case "zero":
            bad[OPEN] = bad[HIGH] = bad[LOW] = bad[CLOSE] = "0.00000"
        case "negative":
            bad[LOW] = f"-{bad[LOW]}"
        case "duplicate":
            out.insert(-2, list(bad))
        case "none":
            out.clear()
        case "missing":
            del out[-3]
        case "out_of_order":
            out[-3], out[-2] = out[-2], out[-3]
        case _:
            bad[HIGH], bad[LOW] = bad[LOW], _above(bad[HIGH])
    return out


def _above(price: str) -> str:
    """A higher price with the same number of decimals."""
    decimals = len(price.partition(".")[2])
    return f"{float(price) * 1.01:.{decimals}f}"
