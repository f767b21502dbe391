"""The log line at the end of a position: the average price of all its sales, the result with its currency, the reason."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.domain.log import Event
from bot.domain.order import OrderStatus, OrderType, Purpose, Side
from bot.engine.results import Results
from bot.store.ledger import Ledger
from tests.notes import Notes
from tests.store.cases import bought, fill, ledger, report, selling


def listening(book: Ledger) -> tuple[Results, Notes]:
    notes = Notes()
    instrument = SimpleNamespace(lot=Decimal("0.01"), tick=Decimal("0.01"))
    desk: Any = SimpleNamespace(book=book, log=notes, instruments={"BTC-USD": instrument})
    return Results(desk), notes


def sell(book: Ledger, results: Results, exchange_id: str, price: str, name: str) -> None:
    booking = book.record_fill(fill(name, exchange_id, "1", price, side=Side.SELL, fee="0.5", time=9_000))
    assert booking is not None
    results.on_fill(booking)


@pytest.mark.parametrize(("last", "reason"), [("95", "target reached"), ("89.5", "stop reached")])
def test_the_line_is_of_the_whole_position(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str, reason: str
) -> None:
    """The stop of a bracket also sells at its target."""
    monkeypatch.setattr("bot.engine.results.record_target", lambda *_: None)
    book = ledger(tmp_path)
    results, notes = listening(book)
    bought(book, qty="2")
    sell(book, results, selling(book, 2, Purpose.TP1), "105", "T1")
    stop = report("S1", OrderStatus.OPEN, side=Side.SELL, kind=OrderType.STOP, trigger="90")
    book.adopt(stop, Purpose.STOP)
    sell(book, results, "S1", last, "T2")
    (line,) = notes.said(Event.EXIT)
    assert line["price"] == (105 + Decimal(last)) / 2
    assert (line["result"], line["fees"], line["currency"]) == (105 + Decimal(last) - 201, Decimal("1.0"), "USD")
    assert line["reason"] == reason


def test_a_sale_of_ours_has_the_reason_that_was_given_for_it(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    results, notes = listening(book)
    bought(book)
    sell(book, results, selling(book, 2), "105", "T1")
    assert [(line["price"], line["reason"]) for line in notes.said(Event.EXIT)] == [(105, "signal")]


def test_sales_of_the_position_before_are_not_counted(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    results, notes = listening(book)
    bought(book)
    sell(book, results, selling(book, 2), "105", "T1")
    bought(book, 3)
    sell(book, results, selling(book, 4), "90", "T2")
    assert [line["price"] for line in notes.said(Event.EXIT)] == [105, 90]
