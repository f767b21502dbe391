"""The events of a venue, in order, with the times of both clocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bot.sandbox.core.times import candle_close, iso


class Event(StrEnum):
    NEW = "new"
    FILL = "fill"
    AMEND = "amend"
    CANCEL = "cancel"
    EXPIRE = "expire"
    TRIGGER = "trigger"
    REJECT = "reject"


@dataclass
class Timeline:
    """Numbered events; `rows` is shown by the control API."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, kind: Event, wall_ms: int, market_ms: int, order_id: str | None, client_id: str | None
    ) -> dict[str, Any]:
        row = {
            "n": len(self.rows) + 1,
            "wall_time": iso(wall_ms),
            "market_time": iso(market_ms),
            "kind": kind.value,
            "order_id": order_id,
            "client_id": client_id,
            "candle_close": iso(candle_close(market_ms)) if kind is Event.NEW else None,
        }
        self.rows.append(row)
        return row

    def since(self, n: int) -> list[dict[str, Any]]:
        """The events after number `n`."""
        return self.rows[max(n, 0) :]
