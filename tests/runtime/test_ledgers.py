"""How the opening of a ledger judges its age: by what this host has committed, before any of its commands is executed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.domain.clock import SystemClock, system_ms
from bot.domain.events import Verb
from bot.domain.ids import Account
from bot.domain.log import Event, Halt
from bot.runtime.ledgers import Ledgers
from bot.runtime.trading_environment import TradingEnvironment
from bot.settings.load import Mode, load_settings
from bot.store.backup import back_up
from bot.store.copies import copy_file
from bot.store.older_book import VOID
from bot.store.pending_commands import post
from bot.store.reader import Books, Posted
from bot.store.recovery import put_backups_back
from tests.notes import Notes
from tests.store.cases import intent

NOBODY: Any = None
ACCOUNT = Account("sandbox", "kraken", "main", "k-1")


class Host:
    """An installation whose ledgers are opened one after the other."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.file = self.data / "kraken.db"
        self.copy = folder / "copy"
        self.notes = Notes()
        self._settings = load_settings(folder)

    @property
    def ledgers(self) -> Ledgers:
        """Those of another daemon."""
        log: Any = self.notes
        return Ledgers(self._settings, TradingEnvironment(Mode.SANDBOX, SystemClock(), {}), lambda _: log)

    def trade(self, number: int) -> None:
        with self.ledgers.opened(NOBODY, ACCOUNT) as book:
            book.record(intent(number, attempt=number))

    def order(self, verb: Verb) -> Posted:
        return post(Books(self.data).where(ACCOUNT.key), verb, ACCOUNT)

    def put_back(self) -> None:
        """Copies by hand."""
        self.file.write_bytes(self.copy.read_bytes())

    def found(self) -> tuple[bool, list[Verb]]:
        """Whether the account is paused, and which commands would be executed."""
        with self.ledgers.opened(NOBODY, ACCOUNT) as book:
            return bool(book.get_state("paused")), [one.verb for one in book.commands()]

    def halts(self) -> list[object]:
        return [fields["limit"] for fields in self.notes.said(Event.HALTED)]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    for name, value in (("XDG_STATE_HOME", "state"), ("NIJA_DATA_DIR", "data"), ("LOG_FILE", "nija.log")):
        monkeypatch.setenv(name, str(tmp_path / value))
    (tmp_path / "data").mkdir()
    return Host(tmp_path)


def forget(host: Host) -> None:
    for file in (host.data.parent / "state").rglob("*.newest"):
        file.unlink()


def test_an_older_copy_is_paused_and_its_commands_are_void(host: Host) -> None:
    host.trade(1)
    posted = host.order(Verb.FLATTEN)
    copy_file(host.file, host.copy)
    with host.ledgers.opened(NOBODY, ACCOUNT) as book:
        book.answer(posted.number, "flat")
    host.put_back()
    assert host.found() == (True, [])
    assert Books(host.data).reply(posted).result == VOID
    assert host.halts() == [Halt.OLDER_DATABASE]
    later = host.order(Verb.RESUME)
    assert host.found() == (True, [Verb.RESUME]), "what is ordered after it was put back is obeyed"
    assert Books(host.data).reply(later).result is None
    assert len(host.halts()) == 1


def test_the_same_database_and_one_that_was_traded_elsewhere_are_not_suspected(host: Host) -> None:
    host.trade(1)
    host.order(Verb.PAUSE)
    assert host.found() == (False, [Verb.PAUSE])
    (mark,) = (host.data.parent / "state").rglob("*.newest")
    old = mark.read_bytes()
    host.trade(2)
    mark.write_bytes(old)
    assert host.found() == (False, [Verb.PAUSE])
    assert host.halts() == []


def test_the_commands_of_a_database_that_this_host_does_not_know_wait(host: Host) -> None:
    host.trade(1)
    host.order(Verb.FLATTEN)
    forget(host)
    with host.ledgers.opened(NOBODY, ACCOUNT) as book:
        assert book.commands() == []
        host.order(Verb.PAUSE)
        assert [one.verb for one in book.commands()] == [Verb.PAUSE]
        book.release_commands()
        assert [one.verb for one in book.commands()] == [Verb.FLATTEN, Verb.PAUSE]
    assert host.halts() == []


def test_those_of_a_new_database_do_not_wait(host: Host) -> None:
    host.order(Verb.PAUSE)
    assert host.found() == (False, [Verb.PAUSE])


@pytest.mark.parametrize("known", [True, False])
def test_a_backup_that_recover_put_back_is_not_told_twice(host: Host, known: bool) -> None:
    host.trade(1)
    back_up(host.file, host.data / "backups", system_ms(), keep=3)
    host.trade(2)
    put_backups_back(host.data, host.data / "backups")
    host.order(Verb.RESUME)
    if not known:
        forget(host)
    assert host.found() == (True, [Verb.RESUME])
    assert host.halts() == []
