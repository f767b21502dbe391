"""`alarms.json` in the data folder: the last alarms, kept for `nija status` even if they are not sent anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.domain.log import Event, Log
from bot.telemetry.alarms import Message
from bot.telemetry.status_file import StatusFile

NAME = "alarms.json"
#: Alarms to keep; the oldest are dropped first.
KEPT = 100


@dataclass(frozen=True, slots=True)
class KeptAlarm:
    """An alarm or its end: the account's label ("" for the daemon as a whole), the time (wall ms) and the text."""

    broker: str
    at: int
    text: str


class AlarmFile:
    """Writes the file for the daemon; belongs to one thread."""

    def __init__(self, data_dir: Path, log: Log) -> None:
        self._file = StatusFile(data_dir / NAME, lambda reason: log.warning(Event.NOTIFY, reason=reason))
        self._kept = last_alarms(data_dir)

    def keep(self, messages: Iterable[Message]) -> None:
        """Add the alarms among these messages; reports are not alarms."""
        fresh = [KeptAlarm(one.broker, one.at, one.text) for one in messages if one.text]
        if not fresh:
            return
        self._kept = [*self._kept, *fresh][-KEPT:]
        self._file.write([asdict(one) for one in self._kept])


def last_alarms(data_dir: Path) -> list[KeptAlarm]:
    """The alarms of a data folder, oldest first; empty if there is no such file or it cannot be read."""
    try:
        rows = json.loads((data_dir / NAME).read_text(encoding="utf-8"))
        return [KeptAlarm(str(row["broker"]), int(row["at"]), str(row["text"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return []
