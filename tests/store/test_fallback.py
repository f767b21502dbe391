"""The book of an account whose disk is full: everything but entries, and back into the database once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.order import Intent, OrderStatus, Purpose, Side
from bot.store import database
from bot.store.database import Store, StoreError, StoreFull, address
from bot.store.disk import Disk, DiskFault, FileIdentity
from bot.store.emergency import EmergencyJournal, journal_file
from bot.store.fallback import LOOK, RESERVE, DiskLedger, FallbackLedger, merge
from bot.store.ledger import Ledger
from bot.store.reader import Books
from tests.store.cases import KRAKEN, HandClock, bought, fill, intent, ledger
from tests.store.small_disk import fill as fill_up
from tests.store.small_disk import relieve, tmpfs

TRADED_UNTIL_KILLED = """
import os, signal, sys
from pathlib import Path
from tests.store.cases import bought, ledger
bought(ledger(Path(sys.argv[1])))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A small disk with a book on it that holds a bitcoin, and its emergency journal."""
    with tmpfs(tmp_path / "small") as folder:
        with closing(Store.open(address(folder, "kraken"))) as store:
            bought(Ledger(store, KRAKEN, HandClock()))
        EmergencyJournal.open(journal_file(folder, KRAKEN)).close()
        yield folder


def fallback(folder: Path, clock: HandClock | None = None) -> FallbackLedger:
    store = Store.copy(address(folder, "kraken"))
    journal = EmergencyJournal.open(journal_file(folder, KRAKEN))
    return FallbackLedger(store, KRAKEN, clock or HandClock(), journal, Disk(folder), FileIdentity([]), patience=0)


def sale(number: int = 7) -> Intent:
    return intent(number, purpose=Purpose.EXIT, side=Side.SELL, attempt=number)


def merged(folder: Path) -> Ledger:
    """The book on the disk, with the journal brought in, which is left as it was."""
    book = ledger(folder)
    with closing(EmergencyJournal.open(journal_file(folder, KRAKEN))) as journal:
        merge(book, journal.entries)
    return book


def test_a_sale_on_a_full_disk_is_in_the_book_afterwards(small: Path) -> None:
    fill_up(small)
    book = fallback(small)
    book.record(sale())
    book.mark(sale().client_id, OrderStatus.SUBMITTED, exchange_id="X7")
    assert book.record_fill(fill("F7", "X7", "1", "110", side=Side.SELL)) is not None
    assert book.positions() == []
    relieve(small)
    assert [one.symbol for one in ledger(small).positions()] == ["BTC-USD"]
    for _ in range(2):  # and again, as after a kill before the journal was cleared
        after = merged(small)
        (order,) = after.unsettled()
        assert (order.client_id, order.exchange_id, order.status) == (sale().client_id, "X7", OrderStatus.SUBMITTED)
        assert order.intent() == sale()
        assert len(after.orders_of("BTC-USD", 0)) == 2


def test_an_entry_is_refused_and_leaves_no_trace(small: Path) -> None:
    fill_up(small)
    book = fallback(small)
    assert book.blocked_by
    with pytest.raises(StoreFull, match="no entries"):
        book.record(intent(5, "ETH-USD"))
    assert [one.symbol for one in book.orders_of("ETH-USD", 0)] == []
    relieve(small)
    assert merged(small).unsettled() == []


def test_what_the_book_knows_better_stays(small: Path) -> None:
    book = fallback(small)
    book.record(sale())
    book.mark(sale().client_id, OrderStatus.UNKNOWN, reason="no answer")
    after = merged(small)
    after.mark(sale().client_id, OrderStatus.FILLED, exchange_id="X7")
    record = merged(small).by_client_id(sale().client_id)
    assert record is not None
    assert (record.status, record.exchange_id) == (OrderStatus.FILLED, "X7")


def test_an_order_whose_decision_stands_already_is_not_left_out(small: Path) -> None:
    book = fallback(small)
    book.record(replace(sale(8), key=sale(7).key))
    ledger(small).record(sale(7))
    after = merged(small)
    assert {one.client_id for one in after.unsettled()} == {sale(7).client_id, sale(8).client_id}


def test_no_stop_is_taken_away_when_no_order_can_follow(small: Path) -> None:
    file = journal_file(small, KRAKEN)
    file.unlink()
    EmergencyJournal.open(file, 2 * RESERVE).close()
    book = fallback(small)
    with pytest.raises(StoreFull, match="the emergency journal is full"):
        exhaust(book)


def exhaust(book: FallbackLedger) -> None:
    """Stops are replaced, again and again."""
    for number in range(10, 100):
        book.mark_unprotected("BTC-USD", number, "replaced")
        book.record(sale(number))
        book.mark_protected("BTC-USD", number)


def test_the_copy_is_made_from_what_a_killed_process_left_on_a_full_disk(tmp_path: Path) -> None:
    """Its log is not in the database yet; the log's shared index may be there or not, and no new one fits."""
    with tmpfs(tmp_path / "small") as folder:
        command = [sys.executable, "-c", TRADED_UNTIL_KILLED, str(folder)]
        subprocess.run(command, check=False)
        fill_up(folder)
        for index in ("kept", "lost"):
            if index == "lost":
                (folder / "kraken.db-shm").unlink()
                fill_up(folder)
            with closing(Store.copy(address(folder, "kraken"))) as store:
                (position,) = Ledger(store, KRAKEN, HandClock()).positions()
            assert position.qty == Decimal(1)
            assert [seen.account for seen in Books(folder).accounts()] == [KRAKEN]


def test_a_closed_database_is_read_on_a_full_disk_too(small: Path) -> None:
    fill_up(small)
    assert not (small / "kraken.db-wal").exists()
    assert len(fallback(small).positions()) == 1
    assert [seen.account for seen in Books(small).accounts()] == [KRAKEN]


def test_a_full_disk_is_told_by_the_database_and_by_the_file_system(small: Path) -> None:
    book = ledger(small)
    disk = Disk(small)
    assert (disk.is_cramped(), disk.is_sound(), disk.fault()) == (False, True, None)
    fill_up(small)
    with pytest.raises(StoreFull, match="free some"):
        overfill(book)
    assert (disk.is_cramped(), disk.is_sound(), disk.fault()) == (True, False, DiskFault.FULL)
    relieve(small)
    assert disk.is_sound()
    assert {one.name for one in small.iterdir() if one.name.startswith(".")} == set()


def overfill(book: Ledger) -> None:
    """The log has some pages to use again; then none."""
    for number in range(100, 3_000):
        book.record(intent(number, attempt=number))


def test_books_are_outlived_when_the_disk_turns(small: Path) -> None:
    clock = HandClock()
    ordinary = DiskLedger(Store.open(address(small, "kraken")), KRAKEN, clock, Disk(small), FileIdentity([]))
    fill_up(small)
    assert not ordinary.outlived()
    clock.wall += LOOK
    assert ordinary.outlived()
    kept = fallback(small, clock)
    clock.wall += LOOK
    assert not kept.outlived()
    relieve(small)
    assert not kept.outlived()
    clock.wall += LOOK
    assert kept.outlived()


def test_what_is_written_to_the_copy_never_reaches_the_file(small: Path) -> None:
    with closing(sqlite3.connect(small / "kraken.db")) as raw:
        before = raw.execute("SELECT count(*) FROM journal").fetchone()
        fallback(small).record(sale())
        assert raw.execute("SELECT count(*) FROM journal").fetchone() == before


def test_a_database_that_somebody_keeps_locked_is_not_waited_for_in_vain(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0)
    with closing(sqlite3.connect(small / "kraken.db", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked"):
            Store.copy(address(small, "kraken"))
