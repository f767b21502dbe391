"""What was judged about one market at one close, with every condition that was asked: the answer to "why did it not trade?".

Kept for people, for a while; nothing that trades ever reads it.
"""

from __future__ import annotations

from typing import NamedTuple


class Condition(NamedTuple):
    """One question that was asked, and its answer: what was found, what that was held against, and whether it held.

    `needed`: without it there is no entry; else it only counts in another condition, such as a point in a score.
    """

    name: str
    value: float | str
    limit: float | str
    held: bool
    needed: bool = True


class Judgement(NamedTuple):
    """One market at one close.

    `candle` is the close (market ms); `side` is 1 or -1, whether or not it came to a signal, or 0 when the strategy does not say;
    `reason` is the strategy's; `conditions` are its own, `gates` those of NIJA, as far as they were asked. `words` say why
    the last of them blocks.
    """

    symbol: str
    candle: int
    timeframe_ms: int
    side: int = 0
    signal: bool = False
    reason: str = ""
    conditions: tuple[Condition, ...] = ()
    gates: tuple[Condition, ...] = ()
    words: str = ""

    @property
    def blocked_by(self) -> Condition | None:
        """What blocked the entry; None when an order for it was sent."""
        of_the_house = next((one for one in self.gates if not one.held), None)
        if of_the_house is not None or self.signal:
            return of_the_house
        own = next((one for one in self.conditions if one.needed and not one.held), None)
        return own or Condition("no_signal", self.reason, "a signal", held=False)
