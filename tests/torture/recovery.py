"""How long after a start every position has its stop again, measured from the venue's first answer.

For a torture without faults: while the daemon is down the owner cancels a stop at each venue, so that there is something
to protect. Owns that deed and the measurement; times that are too long are errors.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import Any

from tests.torture.owner import Hand
from tests.torture.processes import Exchange, TortureError

#: Real seconds allowed from a venue's first answer to a started daemon until everything is protected there.
PROTECTED_SECONDS = 5.0
_PATIENCE = 30.0
_TURN = 0.05
_RESTING = frozenset({"stop", "stop-limit", "bracket"})
_ALIVE = frozenset({"open", "partially_filled"})


class Recovery:
    """Cancels stops and waits for their return; `took` has the seconds of each start by venue."""

    def __init__(self, exchange: Exchange, hands: Mapping[str, Hand]) -> None:
        self._exchange = exchange
        self._hands = hands
        self.took: dict[str, list[float]] = {venue: [] for venue in hands}

    def expose(self) -> dict[str, int]:
        """Cancels the newest stop at each venue; returns the venues that had one, with their number of requests so far."""
        exposed = [venue for venue, hand in self._hands.items() if self._cancel(venue, hand)]
        return {venue: self._asked(venue) for venue in exposed}

    def _cancel(self, venue: str, hand: Hand) -> bool:
        orders = self._truth(venue)["orders"]
        resting = [one for one in orders if one["type"] in _RESTING and one["status"] in _ALIVE]
        try:
            for stop in resting[-1:]:
                hand.cancel(stop["symbol"], stop["id"])
        except TortureError:  # it has just fired
            return False
        return bool(resting)

    def watch(self, asked: Mapping[str, int]) -> list[tuple[str, str]]:
        """Waits until everything is protected at the venues of `asked`; returns what took too long, by venue."""
        until = time.monotonic() + _PATIENCE
        first: dict[str, float] = {}
        left = set(asked)
        while left and time.monotonic() < until:
            time.sleep(_TURN)
            for venue in sorted(left):
                if venue not in first and self._asked(venue) > asked[venue]:
                    first[venue] = time.monotonic()
                if venue in first and not self._naked(venue):
                    self.took[venue].append(time.monotonic() - first[venue])
                    left.remove(venue)
        never = [(venue, f"not protected within {_PATIENCE:g} s of a start") for venue in sorted(left)]
        return never + [
            (venue, f"protected only {self.took[venue][-1]:.1f} s after the venue's first answer to a start")
            for venue in sorted(set(asked) - left)
            if self.took[venue][-1] > PROTECTED_SECONDS
        ]

    def _naked(self, venue: str) -> bool:
        exposure = self._exchange.call("GET", f"exposure?venue={venue}")
        return any(event["end"] is None for one in exposure.values() for event in one["naked_events"])

    def _asked(self, venue: str) -> int:
        return sum(self._truth(venue)["requests"].values())

    def _truth(self, venue: str) -> Any:
        return self._exchange.call("GET", f"ledger?venue={venue}")


def spread(took: Sequence[float]) -> str:
    """The distribution of the seconds: count, minimum, median, 90th percentile, maximum."""
    if len(took) < 2:
        return " ".join(f"{one:.1f}" for one in took) or "-"
    tenths = quantiles(took, n=10, method="inclusive")
    return f"{len(took)}: {min(took):.1f} / {tenths[4]:.1f} / {tenths[8]:.1f} / {max(took):.1f}"
