"""Fills, booked once, and the positions and dust that follow from them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.domain.booking import TAKEN
from bot.domain.money import ZERO
from bot.domain.order import OrderStatus, OrderType, Purpose, Side
from bot.domain.position import after, opened
from bot.store.ledger import Ledger
from bot.store.reader import Books
from bot.store.report import document
from bot.store.schema import journal, positions
from tests.store.cases import AT_COST, DECISION, bought, fill, intent, ledger, report, selling


@pytest.fixture
def book(tmp_path: Path) -> Ledger:
    return ledger(tmp_path)


def events(book: Ledger, event: str) -> list[str]:
    with book._db.store.reading() as connection:
        return list(connection.execute(select(journal.c.data).where(journal.c.event == event)).scalars())


def closings(book: Ledger) -> list[tuple[int, str]]:
    query = select(positions.c.closed_at, positions.c.closed_why).order_by(positions.c.id)
    with book._db.store.reading() as connection:
        return [(row[0], row[1]) for row in connection.execute(query)]


def sent(book: Ledger, number: int = 1, qty: str = "1") -> str:
    order = intent(number, qty=qty, attempt=number)
    book.record(order)
    book.mark(order.client_id, OrderStatus.SUBMITTED, exchange_id=f"X{number}")
    return f"X{number}"


def test_an_entrys_fills_open_and_extend_its_position(book: Ledger) -> None:
    order = sent(book, qty="3")
    first, second = fill("F1", order, "1", "100", fee="0.2"), fill("F2", order, "2", "103", fee="0.4", time=6_500)
    booking = book.record_fill(first)
    assert booking is not None
    assert booking.position == opened(first, DECISION, intent(1).client_id) == book.position("BTC-USD")
    assert booking.order.status is OrderStatus.PARTIALLY_FILLED
    again = book.record_fill(second)
    assert again is not None
    assert again.position == after(booking.position, second) == book.position("BTC-USD")
    assert (again.order.booked_qty, again.order.filled_qty, again.order.avg_price) == (
        Decimal(3),
        Decimal(3),
        Decimal(102),
    )


def test_a_fill_is_booked_once(book: Ledger) -> None:
    order = sent(book)
    assert book.record_fill(fill("F1", order)) is not None
    before = book.by_exchange_id(order), book.positions()
    assert book.record_fill(fill("F1", order)) is None
    assert (book.by_exchange_id(order), book.positions()) == before


def test_a_fill_of_a_foreign_order_is_not_booked(book: Ledger) -> None:
    with pytest.raises(KeyError):
        book.record_fill(fill("F1", "foreign"))
    assert book.newest_fill() == 0


def test_a_fill_that_comes_before_the_orders_answer_finds_it_by_client_id(book: Ledger) -> None:
    order = intent(1)
    book.record(order)
    booking = book.record_fill(fill("F1", "X1", client_id=order.client_id))
    assert booking is not None
    assert booking.order.exchange_id == "X1"


def test_the_reported_size_stays_ahead_of_the_booked_one(book: Ledger) -> None:
    order = sent(book)
    book.update(report(order, OrderStatus.FILLED, "1", avg="100.9"))
    booking = book.record_fill(fill("F1", order, "0.4", "100"))
    assert booking is not None
    assert (booking.order.filled_qty, booking.order.booked_qty) == (Decimal(1), Decimal("0.4"))
    assert (booking.order.avg_price, booking.order.settled) == (Decimal("100.9"), False)
    last = book.record_fill(fill("F2", order, "0.6", "101.5"))
    assert last is not None
    assert (last.order.avg_price, last.order.settled) == (Decimal("100.9"), True)


def test_a_position_that_is_sold_out_is_closed_and_its_result_known(book: Ledger) -> None:
    bought(book)
    order = selling(book, 2, Purpose.TP1, "0.4")
    half = book.record_fill(fill("F2", order, "0.4", "110", side=Side.SELL, fee="0.5", time=7_000))
    assert half is not None
    assert half.position is not None
    assert (half.position.qty, half.realised) == (Decimal("0.6"), Decimal("3.5"))
    order = selling(book, 3, Purpose.TRAIL, "0.6")
    rest = book.record_fill(fill("F3", order, "0.6", "95", side=Side.SELL, fee="0.5", time=8_000))
    assert rest is not None
    assert rest.position is not None
    assert (rest.position.qty, rest.oversold, rest.realised) == (ZERO, ZERO, Decimal("-3.5"))
    assert book.position("BTC-USD") is None
    assert closings(book) == [(8_000, "trail")]
    assert (book.realised_since(0), book.realised_since(7_001), book.realised_since(9_000)) == (
        ZERO,
        Decimal("-3.5"),
        ZERO,
    )
    assert book.newest_fill() == 8_000


def test_a_late_fill_of_a_closed_position_opens_one_again(book: Ledger) -> None:
    entry = sent(book, qty="2")
    book.record_fill(fill("F1", entry))
    book.record_fill(fill("F2", selling(book, 2), side=Side.SELL))
    assert book.positions() == []
    book.record_fill(fill("F3", entry, "1", "101", time=7_000))
    position = book.position("BTC-USD")
    assert position is not None
    assert (position.qty, position.opened_at, position.first_stop) == (Decimal(1), 7_000, DECISION.stop)


def test_selling_more_than_is_held_is_told_and_never_a_negative_holding(book: Ledger) -> None:
    bought(book)
    booking = book.record_fill(fill("F2", selling(book, 2, qty="1.5"), "1.5", side=Side.SELL))
    assert booking is not None
    assert booking.position is not None
    assert (booking.position.qty, booking.oversold) == (ZERO, Decimal("0.5"))
    assert book.positions() == []
    late = book.record_fill(fill("F3", selling(book, 3), "0.2", side=Side.SELL))
    assert late is not None
    assert (late.position, late.oversold) == (None, Decimal("0.2"))
    assert events(book, "oversold") == ['{"qty":"0.5","fill_id":"F2"}', '{"qty":"0.2","fill_id":"F3"}']
    assert late.order.booked_qty == Decimal("0.2")


def test_a_spawned_stop_closes_the_position(book: Ledger) -> None:
    bought(book)
    stop = report("S1", OrderStatus.OPEN, side=Side.SELL, kind=OrderType.STOP, trigger="90", parent_id="X1")
    book.adopt(stop, Purpose.STOP)
    book.record_fill(fill("F2", "S1", "1", "89.5", side=Side.SELL, time=9_500))
    assert closings(book) == [(9_500, "stop")]
    assert book.realised_since(0) == Decimal("-10.5")


def test_a_closing_order_never_extends_what_it_should_close(book: Ledger) -> None:
    bought(book)
    order = intent(2, purpose=Purpose.EXIT, side=Side.BUY, attempt=2)
    book.record(order)
    booking = book.record_fill(fill("F2", "X2", client_id=order.client_id))
    assert booking is not None
    assert (booking.position, booking.oversold) == (None, Decimal(1))
    assert book.positions()[0].qty == 1


def test_a_fee_in_the_coin_is_not_held(book: Ledger) -> None:
    book.record_fill(fill("F1", sent(book), "1", "100", fee="0.001", asset="BTC"))
    position = book.position("BTC-USD")
    assert position is not None
    assert (position.qty, position.bought, position.entry_price) == (Decimal("0.999"), Decimal("0.999"), Decimal(100))


def test_a_short_swap_is_closed_by_buying(book: Ledger) -> None:
    symbol = "BTC-USDT-SWAP"
    entry = replace(intent(1, symbol, side=Side.SELL), decision=replace(DECISION, stop=Decimal(110)))
    book.record(entry)
    book.record_fill(fill("F1", "X1", symbol=symbol, side=Side.SELL, client_id=entry.client_id))
    leave = intent(2, symbol, Purpose.EXIT)
    book.record(leave)
    book.record_fill(fill("F2", "X2", "1", "95", symbol=symbol, client_id=leave.client_id))
    assert book.positions() == []
    assert book.realised_since(0) == 5


def test_the_result_in_another_currency_is_counted_in_dollars(book: Ledger) -> None:
    bought(book, symbol="BTC-EUR")
    order = selling(book, 2, symbol="BTC-EUR")
    sale = fill("F2", order, "1", "110", symbol="BTC-EUR", side=Side.SELL, fee="1", asset="EUR", fee_usd="1.1")
    booking = book.record_fill(sale)
    assert booking is not None
    assert booking.realised == book.realised_since(0) == Decimal("9.9")


def test_a_plan_is_kept(tmp_path: Path, book: Ledger) -> None:
    bought(book)
    book.plan("BTC-USD", stage=1, stop_price=Decimal("100.2"))
    position = ledger(tmp_path).position("BTC-USD")
    assert position is not None
    assert (position.stage, position.stop_price, position.first_stop) == (1, Decimal("100.2"), Decimal(90))
    with pytest.raises(KeyError):
        book.plan("ETH-USD", stage=1, stop_price=Decimal(1))


def test_what_cannot_be_traded_becomes_dust_and_is_sold_with_the_next(book: Ledger) -> None:
    bought(book, 1, "1.0003")
    book.record_fill(fill("F2", selling(book, 2), "1", side=Side.SELL))
    closed = book.close("BTC-USD", 7_000, "dust", AT_COST)
    assert closed.qty == 0
    assert book.dust() == {"BTC": Decimal("0.0003")}
    assert closings(book) == [(7_000, "dust")]
    with pytest.raises(KeyError):
        book.close("BTC-USD", 7_001, "dust", AT_COST)
    bought(book, 3)
    swept = book.record_fill(fill("F4", selling(book, 4, qty="1.0003"), "1.0003", side=Side.SELL))
    assert swept is not None
    assert (swept.oversold, len(book.dust())) == (ZERO, 0)


def test_coins_that_the_owner_took_are_written_off(book: Ledger) -> None:
    bought(book)
    assert book.write_off("BTC-USD", Decimal("0.3"), 7_000, "withdrawn", AT_COST).qty == Decimal("0.7")
    assert book.positions()[0].qty == Decimal("0.7")
    book.write_off("BTC-USD", Decimal(5), 8_000, "withdrawn", AT_COST)
    assert closings(book) == [(8_000, "withdrawn")]
    assert book.dust() == {}


def test_results_are_those_of_sales_the_newest_first(book: Ledger) -> None:
    for number, (price, other) in enumerate((("90", "ETH-USD"), ("80", "BTC-USD"), ("120", "BTC-USD"))):
        bought(book, 10 * number + 1, symbol=other)
        order = selling(book, 10 * number + 2, symbol=other)
        book.record_fill(fill(f"S{number}", order, "1", price, side=Side.SELL, symbol=other, time=7_000 + number))
    bought(book, 41)
    book.write_off("BTC-USD", Decimal(5), 9_000, TAKEN, AT_COST)
    assert [(at, earned > 0) for at, earned in book.results("BTC-USD", 5)] == [(7_002, True), (7_001, False)]
    assert [at for at, _ in book.results("BTC-USD", 1)] == [7_002]
    assert book.results("SOL-USD", 3) == []


def test_positions_come_oldest_first(book: Ledger) -> None:
    bought(book, 1, symbol="ETH-USD")
    bought(book, 2, symbol="ADA-USD")
    assert [position.symbol for position in book.positions()] == ["ETH-USD", "ADA-USD"]


def test_what_is_not_held_is_not_naked(tmp_path: Path, book: Ledger) -> None:
    bought(book)
    book.mark_unprotected("BTC-USD", 1, "exit")
    assert [one["end"] for one in document(Books(tmp_path))["brokers"]["kraken"]["naked"]] == [None]
    book.record_fill(fill("F2", selling(book, 2), side=Side.SELL))
    assert [one["end"] for one in document(Books(tmp_path))["brokers"]["kraken"]["naked"]] != [None]
    assert book.mark_protected("BTC-USD", 99_999) == 0


def test_a_days_orders_and_fees_are_those_of_its_fills(book: Ledger) -> None:
    first, second = sent(book, 1, "3"), sent(book, 2)
    book.record_fill(fill("F1", first, time=6_000, fee_usd="0.2"))
    book.record_fill(fill("F2", first, time=6_500, fee_usd="0.3"))
    book.record_fill(fill("F3", second, time=6_999, fee_usd="0.01"))
    book.record_fill(fill("F4", first, time=7_000, fee_usd="5"))
    assert book.traded(6_000, 7_000) == (2, Decimal("0.51"))
    assert book.traded(8_000, 9_000) == (0, ZERO)


def test_one_execution_under_two_ids_is_booked_once(book: Ledger) -> None:
    order = sent(book, 1, "2")
    book.record_fill(fill("F1", order, "1.5"))
    assert book.record_fill(fill("F1 again", order, "1.5", time=6_100)) is None
    assert book.record_fill(fill("F2", order, "0.5", time=6_200)) is not None
    position = book.position("BTC-USD")
    assert position is not None
    assert position.qty == Decimal(2)


def test_what_the_venue_says_was_filled_may_be_booked(book: Ledger) -> None:
    order = sent(book, 1, "2")
    book.update(report(order, OrderStatus.FILLED, "2.5", qty="2", avg="100"))
    assert book.record_fill(fill("F1", order, "2.5")) is not None


# -- a sale that is reported after its coins were written off -----------------------------------------------------------


def test_a_sale_told_late_takes_the_place_of_what_was_written_off(book: Ledger) -> None:
    bought(book)
    order = selling(book, 2, Purpose.STOP)
    book.write_off("BTC-USD", Decimal(1), 8_000, TAKEN, AT_COST)
    assert book.results("BTC-USD", 1) == []
    late = book.record_fill(fill("F2", order, "1", "90", side=Side.SELL, time=7_000))
    assert late is not None
    assert (late.oversold, late.realised) == (ZERO, Decimal(-10))
    assert late.position is not None
    assert late.position.realised == Decimal(-10)
    assert closings(book) == [(8_000, "stop")]
    assert book.results("BTC-USD", 1) == [(8_000, Decimal(-10))]
    assert book.positions() == []


def test_it_does_not_shrink_what_is_left_a_second_time(book: Ledger) -> None:
    bought(book)
    order = selling(book, 2, Purpose.STOP)
    book.write_off("BTC-USD", Decimal("0.6"), 8_000, TAKEN, AT_COST)
    for name, qty, left in (("F2", "0.4", "0.4"), ("F3", "0.3", "0.3"), ("F4", "0.3", "0")):
        late = book.record_fill(fill(name, order, qty, "90", side=Side.SELL, time=7_000))
        assert late is not None
        assert late.position is not None
        assert (late.oversold, late.position.qty) == (ZERO, Decimal(left))
    assert book.realised_since(0) == Decimal(-10)


def test_what_is_sold_afterwards_is_no_part_of_it(book: Ledger) -> None:
    bought(book)
    book.write_off("BTC-USD", Decimal("0.6"), 8_000, TAKEN, AT_COST)
    book.record_fill(fill("F2", selling(book, 2), "0.4", "90", side=Side.SELL, time=8_001))
    assert closings(book) == [(8_001, "exit")]


def test_the_next_position_is_left_alone_by_it(book: Ledger) -> None:
    bought(book)
    order = selling(book, 2, Purpose.STOP)
    book.write_off("BTC-USD", Decimal(1), 8_000, TAKEN, AT_COST)
    again = intent(3, qty="2", attempt=3)
    book.record(again)
    book.mark(again.client_id, OrderStatus.SUBMITTED, exchange_id="X3")
    book.record_fill(fill("F3", "X3", "2", "95", time=9_000))
    book.mark_unprotected("BTC-USD", 9_000, "entry")
    late = book.record_fill(fill("F2", order, "1", "90", side=Side.SELL, time=7_000))
    assert late is not None
    assert (late.oversold, late.realised) == (ZERO, Decimal(-10))
    assert [position.qty for position in book.positions()] == [Decimal(2)]
    assert list(book.unprotected()) == ["BTC-USD"]


def test_a_part_that_the_owner_took_stays_written_off(book: Ledger) -> None:
    bought(book)
    order = selling(book, 2, Purpose.STOP)
    book.write_off("BTC-USD", Decimal(1), 8_000, TAKEN, AT_COST)
    book.record_fill(fill("F2", order, "0.3", "90", side=Side.SELL, time=7_000))
    assert closings(book) == [(8_000, TAKEN)]
    assert book.results("BTC-USD", 1) == []
    more = book.record_fill(fill("F3", order, "0.7", "80", side=Side.SELL, time=7_500))
    assert more is not None
    assert more.realised == Decimal(-14)
    assert closings(book) == [(8_000, "stop")]


def test_of_two_write_offs_the_earlier_is_found_first(book: Ledger) -> None:
    """A sale before the first may be of either; the later sale can only be of the second."""
    bought(book)
    order = selling(book, 2, Purpose.STOP)
    for at in (7_000, 9_000):
        book.write_off("BTC-USD", Decimal("0.3"), at, TAKEN, AT_COST)
    for name, time in (("F2", 6_500), ("F3", 8_000)):
        book.record_fill(fill(name, order, "0.3", "90", side=Side.SELL, time=time))
    assert [position.qty for position in book.positions()] == [Decimal("0.4")]


def test_what_ended_otherwise_stays_as_it_ended(book: Ledger) -> None:
    bought(book)
    order = selling(book, 2, Purpose.STOP)
    book.write_off("BTC-USD", Decimal("0.6"), 8_000, TAKEN, AT_COST)
    book.record_fill(fill("F3", selling(book, 3), "0.4", "95", side=Side.SELL, time=9_000))
    book.record_fill(fill("F2", order, "0.6", "90", side=Side.SELL, time=7_000))
    assert closings(book) == [(9_000, "exit")]
    assert book.results("BTC-USD", 1) == [(9_000, Decimal(-8))]


def test_a_rest_that_no_sale_can_take_is_not_the_owners_doing(book: Ledger) -> None:
    bought(book)
    order = selling(book, 2, Purpose.STOP)
    book.write_off("BTC-USD", Decimal(1), 8_000, TAKEN, AT_COST)
    book.record_fill(fill("F2", order, "0.9995", "50", side=Side.SELL, time=7_000))
    assert [at for at, _ in book.results("BTC-USD", 1)] == [8_000]
