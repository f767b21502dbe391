"""What one venue does in its own way. The plain way is here; a venue's own `venue` module changes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bot.sandbox.core.fees import FeeTable
from bot.sandbox.core.finish import Finish
from bot.sandbox.core.sources import Funding


@dataclass
class Habits:
    """Read at each use, so that a switch that changes one acts at once."""

    fees: FeeTable
    finish: Finish = field(default_factory=Finish)
    funding: Funding | None = None
    hidden_seconds: Callable[[], float] = lambda: 0.0
    """How long (real s) the next fill is not shown."""
    cuts_triggered: Callable[[], bool] = lambda: False
    """Whether a triggered sale of more coins than there are sells what is there."""
    clears_after_ms: Callable[[], int] = lambda: 0
    """Real ms until what an order lets go of, or brings, is free."""
