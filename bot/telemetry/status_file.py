"""A JSON file in the data folder that a running daemon keeps up to date for commands."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

#: Readable by the owner alone.
PRIVATE = 0o600


class StatusFile:
    """Replaces its file as a whole, so that a reader never sees half of it; belongs to one thread.

    A write that fails loses nothing but the news: `report` gets the reason, once until a write succeeds. A folder that was
    removed is not created again.
    """

    def __init__(self, file: Path, report: Callable[[str], None], mode: int = PRIVATE) -> None:
        self._file = file
        self._report = report
        self._mode = mode
        self._failing = False

    def write(self, content: object) -> None:
        """Write what `json` can express."""
        fresh = self._file.with_suffix(".new")
        try:
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, self._mode)
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(content, stream)
            fresh.replace(self._file)
        except OSError as error:
            if not self._failing:
                self._report(f"{self._file} cannot be written: {error.strerror}")
            self._failing = True
        else:
            self._failing = False
