"""The disk fills while three exchanges are traded: no entries, exits go on, and afterwards the book is the truth.

Everything that the daemon writes is on the small disk: database, log, heartbeat, locks. A thread takes every block that
becomes free, as whatever filled the disk would.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.settings import VENUES
from bot.store.emergency import EmergencyJournal, Mark
from tests.daemon_fixture import Daemon, truth
from tests.sandbox_fixture import Sandbox
from tests.store.small_disk import fill, relieve, tmpfs


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with tmpfs(tmp_path / "small", 24) as folder:
        yield folder


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path, "--speed", "60", venues=tuple(VENUES)) as running:
        yield running


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """No room while the block runs."""
    over = threading.Event()

    def take() -> None:
        while not over.wait(0.05):
            fill(disk)

    fill(disk)
    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        relieve(disk)


class Traded:
    """A daemon that trades everything on a small disk, and what its exchanges know of it."""

    def __init__(self, disk: Path, market: Sandbox) -> None:
        self.market = market
        self.daemon = Daemon(
            disk / "nija",
            SANDBOX_READY_FILE=str(market.ready_file),
            PAIRS_ALLOW="BTC-USD,ETH-USD,BTC-USDT,ETH-USDT",
            MAX_ORDER_USD="200",
        )
        self.daemon.console = disk.with_name("console.txt")

    def said(self, word: str) -> int:
        """Lines with a word on the console, which is not on the small disk."""
        text = self.daemon.console.read_text() if self.daemon.console.exists() else ""
        return len([line for line in text.splitlines() if f" {word} " in f"{line} "])

    def wait_for(self, word: str, times: int) -> None:
        self.daemon.until(lambda: self.said(word) >= times, f"{times} x {word}")

    def orders(self, venue: str, **wanted: str) -> list[dict[str, Any]]:
        """Orders that a daemon sent to an exchange, of these values."""
        return [
            row
            for row in truth(self.market.ready, venue)["orders"]
            if row["origin"] == "api" and all(row[name] == value for name, value in wanted.items())
        ]

    def sold(self, venue: str) -> list[dict[str, Any]]:
        """Sales that we sent ourselves, at the market."""
        return [row for row in self.orders(venue, side="sell", status="filled") if row["type"] == "market"]

    def rise(self, factor: str) -> None:
        """Every market in which something is held rises."""
        for venue in VENUES:
            for held in self.daemon.book(venue)["positions"]:
                price = (Decimal(held["entry_price"]) * Decimal(factor)).quantize(Decimal("0.0001"))
                self.market.control("POST", "price", venue=venue, symbol=held["symbol"], price=str(price))

    def hold_everywhere(self) -> None:
        self.daemon.until(lambda: all(self.daemon.book(venue).get("positions") for venue in VENUES), "positions")

    def sell_everywhere(self, factor: str = "1.02") -> None:
        """A target is reached at each exchange, and sold there."""
        before = {venue: len(self.sold(venue)) for venue in VENUES}
        self.rise(factor)
        self.daemon.until(lambda: all(len(self.sold(venue)) > before[venue] for venue in VENUES), "sales")

    def journaled(self) -> set[str]:
        """Client ids in the emergency journals."""
        ids: set[str] = set()
        for file in self.daemon.data.glob("*.emergency"):
            with closing(EmergencyJournal.open(file)) as journal:
                ids |= {entry.client_id for entry in journal.entries if not isinstance(entry, Mark)}
        return ids

    def agrees(self) -> None:
        self.daemon.command("pause")
        for venue in VENUES:
            self.daemon.agrees(self.market.ready, venue)


@pytest.mark.timeout(300)
def test_exits_go_on_and_the_book_is_the_truth_when_there_is_room_again(small: Path, market: Sandbox) -> None:
    traded = Traded(small, market)
    with traded.daemon as daemon:
        traded.hold_everywhere()
        with full(small):
            traded.wait_for("HALTED", 3)
            assert len(daemon.lines("HALTED")) == 3
            entered = {venue: len(traded.orders(venue, side="buy")) for venue in VENUES}
            traded.sell_everywhere()
            assert {row["client_id"] for venue in VENUES for row in traded.sold(venue)} & traded.journaled()
            time.sleep(6)
            assert entered == {venue: len(traded.orders(venue, side="buy")) for venue in VENUES}
        traded.wait_for("MERGED", 3)
        assert not traded.journaled()
        traded.rise("0.95")
        daemon.until(
            lambda: all(len(traded.orders(venue, side="buy")) > entered[venue] for venue in VENUES), "new entries"
        )
        traded.agrees()
        assert daemon.stop()[0] == 0


@pytest.mark.timeout(300)
def test_killed_twice_while_the_disk_is_full(small: Path, market: Sandbox) -> None:
    """Killed right after its sales and started on the full disk; killed again, and started when there is room."""
    traded = Traded(small, market)
    with traded.daemon as daemon:
        traded.hold_everywhere()
        with full(small):
            traded.wait_for("HALTED", 3)
            traded.sell_everywhere()
            daemon.kill()
            sold = traded.journaled()
            daemon.start()
            traded.wait_for("HALTED", 6)
            traded.sell_everywhere("1.04")
            daemon.kill()
            assert sold < traded.journaled()
            sent = {row["client_id"] for venue in VENUES for row in traded.sold(venue)}
        daemon.start()
        traded.wait_for("MERGED", 3)
        traded.agrees()
        known = {order["client_id"] for venue in VENUES for order in daemon.book(venue)["orders"]}
        assert sent <= known
        assert daemon.stop()[0] == 0
