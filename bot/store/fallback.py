"""The fallback ledger: the book of an account while its disk is full, and the way back into the database.

A copy of the database in memory on which everything but entries goes on, as it would on the disk. Only what a restart
could not learn from the exchange is kept durably, in the emergency journal; all else is learned again by reconciliation
when the database can be written, as after a power cut. So there is one way back, whatever ended the fallback ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from bot.domain.booking import AlreadyDecided
from bot.domain.clock import SECOND, Clock, Pause
from bot.domain.ids import Account
from bot.domain.order import TRANSITIONS, Intent, OrderRecord, OrderStatus, Purpose
from bot.store.database import Store, StoreFull, StoreMoved
from bot.store.disk import Disk, FileIdentity
from bot.store.emergency import EmergencyJournal, Entry, Mark
from bot.store.ledger import Ledger

#: Real ms between two looks at the disk.
LOOK = 2 * SECOND
#: Bytes of the journal that must be left before a stop is taken away to be placed anew.
RESERVE = 8 * 1024


def files_of(database: Path) -> list[Path]:
    """A SQLite database's file, and those that stand beside it while it is open."""
    return [database, *(database.with_name(database.name + end) for end in ("-wal", "-shm"))]


def refuse_moved(place: FileIdentity) -> None:
    """Raises `StoreMoved` where something else lies than what was opened."""
    if (path := place.moved()) is not None:
        raise StoreMoved(
            f"{path} was removed or replaced while NIJA ran: nothing is sent, the stops at the exchange protect what is held;"
            " put it back and NIJA goes on by itself, or restart NIJA to go on with what lies there now"
        )


class DiskLedger(Ledger):
    """The ledger in ordinary times; asks to be closed when the disk is about to fill, before a commit fails on it, and when
    its files are not where they were: `place` is what was opened. What could be sent meanwhile is not."""

    def __init__(self, store: Store, account: Account, clock: Clock, disk: Disk, place: FileIdentity) -> None:
        super().__init__(store, account, clock)
        self._disk = disk
        self._place = place
        self._pause = Pause(clock, LOOK)

    def outlived(self) -> bool:
        if not self._pause.is_over():
            return False
        self._pause.begin(LOOK)
        return self._disk.is_cramped() or self._place.moved() is not None

    def record(self, intent: Intent) -> OrderRecord:
        refuse_moved(self._place)
        return super().record(intent)

    def mark_unprotected(self, symbol: str, at: int, why: str) -> None:
        refuse_moved(self._place)
        super().mark_unprotected(symbol, at, why)


class FallbackLedger(Ledger):
    """The ledger on a copy in memory; `patience` is the real ms before the disk is tried again, at first."""

    def __init__(
        self,
        store: Store,
        account: Account,
        clock: Clock,
        journal: EmergencyJournal,
        disk: Disk,
        place: FileIdentity,
        patience: int,
    ) -> None:
        super().__init__(store, account, clock)
        self._journal = journal
        self._disk = disk
        self._place = place
        self._pause = Pause(clock, patience)

    @property
    def blocked_by(self) -> str:
        return f"the disk of {self._disk.folder} is full"

    def outlived(self) -> bool:
        if not self._pause.is_over():
            return False
        self._pause.begin(LOOK)
        return self._place.moved() is not None or self._disk.is_sound()

    def record(self, intent: Intent) -> OrderRecord:
        """Into the emergency journal before its request leaves; raises `StoreFull` for an entry, which is not written."""
        if intent.purpose is Purpose.ENTRY:
            raise StoreFull(f"{self.blocked_by}: no entries")
        refuse_moved(self._place)
        record = super().record(intent)
        self._journal.append(intent)
        return record

    def mark(
        self, client_id: str, status: OrderStatus, *, exchange_id: str | None = None, reason: str = ""
    ) -> OrderRecord:
        record = super().mark(client_id, status, exchange_id=exchange_id, reason=reason)
        self._journal.append(Mark(client_id, status, exchange_id, reason))
        return record

    def mark_unprotected(self, symbol: str, at: int, why: str) -> None:
        """Before a stop is taken away: the order that is to follow must find room, or it stays where it is."""
        refuse_moved(self._place)
        self._journal.need(RESERVE)
        super().mark_unprotected(symbol, at, why)


def merge(ledger: Ledger, entries: Iterable[Entry]) -> int:
    """Bring into a book what it lacks of a journal, which may have been merged before; returns how many orders it lacked."""
    lacked = 0
    for entry in entries:
        if isinstance(entry, Mark):
            _mark(ledger, entry)
        elif ledger.by_client_id(entry.client_id) is None:
            _record(ledger, entry)
            lacked += 1
    return lacked


def _record(ledger: Ledger, intent: Intent) -> None:
    """An order that may have been sent is never left out, even if its decision stands in the book already."""
    try:
        ledger.record(intent)
    except AlreadyDecided:
        ledger.record(replace(intent, key=f"{intent.key}/{intent.client_id}"))


def _mark(ledger: Ledger, told: Mark) -> None:
    """What became of a request, unless the book knows better by now."""
    known = ledger.by_client_id(told.client_id)
    if known is not None and told.status in TRANSITIONS[known.status]:
        ledger.mark(told.client_id, told.status, exchange_id=told.exchange_id, reason=told.reason)
