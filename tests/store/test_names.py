"""Two accounts of one exchange are two: in files, in one database for all, in locks, in the operator's commands, after a new key."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from bot.domain.events import Command, Verb
from bot.domain.ids import AccountKey
from bot.domain.order import Side
from bot.store.backup import back_up
from bot.store.database import APPLICATION_ID, Store, StoreError, address
from bot.store.emergency import journal_file
from bot.store.key_rotation import left_alone, predecessor
from bot.store.ledger import Ledger
from bot.store.lock import AccountLock, AccountLocked
from bot.store.pending_commands import post, unassigned, waiting
from bot.store.reader import Books
from bot.store.recovery import forget_accounts, put_backups_back, set_aside_damaged
from bot.store.report import document
from tests.sandbox_fixture import ROOT
from tests.store.cases import KRAKEN, HandClock, bought, fill, ledger, selling

SAVINGS = replace(KRAKEN, identity="k-2", name="savings")
KEYS = [AccountKey("kraken"), AccountKey("kraken", "savings")]


@pytest.fixture(params=["a file per account", "one file for all"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    return None if request.param == "a file per account" else f"sqlite:///{tmp_path}/all.db"


def both(folder: Path, url: str | None) -> tuple[Ledger, Ledger]:
    one, two = (
        Ledger(Store.open(address(folder, account.key.stem, url)), account, HandClock())
        for account in (KRAKEN, SAVINGS)
    )
    return one, two


def test_each_has_a_book_of_its_own(tmp_path: Path, url: str | None) -> None:
    main, savings = both(tmp_path, url)
    bought(main)
    bought(savings, 2, "3")
    books = Books(tmp_path, url)
    assert [seen.account.key for seen in books.accounts()] == KEYS
    brokers = document(books)["brokers"]
    assert {name: one["positions"][0]["qty"] for name, one in brokers.items()} == {"kraken": "1", "kraken:savings": "3"}
    for key in KEYS:
        assert list(document(books, key)["brokers"]) == [str(key)]
    if url is None:
        assert sorted(file.name for file in tmp_path.glob("*.db")) == ["kraken.db", "kraken@savings.db"]


def test_a_second_key_of_an_exchange_is_not_a_rotated_one(tmp_path: Path, url: str | None) -> None:
    main, savings = both(tmp_path, url)
    bought(main)
    bought(savings)
    with closing(Store.open(address(tmp_path, "kraken", url))) as store:
        assert predecessor(store, replace(SAVINGS, identity="k-3", name="third")) is None
        assert left_alone(store, KRAKEN) == []
        found = predecessor(store, replace(KRAKEN, identity="k-4"))
        assert found is not None
        assert found.account == KRAKEN
    with closing(Store.open(address(tmp_path, SAVINGS.key.stem, url))) as store:
        assert left_alone(store, replace(SAVINGS, identity="k-5")) == [(SAVINGS, 1)]


def test_an_order_for_one_never_reaches_the_other(tmp_path: Path, url: str | None) -> None:
    main, savings = both(tmp_path, url)
    books = Books(tmp_path, url)
    at_work = books.post(Verb.PAUSE, KEYS[0])
    waits = post(books.where(KEYS[0]), Verb.FLATTEN, unassigned("live", KEYS[0]))
    assert main.commands() == [Command(Verb.PAUSE, at_work[KEYS[0]].number), Command(Verb.FLATTEN, waits.number)]
    assert savings.commands() == []
    savings.answer(waits.number, "not mine")
    other = post(books.where(KEYS[1]), Verb.RESUME, unassigned("live", KEYS[1]))
    assert len(main.commands()) == 2
    assert savings.commands() == [Command(Verb.RESUME, other.number)]
    assert [str(one.to.key) for one in waiting(books)].count("kraken") == 2


def test_what_is_given_up_is_one_accounts(tmp_path: Path, url: str | None) -> None:
    for book in both(tmp_path, url):
        bought(book)
    (line,) = forget_accounts(Books(tmp_path, url), KEYS[1])
    assert line.startswith("KRAKEN:SAVINGS: BTC-USD given up")
    brokers = document(Books(tmp_path, url))["brokers"]
    assert [len(one["positions"]) for one in brokers.values()] == [1, 0]


def test_each_has_a_lock_but_no_money_has_two(tmp_path: Path) -> None:
    with (
        closing(AccountLock(tmp_path, KRAKEN)),
        closing(AccountLock(tmp_path, SAVINGS)),
        pytest.raises(AccountLocked, match="the live account at kraken:again"),
    ):
        AccountLock(tmp_path, replace(KRAKEN, name="again"))
    assert journal_file(tmp_path, KRAKEN).name != journal_file(tmp_path, replace(KRAKEN, name="again")).name


def test_only_the_damaged_one_is_set_aside_and_missed(tmp_path: Path) -> None:
    for account in (KRAKEN, SAVINGS):
        book = ledger(tmp_path, account)
        book.set_state("paused", "yes")
        book._db.store.close()
    file = tmp_path / "kraken@savings.db"
    file.write_bytes(file.read_bytes()[:100] + b"\xff" * 5_000)
    books = Books(tmp_path)
    assert [seen.account.key for seen in books.accounts()] == KEYS[:1]
    assert [books.misses(key) for key in (None, *KEYS)] == [True, False, True]
    assert set_aside_damaged(tmp_path, KEYS[0]) == []
    (line,) = set_aside_damaged(tmp_path, KEYS[1])
    assert line.startswith("kraken@savings.db is damaged")


def test_a_pause_in_a_damaged_book_is_ordered_again_of_the_same_account(tmp_path: Path) -> None:
    book = ledger(tmp_path, SAVINGS)
    book.set_state("paused", "yes")
    book._db.store.close()
    spoil_the_end(tmp_path / "kraken@savings.db")
    (line,) = set_aside_damaged(tmp_path)
    assert "makes no entries" in line
    assert [str(one.to.key) for one in waiting(Books(tmp_path))] == ["kraken:savings"]


@pytest.mark.parametrize("name", ["savings", "my-savings", "kraken"])
def test_backups_are_told_apart(tmp_path: Path, name: str) -> None:
    named = replace(SAVINGS, name=name)
    folder = tmp_path / "backups"
    for account, qty in ((KRAKEN, "1"), (replace(named, name="my"), "2"), (named, "3")):
        book = ledger(tmp_path, account)
        bought(book, qty=qty)
        back_up(tmp_path / f"{account.key.stem}.db", folder, 1_700_000_000_000, keep=1)
        book._db.store.close()
    (line,) = put_backups_back(tmp_path, folder, named.key)
    assert line.startswith(f"kraken@{name}.db was restored from nija-kraken@{name}-2023")
    assert len(put_backups_back(tmp_path, folder)) == 3
    assert ledger(tmp_path, named).positions()[0].qty == Decimal(3)
    assert ledger(tmp_path).positions()[0].qty == Decimal(1)


def spoil_the_end(file: Path) -> None:
    """Damage that leaves the account's rows readable."""
    with closing(sqlite3.connect(file)) as raw:
        raw.executescript("CREATE TABLE last (text); INSERT INTO last VALUES (zeroblob(100000))")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.write_bytes(file.read_bytes()[:-4096] + b"\xff" * 4096)


# -- a book from before there were names


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A book of three positions, one pending command, as NIJA wrote it before accounts had names."""
    with closing(sqlite3.connect(tmp_path / "kraken.db")) as raw:
        raw.executescript((ROOT / "tests" / "fixtures" / "books" / "0003.sql").read_text())
        raw.execute(f"PRAGMA application_id={APPLICATION_ID}")
    return tmp_path


def test_a_book_without_names_is_brought_up_to_date_and_traded_on(old: Path) -> None:
    books = Books(old)
    with pytest.raises(StoreError, match="from an older NIJA"):
        books.accounts()
    account = replace(KRAKEN, mode="sandbox", identity="ad208f5eacec6eb2")
    book = ledger(old, account)
    assert [one.symbol for one in book.positions()] == ["BTC-USD", "ETH-USD", "SOL-USD"]
    assert (book.get_state("tag"), book.get_state("paused")) == ("cfj", "yes")
    assert [one.verb for one in book.commands()] == [Verb.PAUSE]
    sale = selling(book, 1, qty="3.76544172", symbol="SOL-USD")
    booking = book.record_fill(fill("T1", sale, "3.76544172", "140", symbol="SOL-USD", side=Side.SELL))
    assert booking is not None
    assert len(book.positions()) == 2
    assert [seen.account for seen in books.accounts(every=True)] == [account]
    assert list(document(books)["brokers"]) == ["kraken"]
    with closing(sqlite3.connect(old / "kraken.db")) as raw:
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_rows_of_nobody_are_refused_after_it_as_before(old: Path) -> None:
    with (
        closing(Store.open(address(old, "kraken"))) as store,
        pytest.raises(IntegrityError, match="FOREIGN KEY"),
        store.writing() as connection,
    ):
        connection.exec_driver_sql("INSERT INTO dust (account_id, coin, qty) VALUES (99, 'BTC', '1')")


def test_a_damaged_book_without_names_that_was_paused_is_paused_again(old: Path) -> None:
    spoil_the_end(old / "kraken.db")
    (line,) = set_aside_damaged(old)
    assert "it was paused" in line
    (one,) = waiting(Books(old))
    assert (one.verb, one.to) == (Verb.PAUSE, unassigned("sandbox", KEYS[0]))
