"""Imports TA-Lib without pandas, which would take a large part of a short run."""

from __future__ import annotations

import sys


def import_talib() -> None:
    """TA-Lib also accepts data frames and imports pandas for them, which takes a third of a second. A backtest has none."""
    if "talib" in sys.modules or "pandas" in sys.modules:
        return
    sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        import talib  # noqa: F401
    finally:
        del sys.modules["pandas"]
