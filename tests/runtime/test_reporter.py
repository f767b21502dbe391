"""What an actor says of missing money: also where there is some that no order can use."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.brokers.base import BrokerError, Connection
from bot.domain.clock import SystemClock
from bot.domain.ids import AccountKey
from bot.domain.instrument import Balance, Trading
from bot.domain.log import Event
from bot.domain.outcome import ErrorMeaning
from bot.domain.status import CONNECTING, BrokerStatus, Status
from bot.runtime.reporter import Reporter, last_known
from bot.store.reader import Books
from bot.strategy.gate_inputs import Account
from bot.strategy.gates import ACCOUNT, first
from bot.telemetry.heartbeat import Heartbeat
from tests.engine.test_lost_orders_same_id import OneOrderAnId
from tests.rig import Notes
from tests.store.cases import KRAKEN, bought, ledger

NONE = Decimal(0)


class Wallet(OneOrderAnId):
    """An account with money in several places."""

    def __init__(self, pockets: Mapping[str, Decimal], held: Decimal, *, silent: bool) -> None:
        super().__init__()
        self.apart, self.held, self.silent = pockets, held, silent

    def unavailable_balances(self) -> Mapping[str, Decimal]:
        if self.silent:
            raise BrokerError(self.name, ErrorMeaning.BUSY, "no answer")
        return self.apart

    def balances(self) -> Mapping[str, Balance]:
        return {"USD": Balance(Decimal(1), self.held), "BTC": Balance(NONE, Decimal(3))}


def snapshot_of(equity: str) -> Any:
    """The part of a look at the account that the line is made of."""
    worth = Decimal(equity)
    return SimpleNamespace(balance=worth, equity=worth, useful=worth, other={})


@pytest.mark.parametrize(
    ("pockets", "held", "silent", "hint"),
    [
        ({}, "0", False, ""),
        ({}, "0", True, ""),
        ({"USD": "5000", "BTC": "2"}, "0", False, "; there is 5000 USD elsewhere at the exchange"),
        ({"USDC": "7.50"}, "4", False, "; there is 7.5 USDC elsewhere at the exchange, 4 USD held by orders"),
    ],
)
def test_the_line_about_missing_money_names_what_lies_elsewhere(
    pockets: dict[str, str], held: str, silent: bool, hint: str
) -> None:
    notes = Notes()
    purse = Wallet({asset: Decimal(amount) for asset, amount in pockets.items()}, Decimal(held), silent=silent)
    plan: Any = SimpleNamespace(min_balance=Decimal(10), recommended_balance=Decimal(100))
    unused: Any = SimpleNamespace()
    reporter = Reporter(plan, SystemClock(), notes, unused, unused, unused, unused, purse)  # type: ignore[arg-type]
    reporter.measured(snapshot_of("5"))
    (line,) = notes.said(Event.UNFUNDED)
    assert line["reason"] == f"waiting for money{hint}"
    unfunded = first(ACCOUNT, Account(stop_orders=True, funds=Decimal(5), min_funds=Decimal(10)))
    assert reporter._verdict(unfunded) == (Status.UNFUNDED, f"less than MIN_BALANCE_USD{hint}")
    reporter.measured(snapshot_of("500"))
    assert len(notes.said(Event.FUNDED)) == 1


def test_what_the_book_holds_is_known_before_the_first_measurement(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    bought(book)
    heartbeat = Heartbeat(BrokerStatus(AccountKey("kraken"), Status.DEGRADED, reason=CONNECTING))
    connection = Connection(KRAKEN, frozenset(), ip_bound=True, clock_skew_ms=0, trading=Trading.ONLINE)
    unused: Any = SimpleNamespace()
    one = Reporter(unused, SystemClock(), Notes(), heartbeat, book, unused, connection, unused)  # type: ignore[arg-type]
    one.connected()
    assert [(held.position.symbol, held.position.qty) for held in heartbeat.latest.holdings] == [
        ("BTC-USD", Decimal(1))
    ]
    assert heartbeat.latest.connecting


def test_what_the_book_holds_is_known_before_the_exchange_has_answered(tmp_path: Path) -> None:
    bought(ledger(tmp_path))
    books = Books(tmp_path)
    assert [held.position.symbol for held in last_known(books, {KRAKEN.key: "live"})[KRAKEN.key].holdings] == [
        "BTC-USD"
    ]
    assert last_known(books, {KRAKEN.key: "sandbox"}) == {}
    assert last_known(books, {AccountKey("okx"): "live"}) == {}
