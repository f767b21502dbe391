"""How long coins bought through the API were held without a stop, in real seconds.

`held` is what API orders have bought and not sold; `covered` is what resting stops and working sells of the API would
sell. A difference of up to one lot, or below the venue's minimum, does not count as naked. While the venue itself
still holds the coins, nobody can protect them: that time is counted separately.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from bot.sandbox.core.instrument import plain
from bot.sandbox.core.times import iso
from bot.sandbox.core.values import ZERO

HELD_BY_VENUE = "{why}; the exchange still held the coins"


class Protection(Enum):
    """Whether a position is protected, lacks a stop, or cannot have one yet."""

    COVERED = "covered"
    NAKED = "naked"
    HELD_BY_VENUE = "held by the venue"


@dataclass
class NakedPeriod:
    """A time without protection; `end_ms` is None while it lasts. `well_since_ms` is the time from which every answer of
    the venue was good up to the end of the period; None if the last answer was not.
    """

    start_ms: int
    why: str
    end_ms: int | None = None
    held_by_venue: bool = False
    well_since_ms: int | None = None

    def seconds(self, now_ms: int) -> Decimal:
        return Decimal((self.end_ms if self.end_ms is not None else now_ms) - self.start_ms) / 1000

    def row(self) -> dict[str, str | None]:
        why = HELD_BY_VENUE.format(why=self.why) if self.held_by_venue else self.why
        end, well = (None if at is None else iso(at) for at in (self.end_ms, self.well_since_ms))
        return {"start": iso(self.start_ms), "end": end, "why": why, "well_since": well}


@dataclass
class SymbolExposure:
    """One symbol's position as the venue sees it, and its naked periods."""

    held: Decimal = ZERO
    covered: Decimal = ZERO
    periods: list[NakedPeriod] = field(default_factory=list)

    def look(
        self,
        held: Decimal,
        covered: Decimal,
        cover: Protection,
        wall_ms: int,
        why: str,
        well_since_ms: int | None = None,
    ) -> bool:
        """Records the state after a change; True if a naked period began or ended.

        A period that continues after the venue has released the coins keeps its first reason.
        """
        self.held, self.covered = held, covered
        current = self.periods[-1] if self.periods and self.periods[-1].end_ms is None else None
        if cover is _cover_of(current):
            return False
        if current is not None:
            current.end_ms, current.well_since_ms = wall_ms, well_since_ms
        if cover is not Protection.COVERED:
            by_venue = cover is Protection.HELD_BY_VENUE
            self.periods.append(NakedPeriod(wall_ms, why if current is None else current.why, None, by_venue))
        return True

    def report(self, now_ms: int) -> dict[str, Any]:
        naked = [period for period in self.periods if not period.held_by_venue]
        by_venue = [period for period in self.periods if period.held_by_venue]
        return {
            "held": plain(self.held),
            "covered": plain(self.covered),
            "naked_seconds": plain(sum((s.seconds(now_ms) for s in naked), ZERO)),
            "naked_max_seconds": plain(max((s.seconds(now_ms) for s in naked), default=ZERO)),
            "naked_events": [period.row() for period in naked],
            "venue_held_seconds": plain(sum((s.seconds(now_ms) for s in by_venue), ZERO)),
            "venue_held_events": [period.row() for period in by_venue],
        }


def _cover_of(current: NakedPeriod | None) -> Protection:
    if current is None:
        return Protection.COVERED
    return Protection.HELD_BY_VENUE if current.held_by_venue else Protection.NAKED
