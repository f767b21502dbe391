"""The emergency journal: on the disk before an order leaves, on a disk that has no room left, through any kill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.order import Intent, OrderStatus, Purpose, Side
from bot.store.database import StoreError, StoreFull
from bot.store.emergency import SIZE, EmergencyJournal, Mark, journal_file
from tests.store.cases import KRAKEN, intent
from tests.store.small_disk import fill, tmpfs


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return journal_file(tmp_path, KRAKEN)


def sale(number: int) -> Intent:
    return replace(
        intent(number, purpose=Purpose.EXIT, side=Side.SELL, qty="0.5", attempt=number), limit_price=None, reason="é\n"
    )


def entries(file: Path) -> list[object]:
    with closing(EmergencyJournal.open(file)) as journal:
        return list(journal.entries)


def filled(journal: EmergencyJournal) -> list[Intent]:
    """What a journal took until it was full."""
    for number in range(SIZE):
        try:
            journal.append(sale(number))
        except StoreFull:
            return [sale(one) for one in range(number)]
    raise AssertionError("a journal of fixed size took more bytes than it has")


def test_what_was_appended_is_there_after_the_process_is_gone(file: Path) -> None:
    mark = Mark(sale(1).client_id, OrderStatus.SUBMITTED, "X1")
    stop = replace(intent(2, purpose=Purpose.STOP, side=Side.SELL), trigger_price=Decimal("89.10"), trail=None)
    with closing(EmergencyJournal.open(file)) as journal:
        for entry in (sale(1), mark, stop):
            journal.append(entry)
    assert entries(file) == [sale(1), mark, stop]


def test_what_is_in_the_database_is_cleared_at_once_and_for_good(file: Path) -> None:
    with closing(EmergencyJournal.open(file)) as journal:
        for number in range(5):
            journal.append(sale(number))
        journal.clear()
        journal.append(sale(9))
    assert entries(file) == [sale(9)]


@given(cut=st.integers(min_value=1, max_value=2_000))
def test_a_record_that_a_power_cut_left_half_written_is_not_there(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    file = tmp_path_factory.mktemp("journal") / "torn.emergency"
    with closing(EmergencyJournal.open(file, 4_096)) as journal:
        journal.append(sale(1))
        whole = journal._end
        journal.append(sale(2))
        end = journal._end
    content = bytearray(file.read_bytes())
    lost = min(whole + cut, end - 1)
    content[lost:end] = bytes(end - lost)
    file.write_bytes(content)
    assert entries(file) == [sale(1)]
    with closing(EmergencyJournal.open(file)) as journal:
        journal.append(sale(3))
    assert entries(file) == [sale(1), sale(3)]


def test_a_full_journal_takes_nothing_and_keeps_what_it_has(file: Path) -> None:
    with closing(EmergencyJournal.open(file, 2_048)) as journal:
        kept = filled(journal)
    assert entries(file) == kept
    assert 2 <= len(kept) < 20


def test_another_file_is_left_as_it_is(file: Path) -> None:
    file.write_bytes(b"my notes" * 100)
    with pytest.raises(StoreError, match="is not an emergency journal"):
        EmergencyJournal.open(file)
    assert file.read_bytes() == b"my notes" * 100


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with tmpfs(tmp_path / "small", 4) as folder:
        yield folder


def test_a_disk_without_a_free_byte_still_takes_every_record(small: Path) -> None:
    file = journal_file(small, KRAKEN)
    EmergencyJournal.open(file).close()
    fill(small)
    with pytest.raises(OSError, match="No space left"):
        (small / "more").write_bytes(b"x")
    with closing(EmergencyJournal.open(file)) as journal:
        written = filled(journal)
    assert entries(file) == written
    assert len(written) > 800


def test_a_journal_that_does_not_fit_leaves_no_half_of_itself(small: Path) -> None:
    fill(small)
    with pytest.raises(StoreFull, match="no emergency journal can be kept"):
        EmergencyJournal.open(journal_file(small, KRAKEN))
    assert {one.name for one in small.iterdir()} <= {".filler"}
