"""The same ledger in one PostgreSQL for all brokers. Needs psycopg and a server program on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.booking import AlreadyDecided
from bot.domain.order import OrderStatus, Side
from bot.store.database import Store, address
from bot.store.ledger import Ledger
from bot.store.reader import Books
from bot.store.report import document
from tests.store.cases import KRAKEN, HandClock, bought, fill, intent, report, selling

pytest.importorskip("psycopg", reason="psycopg is not installed")


def programs() -> Path | None:
    """Where PostgreSQL's server programs are; Debian keeps them off the path."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return places[-1] if places else None


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    given = os.environ.get("NIJA_TEST_POSTGRES")
    if given:
        yield given
        return
    bin_dir = programs()
    if bin_dir is None:
        pytest.skip("no PostgreSQL server program here")
    if os.geteuid() == 0:
        pytest.skip("PostgreSQL does not run as root: set NIJA_TEST_POSTGRES to a database's address")
    folder = tmp_path_factory.mktemp("pg")
    subprocess.run(
        [bin_dir / "initdb", "-D", folder / "data", "-A", "trust", "-U", "nija"], check=True, capture_output=True
    )
    options = f"-c listen_addresses='' -c unix_socket_directories={folder}"
    control: list[str | Path] = [bin_dir / "pg_ctl", "-D", folder / "data", "-w"]
    subprocess.run([*control, "-o", options, "-l", folder / "log", "start"], check=True, capture_output=True)
    yield f"postgresql://nija@/postgres?host={folder}"
    subprocess.run([*control, "-m", "fast", "stop"], check=True, capture_output=True)


def test_the_ledger_works_on_postgresql(tmp_path: Path, url: str) -> None:
    account = replace(KRAKEN, identity=tmp_path.name)
    store = Store.open(address(tmp_path, "kraken", url))
    book = Ledger(store, account, HandClock())
    bought(book)
    with pytest.raises(AlreadyDecided):
        book.record(replace(intent(9), key=intent(1, attempt=1).key))
    booking = book.book(fill("F2", selling(book, 2, qty="0.4"), "0.4", "110", side=Side.SELL, fee="0.5"))
    assert booking is not None
    assert booking.realised == book.realised_since(0) == Decimal("3.5")
    book.update(report("X2", OrderStatus.CANCELED, "0.4", side=Side.SELL))
    book.close("BTC-USD", 7_000, "dust")
    book.remember("peak", "1")
    assert (book.dust(), book.fact("peak"), book.unsettled()) == ({"BTC": Decimal("0.6")}, "1", [])
    assert list(document(Books(tmp_path, url))["brokers"]) == ["kraken"]
    store.close()
