"""The same ledger in one PostgreSQL for all brokers, and what becomes of it when the server goes away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from bot.domain.booking import AlreadyDecided
from bot.domain.order import OrderStatus, Side
from bot.store import migrate
from bot.store.database import Store, StoreError, address
from bot.store.ledger import Ledger
from bot.store.lock import LOOK, AccountLocked, ServerLedger, ServerLock
from bot.store.reader import Books
from bot.store.report import document
from tests.store.cases import AT_COST, KRAKEN, HandClock, bought, fill, intent, report, selling
from tests.store.postgres import Server, running

pytest.importorskip("psycopg", reason="psycopg is not installed")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as started:
        yield started


def test_the_ledger_works_on_postgresql(tmp_path: Path, server: Server) -> None:
    account = replace(KRAKEN, identity=tmp_path.name)
    store = Store.open(address(tmp_path, "kraken", server.url))
    book = Ledger(store, account, HandClock())
    bought(book)
    with pytest.raises(AlreadyDecided):
        book.record(replace(intent(9), key=intent(1, attempt=1).key))
    booking = book.record_fill(fill("F2", selling(book, 2, qty="0.4"), "0.4", "110", side=Side.SELL, fee="0.5"))
    assert booking is not None
    assert booking.realised == book.realised_since(0) == Decimal("3.5")
    book.update(report("X2", OrderStatus.CANCELED, "0.4", side=Side.SELL))
    book.close("BTC-USD", 7_000, "dust", AT_COST)
    book.set_state("peak", "1")
    assert (book.dust(), book.get_state("peak"), book.unsettled()) == ({"BTC": Decimal("0.6")}, "1", [])
    assert list(document(Books(tmp_path, server.url))["brokers"]) == ["kraken"]
    store.close()


def test_a_server_that_goes_away_takes_nothing_that_was_acknowledged_with_it(tmp_path: Path, server: Server) -> None:
    account = replace(KRAKEN, identity=tmp_path.name)
    store = Store.open(address(tmp_path, "kraken", server.url))
    book = Ledger(store, account, HandClock())
    book.record(intent(1))
    with pytest.raises(StoreError):
        cut_off(store, server)
    with pytest.raises(StoreError) as raised:
        book.record(intent(2, attempt=2))
    assert "\n" not in str(raised.value)
    with pytest.raises(StoreError):
        Store.open(address(tmp_path, "kraken", server.url))
    server.start()
    again = Store.open(address(tmp_path, "kraken", server.url))
    (kept,) = Ledger(again, account, HandClock()).unsettled()
    assert (kept.client_id, kept.reason) == (intent(1).client_id, intent(1).reason)
    for one in (store, again):
        one.close()


def cut_off(store: Store, server: Server) -> None:
    """The server ends in the middle of a transaction."""
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE orders SET reason = 'half a change'")
        server.stop()
        connection.exec_driver_sql("DELETE FROM journal")


# --- one NIJA per account

HOLD = """
import sys
from bot.store.database import address
from bot.store.lock import ServerLock
from tests.store.cases import KRAKEN
from pathlib import Path
lock = ServerLock(address(Path(), "kraken", sys.argv[1]), KRAKEN)
print("held", flush=True)
sys.stdin.read()
"""


def lock(server: Server) -> ServerLock:
    return ServerLock(address(Path(), "kraken", server.url), KRAKEN)


def test_another_process_is_refused_by_the_server_until_it_is_gone(server: Server) -> None:
    child = subprocess.Popen([sys.executable, "-c", HOLD, server.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    with pytest.raises(AccountLocked, match=f"process {child.pid}") as raised:
        lock(server)
    assert raised.value.pid == child.pid
    child.kill()
    child.communicate()
    lock(server).close()


def test_a_session_of_ours_that_was_left_behind_is_ended(server: Server) -> None:
    with closing(lock(server)) as before:
        assert before.holds()
        with closing(lock(server)) as after:
            assert (before.holds(), after.holds()) == (False, True)


def test_a_book_whose_lock_is_lost_asks_to_be_opened_again(tmp_path: Path, server: Server) -> None:
    clock = HandClock()
    with closing(lock(server)) as held, closing(Store.open(address(tmp_path, "kraken", server.url))) as store:
        book = ServerLedger(store, KRAKEN, clock, held)
        clock.wall += LOOK
        assert not book.outlived()
        with closing(lock(server)):
            assert not book.outlived()  # it is looked at now and then
            clock.wall += LOOK
            assert book.outlived()


def test_a_server_that_takes_no_writes_says_what_to_do(tmp_path: Path, server: Server) -> None:
    with closing(Store.open(address(tmp_path, "kraken", server.url))) as store:
        with store.reading() as connection:
            connection.exec_driver_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
            connection.exec_driver_sql("COMMIT")
        with pytest.raises(StoreError, match="refuses writes") as raised:
            Ledger(store, replace(KRAKEN, identity="reader"), HandClock())
    assert "default_transaction_read_only" in raised.value.remedy


# --- a book from before accounts had names


def test_accounts_without_names_are_brought_up_to_date(tmp_path: Path, server: Server) -> None:
    host = create_engine(address(tmp_path, "kraken", server.url), isolation_level="AUTOCOMMIT")
    with host.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE before")
    host.dispose()
    url = server.url.replace("/postgres", "/before")
    where = address(tmp_path, "kraken", url)
    raw = create_engine(where)
    with raw.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate.FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.exec_driver_sql(
            "INSERT INTO accounts (mode, venue, environment, identity, first_seen, last_seen)"
            " VALUES ('live', 'kraken', 'main', 'k-1', 1, 1)"
        )
        connection.exec_driver_sql("INSERT INTO facts (account_id, name, value) VALUES (1, 'paused', 'yes')")
    raw.dispose()
    with closing(Store.open(where)) as store:
        books = [Ledger(store, replace(KRAKEN, name=name), HandClock()) for name in ("", "savings")]
        assert [book.get_state("paused") for book in books] == ["yes", None]
        assert [str(seen.account.key) for seen in Books(tmp_path, url).accounts()] == ["kraken", "kraken:savings"]
