"""The evaluation of one market at one close, with every condition that was checked: the answer to "why did it not trade?".

Kept for people, for a limited time; trading code never reads it.
"""

from __future__ import annotations

from typing import NamedTuple


class Condition(NamedTuple):
    """One condition that was checked: the value found, the value required, and whether it held.

    `needed`: there is no entry unless it holds. Otherwise it only contributes to another condition, such as a point in a score.
    """

    name: str
    value: float | str
    limit: float | str
    held: bool
    needed: bool = True


class Judgement(NamedTuple):
    """One market at one close.

    `candle` is the close (market ms). `side` is 1 or -1, with or without a signal, or 0 if the strategy names none. `reason` and
    `conditions` are the strategy's. `gates` are NIJA's own, up to the first that blocks; `words` explain why it does.
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
        """What blocked the entry; None if its order was sent."""
        of_the_house = next((one for one in self.gates if not one.held), None)
        if of_the_house is not None or self.signal:
            return of_the_house
        own = next((one for one in self.conditions if one.needed and not one.held), None)
        return own or Condition("no_signal", self.reason, "a signal", held=False)
