"""Converts milliseconds UTC to ISO 8601 with `Z` and back."""

from __future__ import annotations

from datetime import UTC, datetime

CANDLE_MS = 300_000


def iso(time_ms: int) -> str:
    """ISO 8601 UTC, with milliseconds unless they are zero."""
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{time_ms % 1000:03d}Z" if time_ms % 1000 else f"{text}Z"


def parse_iso(text: str) -> int:
    """Milliseconds UTC of an ISO 8601 text; a text without an offset is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def candle_close(time_ms: int) -> int:
    """The latest close of a 5-minute candle at or before a time."""
    return time_ms // CANDLE_MS * CANDLE_MS
