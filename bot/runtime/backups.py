"""Scheduled backups, made by their own thread: trading never waits for a backup, and one that fails is only a warning."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

from bot.domain.clock import HOUR, MINUTE, SECOND, system_ms
from bot.domain.log import Event, Log
from bot.settings.variables import OperationSettings
from bot.store.backup import back_up, backups, made_at
from bot.store.database import StoreError

FOLDER = "backups"
#: Wall ms after the start until a database without a backup gets one.
FIRST = MINUTE


class Backups:
    """Backs up every SQLite database every BACKUP_HOURS, and keeps the newest BACKUP_KEEP backups of each."""

    def __init__(self, operation: OperationSettings, log: Log) -> None:
        self._folder = operation.data_dir / FOLDER
        self._every = int(operation.backup_hours * HOUR)
        self._keep = operation.backup_keep
        self._operation = operation
        self._log = log
        self._tried: dict[str, int] = {}
        self._began = system_ms()

    def run(self, stop: threading.Event) -> None:
        """Make the backups that are due, one after the other, until `stop`."""
        while not stop.wait(self._pause()):
            for file in databases(self._operation):
                if not stop.is_set() and system_ms() >= self._due(file):
                    self._make(file)

    def _pause(self) -> float:
        """Real seconds between two checks."""
        return min(self._every / 4, MINUTE) / SECOND

    def _due(self, file: Path) -> int:
        """When a database's next backup is due (wall ms), counted from its newest backup and from the last attempt."""
        made = backups(self._folder, file.stem)
        if made:
            return max(made_at(made[-1]), self._tried.get(file.stem, 0)) + self._every
        tried = self._tried.get(file.stem)
        return tried + self._every if tried is not None else self._began + min(FIRST, self._every)

    def _make(self, file: Path) -> None:
        now = self._tried[file.stem] = system_ms()
        try:
            made = back_up(file, self._folder, now, self._keep)
        except StoreError as error:
            self._log.warning(Event.BACKUP, reason=str(error))
        else:
            self._log.info(Event.BACKUP, file=made, bytes=made.stat().st_size)


def databases(operation: OperationSettings) -> list[Path]:
    """The SQLite files of an installation; none if it uses a database server."""
    if operation.database_url is None:
        return sorted(operation.data_dir.glob("*.db"))
    url = make_url(operation.database_url.get_secret_value())
    file = Path(url.database or "")
    return [file] if url.get_backend_name() == "sqlite" and file.exists() else []


@contextmanager
def backing_up(operation: OperationSettings, log: Log) -> Iterator[None]:
    """Make backups while the block runs, unless BACKUP_HOURS is 0."""
    if operation.backup_hours == 0:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=Backups(operation, log).run, args=(stop,), name="backups", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
