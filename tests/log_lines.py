"""Parses a text log; the only place where a log line becomes an event again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bot.domain.log import Event

_LINE: Final = re.compile(
    r"\S+ \S+Z (?P<level>[A-Z]+) +(?:(?P<broker>[A-Z][A-Z0-9:_-]*) )?(?P<word>[A-Za-z0-9_]+)(?:  .*)?"
)
_EVENTS: Final = {event.value: event for event in Event}


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the log. `level` is DEBUG, INFO, WARN, ERROR or FATAL, `broker` in capitals, None for the daemon itself."""

    text: str
    level: str
    broker: str | None
    event: Event


def read_log(text: str) -> list[Line]:
    """The events of a log; lines of libraries and tracebacks are skipped."""
    return [line for row in text.splitlines() if (line := _read(row)) is not None]


def lines_of(text: str, event: Event) -> list[str]:
    """The lines of an event."""
    lines = (_read(row) for row in text.splitlines() if event in row)
    return [line.text for line in lines if line is not None and line.event is event]


def _read(row: str) -> Line | None:
    found = _LINE.fullmatch(row)
    if found is None or found["word"] not in _EVENTS:
        return None
    return Line(row, found["level"], found["broker"], _EVENTS[found["word"]])
