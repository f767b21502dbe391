"""The interface to market data: closed candles, delivered when available, and prices, answered at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

from bot.domain.events import Fed, Unfit
from bot.domain.instrument import PriceRange, Ticker

NOT_THERE: Final = Unfit("the newest candle is not there yet")


class MarketData(Protocol):
    """Delivers the newest closed candle of each wanted market when available, and again when more is known.

    It delivers `CandleClosed` values to the user's inbox, so no method here waits. Used by one thread.
    """

    def want(self, symbols: Sequence[str]) -> None:
        """Set the wanted markets, most urgent first."""
        ...

    def heard(self, fed: Fed) -> None:
        """Everything delivered before `fed` has been processed."""
        ...

    def tend(self) -> None:
        """Check that the source is alive; called regularly."""
        ...


class Prices(Protocol):
    """Current prices, and trades since a time. Raises `BrokerError`; documented in full in `BaseBroker`."""

    def tickers(self, symbols: Collection[str]) -> Mapping[str, Ticker]: ...

    def look(self, symbol: str, since: int) -> PriceRange: ...
