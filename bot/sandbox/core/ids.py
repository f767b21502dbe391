"""Where identities come from: a venue supplies its own forms of them."""

from __future__ import annotations

from typing import Protocol


class Ids(Protocol):
    """Fresh, never repeated identities in the venue's form."""

    def order(self) -> str: ...

    def fill(self, symbol: str, order_id: str) -> str: ...

    def movement(self) -> str: ...
