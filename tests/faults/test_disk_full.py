"""The disk fills while three exchanges are traded: no entries, exits continue, and afterwards the book is correct.

Everything that the daemon writes is on the small disk: database, log, heartbeat, locks. A thread takes every block that
becomes free, as the program that filled the disk would.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.domain.log import Event
from bot.settings.load import VENUES
from tests.faults.three import Traded
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
    """Keeps the disk full while the block runs."""
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


@pytest.mark.venues(*VENUES)
@pytest.mark.timeout(300)
def test_exits_go_on_through_kills_and_the_book_is_the_truth_afterwards(
    tmp_path: Path, small: Path, market: Sandbox
) -> None:
    """Killed right after its sales on the full disk, started there again, and recovered without a restart."""
    traded = Traded(small / "nija", market, tmp_path / "console.txt")
    with traded.daemon as daemon:
        traded.hold_everywhere()
        with full(small):
            traded.wait_for(Event.HALTED, 3)
            assert len(daemon.lines(Event.HALTED)) == 3
            entered = traded.bought()
            traded.sell_everywhere()
            daemon.kill()
            first = traded.journaled()
            assert {row["client_id"] for venue in VENUES for row in traded.sold(venue)} & first
            daemon.start()
            traded.wait_for(Event.HALTED, 6)
            traded.sell_everywhere("1.04")
            assert first < traded.journaled()
            assert traded.bought() == entered
        traded.wait_for(Event.RESUMED, 3)
        assert len(traded.said(Event.MERGED)) == 3
        assert not traded.journaled()
        traded.move("0.95")
        daemon.until(lambda: all(now > entered[venue] for venue, now in traded.bought().items()), "new entries")
        traded.agrees()
        sent = {row["client_id"] for venue in VENUES for row in traded.sold(venue)}
        assert sent <= {order["client_id"] for venue in VENUES for order in daemon.book(venue)["orders"]}
        assert daemon.stop()[0] == 0
    assert not traded.said(Event.CRASHED)
