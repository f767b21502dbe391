"""What stands between whoever logs and where lines go: a bounded queue with a thread that empties it.

So a pipe that nobody reads, or a disk that stands still, holds up nobody who trades. What does not fit is dropped and counted,
and the count is written where the lines are missing, as soon as the sink takes any again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

LINES: Final = 10_000
"""Lines that wait for one sink."""
DRAIN: Final = 2.0
"""Real seconds that the end waits for all sinks to take what is queued."""


class Sink(Protocol):
    """Where finished lines go; may take for ever, and reports its troubles by itself."""

    def write(self, line: str) -> None: ...

    def close(self) -> None: ...


class Queued(logging.Handler):
    """Formats in the thread that logs, writes in its own. `note` makes the record that tells how many lines are missing."""

    def __init__(self, sink: Sink, note: Callable[[int], logging.LogRecord], lines: int = LINES) -> None:
        super().__init__()
        self._sink = sink
        self._note = note
        self._most = lines
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._ending = self._closed = self._busy = False
        self._changed = threading.Condition()
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record) + "\n"
        with self._changed:
            if self._ending or len(self._lines) >= self._most:
                self._dropped += 1
                return
            self._own_up()
            self._lines.append(line)
            self._changed.notify()

    def finish(self) -> None:
        """No more lines; its thread ends when all are written."""
        with self._changed:
            self._ending = True
            self._changed.notify()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within so many real seconds."""
        self._writer.join(max(seconds, 0))
        return not self._writer.is_alive()

    def close(self) -> None:
        """Finish, for so long as a daemon's end may wait, once. A sink that stands still is left as it is."""
        if not self._closed:
            self._closed = True
            drain([self])
        super().close()

    def settled(self) -> bool:
        """Whether all that was logged has been written."""
        with self._changed:
            return not self._lines and not self._dropped and not self._busy

    def _own_up(self) -> None:
        """Put the count of what is missing where it is missing."""
        if self._dropped:
            self._lines.append(self.format(self._note(self._dropped)) + "\n")
            self._dropped = 0

    def _write(self) -> None:
        while (line := self._next()) is not None:
            self._sink.write(line)
        self._sink.close()

    def _next(self) -> str | None:
        with self._changed:
            while True:
                if not self._lines:
                    self._own_up()
                self._busy = bool(self._lines)
                if self._lines:
                    return self._lines.popleft()
                if self._ending:
                    return None
                self._changed.wait()


def drain(handlers: Iterable[Queued], seconds: float = DRAIN) -> None:
    """Let all write what they hold, at the same time."""
    waiting = list(handlers)
    for one in waiting:
        one.finish()
    until = time.monotonic() + seconds
    for one in waiting:
        one.wait(until - time.monotonic())
