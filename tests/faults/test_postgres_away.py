"""The database server is lost while the daemon trades, and returns: no entries meanwhile, nothing doubled afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.log import Event
from bot.store.reader import Books
from bot.store.report import document
from tests.daemon_fixture import Daemon, truth
from tests.sandbox_fixture import Sandbox
from tests.store.postgres import Server, running

pytest.importorskip("psycopg", reason="psycopg is not installed")


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as started:
        yield started


class Served(Daemon):
    """A daemon whose books are on a database server."""

    def __init__(self, folder: Path, url: str, **settings: str) -> None:
        super().__init__(folder, DATABASE_URL=url, **settings)
        self._url = url

    def book(self, venue: str = "kraken") -> dict[str, Any]:
        found: dict[str, Any] = document(Books(self.data, self._url))["brokers"].get(venue, {})
        return found


@pytest.mark.thorough
def test_a_server_that_is_away_for_a_while(tmp_path: Path, server: Server) -> None:
    with (
        Sandbox(tmp_path, "--speed", "60") as sandbox,
        Served(
            tmp_path / "nija", server.url, SANDBOX_READY_FILE=str(sandbox.ready_file), MAX_OPEN_POSITIONS="3"
        ) as daemon,
    ):

        def bought() -> int:
            return len([row for row in truth(sandbox.ready)["orders"] if row["side"] == "buy"])

        daemon.until(lambda: len(daemon.book().get("positions", [])) >= 1, "a position")
        funded = len(daemon.lines(Event.FUNDED))
        server.stop()
        daemon.says(Event.FAILED)
        before = bought()
        time.sleep(7)  # more than a candle
        assert bought() == before
        server.start()
        daemon.says(Event.FUNDED, funded + 1)
        daemon.command("pause")
        daemon.agrees(sandbox.ready)
        assert daemon.stop()[0] == 0
    assert not daemon.lines(Event.CRASHED)
