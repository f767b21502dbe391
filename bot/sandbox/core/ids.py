"""The source of ids; each venue supplies its own format."""

from __future__ import annotations

from typing import Protocol


class Ids(Protocol):
    """New, unique ids in the venue's format."""

    def order(self) -> str: ...

    def fill(self, symbol: str, order_id: str) -> str: ...

    def movement(self) -> str: ...
