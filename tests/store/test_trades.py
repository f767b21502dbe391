"""Trades and events for tax programs, as they are read from the book."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.booking import DUST, GIVEN_UP, TAKEN, Worth
from bot.domain.ids import Account, AccountKey
from bot.domain.last_prices import LAST_PRICES, LastPrices
from bot.domain.money import ONE, ZERO
from bot.domain.order import OrderStatus, Purpose, Side
from bot.domain.profit import Trade
from bot.store.ledger import Ledger
from bot.store.reader import Books
from bot.store.tax_events import read_tax_events
from bot.store.trades import read_trades
from tests.store.cases import KRAKEN, bought, fill, intent, ledger, selling
from tests.store.older import to_0005

PRICE = Worth(Decimal(120), Decimal("0.5"))


def trades(folder: Path, key: str | None = None) -> list[Trade]:
    found = read_trades(Books(folder), None if key is None else AccountKey.parse(key))
    return [trade for account in found for trade in account.trades]


def sold(book: Ledger, number: int, qty: str, price: str, *, purpose: Purpose = Purpose.EXIT, fee: str = "0") -> None:
    order = selling(book, number, purpose, qty)
    book.record_fill(fill(f"F{number}", order, qty, price, side=Side.SELL, time=7_000 + number, fee=fee, fee_usd=fee))


def test_a_position_with_its_legs_over_a_restart(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    bought(book, 1, "2")
    sold(book, 2, "0.5", "110", purpose=Purpose.TP1, fee="0.1")
    sold(ledger(tmp_path), 3, "1.5", "90", purpose=Purpose.STOP)
    (one,) = trades(tmp_path)
    assert [(leg.purpose, leg.closes, leg.result_usd) for leg in one.legs] == [
        ("entry", False, ZERO),
        ("tp1", True, Decimal("4.9")),
        ("stop", True, Decimal(-15)),
    ]
    assert (one.account, one.opened_at, one.closed_at, one.reason) == ("kraken", 6_000, 7_003, "stop")
    assert (one.qty, one.bought_at, one.sold_at) == (Decimal(2), Decimal(100), Decimal(95))
    assert (one.result_usd, one.fees_usd) == (Decimal("-10.1"), Decimal("0.1"))


def test_what_left_without_a_sale_is_a_leg_at_its_worth(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    bought(book, 1, "3")
    book.write_off("BTC-USD", ONE, 8_000, TAKEN, PRICE)
    book.close("BTC-USD", 9_000, "too small", PRICE)
    (one,) = trades(tmp_path)
    assert [(leg.purpose, leg.qty, leg.price, leg.result_usd) for leg in one.legs[1:]] == [
        ("taken", Decimal(1), Decimal(120), Decimal(10)),
        ("dust", Decimal(2), Decimal(120), Decimal(20)),
    ]
    assert book.realised_since(0) == one.result_usd == Decimal(30)
    assert book.realised_since(8_001) == Decimal(20)
    assert ledger(tmp_path).realised_since(8_001) == Decimal(20)


def test_dust_that_is_sold_earns_what_it_brings_above_its_worth(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    bought(book, 1, "2")
    book.close("BTC-USD", 9_000, "too small", Worth(Decimal(120)))
    sold(book, 2, "0.5", "150", fee="1")
    assert [trade.result_usd for trade in trades(tmp_path) if not trade.is_position] == [Decimal(14)]
    sold(book, 3, "2", "130")  # half a coin of it was never ours, and earns nothing
    assert [trade.result_usd for trade in trades(tmp_path) if not trade.is_position] == [Decimal(14), Decimal(15)]


def test_an_open_position_counts_at_the_last_known_price(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    bought(book, 1, "2")
    (one,) = trades(tmp_path)
    assert (one.open_usd, one.price) == (ZERO, Decimal(100))
    book.set_state(LAST_PRICES, LastPrices().after({"BTC-USD": Decimal(105)}, 9_500).written())
    (account,) = read_trades(Books(tmp_path))
    assert (account.trades[0].open_usd, account.as_of) == (Decimal(10), 9_500)


def test_several_accounts_of_an_exchange_are_told_apart(tmp_path: Path) -> None:
    for account in (Account("live", "kraken", "main", "k-1", "savings"), Account("live", "okx", "main", "k-2")):
        bought(ledger(tmp_path, account), 1)
    assert [one.account for one in trades(tmp_path)] == ["kraken:savings", "okx"]
    assert [one.account for one in trades(tmp_path, "okx")] == ["okx"]


def test_an_older_book_has_no_worth_written_down(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    bought(book, 1, "3")
    book.write_off("BTC-USD", ONE, 8_000, TAKEN, PRICE)
    book._db.store.close()
    to_0005(tmp_path / "kraken.db")
    book = ledger(tmp_path)
    (one,) = trades(tmp_path)
    assert [(leg.purpose, leg.price, leg.result_usd) for leg in one.legs[1:]] == [("taken", Decimal(100), ZERO)]
    late = book.record_fill(fill("F2", selling(book, 2), "1", "90", side=Side.SELL, time=7_000))
    assert late is not None
    assert (late.realised, late.oversold) == (Decimal(-10), ZERO)
    assert read_tax_events(Books(tmp_path))[-1].fill_id == "F2"


def test_a_sale_told_late_takes_the_worth_of_its_write_off_back(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    bought(book, 1, "2")
    book.realised_since(0)
    book.write_off("BTC-USD", Decimal(2), 8_000, TAKEN, Worth(Decimal(120)))
    assert book.realised_since(0) == Decimal(40)
    late = book.record_fill(fill("F2", selling(book, 2, Purpose.STOP), "0.5", "100", side=Side.SELL, time=7_000))
    assert late is not None
    assert late.position is not None
    assert (late.position.realised, late.realised) == (Decimal(30), ZERO)
    assert book.realised_since(0) == ledger(tmp_path).realised_since(0) == Decimal(30)
    (one,) = trades(tmp_path)
    assert [(leg.purpose, leg.qty, leg.result_usd) for leg in one.legs[1:]] == [
        ("stop", Decimal("0.5"), ZERO),
        ("taken", Decimal("1.5"), Decimal(30)),
    ]


def test_the_owners_sale_in_another_dollar_market_counts_in_dollars(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    bought(book, 1, "1")
    sale = fill("H1", "HAND", "1", "110", symbol="BTC-USDT", side=Side.SELL, fee="1", asset="USDT", time=7_000)
    booking = book.sold_by_owner("BTC-USD", replace(sale, quote_usd=Decimal("0.9"), fee_usd=Decimal("0.9")), ONE)
    assert booking.realised == Decimal("-1.9")
    (one,) = trades(tmp_path)
    assert (one.result_usd, one.fees_usd, one.reason) == (Decimal("-1.9"), Decimal("0.9"), "owner")


@pytest.mark.parametrize("why", [TAKEN, GIVEN_UP])
def test_coins_that_left_are_a_withdrawal_for_tax_programs_unless_they_were_never_ours(
    tmp_path: Path, why: str
) -> None:
    book = ledger(tmp_path)
    bought(book, 1, "3")
    book.write_off("BTC-USD", ONE, 8_000, why, PRICE)
    events = read_tax_events(Books(tmp_path))
    assert [event.withdrawn for event in events] == [False, True][: 1 + (why == TAKEN)]
    assert read_tax_events(Books(tmp_path), since=8_001) == []


def test_dust_is_named_with_its_worth_at_the_last_fill_of_its_position(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    bought(book, 1, "2")
    sold(book, 2, "1.5", "110")
    book.close("BTC-USD", 9_000, DUST, Worth(Decimal(120), Decimal("0.5")))
    notes = [event.note for event in read_tax_events(Books(tmp_path))]
    assert notes == ["", "leaves 0.5 BTC as dust, worth $30.00 at the time"]


def test_what_was_paid_with_is_the_currency(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    order = replace(intent(1), pay_in="USDC")
    book.record(order)
    book.mark(order.client_id, OrderStatus.SUBMITTED, exchange_id="X1")
    book.record_fill(fill("F1", "X1", fee="0.1", fee_usd="0.1"))
    (event,) = read_tax_events(Books(tmp_path), KRAKEN.key)
    assert (event.currency, event.fee_asset) == ("USDC", "USDC")
