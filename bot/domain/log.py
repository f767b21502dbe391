"""What a room that may not know the log needs of it: events with fixed keys."""

from __future__ import annotations

from typing import Protocol


class Log(Protocol):
    """One line an event: a word to grep for, then fixed keys."""

    def debug(self, event: str, /, **fields: object) -> None: ...

    def info(self, event: str, /, **fields: object) -> None: ...

    def warning(self, event: str, /, **fields: object) -> None: ...

    def error(self, event: str, /, **fields: object) -> None: ...
