"""The periods of a strategy that chooses its markets: when each begins, and what may be known of a market then. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from bot.domain.candles import Candles
from bot.domain.clock import SECOND
from bot.strategy.base import Universe


def began(now: int, universe: Universe) -> int:
    """The start of the current period (UTC, market ms)."""
    day = datetime.fromtimestamp(now // SECOND, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = day.replace(day=1) if universe.period == "month" else day
    return int(start.timestamp()) * SECOND


def before(candles: Candles, since: int) -> Candles:
    """The candles that had closed when the period began."""
    return candles[: int(candles.time.searchsorted(since - candles.timeframe_ms, side="right"))]


def best(ranks: Mapping[str, float | None], universe: Universe) -> list[str]:
    """The markets that are chosen, best first, equals by symbol; those without a rank are not to be traded."""
    ranked = {symbol: rank for symbol, rank in ranks.items() if rank is not None}
    return sorted(ranked, key=lambda symbol: (-ranked[symbol], symbol))[: universe.most]
