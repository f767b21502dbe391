"""Where venues behave differently. The defaults are here; a venue's `venue` module overrides them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bot.sandbox.core.fees import FeeTable
from bot.sandbox.core.finish import Finish
from bot.sandbox.core.sources import Funding


@dataclass
class Habits:
    """Read at each use, so that changing a switch takes effect at once."""

    fees: FeeTable
    finish: Finish = field(default_factory=Finish)
    funding: Funding | None = None
    hidden_seconds: Callable[[], float] = lambda: 0.0
    """How long (real seconds) the next fill stays hidden."""
    cuts_triggered: Callable[[], bool] = lambda: False
    """Whether a triggered sale of more coins than there are sells those that are there."""
    clears_after_ms: Callable[[], int] = lambda: 0
    """Real ms until the amounts that an order releases, or brings in, are free."""
