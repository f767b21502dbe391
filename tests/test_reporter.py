"""What an actor says before an exchange has answered, and of money that lies where it cannot be traded with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from bot.brokers.base import BrokerError, Connection
from bot.domain.instrument import Trading
from bot.domain.money import ZERO
from bot.domain.outcome import Meaning
from bot.engine.accounting import Standing
from bot.engine.business import Plan
from bot.engine.entries import Entries
from bot.engine.risk import Losses
from bot.operate.health import Heartbeat, Pulse, Status
from bot.operate.log import EventLog
from bot.reporter import Reporter, last_known
from bot.store.reader import Books
from tests.rig import Notes
from tests.store.cases import KRAKEN, HandClock, bought, ledger

Pockets = Callable[[], Mapping[str, Decimal]]


def silent() -> Mapping[str, Decimal]:
    raise BrokerError("kraken", Meaning.BUSY, "no answer")


def reporter(folder: Path, pockets: Pockets = silent) -> tuple[Reporter, Heartbeat, Notes]:
    """The voice of an account whose book holds one position."""
    book, notes = ledger(folder), Notes()
    bought(book)
    heartbeat = Heartbeat(Pulse("kraken", Status.DEGRADED, reason="connecting"), 0)
    plan = SimpleNamespace(min_balance=Decimal(2), recommended_balance=Decimal(25))
    connection = Connection(KRAKEN, frozenset(), ip_bound=True, clock_skew_ms=0, trading=Trading.ONLINE)
    one = Reporter(
        cast("Plan", plan),
        HandClock(),
        cast("EventLog", notes),
        heartbeat,
        book,
        cast("Entries", None),
        connection,
        pockets,
    )
    return one, heartbeat, notes


def penniless() -> Standing:
    return Standing(0, ZERO, ZERO, ZERO, ZERO, Losses(), {}, {}, {})


@pytest.mark.parametrize(
    ("pockets", "elsewhere"),
    [
        (lambda: {"USD": Decimal("7.0"), "BTC": Decimal("0.12")}, "0.12 BTC, 7 USD"),
        (dict, "nothing"),
        (silent, "not known: no answer"),
    ],
)
def test_an_account_without_money_says_where_else_some_lies(tmp_path: Path, pockets: Pockets, elsewhere: str) -> None:
    one, _, notes = reporter(tmp_path, pockets)
    one.measured(penniless())
    assert [line["elsewhere"] for line in notes.said("UNFUNDED")] == [elsewhere]


def test_what_the_book_holds_is_known_before_the_first_measurement(tmp_path: Path) -> None:
    one, heartbeat, _ = reporter(tmp_path)
    one.connected()
    assert [(held.symbol, held.qty) for held in heartbeat.pulse.holdings] == [("BTC-USD", Decimal(1))]
    assert heartbeat.pulse.reason == "connecting"


def test_what_the_book_holds_is_known_before_the_exchange_has_answered(tmp_path: Path) -> None:
    bought(ledger(tmp_path))
    books = Books(tmp_path)
    assert [held.symbol for held in last_known(books, {"kraken": "live"})["kraken"]] == ["BTC-USD"]
    assert last_known(books, {"kraken": "sandbox"}) == {}
    assert last_known(books, {"okx": "live"}) == {}
