"""The document of `nija ledger --json`, the accountant's file, and which accounts they show."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.ids import Account, AccountKey
from bot.domain.order import OrderStatus, OrderType, Purpose, Side
from bot.domain.status import BrokerStatus, Status
from bot.store.database import Store, address
from bot.store.ledger import Ledger
from bot.store.reader import Books
from bot.store.report import document, write_csv
from tests.store.cases import AT_COST, KRAKEN, HandClock, bought, fill, intent, ledger, report, selling

HOUR = 3_600_000


def traded(folder: Path) -> None:
    """One position, half sold, protected, a little naked; and some dust."""
    book = ledger(folder)
    entry = intent(1, qty="2")
    book.record(entry)
    book.mark(entry.client_id, OrderStatus.SUBMITTED, exchange_id="X1")
    book.update(report("X1", OrderStatus.FILLED, "2", qty="2", avg="100"))
    book.record_fill(fill("T1", "X1", "2", "100.00", fee="0.40", fee_usd="0.4", time=2 * HOUR))
    stop = report("S1", OrderStatus.OPEN, side=Side.SELL, kind=OrderType.STOP, trigger="90", parent_id="X1")
    book.adopt(stop, Purpose.STOP)
    book.adopt(replace(stop, exchange_id="S0", status=OrderStatus.CANCELED), Purpose.STOP)
    book.record_fill(fill("T2", selling(book, 2, Purpose.TP1), "1", "105", side=Side.SELL, fee="0.21", time=3 * HOUR))
    book.plan("BTC-USD", stage=1, stop_price=Decimal("100.3"))
    bought(book, 3, "0.00002", symbol="ETH-USD")
    book.close("ETH-USD", 4 * HOUR, "dust", AT_COST)
    book.mark_unprotected("BTC-USD", 1_000, "replacing")
    book.mark_protected("BTC-USD", 1_250)
    book.mark_unprotected("BTC-USD", 9_000, "stop refused")
    book.report_status(
        BrokerStatus(
            AccountKey("kraken"),
            Status.HEALTHY,
            at=9_000,
            pid=1,
            balance_usd=Decimal("1.50"),
            equity_usd=Decimal(106),
            measured_at=9_000,
            cycles=4,
            cycles_ok=3,
        )
    )


def test_before_the_first_start_there_is_nothing(tmp_path: Path) -> None:
    assert document(Books(tmp_path)) == {"brokers": {}}
    assert document(Books(tmp_path / "no such folder")) == {"brokers": {}}
    assert document(Books(tmp_path, f"sqlite:///{tmp_path}/none.db")) == {"brokers": {}}
    assert list(tmp_path.iterdir()) == []


def test_the_document_in_full(tmp_path: Path) -> None:
    traded(tmp_path)
    key = "live:kraken:main:k-1"
    entry = {
        "client_id": "njabc0000000000001",
        "exchange_id": "X1",
        "decision_key": f"{key}/BTC-USD/1000/entry/0",
        "purpose": "entry",
        "symbol": "BTC-USD",
        "side": "buy",
        "type": "limit",
        "qty": "2",
        "filled_qty": "2",
        "avg_price": "100",
        "status": "filled",
        "reason": "signal",
        "created_at": "1970-01-01T00:00:02.001Z",
        "updated_at": "1970-01-01T00:00:05.000Z",
    }
    target = entry | {
        "client_id": "njabc0000000000002",
        "exchange_id": "X2",
        "decision_key": f"{key}/BTC-USD/1000/tp1/2",
        "purpose": "tp1",
        "side": "sell",
        "qty": "1",
        "filled_qty": "1",
        "avg_price": "105",
        "status": "partially_filled",
        "created_at": "1970-01-01T00:00:02.002Z",
    }
    rest = entry | {
        "client_id": "njabc0000000000003",
        "exchange_id": "X3",
        "decision_key": f"{key}/ETH-USD/1000/entry/3",
        "symbol": "ETH-USD",
        "qty": "0.00002",
        "filled_qty": "0.00002",
        "created_at": "1970-01-01T00:00:02.003Z",
    }
    stop = {
        "client_id": None,
        "exchange_id": "S1",
        "decision_key": None,
        "purpose": "stop",
        "symbol": "BTC-USD",
        "side": "sell",
        "type": "stop",
        "qty": "1",
        "filled_qty": "0",
        "avg_price": None,
        "status": "open",
        "reason": "",
        "created_at": "1970-01-01T00:00:02.500Z",
        "updated_at": "1970-01-01T00:00:05.000Z",
    }
    opening = {
        "exchange_fill_id": "T1",
        "client_id": "njabc0000000000001",
        "exchange_order_id": "X1",
        "symbol": "BTC-USD",
        "side": "buy",
        "qty": "2",
        "price": "100",
        "fee": "0.4",
        "fee_asset": "USD",
        "fee_usd": "0.4",
        "time": "1970-01-01T02:00:00.000Z",
    }
    closing = opening | {
        "exchange_fill_id": "T2",
        "client_id": "njabc0000000000002",
        "exchange_order_id": "X2",
        "side": "sell",
        "qty": "1",
        "price": "105",
        "fee": "0.21",
        "fee_usd": "0",
        "time": "1970-01-01T03:00:00.000Z",
    }
    little = opening | {
        "exchange_fill_id": "F3",
        "client_id": "njabc0000000000003",
        "exchange_order_id": "X3",
        "symbol": "ETH-USD",
        "qty": "0.00002",
        "fee": "0",
        "fee_usd": "0",
        "time": "1970-01-01T00:00:06.000Z",
    }
    assert document(Books(tmp_path)) == {
        "brokers": {
            "kraken": {
                "mode": "live",
                "status": "healthy",
                "balance_usd": "1.5",
                "equity_usd": "106",
                "orders": [entry, target, rest, stop, stop | {"exchange_id": "S0", "status": "canceled"}],
                "fills": [little, opening, closing],
                "positions": [
                    {
                        "symbol": "BTC-USD",
                        "side": "buy",
                        "qty": "1",
                        "entry_price": "100",
                        "stage": 1,
                        "stops": [{"exchange_id": "S1", "qty": "1", "trigger_price": "90"}],
                        "opened_at": "1970-01-01T02:00:00.000Z",
                    }
                ],
                "dust": {"ETH": "0.00002"},
                "naked": [
                    {
                        "symbol": "BTC-USD",
                        "start": "1970-01-01T00:00:01.000Z",
                        "end": "1970-01-01T00:00:01.250Z",
                        "why": "replacing",
                    },
                    {"symbol": "BTC-USD", "start": "1970-01-01T00:00:09.000Z", "end": None, "why": "stop refused"},
                ],
                "cycles": 4,
                "cycles_ok": 3,
            }
        }
    }


def test_the_accountants_file(tmp_path: Path) -> None:
    traded(tmp_path)
    out = io.StringIO()
    write_csv(Books(tmp_path), out)
    lines = out.getvalue().splitlines()
    assert lines[0] == (
        "time,broker,account,symbol,side,qty,price,value,fee,fee_asset,fee_usd,realised_usd,purpose,"
        "exchange_fill_id,exchange_order_id,client_id,currency"
    )
    assert lines[2] == (
        "1970-01-01T02:00:00.000Z,kraken,live:kraken:main:k-1,BTC-USD,buy,2,100,200,0.4,USD,0.4,-0.4,entry,"
        "T1,X1,njabc0000000000001,USD"
    )
    assert lines[3].split(",")[11] == "4.79"


@pytest.fixture(params=["a file per broker", "one file for all"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    return None if request.param == "a file per broker" else f"sqlite:///{tmp_path}/all.db"


def test_the_current_accounts_are_the_last_seen_of_the_kind_of_money_last_used(tmp_path: Path, url: str | None) -> None:
    def start(venue: str, mode: str, identity: str, wall: int) -> None:
        account = Account(mode, venue, "main", identity)
        Ledger(Store.open(address(tmp_path, venue, url)), account, HandClock(wall=wall))

    def current() -> list[str]:
        return [str(seen.account) for seen in Books(tmp_path, url).accounts()]

    play = [f"sandbox:{venue}:main:play" for venue in ("coinbase", "kraken", "okx")]
    for venue in ("kraken", "okx", "coinbase"):
        start(venue, "sandbox", "play", 100)
    assert current() == play
    start("kraken", "live", "old key", 200)
    start("kraken", "live", "new key", 300)
    start("okx", "demo", "tester", 301)
    assert current() == ["live:kraken:main:new key", "demo:okx:main:tester"]
    start("kraken", "sandbox", "play", 400)
    assert current() == play
    assert len(Books(tmp_path, url).accounts(every=True)) == 6
    names = list(document(Books(tmp_path, url), KRAKEN.key, every=True)["brokers"])
    assert names == ["kraken", "kraken (live:kraken:main:new key)", "kraken (live:kraken:main:old key)"]


def test_one_broker_may_be_asked_for(tmp_path: Path) -> None:
    bought(ledger(tmp_path))
    ledger(tmp_path, replace(KRAKEN, venue="okx"))
    assert list(document(Books(tmp_path), AccountKey("okx"))["brokers"]) == ["okx"]
    assert list(document(Books(tmp_path), AccountKey("coinbase"))["brokers"]) == []


def test_other_programs_files_are_not_read(tmp_path: Path) -> None:
    bought(ledger(tmp_path))
    (tmp_path / "empty.db").touch()
    assert list(document(Books(tmp_path))["brokers"]) == ["kraken"]
