"""Imports what a backtest needs and nothing that only the daemon does: half of a short run would be imports."""

from __future__ import annotations

import sys


def import_talib() -> None:
    """TA-Lib takes data frames too if there are any, and imports pandas for that: a third of a second for nothing here."""
    if "talib" in sys.modules or "pandas" in sys.modules:
        return
    sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        import talib  # noqa: F401
    finally:
        del sys.modules["pandas"]
