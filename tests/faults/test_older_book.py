"""The book of an older NIJA is migrated at the start, and its positions are managed as before. An older copy of a book is paused."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from bot.domain.events import Verb
from bot.domain.log import Event, Halt
from bot.domain.order import Purpose
from bot.engine.results import last_ended
from bot.store import migrate
from bot.store.copies import copy_file
from bot.store.older_book import VOID
from bot.store.pending_commands import post
from bot.store.reader import Books
from tests.rig import Rig
from tests.store.older import to_0003


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_a_position_of_an_older_nija_is_traded_on(rig: Rig) -> None:
    position = rig.bought()
    rig.crash()
    file = rig.folder / "data" / f"{rig.venue}.db"
    to_0003(file)
    with closing(sqlite3.connect(file)) as raw:
        assert raw.execute(f"SELECT version_num FROM {migrate.VERSION_TABLE}").fetchone() == ("0003",)
    rig.open()
    assert rig.position is not None
    assert (rig.position.entry_price, rig.position.r, rig.position.kept) == (position.entry_price, position.r, ())
    (entry,) = rig.orders(Purpose.ENTRY)
    assert entry.decision is not None
    assert dict(entry.decision.facts) == {"atr": 4.25, "score": 4.0, "adx": 27.5}
    rig.move(position.entry_price + position.r * 11 / 10)
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    assert rig.protected()
    rig.move(rig.position.stop_price * 99 / 100)
    rig.until(lambda: rig.position is None, "its stop")
    rig.quiet()
    last = last_ended(rig.engine.oms, rig.symbol)
    assert last is not None
    assert last.exit == "stop"


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_a_copy_that_lacks_our_orders_is_paused_and_its_commands_are_void(rig: Rig) -> None:
    """As on another computer, which remembers nothing of the newer book: our own orders at the exchange show it."""
    rig.bought()
    account, books = rig.book.account, Books(rig.folder / "data")
    rig.crash()
    posted = post(books.where(account.key), Verb.FLATTEN, account)
    file, copy = rig.folder / "data" / f"{rig.venue}.db", rig.folder / "copy"
    copy_file(file, copy)
    rig.open()
    rig.engine.flattening.step("flatten")
    rig.until(lambda: rig.position is None, "the end")
    rig.quiet()
    rig.crash()
    assert rig.notes.said(Event.HALTED) == [], "a restart of the same book is nothing special"
    file.write_bytes(copy.read_bytes())
    before = len(rig.truth()["fills"])
    rig.open()
    rig.until(lambda: not rig.engine.reconciliation.history.blocks(), "the history")
    rig.quiet()
    assert [fields["limit"] for fields in rig.notes.said(Event.HALTED)] == [Halt.OLDER_DATABASE]
    assert (rig.position, rig.book.get_state("paused"), rig.book.commands()) == (None, "yes", [])
    assert books.reply(posted).result == VOID
    rig.until(lambda: rig.resting() == 0, "no stop for what is sold")
    assert len(rig.truth()["fills"]) == before
    rig.restart()
    assert len(rig.notes.said(Event.HALTED)) == 1


def test_what_waits_in_a_book_that_is_not_older_is_obeyed_once_the_history_is_read(rig: Rig) -> None:
    account, books = rig.book.account, Books(rig.folder / "data")
    rig.crash()
    post(books.where(account.key), Verb.PAUSE, account)
    rig.open()
    rig.book.hold_commands()
    assert rig.book.commands() == []
    rig.engine.start()
    rig.until(lambda: not rig.engine.reconciliation.history.blocks(), "the history")
    assert [one.verb for one in rig.book.commands()] == [Verb.PAUSE]
    assert rig.notes.said(Event.HALTED) == []
