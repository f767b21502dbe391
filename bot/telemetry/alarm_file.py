"""`alarms.json` in the data folder: the last alarms, kept for `nija status` even if they are not sent anywhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.domain.log import Event, Log
from bot.telemetry.alarms import Message

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
    """Writes the file for the daemon; belongs to one thread. A failed write is logged once."""

    def __init__(self, data_dir: Path, log: Log) -> None:
        self._file = data_dir / NAME
        self._log = log
        self._kept = last_alarms(data_dir)
        self._silent = False

    def keep(self, messages: Iterable[Message]) -> None:
        """Add the alarms among these messages; reports are not alarms."""
        fresh = [KeptAlarm(one.broker, one.at, one.text) for one in messages if one.text]
        if not fresh:
            return
        self._kept = [*self._kept, *fresh][-KEPT:]
        try:
            self._write()
        except OSError as error:
            if not self._silent:
                self._log.warning(Event.NOTIFY, reason=f"{self._file} cannot be written: {error.strerror}")
            self._silent = True
        else:
            self._silent = False

    def _write(self) -> None:
        fresh = self._file.with_suffix(".new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump([asdict(one) for one in self._kept], stream)
        fresh.replace(self._file)


def last_alarms(data_dir: Path) -> list[KeptAlarm]:
    """The alarms of a data folder, oldest first; empty if there is no such file or it cannot be read."""
    try:
        rows = json.loads((data_dir / NAME).read_text(encoding="utf-8"))
        return [KeptAlarm(str(row["broker"]), int(row["at"]), str(row["text"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return []
