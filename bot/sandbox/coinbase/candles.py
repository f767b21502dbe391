"""Defects of candle responses, for the fault `bad_candle`."""

from __future__ import annotations

Row = dict[str, str]
PRICES = ("open", "high", "low", "close")


def spoil(rows: list[Row], defect: str | None) -> list[Row]:
    """The rows (newest first) with one defect in the newest closed ones; by default a high below the low."""
    if len(rows) < 4:
        return rows
    out = [dict(row) for row in rows]
    bad = out[2]
    match defect or "high_below_low":
        case "nan":
            bad["close"] = "NaN"
        case "zero":
            bad.update(dict.fromkeys(PRICES, "0"))
        case "negative":
            bad["low"] = f"-{bad['low']}"
        case "duplicate":
            out.insert(2, dict(bad))
        case "none":
            out.clear()
        case "missing":
            del out[2]
        case "out_of_order":
            out[1], out[2] = out[2], out[1]
        case _:
            bad["high"], bad["low"] = bad["low"], f"{float(bad['high']) * 1.01:.8f}"
    return out
