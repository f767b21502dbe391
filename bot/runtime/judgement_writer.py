"""Writes judgements to disk from its own thread: a decision never waits for it, and a disk that fails is only a warning."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bot.domain.clock import day_start
from bot.domain.ids import Account
from bot.domain.judgement import Judgement
from bot.domain.log import Event, Log
from bot.store.disk import Disk
from bot.store.judgement_files import DayFile, account_folder, day_file, prune

#: Judgements that may wait to be written; when the disk hangs for longer, later ones are lost.
MOST = 20_000
#: Real seconds to collect judgements before writing them, so that those of one candle close are written together.
GATHER = 1.0
#: Bytes of disk space left free for the databases.
LEFT = 32 * 1024 * 1024
#: Real seconds that the daemon's end waits for the last judgements.
DRAIN = 2.0


class JudgementWriter:
    """Writes the judgements of all accounts. `put` may be called from any thread and never waits."""

    def __init__(self, data_dir: Path, log: Log, gather: float = GATHER) -> None:
        self._data_dir = data_dir
        self._disk = Disk(data_dir)
        self._log = log
        self._gather = gather
        self._waiting: list[tuple[Account, Judgement]] = []
        self._changed = threading.Condition()
        self._ending = threading.Event()
        self._files: dict[Account, tuple[int, DayFile]] = {}
        self._failing = False

    def put(self, account: Account, judgements: Sequence[Judgement]) -> None:
        """Write these soon; if too many are waiting already, they are lost."""
        with self._changed:
            if len(self._waiting) < MOST:
                self._waiting.extend((account, one) for one in judgements)
                self._changed.notify()
                return
        self._fails("the disk does not respond")

    def run(self) -> None:
        """Write until `end` is called and nothing is waiting."""
        while batch := self._next():
            for (account, day), judgements in batch.items():
                self._write(account, day, judgements)

    def end(self) -> None:
        """Stop once everything waiting is written."""
        self._ending.set()
        with self._changed:
            self._changed.notify()

    def _next(self) -> dict[tuple[Account, int], list[Judgement]]:
        """What to write now, by account and day; empty only at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ending.is_set())
        self._ending.wait(self._gather)
        with self._changed:
            taken, self._waiting = self._waiting, []
        batch: dict[tuple[Account, int], list[Judgement]] = {}
        for account, one in taken:
            batch.setdefault((account, day_start(one.candle)), []).append(one)
        return batch

    def _write(self, account: Account, day: int, judgements: Sequence[Judgement]) -> None:
        try:
            self._leave_room()
            self._file(account, day).append(judgements)
        except OSError as error:
            self._files.pop(account, None)  # the file may be cut off: continue in another one
            self._fails(error.strerror or str(error))
        else:
            self._works()

    def _leave_room(self) -> None:
        free = self._disk.free()
        if free is not None and free < LEFT:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _file(self, account: Account, day: int) -> DayFile:
        known = self._files.get(account)
        if known is not None and known[0] == day:
            return known[1]
        folder = account_folder(self._data_dir, account)
        made = day_file(folder, day)
        prune(folder, day)
        self._files[account] = day, made
        return made

    def _fails(self, reason: str) -> None:
        if not self._failing:
            self._failing = True
            self._log.warning(
                Event.EXPLAIN, reason=f"`nija explain` is not kept up to date ({reason}); trading goes on"
            )

    def _works(self) -> None:
        if self._failing:
            self._failing = False
            self._log.info(Event.EXPLAIN, reason="`nija explain` is kept up to date again")


@contextmanager
def writing_judgements(data_dir: Path, log: Log) -> Iterator[JudgementWriter]:
    """A writer that runs while the block does."""
    writer = JudgementWriter(data_dir, log)
    thread = threading.Thread(target=writer.run, name="judgements", daemon=True)
    thread.start()
    try:
        yield writer
    finally:
        writer.end()
        thread.join(DRAIN)
