"""New rules for a listed market, as a switch gives them: `tick=0.5 lot=0.01 min=0.1 cost=5`, or `delisted`.

A rule left out keeps its initial value; an empty text restores all of them. Sizes and costs are in the venue's own
units. Each venue's listing converts them to its own fields.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

DELISTED = "delisted"
NAMES = frozenset({"tick", "lot", "min", "cost"})


def rules_of(text: str) -> dict[str, Decimal]:
    """The rules by name, all above zero; raises ValueError for anything else."""
    found: dict[str, Decimal] = {}
    for part in text.split():
        name, _, value = part.partition("=")
        try:
            found[name] = Decimal(value)
        except InvalidOperation as error:
            raise ValueError(f"{part!r} is not a rule such as tick=0.5") from error
        if name not in NAMES or not found[name].is_finite() or found[name] <= 0:
            raise ValueError(f"{part!r} is not a rule such as tick=0.5; there are {', '.join(sorted(NAMES))}")
    return found
