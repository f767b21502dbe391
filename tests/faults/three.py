"""A daemon that trades three exchanges at once, for tests of faults that affect all of its databases."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.domain.log import Event
from bot.settings.load import VENUES
from bot.store.emergency import EmergencyJournal, Mark
from tests.daemon_fixture import Daemon, truth
from tests.log_lines import lines_of
from tests.sandbox_fixture import Sandbox


class Traded:
    """A daemon in `folder`, its console in a file, and the exchanges' records of it."""

    def __init__(self, folder: Path, market: Sandbox, console: Path, **settings: str) -> None:
        self.market = market
        self.daemon = Daemon(
            folder,
            SANDBOX_READY_FILE=str(market.ready_file),
            PAIRS_ALLOW="BTC-USD,ETH-USD,BTC-USDT,ETH-USDT",
            MAX_ORDER_USD="200",
            **settings,
        )
        self.daemon.console = console

    def said(self, event: Event) -> list[str]:
        """Lines of an event on the console."""
        return lines_of(self.daemon.console.read_text() if self.daemon.console.exists() else "", event)

    def wait_for(self, event: Event, times: int) -> None:
        self.daemon.until(lambda: len(self.said(event)) >= times, f"{times} x {event}")

    def orders(self, venue: str, **wanted: str) -> list[dict[str, Any]]:
        """Orders that a daemon sent to an exchange, with these values."""
        return [
            row
            for row in truth(self.market.ready, venue)["orders"]
            if row["origin"] == "api" and all(row[name] == value for name, value in wanted.items())
        ]

    def sold(self, venue: str) -> list[dict[str, Any]]:
        """Sales that the daemon sent itself: at the market, or at a target."""
        return [row for row in self.orders(venue, side="sell", status="filled") if row["type"] in ("market", "limit")]

    def bought(self) -> dict[str, int]:
        """The number of purchases at each exchange."""
        return {venue: len(self.orders(venue, side="buy")) for venue in VENUES}

    def move(self, factor: str) -> None:
        """Moves every market with a position to that factor of its entry price."""
        for venue in VENUES:
            for held in self.daemon.book(venue)["positions"]:
                price = (Decimal(held["entry_price"]) * Decimal(factor)).quantize(Decimal("0.0001"))
                self.market.control("POST", "price", venue=venue, symbol=held["symbol"], price=str(price))

    def hold_everywhere(self) -> None:
        self.daemon.until(lambda: all(self.daemon.book(venue).get("positions") for venue in VENUES), "positions")

    def sell_everywhere(self, factor: str = "1.02") -> None:
        """Reaches a target at each exchange, and waits until it is sold."""
        before = {venue: len(self.sold(venue)) for venue in VENUES}
        self.move(factor)
        self.daemon.until(lambda: all(len(self.sold(venue)) > before[venue] for venue in VENUES), "sales")

    def journaled(self) -> set[str]:
        """Client ids in the emergency journals."""
        ids: set[str] = set()
        for file in self.daemon.data.glob("*.emergency"):
            with closing(EmergencyJournal.open(file)) as journal:
                ids |= {entry.client_id for entry in journal.entries if not isinstance(entry, Mark)}
        return ids

    def agrees(self) -> None:
        """Waits until every book is correct, with no new entries in between."""
        self.daemon.command("pause")
        for venue in VENUES:
            self.daemon.agrees(self.market.ready, venue)
