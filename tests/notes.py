"""A log in memory that rejects lines which do not match `log_fields`."""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.log import Event
from bot.domain.log_fields import spec_of

Fields = dict[str, object]


class Notes:
    """Level, event and fields of each line."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, Event, Fields]] = []

    def debug(self, event: Event, /, **fields: object) -> None:
        self._take("debug", event, fields)

    def info(self, event: Event, /, **fields: object) -> None:
        self._take("info", event, fields)

    def warning(self, event: Event, /, **fields: object) -> None:
        self._take("warning", event, fields)

    def error(self, event: Event, /, **fields: object) -> None:
        self._take("error", event, fields)

    def said(self, event: Event) -> list[Fields]:
        """The fields of each line of an event."""
        return [fields for _, logged, fields in self.lines if logged is event]

    @property
    def events(self) -> list[Event]:
        return [event for _, event, _ in self.lines]

    def _take(self, level: str, event: Event, fields: Mapping[str, object]) -> None:
        assert spec_of(event).objections(level, fields) == [], f"{level} {event} {fields}"
        self.lines.append((level, event, dict(fields)))
