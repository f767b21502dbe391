"""The torture's own check of results: it agrees with a sound book, and finds a wrong one."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.domain.booking import TAKEN, Worth
from bot.domain.fill import Fill
from bot.domain.ids import AccountKey
from bot.domain.money import ONE
from bot.domain.order import OrderStatus, Purpose, Side
from bot.store.ledger import Ledger
from bot.store.reader import Books
from tests.store.cases import fill, intent, ledger, selling
from tests.torture.earned import read, taken, unearned

KRAKEN = AccountKey("kraken")


def truth_of(*fills: Fill, by_hand: tuple[str, ...] = ()) -> dict[str, Any]:
    """The exchange's orders and fills for these fills."""
    orders = {one.exchange_order_id for one in fills}
    return {
        "orders": [{"id": name, "origin": "manual" if name in by_hand else "api"} for name in sorted(orders)],
        "fills": [
            {
                "id": one.fill_id,
                "order_id": one.exchange_order_id,
                "symbol": one.symbol,
                "side": str(one.side),
                "qty": str(one.qty),
                "price": str(one.price),
                "fee": str(one.fee),
                "fee_asset": one.fee_asset,
            }
            for one in fills
        ],
    }


class Account:
    """A book and the exchange's view of it."""

    def __init__(self, folder: Path) -> None:
        self.book: Ledger = ledger(folder)
        self.books = Books(folder)
        self.fills: list[Fill] = []
        self.attached: dict[str, str] = {}
        """Stops by the entries to which they were attached."""

    def buys(self, number: int, qty: str, price: str, fee: str = "0", asset: str = "USD") -> None:
        order = intent(number, qty=qty, attempt=number)
        self.book.record(order)
        self.book.mark(order.client_id, OrderStatus.SUBMITTED, exchange_id=f"X{number}")
        self.fills.append(fill(f"F{number}", f"X{number}", qty, price, fee=fee, asset=asset))
        self.book.record_fill(self.fills[-1])

    def sells(self, number: int, qty: str, price: str, fee: str = "0") -> None:
        order = selling(self.book, number, Purpose.EXIT, qty)
        self.fills.append(fill(f"F{number}", order, qty, price, side=Side.SELL, time=7_000 + number, fee=fee))
        self.book.record_fill(self.fills[-1])

    def wrong(self, *by_hand: str) -> list[str]:
        truth = truth_of(*self.fills, by_hand=by_hand)
        for order in truth["orders"]:
            if order["id"] in self.attached:
                order.update(origin="attached", parent_id=self.attached[order["id"]])
        return unearned(read(self.books, KRAKEN), truth)


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return Account(tmp_path)


def test_dust_that_went_with_an_attached_stop_is_counted_once(account: Account) -> None:
    """The first trade leaves dust of 0.005; the second's stop also sells its fee of 0.01: the dust, and as much again."""
    account.buys(1, "1", "100", "0.01", "BTC")
    account.sells(2, "0.985", "110")
    account.book.close("BTC-USD", 8_000, "dust", Worth(Decimal(110)))
    account.buys(3, "1", "100", "0.01", "BTC")
    account.sells(4, "1", "99")
    assert len(account.wrong()) == 1
    account.attached["X4"] = "X3"
    assert account.wrong() == []
    assert account.book.dust() == {}


def test_what_the_owner_sold_and_what_nobody_saw_go_add_up(account: Account) -> None:
    account.buys(1, "3", "100", "0.3")
    sale = fill("H1", "HAND", "5", "120", side=Side.SELL, fee="0.5", fee_usd="0.5", time=7_000)
    part = replace(sale, qty=ONE, fee=Decimal("0.1"), fee_usd=Decimal("0.1"))
    account.book.sold_by_owner("BTC-USD", part, ONE)
    account.fills.append(sale)
    account.book.write_off("BTC-USD", ONE, 7_001, TAKEN, Worth(Decimal(130)))
    account.sells(2, "0.5", "90")
    assert account.wrong("HAND") == []
    assert taken(read(account.books, KRAKEN)) == {"BTC": ONE}


@pytest.mark.parametrize("field", ["price", "fee", "qty"])
def test_a_result_that_is_a_cent_off_is_found(account: Account, field: str) -> None:
    account.buys(1, "1", "100")
    account.sells(2, "1", "110", "1")
    assert account.wrong() == []
    last = account.fills[-1]
    account.fills[-1] = replace(last, **{field: getattr(last, field) + Decimal("0.01")})
    assert account.wrong() != []


def test_a_sale_that_the_book_lacks_is_found(account: Account) -> None:
    account.buys(1, "1", "100")
    account.fills.append(fill("F9", "X9", "1", "110", side=Side.SELL))
    assert account.wrong() != []
