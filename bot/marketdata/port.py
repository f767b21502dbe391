"""What may be asked of whoever tells closed candles, and what is told where there are none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from bot.domain.events import Fed, Unfit

NOT_THERE: Final = Unfit("the newest candle is not there yet")


class MarketData(Protocol):
    """Tells of each wanted market's newest closed candle, once it is there and again when more is known.

    What it tells are `CandleClosed` values in the inbox of whoever wants them: nothing that is asked here waits. Used by one
    thread.
    """

    def want(self, symbols: Sequence[str]) -> None:
        """Of which markets, from now on, the most urgent first."""
        ...

    def heard(self, fed: Fed) -> None:
        """All that it told before this has been taken in."""
        ...

    def tend(self) -> None:
        """See that it is alive; called now and then."""
        ...
