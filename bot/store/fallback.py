"""The fallback ledger: an account's ledger while its disk is full, and the way back into the database.

It works on a copy of the database in memory and does everything but entries. Only what a restart could not learn from the
exchange is kept durably, in the emergency journal. Reconciliation learns the rest again once the database can be written, as
after a power cut: there is one way back, however the fallback ledger ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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

#: Real ms between two checks of the disk.
LOOK = 2 * SECOND
#: Bytes that the journal must have left before a stop is cancelled to be replaced.
RESERVE = 8 * 1024


def files_of(database: Path) -> list[Path]:
    """A SQLite database's file and its side files."""
    return [database, *(database.with_name(database.name + end) for end in ("-wal", "-shm"))]


def refuse_moved(place: FileIdentity) -> None:
    """Raise `StoreMoved` if a file that was opened has been removed or replaced."""
    if (path := place.moved()) is not None:
        raise StoreMoved(
            f"{path} was removed or replaced while NIJA was running: nothing is sent; the stops at the exchange protect your"
            " positions; put the file back and NIJA continues, or restart NIJA to use the file that is there now"
        )


class DiskLedger(Ledger):
    """The ledger in normal operation. It asks to be closed when the disk is about to fill up, before a commit fails, and when
    its files (`place`) were moved; until then, intents are refused in a file that was moved."""

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
    """The ledger on a copy in memory; `patience` is the time until the disk is first tried again (real ms)."""

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

    def mark_progress(self, keep: Callable[[int], object]) -> None:
        """Call nothing: the copy's journal entries are lost with it."""

    def record(self, intent: Intent) -> OrderRecord:
        """Write the intent to the emergency journal before its request is sent; raises `StoreFull` for an entry."""
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
        """Called before a stop is cancelled. Raises `StoreFull` if the journal has no room for the order that replaces it."""
        refuse_moved(self._place)
        self._journal.need(RESERVE)
        super().mark_unprotected(symbol, at, why)


def merge(ledger: Ledger, entries: Iterable[Entry]) -> int:
    """Add a journal's entries to a ledger, safe to repeat; returns how many orders the ledger lacked."""
    lacked = 0
    for entry in entries:
        if isinstance(entry, Mark):
            _mark(ledger, entry)
        elif ledger.by_client_id(entry.client_id) is None:
            _record(ledger, entry)
            lacked += 1
    return lacked


def _record(ledger: Ledger, intent: Intent) -> None:
    """Record an order that may have been sent, even if the ledger already has its decision."""
    try:
        ledger.record(intent)
    except AlreadyDecided:
        ledger.record(replace(intent, key=f"{intent.key}/{intent.client_id}"))


def _mark(ledger: Ledger, mark: Mark) -> None:
    """Record the outcome of a request, unless the ledger knows better by now."""
    known = ledger.by_client_id(mark.client_id)
    if known is not None and mark.status in TRANSITIONS[known.status]:
        ledger.mark(mark.client_id, mark.status, exchange_id=mark.exchange_id, reason=mark.reason)
