"""What goes wrong in a torture, and when: drawn from a seed before it begins, so that the seed alone brings it back.

Owns the kinds and sizes of faults; arms nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

Fault = dict[str, Any]

#: All kinds that happen to requests, orders, money, clocks and candles (those of WebSockets are not among them).
KINDS = (
    "refuse",
    "drop_before",
    "drop_after",
    "delay",
    "hang",
    "http_status",
    "exchange_error",
    "malformed",
    "truncated",
    "empty",
    "slow_drip",
    "partial_fill",
    "reject_order",
    "late_fill",
    "stale_balance",
    "clock_skew",
    "rate_limit",
    "maintenance",
    "bad_candle",
)
#: Shortest and longest `seconds` of the kinds that have some (real seconds; of a skewed clock how far it is off).
_SECONDS: Mapping[str, tuple[float, float]] = {
    "refuse": (0.2, 4.0),
    "rate_limit": (0.2, 3.0),
    "maintenance": (0.2, 4.0),
    "delay": (0.1, 6.0),
    "hang": (0.5, 6.0),
    "slow_drip": (1.0, 15.0),
    "late_fill": (0.2, 4.0),
    "clock_skew": (-40.0, 40.0),
}
#: Kinds that happen to orders, money and candles, wherever they are asked for.
_ANYWHERE = frozenset({"partial_fill", "reject_order", "late_fill", "stale_balance", "bad_candle"})
#: Which requests: most faults look for those that move money.
_PATHS = (
    None,
    None,
    "(?i)order",
    "(?i)(add|amend|cancel|edit)|trade/(order|amend|cancel)|brokerage/orders$",
    "(?i)fill|trades|bill",
)
_STORM = (1.0, 6.0)
_CALM = (0.5, 4.0)
_BETWEEN_JUMPS = (3.0, 12.0)
#: Switches that the daemon's own configuration would contradict.
_NOT_OURS = frozenset({"demo_account", "wrong_region", "ip_refused"})
#: Switches that part a stop from its entry, so that it has to be placed afterwards.
APART = frozenset(
    {
        "close_refused_on_spot",
        "close_below_ordermin_dropped",
        "attached_refused_on_spot",
        "attached_refused",
        "attached_below_minimum_dropped",
        "stops_refused_on_spot",
    }
)


@dataclass(frozen=True, slots=True)
class Storm:
    """From `start` to `end` (real seconds after the torture's beginning) these faults are armed at a venue."""

    start: float
    end: float
    faults: tuple[Fault, ...]


def storms(seed: int, venue: str, seconds: float, kinds: Sequence[str]) -> Iterator[Storm]:
    """The storms of one venue, with calms between them, until `seconds`."""
    dice = Random(f"{seed}/{venue}/faults")  # noqa: S311 - a torture, no secret
    at = dice.uniform(*_CALM)
    while kinds and at < seconds:
        end = at + dice.uniform(*_STORM)
        yield Storm(at, min(end, seconds), tuple(_fault(dice, venue, kinds) for _ in range(dice.randint(1, 4))))
        at = end + dice.uniform(*_CALM)


def _fault(dice: Random, venue: str, kinds: Sequence[str]) -> Fault:
    kind = dice.choice(kinds)
    fault: Fault = {"venue": venue, "kind": kind}
    if kind in _SECONDS:
        fault["seconds"] = round(dice.uniform(*_SECONDS[kind]), 2)
    if kind == "clock_skew":
        return fault
    path = None if kind in _ANYWHERE else dice.choice(_PATHS)
    return fault | _measure(dice) | ({"path": path} if path is not None else {})


def _measure(dice: Random) -> Fault:
    """How often it fires: at once and a few times, after a few requests, or by chance."""
    return dice.choice(
        (
            {"count": dice.randint(1, 4)},
            {"count": 1, "after": dice.randint(1, 6)},
            {"probability": round(dice.uniform(0.1, 0.7), 2)},
        )
    )


def jumps(seed: int, venue: str, seconds: float) -> Iterator[tuple[float, float, float]]:
    """When the market of a position jumps, which (a fraction of their list), and to what times its last price."""
    dice = Random(f"{seed}/{venue}/jumps")  # noqa: S311 - a torture, no secret
    at = dice.uniform(*_BETWEEN_JUMPS)
    while at < seconds:
        yield at, dice.random(), dice.uniform(0.985, 1.015)
        at += dice.uniform(*_BETWEEN_JUMPS)


def turned(seed: int, venue: str, switches: Mapping[str, Any]) -> dict[str, bool]:
    """The switches of a venue that this seed turns over: of those that are on or off, one in six."""
    dice = Random(f"{seed}/{venue}/switches")  # noqa: S311 - a torture, no secret
    fair = sorted(name for name, value in switches.items() if isinstance(value, bool) and name not in _NOT_OURS)
    return {name: not switches[name] for name in fair if dice.random() < 1 / 6}


def ends(seed: int, seconds: float, every: float) -> list[tuple[float, bool]]:
    """When the daemon's lives end, `every` so many seconds on average; True where it is asked to (SIGTERM)."""
    dice = Random(f"{seed}/ends")  # noqa: S311 - a torture, no secret
    found: list[tuple[float, bool]] = []
    at = 0.0
    while every > 0 and (at := at + max(1.0, dice.expovariate(1 / every))) < seconds:
        found.append((at, dice.random() < 0.25))
    return found
