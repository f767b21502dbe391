"""Orders: written once, moved forward only, found again under either name."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select
from sqlalchemy.dialects import sqlite

from bot.domain.booking import AlreadyDecided
from bot.domain.ids import decision_key
from bot.domain.order import DONE, WORKING, IllegalTransition, OrderStatus, OrderType, Purpose, Side
from bot.engine.book import Book
from bot.store import orders
from bot.store.ledger import Ledger
from tests.store.cases import DECISION, KRAKEN, HandClock, bought, fill, intent, ledger, report, selling

STOP = report("S1", OrderStatus.OPEN, side=Side.SELL, kind=OrderType.STOP, trigger="90", parent_id="X1")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def book(tmp_path: Path, clock: HandClock) -> Ledger:
    return ledger(tmp_path, clock=clock)


def test_the_ledger_is_the_engines_book(book: Ledger) -> None:
    engines: Book = book
    assert engines.account == KRAKEN


def test_an_intent_comes_back_as_it_was_written(book: Ledger) -> None:
    order = intent(1)
    record = book.record(order)
    assert record == book.by_client_id(order.client_id)
    assert (record.status, record.key, record.decision) == (OrderStatus.INTENT, order.key, DECISION)
    assert (record.qty, record.limit_price, record.deadline) == (Decimal(1), Decimal("101.5"), 3_500)
    assert (record.created_at, record.updated_at, record.sent_at) == (2_001, 5_000, 3_001)
    assert isinstance(record.side, Side)


def test_a_decision_is_made_once_in_the_life_of_the_database(tmp_path: Path, book: Ledger) -> None:
    book.record(intent(1))
    again = replace(intent(2), key=intent(1).key)
    with pytest.raises(AlreadyDecided):
        book.record(again)
    with pytest.raises(AlreadyDecided):
        ledger(tmp_path).record(again)
    assert book.by_client_id(again.client_id) is None


def test_attempts_count_the_keys_of_one_decision_only(book: Ledger) -> None:
    assert book.attempts("BTC-USD", 1_000, Purpose.ENTRY) == 0
    for number in range(3):
        book.record(intent(number, attempt=number))
    book.record(intent(8, purpose=Purpose.TP1))
    book.record(replace(intent(9), key=decision_key(KRAKEN, "BTC-USD", 10_000, Purpose.ENTRY)))
    assert book.attempts("BTC-USD", 1_000, Purpose.ENTRY) == 3
    assert book.attempts("BTC-USD", 1_000, Purpose.TP1) == 1
    assert book.attempts("BTC-USD", 10_000, Purpose.ENTRY) == 1
    assert book.attempts("ETH-USD", 1_000, Purpose.ENTRY) == 0


def test_mark_moves_along_the_table_only(book: Ledger) -> None:
    order = intent(1)
    book.record(order)
    assert book.mark(order.client_id, OrderStatus.UNKNOWN, reason="timed out").reason == "timed out"
    assert book.mark(order.client_id, OrderStatus.SUBMITTED, exchange_id="X1").exchange_id == "X1"
    book.mark(order.client_id, OrderStatus.CANCELED)
    with pytest.raises(IllegalTransition):
        book.mark(order.client_id, OrderStatus.OPEN)
    with pytest.raises(KeyError):
        book.mark("njabc9999999999999", OrderStatus.OPEN)


def test_update_takes_over_what_the_venue_says(book: Ledger, clock: HandClock) -> None:
    order = intent(1)
    book.record(order)
    clock.market = 7_000
    record = book.update(report("X1", OrderStatus.OPEN, "0.25", avg="100.5", client_id=order.client_id, trigger="91"))
    assert record is not None
    assert (record.status, record.exchange_id) == (OrderStatus.PARTIALLY_FILLED, "X1")
    assert (record.filled_qty, record.avg_price, record.trigger_price) == (
        Decimal("0.25"),
        Decimal("100.5"),
        Decimal(91),
    )
    assert record.updated_at == 7_000
    assert record == book.by_exchange_id("X1")


def test_an_order_that_nobody_knows_is_left_alone(book: Ledger) -> None:
    assert book.update(report("foreign", OrderStatus.OPEN, client_id="hand made")) is None
    assert book.by_exchange_id("foreign") is None


@pytest.mark.parametrize(
    ("status", "filled"),
    [
        (OrderStatus.OPEN, "0"),
        (OrderStatus.PARTIALLY_FILLED, "0.3"),
        (OrderStatus.CANCELED, "0.4"),
        (OrderStatus.SUBMITTED, "0.5"),
        (OrderStatus.OPEN, "0.5"),
        (OrderStatus.EXPIRED, "0.5"),
    ],
)
def test_an_older_report_changes_nothing(book: Ledger, clock: HandClock, status: OrderStatus, filled: str) -> None:
    book.record(intent(1))
    book.mark(intent(1).client_id, OrderStatus.SUBMITTED, exchange_id="X1")
    known = book.update(report("X1", OrderStatus.CANCELED, "0.5", avg="100"))
    clock.market = 8_000
    assert book.update(report("X1", status, filled)) == known
    assert book.by_exchange_id("X1") == known


@pytest.mark.parametrize("now", sorted(WORKING | DONE))
def test_no_report_can_stop_the_account(book: Ledger, now: OrderStatus) -> None:
    """What cannot follow changes no status; an order that is done stays so, unless it was refused and is there."""
    for number, (then, filled) in enumerate(product(OrderStatus, ("0.5", "1"))):
        order, name = intent(number, attempt=number), f"X{number}"
        book.record(order)
        book.mark(order.client_id, OrderStatus.SUBMITTED, exchange_id=name)
        before = book.update(report(name, now, "0.5", avg="100"))
        after = book.update(report(name, then, filled, avg="100"))
        assert before is not None
        assert after is not None
        if before.status in DONE:
            assert after.status in (before.status, OrderStatus.FILLED), then
        elif then in DONE:
            assert after.status in DONE, then


def test_a_refused_order_that_shows_up_is_believed(book: Ledger) -> None:
    order = intent(1)
    book.record(order)
    book.mark(order.client_id, OrderStatus.REJECTED, reason="funds")
    record = book.update(report("X1", OrderStatus.OPEN, client_id=order.client_id))
    assert record is not None
    assert record.status is OrderStatus.OPEN


def test_a_stop_that_the_venue_spawned_is_adopted_once(book: Ledger) -> None:
    bought(book)
    record = book.adopt(STOP, Purpose.STOP)
    assert (record.client_id, record.exchange_id, record.parent_id) == (None, "S1", "X1")
    assert (record.purpose, record.trigger_price, record.key) == (Purpose.STOP, Decimal(90), None)
    assert book.adopt(replace(STOP, trigger_price=Decimal(95)), Purpose.STOP).trigger_price == Decimal(95)
    assert book.adopt(replace(STOP, exchange_id="S2"), Purpose.STOP).exchange_id == "S2"
    assert [order.exchange_id for order in book.unsettled()] == ["S1", "S2"]


def test_an_order_from_a_lost_database_keeps_its_name_and_decision(book: Ledger) -> None:
    lost = report("X7", OrderStatus.FILLED, "1", avg="100", client_id="njabc0000000000007")
    book.adopt(lost, Purpose.ENTRY, DECISION)
    record = book.by_client_id("njabc0000000000007")
    assert record is not None
    assert (record.decision, record.settled, record.created_at) == (DECISION, False, 2_500)


def test_unsettled_are_the_orders_that_still_owe_us_something(book: Ledger) -> None:
    for number in range(1, 6):
        book.record(intent(number, attempt=number))
    book.mark(intent(2).client_id, OrderStatus.SUBMITTED, exchange_id="X2")
    book.mark(intent(3).client_id, OrderStatus.REJECTED)
    book.update(report("X4", OrderStatus.FILLED, "1", avg="100", client_id=intent(4).client_id))
    book.update(report("X5", OrderStatus.FILLED, "1", avg="100", client_id=intent(5).client_id))
    book.record_fill(fill("F5", "X5"))
    owing = [order.client_id for order in book.unsettled()]
    assert owing == [intent(1).client_id, intent(2).client_id, intent(4).client_id]
    book.record_fill(fill("F4", "X4"))
    assert intent(4).client_id not in [order.client_id for order in book.unsettled()]


def test_orders_of_a_symbol_since_a_time(book: Ledger) -> None:
    bought(book, 1)
    selling(book, 2)
    bought(book, 3, symbol="ETH-USD")
    assert [order.created_at for order in book.orders_of("BTC-USD", 0)] == [2_001, 2_002]
    assert [order.created_at for order in book.orders_of("BTC-USD", 2_002)] == [2_002]


def test_accounts_do_not_see_each_other(tmp_path: Path, book: Ledger) -> None:
    bought(book)
    other = ledger(tmp_path, replace(KRAKEN, mode="sandbox"))
    assert other.by_exchange_id("X1") is None
    assert (list(other.positions()), list(other.unsettled()), other.newest_fill()) == ([], [], 0)
    bought(other)
    assert len(book.positions()) == 1


def test_stops_that_share_a_client_id_are_each_an_order(book: Ledger) -> None:
    """The broker gives the id to the first of those that it sees together; alone, each comes with it."""
    book.record(intent(1))
    book.mark(intent(1).client_id, OrderStatus.SUBMITTED, exchange_id="E1")
    first, second = (
        replace(report("S1", OrderStatus.OPEN, client_id="stop"), exchange_id=each, parent_id="E1", side=Side.SELL)
        for each in ("S1", "S2")
    )
    assert book.adopt(first, Purpose.STOP).client_id == "stop"
    assert book.update(replace(second, client_id=None)) is None
    assert book.adopt(replace(second, client_id=None), Purpose.STOP).exchange_id == "S2"
    for each in (first, second):
        ended = book.update(replace(each, status=OrderStatus.CANCELED))
        assert ended is not None
        assert (ended.exchange_id, ended.status) == (each.exchange_id, OrderStatus.CANCELED)


def test_many_times_its_size_is_not_believed_to_be_filled(book: Ledger) -> None:
    book.record(intent(1))
    book.mark(intent(1).client_id, OrderStatus.SUBMITTED, exchange_id="E1")
    lie = book.update(report("E1", OrderStatus.PARTIALLY_FILLED, filled="1000", client_id=intent(1).client_id))
    assert lie is not None
    assert (lie.status, lie.filled_qty) == (OrderStatus.SUBMITTED, Decimal(0))
    truth = book.update(report("E1", OrderStatus.CANCELED, client_id=intent(1).client_id))
    assert truth is not None
    assert truth.status is OrderStatus.CANCELED


@pytest.mark.parametrize(("status", "lied"), [(OrderStatus.PARTIALLY_FILLED, "0.9"), (OrderStatus.FILLED, "1")])
def test_what_the_venue_takes_back_is_corrected_down_to_what_is_booked(
    book: Ledger, status: OrderStatus, lied: str
) -> None:
    book.record(intent(1))
    book.mark(intent(1).client_id, OrderStatus.SUBMITTED, exchange_id="X1")
    book.update(report("X1", OrderStatus.PARTIALLY_FILLED, "0.5", avg="100"))
    book.record_fill(fill("F1", "X1", "0.5", "102"))
    book.update(report("X1", status, lied, avg="7"))
    record = book.correct(report("X1", OrderStatus.OPEN, "0.25", avg="100"))
    assert (record.status, record.filled_qty) == (OrderStatus.PARTIALLY_FILLED, Decimal("0.5"))
    assert (record.booked_qty, record.avg_price) == (Decimal("0.5"), Decimal(102))
    assert record in book.unsettled()
    assert record == book.by_exchange_id("X1")


def test_nothing_is_corrected_of_an_order_that_nobody_knows(book: Ledger) -> None:
    with pytest.raises(KeyError):
        book.correct(report("foreign", OrderStatus.OPEN))


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (orders._UNSETTLED, "orders_unsettled"),
        (orders._SENT_SINCE, "orders_sent"),
        (orders._NEWEST_SENT, "orders_sent"),
        (orders._OF_SYMBOL, "orders_by_symbol"),
        (orders._ATTEMPTS, "orders_by_symbol"),
        (orders._ENTERED, "orders_by_symbol"),
    ],
)
def test_what_is_asked_at_each_order_uses_an_index(tmp_path: Path, query: Select[Any], index: str) -> None:
    ledger(tmp_path)
    text = str(query.compile(dialect=sqlite.dialect()))
    with closing(sqlite3.connect(tmp_path / "kraken.db")) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {text}", ["1"] * text.count("?")).fetchall()
    assert f"USING INDEX {index} " in str(plan) or f"USING COVERING INDEX {index} " in str(plan), plan
