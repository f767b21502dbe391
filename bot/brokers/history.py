"""Past candles, as every venue offers them: which ways lead there, and reading along one of them.

Only public data, so no key is needed. A venue knows its endpoints, their limits and their traps; the caller knows what is
missing, and keeps what was read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bot.domain.candles import Candles


class Route(NamedTuple):
    """One way through a span of time: all candles that open in `start` .. `end` (ms UTC, `end` excluded) come from `source`.

    `dense`: the venue also sends candles in which nothing was traded, so that a missing one is a fault. `overlap`: read this many
    ms beyond `end` as well, to be compared with what another way says of them.
    """

    source: str
    start: int
    end: int
    dense: bool = False
    overlap: int = 0


class Part(NamedTuple):
    """What one reading returned: the closed candles that open before `until` (ms UTC), from where it began.

    An interval without a candle had no trade. `candles` may hold candles from `until` on too, and may be faulty. `digest` is the
    name and SHA-256 of the file that they were read from, if it was one.
    """

    candles: Candles
    until: int
    source: str
    digest: tuple[str, str] | None = None


class Rate(NamedTuple):
    """One payment of funding: when it fell due (ms UTC), and the fraction of a position that longs paid to shorts."""

    time: int
    rate: float


class History(ABC):
    """The past of one venue's markets. Used by one thread; every method may raise `BrokerError`."""

    @abstractmethod
    def begins(self, symbol: str, timeframe_ms: int, start: int, end: int) -> int | None:
        """An open time (ms UTC) in `start` .. `end` before which the venue has no candle; None if it has none at all there.

        Raises UNSUPPORTED for a market that does not exist, and for a timeframe that the venue does not offer.
        """

    @abstractmethod
    def plan(self, symbol: str, timeframe_ms: int, start: int, end: int) -> Sequence[Route]:
        """The routes that cover `start` .. `end` (ms UTC), the most trusted first: a later one is compared with it."""

    @abstractmethod
    def read(self, symbol: str, timeframe_ms: int, route: Route, at: int) -> Part:
        """The next part of a route, from open time `at` on. Its `until` is above `at`."""

    def imported(self, path: Path, symbol: str, timeframe_ms: int) -> Iterator[tuple[Route, Part]]:  # noqa: ARG002
        """The candles in files that the venue offers for download by hand. Raises `ValueError` with one line."""
        raise ValueError("only kraken has files to import: leave --import out")

    def funding(self, symbol: str, start: int, end: int) -> Sequence[Rate] | None:  # noqa: ARG002
        """The rates that fell due in `start` .. `end` (ms UTC), oldest first; None for a market without funding."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Close the sockets; safe to call twice."""
