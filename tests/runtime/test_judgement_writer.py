"""What was judged is written by a thread of its own, and whatever its disk does, nobody who trades notices."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.clock import DAY
from bot.domain.log import Event
from bot.runtime import judgement_writer
from bot.runtime.judgement_writer import JudgementWriter, writing_judgements
from bot.store.disk import Disk
from bot.store.judgement_files import account_folder, days_of, judgements_of
from tests.notes import Notes
from tests.store.cases import KRAKEN
from tests.store.test_judgement_files import TODAY, WEAK, WIDE

OTHER = replace(KRAKEN, venue="okx")


@contextmanager
def at_work(folder: Path, log: Notes) -> Iterator[JudgementWriter]:
    """Written as soon as it comes; all of it when the block ends."""
    writer = JudgementWriter(folder, log, gather=0.0)
    thread = threading.Thread(target=writer.run)
    thread.start()
    yield writer
    writer.end()
    thread.join(10)
    assert not thread.is_alive()


def test_each_account_and_day_has_its_own(tmp_path: Path) -> None:
    tomorrow = WEAK._replace(candle=TODAY + DAY)
    with at_work(tmp_path, Notes()) as writer:
        writer.put(KRAKEN, [WEAK, tomorrow])
        writer.put(OTHER, [WIDE])
    folder = account_folder(tmp_path, KRAKEN)
    assert days_of(folder) == [TODAY, TODAY + DAY]
    assert list(judgements_of(folder, TODAY)) == [WEAK]
    assert list(judgements_of(account_folder(tmp_path, OTHER), TODAY)) == [WIDE]


def test_what_waits_at_the_end_is_written(tmp_path: Path) -> None:
    with writing_judgements(tmp_path, Notes()) as writer:  # gathers for a second, else
        writer.put(KRAKEN, [WEAK])
    assert list(judgements_of(account_folder(tmp_path, KRAKEN), TODAY)) == [WEAK]


def test_a_disk_without_room_is_left_to_the_books_and_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, free = Notes(), [1, 1, judgement_writer.LEFT]
    monkeypatch.setattr(Disk, "free", lambda _: free.pop(0))
    writer = JudgementWriter(tmp_path, log)
    for _ in range(3):
        writer._write(KRAKEN, TODAY, [WEAK])
    assert list(judgements_of(account_folder(tmp_path, KRAKEN), TODAY)) == [WEAK]
    assert [(level, event) for level, event, _ in log.lines] == [("warning", Event.EXPLAIN), ("info", Event.EXPLAIN)]
    assert "No space left on device" in str(log.said(Event.EXPLAIN)[0]["reason"])


def test_after_a_torn_write_it_goes_on_in_another_file(tmp_path: Path) -> None:
    writer, folder = JudgementWriter(tmp_path, Notes()), account_folder(tmp_path, KRAKEN)
    writer._write(KRAKEN, TODAY, [WEAK])
    (first,) = folder.iterdir()
    first.unlink()
    first.mkdir()
    writer._write(KRAKEN, TODAY, [WEAK])
    writer._write(KRAKEN, TODAY, [WIDE])
    first.rmdir()
    assert list(judgements_of(folder, TODAY)) == [WIDE]


def test_a_data_folder_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    log = Notes()
    with at_work(tmp_path / "gone", log) as writer:
        writer.put(KRAKEN, [WEAK])
    assert not (tmp_path / "gone").exists()
    assert log.events == [Event.EXPLAIN]


def test_who_judges_never_waits_for_a_disk_that_stands_still(tmp_path: Path) -> None:
    log = Notes()
    writer = JudgementWriter(tmp_path, log)
    for _ in range(5):
        writer.put(KRAKEN, [WEAK] * judgement_writer.MOST)
    assert len(writer._waiting) == judgement_writer.MOST
    assert log.events == [Event.EXPLAIN]
