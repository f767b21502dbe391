"""Plans the steps that bring resting stops to the size and trigger a position needs. Pure.

There may be several stops, because some exchanges spawn one per fill. Together they never exceed the position, because an
oversized stop would sell coins that are not ours. No stop is cancelled only to be placed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.instrument import Instrument
from bot.domain.money import ZERO
from bot.domain.order import VenueOrder


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel this stop."""

    stop: VenueOrder


@dataclass(frozen=True, slots=True)
class Amend:
    """Change this stop's total size and trigger."""

    stop: VenueOrder
    qty: Decimal
    trigger: Decimal


@dataclass(frozen=True, slots=True)
class Place:
    """Place a new stop."""

    qty: Decimal
    trigger: Decimal


Step = Cancel | Amend | Place


def remaining(stop: VenueOrder) -> Decimal:
    """The quantity that a stop would still sell."""
    return max(stop.qty - stop.filled_qty, ZERO)


def protected_qty(stops: Sequence[VenueOrder]) -> Decimal:
    return sum((remaining(stop) for stop in stops), ZERO)


def plan_stops(
    stops: Sequence[VenueOrder], want: Decimal, trigger: Decimal, instrument: Instrument, *, amend: bool
) -> list[Step]:
    """The steps from `stops` to stops of exactly `want` in total (a multiple of the lot) at `trigger`.

    Each stop is rounded to whole lots, which may have become coarser since it was placed. Reductions come first. If the exchange
    has no amend, a stop that is not exactly right is cancelled and a new one placed.
    """
    if not amend:
        return _replace(stops, want, trigger)
    sizes = {stop.exchange_id: instrument.size(remaining(stop)) for stop in stops}
    _reduce(sizes, sum(sizes.values(), ZERO) - want, instrument)
    short = want - sum(sizes.values(), ZERO)
    if short > 0 and sizes:
        largest = max(sizes, key=lambda one: (sizes[one], one))
        if sizes[largest] > 0:
            sizes[largest] += short
            short = ZERO
    steps: list[Step] = [Cancel(stop) for stop in stops if sizes[stop.exchange_id] <= 0]
    steps += [
        Amend(stop, stop.filled_qty + sizes[stop.exchange_id], trigger)
        for stop in stops
        if sizes[stop.exchange_id] > 0 and (sizes[stop.exchange_id] != remaining(stop) or stop.trigger_price != trigger)
    ]
    if short > 0:
        steps.append(Place(short, trigger))
    return steps


def _reduce(sizes: dict[str, Decimal], excess: Decimal, instrument: Instrument) -> None:
    """Reduce `sizes` by `excess`, smallest stops first; a stop that would fall below the exchange's minimum is removed."""
    for name in sorted(sizes, key=lambda one: (sizes[one], one)):
        if excess <= 0:
            return
        cut = min(excess, sizes[name])
        left = sizes[name] - cut
        sizes[name] = left if left >= instrument.min_qty else ZERO
        excess -= cut


def _replace(stops: Sequence[VenueOrder], want: Decimal, trigger: Decimal) -> list[Step]:
    right = [stop for stop in stops if remaining(stop) == want and stop.trigger_price == trigger]
    keep = right[:1] if want > 0 else []
    steps: list[Step] = [Cancel(stop) for stop in stops if stop not in keep]
    return steps if keep or want <= 0 else [*steps, Place(want, trigger)]
