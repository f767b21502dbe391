"""A bounded queue between a thread that logs and an output, emptied by its own thread.

So a pipe without a reader, or a disk that hangs, never delays trading. Lines that do not fit are dropped and counted; the count
is written where they are missing, as soon as the output accepts lines again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

LINES: Final = 10_000
"""The most lines that may wait for one sink."""
DRAIN: Final = 2.0
"""Real seconds that the process's end waits for all sinks to write their queues."""


class Sink(Protocol):
    """An output for finished lines. It may block, and must handle its own errors."""

    def write(self, line: str) -> None: ...

    def close(self) -> None: ...


class Queued(logging.Handler):
    """Formats in the thread that logs, writes in its own. `note` creates the record that says how many lines are missing."""

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
        """Accept no more lines; the thread ends when all are written."""
        with self._changed:
            self._ending = True
            self._changed.notify()

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` (real) for the thread to end; returns whether it has."""
        self._writer.join(max(seconds, 0))
        return not self._writer.is_alive()

    def close(self) -> None:
        """Finish once, waiting as long as the daemon's end may. A sink that blocks is abandoned."""
        if not self._closed:
            self._closed = True
            drain([self])
        super().close()

    def settled(self) -> bool:
        """Whether everything logged so far is written."""
        with self._changed:
            return not self._lines and not self._dropped and not self._busy

    def _own_up(self) -> None:
        """Insert the count of missing lines where they are missing."""
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
    """Let all handlers write their queues, in parallel, for at most `seconds` (real)."""
    waiting = list(handlers)
    for one in waiting:
        one.finish()
    until = time.monotonic() + seconds
    for one in waiting:
        one.wait(until - time.monotonic())
