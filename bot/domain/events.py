"""What reaches a trader's inbox: plain values, so that a replayed inbox replays the trader.

Feeds, timers and the operator only post these; the trader alone acts on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.candles import Candles
from bot.domain.outcome import ErrorMeaning


class Timer(StrEnum):
    """Work that is due by the clock."""

    CYCLE = "cycle"
    MONITOR = "monitor"
    SEARCH = "search"
    POLL = "poll"


class Verb(StrEnum):
    """What the operator may order."""

    PAUSE = "pause"
    RESUME = "resume"
    FLATTEN = "flatten"
    SELL = "sell"
    """One position out; the command names its symbol and, as its detail, the order that opened it."""
    DENY = "deny"
    """No entries in a symbol or a base coin; the detail is a `Lasts`."""
    ALLOW = "allow"
    """The end of a DENY."""
    STOP = "stop"
    TRADE = "trade"
    """From the supervisor: this broker is the one that may enter (MULTI_BROKER_INDEPENDENT=false)."""


class Lasts(StrEnum):
    """How long a DENY is in force."""

    UNTIL_RESTART = "until NIJA restarts"
    FOR_GOOD = "for good"


@dataclass(frozen=True, slots=True)
class Command:
    """An order of the operator; `number` is its row in the database, 0 for one that was not stored. What `symbol` and `detail`
    are is said at each verb that has them.
    """

    verb: Verb
    number: int = 0
    symbol: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why there are no candles to decide on: bad, late, too quiet, or not told; `meaning` of a refusal to tell them."""

    reason: str
    meaning: ErrorMeaning | None = None


@dataclass(frozen=True, slots=True)
class CandleClosed:
    """A candle of `symbol` closed at market time `close`: the candles up to it, or why there are none. What comes later for the
    same close stands in its place.
    """

    symbol: str
    close: int
    found: Candles | Unfit


@dataclass(frozen=True, slots=True)
class Fed:
    """All that could be told of the `wanted` symbols at market time `up_to` was told before this."""

    up_to: int
    wanted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """The market, which moves in lock-step, has moved on: see what is due."""


AccountEvent = Timer | Command | CandleClosed | Fed | Moved
