"""What a trader's inbox can contain: plain values, so that replaying an inbox replays the trader.

Feeds, timers and the operator only post them; only the trader acts on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.candles import Candles
from bot.domain.outcome import ErrorMeaning


class Timer(StrEnum):
    """Work that is due at a time."""

    CYCLE = "cycle"
    MONITOR = "monitor"
    SEARCH = "search"
    POLL = "poll"


class Verb(StrEnum):
    """What the operator can command."""

    PAUSE = "pause"
    RESUME = "resume"
    FLATTEN = "flatten"
    SELL = "sell"
    """Sell one position. The command names its symbol; its detail is the order that opened it."""
    DENY = "deny"
    """Block entries in a symbol or a base coin; the detail is a `Lasts`."""
    ALLOW = "allow"
    """Lift a DENY."""
    STOP = "stop"
    TRADE = "trade"
    """From the supervisor: this is the broker that may open positions (MULTI_BROKER_INDEPENDENT=false)."""


class Lasts(StrEnum):
    """How long a DENY is in force."""

    UNTIL_RESTART = "until NIJA restarts"
    FOR_GOOD = "for good"


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the operator. `number` is its row in the database, 0 if it was not stored. Each `Verb` that uses `symbol` or
    `detail` documents them.
    """

    verb: Verb
    number: int = 0
    symbol: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why there are no candles to decide on: bad, late, too quiet or unavailable. `meaning` is set when the exchange refused the
    request.
    """

    reason: str
    meaning: ErrorMeaning | None = None


@dataclass(frozen=True, slots=True)
class CandleClosed:
    """A candle of `symbol` closed at market time `close`: the candles up to it, or why there are none. A later event for the
    same close replaces it.
    """

    symbol: str
    close: int
    found: Candles | Unfit


@dataclass(frozen=True, slots=True)
class Fed:
    """Everything known of the `wanted` symbols at market time `up_to` was posted before this."""

    up_to: int
    wanted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """The market, which runs in lock-step, has advanced: check what is due."""


AccountEvent = Timer | Command | CandleClosed | Fed | Moved
