"""The faults of a torture and their times, drawn from a seed in advance so that the seed alone reproduces them.

Owns the kinds and sizes of faults; does not arm them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

Fault = dict[str, Any]

#: All kinds of faults of requests, orders, money, clocks and candles (without those of WebSockets).
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
    "words",
    "switch",
)
#: Kinds whose effect goes beyond one answer: money, fills and time are reported wrongly.
MISLEADING = frozenset({"stale_balance", "late_fill", "clock_skew", "partial_fill"})
#: Error codes that a venue may return for any request (fault `exchange_error`), from public reports: of a passing state, of
#: one market, of the endpoint, of the account's agreement; and two undocumented ones. After an @ comes the path of the
#: requests that get the code: one about attached stops, returned for a real entry, would separate stop and entry.
WORDS: Mapping[str, tuple[str, ...]] = {
    "kraken": (
        "EAccount:Invalid permissions:BTC trading restricted for NL.",
        "EOrder:Trading agreement required",
        "EService: Market in post_only mode",
        "EOrder:Insufficient funds",
        "EGeneral:Invalid arguments",
        "EGeneral:Unknown Method",
        "EOrder:Frobnicated",
        "EAPI:Invalid key:Frobnicated",
    ),
    "okx": ("54094", "51290", "51008", "51155", "51010", "51529", "51412", "50030", "58888", "row:57777"),
    "coinbase": (
        "MISSING_PRODUCT_PRICE_BOOK",
        "TRADING_DISABLED",
        "INSUFFICIENT_FUND",
        "GEOFENCING_RESTRICTION",
        "INVALID_ATTACHED_TAKE_PROFIT_PRICE_OUT_OF_BOUNDS@preview",
        "MISSING_PRODUCT_PRICE_BOOK@preview",
        "INVALID_REQUEST",
        "FROBNICATED",
        "UNKNOWN_FROBNICATION",
    ),
}
#: Switches that may be changed for the time of a storm, with their value.
PASSING: Mapping[str, tuple[tuple[str, object], ...]] = {
    "kraken": (("trading_agreement_required", True), ("tier", "starter"), ("system_status", "post_only")),
    "okx": (("algo_amend_refused", True), ("orders_refused", "54031"), ("rpi_prints", True)),
    "coinbase": (
        ("proof_token_required", True),
        ("hold_release_ms", 2_000),
        ("cancel_refused", "ORDER_IS_BEING_REPLACED"),
    ),
}
#: Range of `seconds` for kinds that have it (real seconds; for a skewed clock, its error).
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
#: Kinds for orders, money and candles, whatever the path of the request.
_ANYWHERE = frozenset({"partial_fill", "reject_order", "late_fill", "stale_balance", "bad_candle"})
#: Paths of requests: most faults are aimed at those that move money.
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
#: Switches that contradict the daemon's configuration; and one that makes the owner's sales unreadable: without them, what he sold is
#: believed after 20 seconds without a kill, which are rare here.
_NOT_OURS = frozenset(
    {
        *("demo_account", "wrong_region", "ip_refused", "proof_token_required", "proof_token_shows_rows"),
        "odd_foreign_rows",
    }
)
#: Switches that prevent attached stops, so that the stop has to be placed afterwards.
APART = frozenset(
    {
        "close_refused_on_spot",
        "close_below_ordermin_dropped",
        "attached_refused_on_spot",
        "attached_refused",
        "attached_refused_on_ioc",
        "attached_below_minimum_dropped",
        "stops_refused_on_spot",
    }
)


@dataclass(frozen=True, slots=True)
class Storm:
    """Faults that are armed and switches that are changed at a venue, from `start` to `end` (real seconds from the beginning
    of the torture).
    """

    start: float
    end: float
    faults: tuple[Fault, ...]
    switches: tuple[tuple[str, object], ...] = ()

    @property
    def misleads(self) -> bool:
        """Whether the venue reports wrong facts beyond single answers."""
        return bool(self.switches) or any(fault["kind"] in MISLEADING for fault in self.faults)


def storms(seed: int, venue: str, seconds: float, kinds: Sequence[str]) -> Iterator[Storm]:
    """The storms of one venue, with calms between them, until `seconds`."""
    dice = Random(f"{seed}/{venue}/faults")
    at = dice.uniform(*_CALM)
    while kinds and at < seconds:
        end = at + dice.uniform(*_STORM)
        drawn = [dice.choice(kinds) for _ in range(dice.randint(1, 4))]
        faults = tuple(_fault(dice, venue, kind) for kind in drawn if kind != "switch")
        yield Storm(at, min(end, seconds), faults, (dice.choice(PASSING[venue]),) if "switch" in drawn else ())
        at = end + dice.uniform(*_CALM)


def _fault(dice: Random, venue: str, kind: str) -> Fault:
    fault: Fault = {"venue": venue, "kind": kind}
    if kind == "words":
        word, _, where = dice.choice(WORDS[venue]).partition("@")
        fault = {"venue": venue, "kind": "exchange_error", "body": word, "processed": False}
        if where:
            return fault | _measure(dice) | {"path": where}
    if kind in _SECONDS:
        fault["seconds"] = round(dice.uniform(*_SECONDS[kind]), 2)
    if kind == "clock_skew":
        return fault
    path = None if kind in _ANYWHERE else dice.choice(_PATHS)
    return fault | _measure(dice) | ({"path": path} if path is not None else {})


def _measure(dice: Random) -> Fault:
    """How often it fires: a few times at once, after a few requests, or by chance."""
    return dice.choice(
        (
            {"count": dice.randint(1, 4)},
            {"count": 1, "after": dice.randint(1, 6)},
            {"probability": round(dice.uniform(0.1, 0.7), 2)},
        )
    )


def jumps(seed: int, venue: str, seconds: float) -> Iterator[tuple[float, float, float]]:
    """The jumps of positions' markets: time, which position (a fraction of their list), and factor on its last price."""
    dice = Random(f"{seed}/{venue}/jumps")
    at = dice.uniform(*_BETWEEN_JUMPS)
    while at < seconds:
        yield at, dice.random(), dice.uniform(0.985, 1.015)
        at += dice.uniform(*_BETWEEN_JUMPS)


def turned(seed: int, venue: str, switches: Mapping[str, Any]) -> dict[str, bool]:
    """The switches of a venue that this seed inverts: one in six of the boolean ones."""
    dice = Random(f"{seed}/{venue}/switches")
    fair = sorted(name for name, value in switches.items() if isinstance(value, bool) and name not in _NOT_OURS)
    return {name: not switches[name] for name in fair if dice.random() < 1 / 6}


def ends(seed: int, seconds: float, every: float) -> list[tuple[float, bool]]:
    """When the daemon is ended, on average `every` seconds; True for SIGTERM, False for a kill."""
    dice = Random(f"{seed}/ends")
    found: list[tuple[float, bool]] = []
    at = 0.0
    while every > 0 and (at := at + max(1.0, dice.expovariate(1 / every))) < seconds:
        found.append((at, dice.random() < 0.25))
    return found
