"""New rules for a market that is listed already, as a switch says them: `tick=0.5 lot=0.01 min=0.1 cost=5`, or `delisted`.

What is left out stays as it was at the start; an empty text brings everything back. Sizes and costs are those that the
venue itself shows. Each venue's listing turns them into its own words.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

DELISTED = "delisted"
NAMES = frozenset({"tick", "lot", "min", "cost"})


def rules_of(text: str) -> dict[str, Decimal]:
    """The named rules, all above zero; raises ValueError for anything else."""
    found: dict[str, Decimal] = {}
    for part in text.split():
        name, _, value = part.partition("=")
        try:
            found[name] = Decimal(value)
        except InvalidOperation as error:
            raise ValueError(f"{part!r} is no rule such as tick=0.5") from error
        if name not in NAMES or not found[name].is_finite() or found[name] <= 0:
            raise ValueError(f"{part!r} is no rule such as tick=0.5; there are {', '.join(sorted(NAMES))}")
    return found
