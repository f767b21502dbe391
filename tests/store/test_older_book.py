"""An older copy of a database: what a host remembers of the newer one, and what becomes of the copy's commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.booking import OLDER_BOOK
from bot.domain.events import Verb
from bot.store.older_book import VOID, BookMark
from bot.store.pending_commands import post
from bot.store.reader import Books, Posted
from tests.store.cases import KRAKEN, intent, ledger


def order(folder: Path, verb: Verb) -> Posted:
    return post(Books(folder).where(KRAKEN.key), verb, KRAKEN)


def test_a_mark_is_read_for_its_own_database_only(tmp_path: Path) -> None:
    mark = BookMark(tmp_path / "account.newest")
    assert mark.newest("abc") is None
    mark.keep("abc", 1_000)
    mark.keep("abc", 7)
    assert (mark.newest("abc"), mark.newest("xyz")) == (7, None)


@pytest.mark.parametrize("content", [b"", b"abc", b"abc 12", b"abc 000000000000000000x\n", b"\xff\xfe\n", b"abc 1 2"])
def test_a_mark_that_says_nothing_clear_is_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "account.newest"
    file.write_bytes(content)
    assert BookMark(file).newest("abc") is None


def test_a_mark_that_cannot_be_kept_stops_nobody(tmp_path: Path) -> None:
    mark = BookMark(tmp_path / "gone" / "account.newest")
    mark.keep("abc", 7)
    assert mark.newest("abc") is None


def test_progress_is_what_was_committed(tmp_path: Path) -> None:
    book, kept = ledger(tmp_path), list[int]()
    book.record(intent(1))
    book.mark_progress(kept.append)
    assert kept == [book.newest_entry()]
    book.set_state("anything", "that is not in the journal")
    assert len(kept) == 1
    book.record(intent(2, attempt=1))
    assert kept[1] > kept[0]
    assert kept[1] == book.newest_entry()
    posted = order(tmp_path, Verb.PAUSE)
    book.answer(posted.number, "paused")
    assert kept[2] == book.newest_entry() > kept[1]
    with pytest.raises(Exception, match="1"):
        book.record(intent(2, attempt=1))
    assert len(kept) == 3


def test_commands_that_are_held_are_those_of_the_opening(tmp_path: Path) -> None:
    ledger(tmp_path).set_state("flattening", "1")
    old = order(tmp_path, Verb.FLATTEN)
    book = ledger(tmp_path)
    book.hold_commands()
    assert (book.commands(), book.get_state("flattening")) == ([], None)
    new = order(tmp_path, Verb.PAUSE)
    assert [one.number for one in book.commands()] == [new.number]
    book.release_commands()
    assert [one.number for one in book.commands()] == [old.number, new.number]


def test_an_older_copy_is_paused_and_only_what_it_came_with_is_void(tmp_path: Path) -> None:
    ledger(tmp_path)
    old = order(tmp_path, Verb.FLATTEN)
    book = ledger(tmp_path)
    book.set_state("flattening", str(old.number))
    book.hold_commands()
    new = order(tmp_path, Verb.DENY)
    book.pause_as_older("it is older")
    assert [one.number for one in book.commands()] == [new.number]
    assert Books(tmp_path).reply(old).result == VOID
    for one in (book, ledger(tmp_path)):
        states = [one.get_state(name) for name in ("paused", "flattening", OLDER_BOOK)]
        assert states == ["yes", None, "yes"]
