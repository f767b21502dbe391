"""What the ledger remembers beside orders: naked periods, facts and commands."""

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


def test_a_naked_period_is_measured_from_its_first_moment(book: Ledger) -> None:
    book.mark_unprotected("BTC-USD", 10_000, "stop refused")
    book.mark_unprotected("BTC-USD", 10_400, "still refused")
    book.mark_unprotected("ETH-USD", 10_500, "replacing")
    assert book.mark_protected("BTC-USD", 10_900) == 900
    assert book.mark_protected("BTC-USD", 11_000) == 0
    assert book.mark_protected("ETH-USD", 10_501) == 1
    book.mark_unprotected("BTC-USD", 12_000, "again")
    assert book.mark_protected("BTC-USD", 12_050) == 50


def test_open_naked_periods_are_listed_with_their_causes(book: Ledger) -> None:
    book.mark_unprotected("BTC-USD", 10_000, "stop refused")
    book.mark_unprotected("ETH-USD", 10_500, "replacing")
    assert book.unprotected() == {"BTC-USD": (10_000, "stop refused"), "ETH-USD": (10_500, "replacing")}
    book.mark_protected("BTC-USD", 10_900)
    assert book.unprotected() == {"ETH-USD": (10_500, "replacing")}


def test_a_clock_that_jumped_back_makes_no_negative_period(book: Ledger) -> None:
    book.mark_unprotected("BTC-USD", 10_000, "stop refused")
    assert book.mark_protected("BTC-USD", 9_000) == 0


def test_a_note_reaches_the_disk_with_the_next_change(tmp_path: Path, book: Ledger) -> None:
    book.set_state_deferred("looked", "1")
    assert book.get_state("looked") == "1"
    assert ledger(tmp_path).get_state("looked") is None, "a crash may take it back"
    book.set_state_deferred("looked", "2")
    book.set_state("paused", "yes")
    assert ledger(tmp_path).get_state("looked") == "2"


def test_what_is_to_be_remembered_is_on_disk_even_if_it_was_noted_before(tmp_path: Path, book: Ledger) -> None:
    book.set_state_deferred("peak", "1000")
    book.set_state("peak", "1000")
    assert ledger(tmp_path).get_state("peak") == "1000"
    book.set_state_deferred("peak", "1001")
    book.set_state("peak", "1002")
    assert ledger(tmp_path).get_state("peak") == "1002"


def test_facts_are_kept_changed_and_forgotten(tmp_path: Path, book: Ledger) -> None:
    assert book.get_state("peak") is None
    book.set_state("peak", "1000")
    book.set_state("peak", "1001.5")
    book.set_state("paused", "yes")
    again = ledger(tmp_path)
    assert (again.get_state("peak"), again.get_state("paused")) == ("1001.5", "yes")
    again.set_state("paused", None)
    again.set_state("never there", None)
    assert ledger(tmp_path).get_state("paused") is None


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
