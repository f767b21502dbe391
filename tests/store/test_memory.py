"""What the ledger remembers beside orders: naked stretches, facts and commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.events import Command, Verb
from bot.domain.ids import AccountKey
from bot.store.ledger import Ledger
from bot.store.reader import Books
from tests.store.cases import KRAKEN, HandClock, ledger


@pytest.fixture
def book(tmp_path: Path) -> Ledger:
    return ledger(tmp_path)


def test_a_naked_stretch_is_measured_from_its_first_moment(book: Ledger) -> None:
    book.uncover("BTC-USD", 10_000, "stop refused")
    book.uncover("BTC-USD", 10_400, "still refused")
    book.uncover("ETH-USD", 10_500, "replacing")
    assert book.cover("BTC-USD", 10_900) == 900
    assert book.cover("BTC-USD", 11_000) == 0
    assert book.cover("ETH-USD", 10_501) == 1
    book.uncover("BTC-USD", 12_000, "again")
    assert book.cover("BTC-USD", 12_050) == 50


def test_open_stretches_are_told_with_their_causes(book: Ledger) -> None:
    book.uncover("BTC-USD", 10_000, "stop refused")
    book.uncover("ETH-USD", 10_500, "replacing")
    assert book.uncovered() == {"BTC-USD": (10_000, "stop refused"), "ETH-USD": (10_500, "replacing")}
    book.cover("BTC-USD", 10_900)
    assert book.uncovered() == {"ETH-USD": (10_500, "replacing")}


def test_a_clock_that_jumped_back_makes_no_negative_stretch(book: Ledger) -> None:
    book.uncover("BTC-USD", 10_000, "stop refused")
    assert book.cover("BTC-USD", 9_000) == 0


def test_a_note_reaches_the_disk_with_the_next_change(tmp_path: Path, book: Ledger) -> None:
    book.note("looked", "1")
    assert book.fact("looked") == "1"
    assert ledger(tmp_path).fact("looked") is None, "a crash may take it back"
    book.note("looked", "2")
    book.remember("paused", "yes")
    assert ledger(tmp_path).fact("looked") == "2"


def test_what_is_to_be_remembered_is_on_disk_even_if_it_was_noted_before(tmp_path: Path, book: Ledger) -> None:
    book.note("peak", "1000")
    book.remember("peak", "1000")
    assert ledger(tmp_path).fact("peak") == "1000"
    book.note("peak", "1001")
    book.remember("peak", "1002")
    assert ledger(tmp_path).fact("peak") == "1002"


def test_facts_are_kept_changed_and_forgotten(tmp_path: Path, book: Ledger) -> None:
    assert book.fact("peak") is None
    book.remember("peak", "1000")
    book.remember("peak", "1001.5")
    book.remember("paused", "yes")
    again = ledger(tmp_path)
    assert (again.fact("peak"), again.fact("paused")) == ("1001.5", "yes")
    again.remember("paused", None)
    again.remember("never there", None)
    assert ledger(tmp_path).fact("paused") is None


def test_an_operators_order_is_found_done_and_answered(tmp_path: Path, book: Ledger) -> None:
    books = Books(tmp_path)
    posted = books.post(Verb.PAUSE)
    flatten = books.post(Verb.FLATTEN, KRAKEN.key)[KRAKEN.key]
    assert list(posted) == [KRAKEN.key]
    pause = posted[KRAKEN.key].number
    assert book.commands() == [Command(Verb.PAUSE, pause), Command(Verb.FLATTEN, flatten.number)]
    assert books.reply(posted[KRAKEN.key]).answered_at is None
    book.answer(pause, "paused")
    book.answer(pause, "twice")
    reply = books.reply(posted[KRAKEN.key])
    assert (reply.verb, reply.answered_at, reply.result) == (Verb.PAUSE, 9_000, "paused")
    assert book.commands() == [Command(Verb.FLATTEN, flatten.number)]
    assert books.post(Verb.STOP, AccountKey("okx")) == {}


def test_an_order_reaches_only_the_account_it_was_meant_for(tmp_path: Path, book: Ledger) -> None:
    other = ledger(tmp_path, KRAKEN.__class__("live", "kraken", "main", "k-2"), HandClock(wall=10_000))
    number = Books(tmp_path).post(Verb.PAUSE)[KRAKEN.key].number
    assert [command.number for command in other.commands()] == [number]
    assert book.commands() == []
    book.answer(number, "not mine")
    assert [command.number for command in other.commands()] == [number]
