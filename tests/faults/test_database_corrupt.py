"""Databases damaged by a failing disk: refused with a line that says what to do, and rebuilt from the exchanges without
duplicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.domain.log import Event
from bot.settings.load import VENUES
from tests.faults.three import Traded
from tests.sandbox_fixture import Sandbox


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path, "--speed", "60", venues=tuple(VENUES)) as running:
        yield running


def cut_in_half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def overwrite(file: Path) -> None:
    """Overwrites pages in the middle."""
    content = bytearray(file.read_bytes())
    content[4096 * 3 : 4096 * 9] = b"\xa5" * (4096 * 6)
    file.write_bytes(content)


def empty(file: Path) -> None:
    file.write_bytes(b"")


DAMAGES: dict[str, Callable[[Path], None]] = {"kraken": cut_in_half, "okx": overwrite, "coinbase": empty}


@pytest.mark.timeout(300)
def test_positions_and_stops_are_adopted_after_recovery(tmp_path: Path, market: Sandbox) -> None:
    traded = Traded(tmp_path / "nija", market, tmp_path / "console.txt")
    with traded.daemon as daemon:
        traded.hold_everywhere()
        daemon.kill()
        for venue in VENUES:  # a WAL that was being written: its complete transactions count
            cut_in_half(daemon.data / f"{venue}.db-wal")
        started = len(traded.said(Event.FUNDED))
        daemon.start()
        traded.wait_for(Event.FUNDED, started + 3)
        traded.agrees()
        assert daemon.stop()[0] == 0

        before = {venue: daemon.book(venue)["positions"] for venue in VENUES}
        bought = traded.bought()
        for venue, damage in DAMAGES.items():
            damage(daemon.data / f"{venue}.db")
        spoilt = {venue: (daemon.data / f"{venue}.db").read_bytes() for venue in VENUES}
        daemon.start()
        assert daemon.wait() == 1
        for venue in VENUES:
            (line,) = [one for one in traded.said(Event.FAILED) if f"/{venue}.db" in one]
            assert "nija recover" in line
            assert (daemon.data / f"{venue}.db").read_bytes() == spoilt[venue]
        assert traded.bought() == bought

        printed = daemon.command("recover")
        assert all(f"{venue}.db is damaged" in printed for venue in VENUES)
        assert {file.read_bytes() for file in daemon.data.glob("*.db.kept")} | {
            file.read_bytes() for file in daemon.data.glob("*.kept")
        } >= set(spoilt.values())
        funded = len(traded.said(Event.FUNDED))
        daemon.start()
        traded.wait_for(Event.FUNDED, funded + 3)
        traded.agrees()
        for venue in VENUES:
            adopted = {held["symbol"]: held for held in daemon.book(venue)["positions"]}
            for held in before[venue]:
                if held["symbol"] in adopted:
                    assert adopted[held["symbol"]]["stops"]
        assert daemon.stop()[0] == 0


@pytest.mark.thorough
def test_recovery_beside_a_sound_database_changes_nothing(tmp_path: Path, market: Sandbox) -> None:
    """A damaged book affects one broker: the others keep trading, and so does that one once it is recovered."""
    traded = Traded(tmp_path / "nija", market, tmp_path / "console.txt")
    traded.daemon.data.mkdir(parents=True)
    (traded.daemon.data / "kraken.db").write_text("not a database\n" * 500)
    with traded.daemon as daemon:
        daemon.until(lambda: any(" KRAKEN " in line for line in traded.said(Event.FAILED)), "the refusal")
        daemon.until(lambda: any(" OKX " in line for line in traded.said(Event.ENTRY)), "an entry elsewhere")
        assert "kraken.db is damaged" in daemon.command("recover")
        daemon.until(lambda: any(" KRAKEN " in line for line in traded.said(Event.ENTRY)), "its own entry")
        assert daemon.stop()[0] == 0
