"""How long coins bought through the API lay without a stop, in real seconds.

Held is what API orders bought and have not sold; covered is what resting stops and working sells of the API would
sell. Within one lot and below the venue's minimum nothing counts as naked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bot.sandbox.core.instrument import plain
from bot.sandbox.core.times import iso
from bot.sandbox.core.values import ZERO


@dataclass
class Stretch:
    """A time without cover; `end_ms` is None while it lasts."""

    start_ms: int
    why: str
    end_ms: int | None = None

    def seconds(self, now_ms: int) -> Decimal:
        return Decimal((self.end_ms if self.end_ms is not None else now_ms) - self.start_ms) / 1000


@dataclass
class SymbolExposure:
    """One symbol's position as the venue sees it, and its naked stretches."""

    held: Decimal = ZERO
    covered: Decimal = ZERO
    stretches: list[Stretch] = field(default_factory=list)

    def look(self, held: Decimal, covered: Decimal, naked: bool, wall_ms: int, why: str) -> bool:
        """Notes the state after a change; True when a naked stretch began or ended."""
        self.held, self.covered = held, covered
        current = self.stretches[-1] if self.stretches and self.stretches[-1].end_ms is None else None
        if naked and current is None:
            self.stretches.append(Stretch(wall_ms, why))
            return True
        if not naked and current is not None:
            current.end_ms = wall_ms
            return True
        return False

    def report(self, now_ms: int) -> dict[str, Any]:
        lengths = [stretch.seconds(now_ms) for stretch in self.stretches]
        return {
            "held": plain(self.held),
            "covered": plain(self.covered),
            "naked_seconds": plain(sum(lengths, ZERO)),
            "naked_max_seconds": plain(max(lengths, default=ZERO)),
            "naked_events": [
                {"start": iso(s.start_ms), "end": None if s.end_ms is None else iso(s.end_ms), "why": s.why}
                for s in self.stretches
            ],
        }
