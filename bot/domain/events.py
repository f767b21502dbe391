"""What reaches a trader's inbox: plain values, so that a replayed inbox replays the trader.

Feeds, timers and the operator only post these; the trader alone acts on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.fill import Fill
from bot.domain.instrument import Look
from bot.domain.order import VenueOrder


class Timer(StrEnum):
    """Work that is due by the clock."""

    CYCLE = "cycle"
    WATCH = "watch"
    HUNT = "hunt"
    ATTEND = "attend"


class Verb(StrEnum):
    """What the operator may order."""

    PAUSE = "pause"
    RESUME = "resume"
    FLATTEN = "flatten"
    STOP = "stop"
    TRADE = "trade"
    """From the supervisor: this broker is the one that may enter (MULTI_BROKER_INDEPENDENT=false)."""


@dataclass(frozen=True, slots=True)
class Command:
    """An order of the operator; `number` is its row in the database, 0 for one that was not stored."""

    verb: Verb
    number: int = 0


@dataclass(frozen=True, slots=True)
class CandleClosed:
    """A candle of `symbol` closed at market time `close`."""

    symbol: str
    close: int


@dataclass(frozen=True, slots=True)
class Tick:
    """The price moved."""

    look: Look


@dataclass(frozen=True, slots=True)
class Filled:
    """The venue reported an execution."""

    fill: Fill


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """The venue reported an order's state."""

    order: VenueOrder


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A feed lost its connection: what it reported may have gaps until the next reconciliation."""

    reason: str


@dataclass(frozen=True, slots=True)
class Moved:
    """The market, which moves in lock-step, has moved on: see what is due."""


AccountEvent = Timer | Command | CandleClosed | Tick | Filled | OrderUpdate | Disconnected | Moved
