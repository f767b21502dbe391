"""Opening a database: new, old, newer, damaged, somebody else's, by several at once, and while somebody writes."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Inspector, create_engine, inspect

from bot.store import copies, migrate
from bot.store.database import Store, StoreError, StoreFull, address
from bot.store.reader import Books
from bot.store.schema import metadata
from tests.store.cases import AT_COST, DECISION, bought, fill, intent, ledger
from tests.store.older import to_0001, to_0003

START = """
import sys
from pathlib import Path
from tests.store.cases import intent, ledger
book = ledger(Path(sys.argv[1]))
book.record(intent(int(sys.argv[2]), attempt=int(sys.argv[2])))
print(len(book.unsettled()))
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(address(tmp_path, "kraken"))
    yield opened
    opened.close()


def made_by_hand(file: Path) -> None:
    """A complete database, closed."""
    bought(ledger(file.parent))
    with sqlite3.connect(file) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()


def test_the_steps_lead_to_the_tables_that_the_code_knows(store: Store) -> None:
    with store.reading() as connection:
        assert (
            compare_metadata(
                MigrationContext.configure(connection, opts={"version_table": migrate.VERSION_TABLE}), metadata
            )
            == []
        )
        stepped = described(inspect(connection))
    fresh = create_engine("sqlite://")
    metadata.create_all(fresh)
    assert stepped == described(inspect(fresh))


def described(inspector: Inspector) -> dict[str, object]:
    """Tables, their columns, keys, and indexes with their conditions."""
    return {
        table: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(table)],
            inspector.get_pk_constraint(table)["constrained_columns"],
            sorted(
                (unique["name"], tuple(unique["column_names"])) for unique in inspector.get_unique_constraints(table)
            ),
            sorted((key["constrained_columns"], key["referred_table"]) for key in inspector.get_foreign_keys(table)),
            sorted(
                (
                    str(index["name"]),
                    index["column_names"],
                    index["unique"],
                    {name: str(value) for name, value in index["dialect_options"].items()},
                )
                for index in inspector.get_indexes(table)
            ),
        )
        for table in metadata.tables
    }


def test_a_book_of_the_first_form_is_kept_and_takes_write_offs(tmp_path: Path) -> None:
    made_by_hand(tmp_path / "kraken.db")
    to_0001(tmp_path / "kraken.db")
    with pytest.raises(StoreError, match="from an older NIJA"):
        Books(tmp_path).accounts()
    book = ledger(tmp_path)
    assert book.write_off("BTC-USD", Decimal("0.4"), 7_000, "withdrawn", AT_COST).qty == Decimal("0.6")


def test_a_database_is_kept_as_it_was_before_a_newer_nija_changes_it(tmp_path: Path) -> None:
    made_by_hand(tmp_path / "kraken.db")
    to_0003(tmp_path / "kraken.db")
    before = contents(tmp_path / "kraken.db")
    for _ in range(2):
        Store.open(address(tmp_path, "kraken")).close()
    kept = tmp_path / "kraken.schema-0003.kept"
    assert [one.name for one in tmp_path.glob("*.kept*")] == [kept.name]
    assert contents(kept) == before != contents(tmp_path / "kraken.db")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def contents(file: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as raw:
        return list(raw.iterdump())


def test_without_room_for_that_it_is_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_by_hand(tmp_path / "kraken.db")
    to_0003(tmp_path / "kraken.db")
    before = contents(tmp_path / "kraken.db")
    with monkeypatch.context() as patch:
        patch.setattr(copies, "make_private", full)
        with pytest.raises(StoreFull, match="free some"):
            Store.open(address(tmp_path, "kraken"))
    assert contents(tmp_path / "kraken.db") == before


def full(_: Path) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_numbers_of_older_decisions_go_by_name_and_nothing_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "kraken.db"
    made_by_hand(file)
    ledger(tmp_path).set_state("exit:BTC-USD", "njabc0000000000007 stop")
    to_0003(file)
    book = ledger(tmp_path)
    (entry,) = book.orders_of("BTC-USD", 0)
    facts = (("atr", 4.25), ("score", 4.0), ("adx", 27.5))
    assert entry.decision == replace(DECISION, risk_price=None, kept=(), facts=facts)
    (position,) = book.positions()
    assert (position.risk_price, position.kept, position.r) == (None, (), Decimal(10))
    assert (book.get_state("exit:BTC-USD"), book.get_state("through:BTC-USD")) == ("njabc0000000000007 stop", None)


def test_what_a_strategy_keeps_with_a_position_is_there_after_a_start(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    bought(book)
    (position,) = book.positions()
    assert (position.risk_price, position.kept, position.r) == (Decimal("92.5"), DECISION.kept, Decimal("7.5"))
    kept = (("best close", 0.1 + 0.2), ("closes", 3.0))
    planned = book.plan("BTC-USD", stage=1, stop_price=Decimal(95), kept=kept)
    assert planned.kept == kept
    assert ledger(tmp_path).positions() == [planned]
    assert ledger(tmp_path).plan("BTC-USD", stage=1, stop_price=Decimal(96)).kept == planned.kept


def test_the_newest_step_is_the_one_that_the_code_expects() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.FOLDER))
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD


def test_alembic_is_loaded_only_when_there_is_a_step_to_do(tmp_path: Path) -> None:
    made_by_hand(tmp_path / "kraken.db")
    look = (
        "import sys; from pathlib import Path; from tests.store.cases import ledger;"
        f" ledger(Path({str(tmp_path)!r})); print('alembic' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", look], text=True).strip() == "False"


def test_a_commit_is_flushed_to_the_disk_and_others_may_read_meanwhile(store: Store) -> None:
    with store.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


STEP = f"""
from alembic import op
revision = "9999"
down_revision = "{migrate.HEAD}"


def upgrade() -> None:
    op.execute("CREATE TABLE half (id INTEGER)")
    op.execute("ALTER TABLE orders ADD COLUMN half INTEGER")
    raise RuntimeError("in the middle")
"""


def test_a_step_that_fails_leaves_the_database_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_by_hand(tmp_path / "kraken.db")
    steps = tmp_path / "migrations"
    shutil.copytree(migrate.FOLDER, steps)
    (steps / "versions" / "m9999_half.py").write_text(STEP)
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "FOLDER", steps)
        patch.setattr(migrate, "HEAD", "9999")
        with pytest.raises(RuntimeError, match="in the middle"):
            Store.open(address(tmp_path, "kraken"))
    with Store.look(address(tmp_path, "kraken")).reading() as connection:
        assert migrate.version(connection) == migrate.HEAD
        assert not inspect(connection).has_table("half")
        assert "half" not in {column["name"] for column in inspect(connection).get_columns("orders")}
    assert len(ledger(tmp_path).positions()) == 1


def test_a_database_of_an_older_nija_is_not_changed_by_a_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_by_hand(tmp_path / "kraken.db")
    monkeypatch.setattr(migrate, "HEAD", "9999")
    with pytest.raises(StoreError, match="from an older NIJA: start the daemon once"):
        Books(tmp_path).accounts()


def test_several_that_start_at_once_make_one_database(tmp_path: Path) -> None:
    starts = [
        subprocess.Popen([sys.executable, "-c", START, str(tmp_path), str(number)], stdout=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    answers = [start.communicate(timeout=60)[0] for start in starts]
    assert [start.returncode for start in starts] == [0] * 4
    assert max(int(answer) for answer in answers) == 4
    assert len(ledger(tmp_path).unsettled()) == 4


def test_a_database_of_a_newer_nija_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "kraken.db"
    made_by_hand(file)
    with sqlite3.connect(file) as raw:
        raw.execute("UPDATE nija_version SET version_num = '9000'")
    raw.close()
    with pytest.raises(StoreError, match=r"kraken\.db was written by a newer NIJA \(schema 9000") as raised:
        Store.open(address(tmp_path, "kraken"))
    assert "\n" not in str(raised.value)
    with pytest.raises(StoreError, match="newer NIJA"):
        Books(tmp_path).accounts()


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "kraken.db"
    file.write_text("my notes on kraken\n" * 200)
    before = file.read_bytes()
    with pytest.raises(StoreError, match="is not a database: nothing was changed"):
        Store.open(address(tmp_path, "kraken"))
    with pytest.raises(StoreError, match="is not a database"):
        Books(tmp_path).accounts()
    assert file.read_bytes() == before


def test_a_damaged_database_is_told_before_anybody_trades_on_it(tmp_path: Path) -> None:
    file = tmp_path / "kraken.db"
    made_by_hand(file)
    content = bytearray(file.read_bytes())
    content[4096 * 3 : 4096 * 20] = b"\xa5" * (4096 * 17)
    file.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged") as raised:
        Store.open(address(tmp_path, "kraken"))
    assert "\n" not in str(raised.value)
    assert file.read_bytes() == bytes(content)


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be created"):
        Store.open(address(tmp_path / "file" / "data", "kraken"))
    (tmp_path / "kraken.db").mkdir()
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(address(tmp_path, "kraken"))


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("mysql://u:hunter2@host/nija", "a mysql database"),
        ("not an address", "is not a database address"),
        ("sqlite://", "a sqlite database"),
    ],
)
def test_an_address_that_we_do_not_speak_is_told_without_its_password(tmp_path: Path, url: str, complaint: str) -> None:
    with pytest.raises(StoreError, match=complaint) as error:
        address(tmp_path, "kraken", url)
    assert "hunter2" not in str(error.value)


def test_a_missing_driver_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.store.database.find_spec", lambda name: None)
    with pytest.raises(StoreError, match=r"psycopg is missing: pip install"):
        address(tmp_path, "kraken", "postgresql://u:hunter2@host/nija")


def test_one_shared_file_holds_all_brokers(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/all.db"
    assert address(tmp_path, "kraken", url) == address(tmp_path, "okx", url)


def test_a_reader_sees_whole_transactions_while_a_writer_writes(tmp_path: Path) -> None:
    writer, reader = ledger(tmp_path), ledger(tmp_path)
    writer.record(intent(0, qty="500"))
    writer.record_fill(fill("F", "X0", "0.5", client_id=intent(0).client_id))
    done = threading.Event()

    def write() -> None:
        for number in range(60):
            writer.record_fill(fill(f"F{number}", "X0", "0.5"))
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    looks = 0
    while not done.is_set() or looks == 0:
        with reader._db.reading() as tx:
            query = "SELECT (SELECT count(*) FROM fills), (SELECT qty FROM positions), (SELECT booked_qty FROM orders)"
            fills, qty, booked = tx.connection.exec_driver_sql(query).one()
        assert float(qty) == float(booked) == fills / 2
        looks += 1
    thread.join()
    assert reader.positions()[0].qty == writer.positions()[0].qty == 30.5


def test_threads_that_open_their_own_new_databases_at_once_do_not_mix_them_up(tmp_path: Path) -> None:
    def opened(name: str) -> int:
        with closing(Store.open(address(tmp_path, name))) as store, store.reading() as connection:
            return len(inspect(connection).get_table_names())

    with ThreadPoolExecutor(max_workers=6) as pool:
        counts = set(pool.map(opened, [f"venue{number}" for number in range(6)]))
    assert len(counts) == 1
