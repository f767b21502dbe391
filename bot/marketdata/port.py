"""What is asked of a market: closed candles, which are told when they are there, and prices, which are answered at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

from bot.domain.events import Fed, Unfit
from bot.domain.instrument import PriceRange, Ticker

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


class Prices(Protocol):
    """What can be had now, and what was traded since. Raises `BrokerError`; `BaseBroker` says it in full."""

    def tickers(self, symbols: Collection[str]) -> Mapping[str, Ticker]: ...

    def look(self, symbol: str, since: int) -> PriceRange: ...
