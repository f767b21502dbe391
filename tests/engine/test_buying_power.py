"""A market that accepts several currencies: bought with the largest balance, sold for the same currency; money that buys nothing
does not count.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.brokers.okx import OKXBroker, OkxConfig
from bot.domain.ids import ClientIds
from bot.domain.instrument import Balance, Kind
from bot.domain.order import OrderStatus, OrderType, Purpose, Side
from bot.engine.accounting import Accounting
from bot.engine.book import Book
from bot.engine.buying_power import Money, best_funded_currency
from bot.engine.order_manager import OrderManager
from bot.engine.universe import MarketCriteria, choose, spendable
from tests.engine.given import instrument, ticker
from tests.rig import Notes
from tests.store.cases import HandClock, fill, intent, ledger, report

BTC = instrument("BTC-USDC", paid_in=("USD", "USDC"))
ETH = instrument("ETH-USDC", paid_in=("USD", "USDC"))
SOL = instrument("SOL-USDT")
WISHES = MarketCriteria(most=10)


@pytest.fixture
def oms(tmp_path: Path) -> Iterator[OrderManager]:
    """An order manager in front of an exchange that is never asked."""
    clock, notes = HandClock(), Notes()
    with closing(OKXBroker(OkxConfig("k", "s", "p", tmp_path, mode="sandbox"), clock, notes)) as broker:
        ids = ClientIds("abc", clock.wall_ms, random.Random(1))
        oms = OrderManager(broker, ledger(tmp_path), clock, notes, ids)
        oms.instruments = {one.symbol: one for one in (BTC, ETH, SOL)}
        yield oms


def sent(book: Book, symbol: str, pay_in: str | None, number: int = 1) -> str:
    """An entry of one coin at 101.5, on its way."""
    order = replace(intent(number, symbol, attempt=number), pay_in=pay_in)
    book.record(order)
    book.mark(order.client_id, OrderStatus.SUBMITTED, exchange_id=f"X{number}")
    return order.client_id


def bought(book: Book, symbol: str, pay_in: str | None) -> None:
    """An entry that filled at 100."""
    sent(book, symbol, pay_in)
    book.update(report("X1", OrderStatus.FILLED, "1", symbol=symbol, avg="100"))
    book.record_fill(fill("F1", "X1", symbol=symbol))


def best_funded(oms: OrderManager, market: str, **cash: str) -> Money:
    balances = {asset: Balance(Decimal(amount)) for asset, amount in cash.items()}
    measured = Accounting(oms, WISHES).measure(balances)
    return best_funded_currency(oms, oms.instruments[market], replace(measured, prices={}))


def test_the_fullest_currency_pays(oms: OrderManager) -> None:
    assert best_funded(oms, "BTC-USDC", USD="50", USDC="20", USDT="900") == ("USD", Decimal(50))
    assert best_funded(oms, "BTC-USDC", USD="50", USDC="70") == ("USDC", Decimal(70))
    assert best_funded(oms, "BTC-USDC") == ("USD", Decimal(0))
    assert best_funded(oms, "SOL-USDT", USD="50", USDT="7") == ("USDT", Decimal(7))


def test_what_is_on_its_way_is_taken_from_the_currency_that_pays_for_it(oms: OrderManager) -> None:
    sent(oms.book, "ETH-USDC", "USD")
    assert best_funded(oms, "BTC-USDC", USD="150", USDC="100") == ("USDC", Decimal(100))
    assert best_funded(oms, "BTC-USDC", USD="250", USDC="100") == ("USD", Decimal("148.5"))


def test_what_was_bought_with_one_currency_is_sold_for_the_same(oms: OrderManager) -> None:
    bought(oms.book, "BTC-USDC", "USD")
    for purpose, kind in (
        (Purpose.STOP, OrderType.STOP),
        (Purpose.TP1, OrderType.MARKET),
        (Purpose.EXIT, OrderType.MARKET),
    ):
        assert oms.draft(purpose, "BTC-USDC", Side.SELL, Decimal(1), kind, 1_000).pay_in == "USD"
    entry = oms.draft(Purpose.ENTRY, "ETH-USDC", Side.BUY, Decimal(1), OrderType.LIMIT, 1_000, pay_in="USDC")
    assert entry.pay_in == "USDC"
    assert oms.draft(Purpose.ENTRY, "SOL-USDT", Side.BUY, Decimal(1), OrderType.LIMIT, 1_000).pay_in is None


def test_an_order_of_a_lost_book_is_sold_for_what_the_exchange_says_it_was_paid_in(oms: OrderManager) -> None:
    order = replace(
        report("X1", OrderStatus.FILLED, "1", symbol="BTC-USDC", avg="100", client_id="njabc0000000000009"),
        pay_in="USD",
    )
    oms.book.adopt(order, Purpose.ENTRY, intent(1).decision)
    oms.book.record_fill(fill("F1", "X1", symbol="BTC-USDC"))
    assert oms.paid_in("BTC-USDC") == "USD"


def test_what_pays_is_kept_with_the_order(oms: OrderManager) -> None:
    client_id = sent(oms.book, "BTC-USDC", "USD")
    record = oms.book.by_client_id(client_id)
    assert record is not None
    assert record.pay_in == "USD"
    again = record.intent()
    assert again is not None
    assert again.pay_in == "USD"


@pytest.mark.parametrize(
    ("cash", "useful"),
    [({"USD": "5000"}, "5000"), ({"USDT": "40", "USDC": "2"}, "42"), ({"USD": "9", "EUR": "800"}, "9")],
)
def test_all_dollars_that_pay_for_something_fund(cash: dict[str, str], useful: str, oms: OrderManager) -> None:
    found = Accounting(oms, WISHES).measure({asset: Balance(Decimal(amount)) for asset, amount in cash.items()})
    assert (found.useful, found.equity) == (Decimal(useful), Decimal(useful))


def test_dollars_that_buy_nothing_do_not_fund_and_are_there_all_the_same(oms: OrderManager) -> None:
    oms.instruments = {"SOL-USDT": SOL, "USDC-USD": instrument("USDC-USD")}
    found = Accounting(oms, WISHES).measure({"USD": Balance(Decimal(5000)), "USDT": Balance(Decimal(1))})
    assert (found.useful, found.equity) == (Decimal(1), Decimal(5001))


def test_only_what_the_owner_trades_makes_a_currency_useful() -> None:
    swap = instrument("BTC-USDT-SWAP", kind=Kind.SWAP)
    assert spendable([BTC, swap], WISHES) == {"USD", "USDC"}
    assert spendable([BTC, swap], MarketCriteria(most=1, swaps=True)) == {"USD", "USDC", "USDT"}
    assert spendable([replace(BTC, exotic=True)], WISHES) == frozenset()


def test_a_coin_is_traded_where_most_of_the_cash_can_pay() -> None:
    found = {one.symbol: one for one in (BTC, instrument("BTC-USDT"))}
    tickers = {"BTC-USDC": ticker(turnover="1"), "BTC-USDT": ticker(turnover="9")}
    cash = {"USD": Decimal(40), "USDC": Decimal(20), "USDT": Decimal(50)}
    assert choose(found, tickers, cash, WISHES) == ["BTC-USDC"]
    assert choose(found, tickers, cash | {"USDT": Decimal(70)}, WISHES) == ["BTC-USDT"]
