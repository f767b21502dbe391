"""A torture's checks of one broker's book against its venue's true state, one line per error.

Adds to `agreement`: the owner's coins and orders, and coins without a stop. `earned` checks results. Works on the
documents alone; both must be from a quiet moment (`is_quiet`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.torture.agreement import coins_moved, differences, sold_gross
from tests.torture.owner import Belongings

Doc = Mapping[str, Any]
ZERO = Decimal(0)
#: How long a position may be without a stop (real seconds), from the venue's first good answer on.
NAKED_SECONDS = 5.0
#: How long after a trouble the venue's first good answer may come (real seconds): a started daemon has to connect first.
AFTERMATH = 2.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """A time (wall seconds) in which the daemon was down, or the venue did not answer or answered wrongly, as with hidden
    money and fills.
    """

    start: float
    end: float


def is_quiet(events: Sequence[Doc], since: float) -> bool:
    """Whether nothing has happened at a venue after `since` (wall seconds), so that the book can be compared with it."""
    return not events or _seconds(events[-1]["wall_time"]) < since


def discrepancies(book: Doc, truth: Doc, owner: Belongings, taken: Mapping[str, Decimal] | None = None) -> list[str]:
    """All errors of a book except in its results; `taken` are coins that it has written off."""
    ours = {**truth, "orders": [order for order in truth["orders"] if order["id"] not in owner.orders]}
    return [
        *differences(book, ours, taken),
        *_coins(ours, owner),
        *_orders(truth, owner),
        *_repeated_cover(book),
        *_naked_periods(book),
    ]


def _bought(truth: Doc) -> list[Doc]:
    """The fills of NIJA's own orders."""
    ours = {order["id"] for order in truth["orders"] if order["origin"] != "manual"}
    return [fill for fill in truth["fills"] if fill["order_id"] in ours]


def _coins(truth: Doc, owner: Belongings) -> list[str]:
    """Coins at the venue = the owner's + those NIJA bought and has not sold, and never less at any time."""
    ours: dict[str, Decimal] = defaultdict(Decimal)
    least: dict[str, Decimal] = defaultdict(Decimal)
    for fill in _bought(truth):
        base = fill["symbol"].split("-")[0]
        ours[base] += coins_moved(fill)
        least[base] = min(least[base], ours[base])
    gross = sold_gross(truth)
    lines = [
        f"NIJA sold {-qty} {asset} of the owner's" for asset, qty in least.items() if -qty > gross.get(asset, ZERO)
    ]
    for asset, before in owner.coins.items():
        held = truth["balances"].get(asset, {"free": "0", "held": "0"})
        there = Decimal(held["free"]) + Decimal(held["held"])
        if there != before + ours[asset]:
            lines.append(f"coins of {asset}: the venue holds {there}, the owner's {before} and NIJA's {ours[asset]}")
    return lines


def _orders(truth: Doc, owner: Belongings) -> list[str]:
    return [
        f"the owner's order {order['id']} is {order['status']}, filled {order['filled']}"
        for order in truth["orders"]
        if order["id"] in owner.orders and (order["status"] != "open" or Decimal(order["filled"]) != ZERO)
    ]


def _repeated_cover(book: Doc) -> list[str]:
    """No position has stops for more coins than it has."""
    lines = []
    for position in book["positions"]:
        covered = sum((Decimal(stop["qty"]) for stop in position["stops"]), ZERO)
        if covered > Decimal(position["qty"]):
            lines.append(f"position {position['symbol']} {position['qty']} lies under stops of {covered}")
    return lines


def _naked_periods(book: Doc) -> list[str]:
    """No position, no naked period."""
    held = {position["symbol"] for position in book["positions"]}
    return [
        f"a naked period of {one['symbol']} since {one['start']} ({one['why']}) outlives its position"
        for one in book["naked"]
        if one["end"] is None and one["symbol"] not in held
    ]


# -- coins without a stop ---------------------------------------------------------------------------------------------
def naked(exposure: Mapping[str, Doc], troubles: Sequence[Trouble], now: float, *, attaches: bool) -> list[str]:
    """Wrong naked periods: any after an entry where the venue `attaches` stops to entries; otherwise those that lasted too
    long after the venue's first good answer.
    """
    found = []
    for symbol, event, start, end in _naked_periods_of(exposure, now):
        never = attaches and event["why"] == "entry"
        lasted = end - (start if never else _from(event, start, end, troubles))
        if lasted > (0 if never else NAKED_SECONDS):
            found.append(f"naked: {symbol} for {lasted:.3f} s from {event['start']} because of {event['why']}")
    return found


def naked_by_cause(
    exposure: Mapping[str, Doc], troubles: Sequence[Trouble], now: float
) -> dict[str, tuple[float, float]]:
    """By cause: total real seconds without cover, and the longest period after good answers."""
    causes: dict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for _, event, start, end in _naked_periods_of(exposure, now):
        total, longest = causes[event["why"]]
        causes[event["why"]] = total + end - start, max(longest, end - _from(event, start, end, troubles))
    return dict(causes)


def held_by_venue(exposure: Mapping[str, Doc]) -> float:
    """Real seconds in which the venue still held the coins, so that nobody could protect them."""
    return sum(float(one.get("venue_held_seconds", 0)) for one in exposure.values())


def _naked_periods_of(exposure: Mapping[str, Doc], now: float) -> Iterator[tuple[str, Doc, float, float]]:
    for symbol, one in exposure.items():
        for event in one["naked_events"]:
            yield symbol, event, _seconds(event["start"]), now if event["end"] is None else _seconds(event["end"])


def _from(event: Doc, start: float, end: float, troubles: Sequence[Trouble]) -> float:
    """The time from which the daemon ran and the venue answered correctly without interruption."""
    if event["well_since"] is None and event["end"] is not None:
        return end  # the request that ended it was itself answered wrongly
    well = start if event["well_since"] is None else _seconds(event["well_since"])
    over = [
        trouble.end + AFTERMATH for trouble in troubles if trouble.start <= end and start <= trouble.end + AFTERMATH
    ]
    return min(end, max([start, well, *over]))


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
