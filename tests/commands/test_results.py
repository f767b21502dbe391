"""`nija profit`, `nija trades` and the files for tax programs."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.commands.cli import app
from bot.domain.booking import TAKEN, Worth
from bot.domain.ids import Account
from bot.domain.last_prices import LAST_PRICES, LastPrices
from bot.domain.money import ONE
from bot.domain.order import OrderStatus, Purpose, Side
from bot.store.ledger import Ledger
from tests.store.cases import KRAKEN, bought, fill, intent, ledger, selling

HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, place in (("NIJA_HOME", tmp_path), ("NIJA_DATA_DIR", tmp_path / "data")):
        monkeypatch.setenv(name, str(place))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "data"


def nija(*words: str, status: int = 0) -> Result:
    found = CliRunner().invoke(app, words)
    assert found.exit_code == status, found.output
    return found


def sold(book: Ledger, number: int, qty: str, price: str, at: int, purpose: Purpose = Purpose.EXIT) -> None:
    order = selling(book, number, purpose, qty)
    book.record_fill(fill(f"T{number}", order, qty, price, side=Side.SELL, time=at, fee="0.1", fee_usd="0.1"))


def traded(folder: Path) -> Ledger:
    """Two coins: one sold by NIJA, one by hand, half a coin left; all on the first two days of 1970."""
    book = ledger(folder)
    bought(book, 1, "2")
    sold(book, 2, "1", "110", HOUR, Purpose.TP1)
    sale = fill("H1", "HAND", "0.5", "120", side=Side.SELL, fee="0.05", fee_usd="0.05", time=DAY + HOUR)
    book.sold_by_owner("BTC-USD", sale, ONE)
    book.set_state(LAST_PRICES, LastPrices().after({"BTC-USD": Decimal(130)}, DAY + 2 * HOUR).written())
    return book


def test_profit_as_json(folder: Path) -> None:
    traded(folder)
    first = {
        "key": "1970-01-01",
        "closed": 0,
        "won": 0,
        "realised_usd": "9.9",
        "fees_usd": "0.1",
        "open_usd": "0",
        "holding_usd": "0",
    }
    money = {"realised_usd": "9.95", "fees_usd": "0.05", "open_usd": "15", "holding_usd": "60"}
    second = {"key": "1970-01-02", "closed": 0, "won": 0} | money
    whole = {"closed": 0, "won": 0, "realised_usd": "19.85", "fees_usd": "0.15", "open_usd": "15", "holding_usd": "60"}
    found = json.loads(nija("profit", "--by", "day", "--json").stdout)
    assert found == {"by": "day", "rows": [first, second], "total": whole}
    assert json.loads(nija("profit", "--by", "exchange", "--json").stdout)["rows"] == [{"key": "kraken"} | whole]
    since = json.loads(nija("profit", "--since", "1970-01-02", "--json").stdout)
    assert since["total"]["realised_usd"] == "9.95"


def test_profit_for_people_and_spreadsheets(folder: Path) -> None:
    book = traded(folder)
    sold(book, 3, "0.5", "90", DAY + 3 * HOUR, Purpose.STOP)
    text = nija("profit", "--by", "reason").stdout
    assert max(map(len, text.splitlines())) <= 80
    assert "stop         1  100 %    $14.75  $0.25  $0.00   $60.00" in text
    assert "expectancy: $14.75 per closed position (won: $14.75, lost: -)" in text
    lines = list(csv.DictReader(io.StringIO(nija("profit", "--by", "pair", "--csv").stdout)))
    assert [(line["key"], line["realised_usd"]) for line in lines] == [("BTC-USD", "14.75")]


def test_nothing_is_expected_of_what_never_closed(folder: Path) -> None:
    traded(folder)
    assert "expectancy" not in nija("profit").stdout


@pytest.mark.parametrize("words", [("profit", "--json"), ("profit", "--csv"), ("trades", "--tax", "koinly")])
def test_files_for_programs_are_marked_as_play_money_beside_them(folder: Path, words: tuple[str, ...]) -> None:
    bought(ledger(folder, replace(KRAKEN, mode="sandbox")), 1, "2")
    found = nija(*words)
    assert found.stderr == "nija: this is sandbox: play money\n"
    assert "play" not in found.stdout


def test_before_anything_was_traded(folder: Path) -> None:
    assert nija("profit").stdout == "There are no trades yet.\n"
    assert nija("trades").stdout == "No position has been closed yet.\n"
    assert json.loads(nija("profit", "--json").stdout)["rows"] == []
    assert json.loads(nija("trades", "--json").stdout) == []
    assert nija("trades", "--tax", "koinly").stdout.startswith("Date,Sent Amount,")
    assert not folder.exists()


def test_trades_as_json(folder: Path) -> None:
    book = traded(folder)
    assert json.loads(nija("trades", "--json").stdout) == []
    sold(book, 3, "0.25", "90", DAY + 3 * HOUR, Purpose.STOP)
    book.write_off("BTC-USD", Decimal(1), DAY + 4 * HOUR, TAKEN, Worth(Decimal(80)))
    (trade,) = json.loads(nija("trades", "--json").stdout)
    legs = trade.pop("legs")
    assert trade == {
        "broker": "kraken",
        "symbol": "BTC-USD",
        "side": "buy",
        "opened_at": "1970-01-01T00:00:06.000Z",
        "closed_at": "1970-01-02T04:00:00.000Z",
        "qty": "2",
        "entry_price": "100",
        "exit_price": "106.25",
        "result_usd": "12.25",
        "fees_usd": "0.25",
        "reason": TAKEN,
    }
    assert [leg["purpose"] for leg in legs] == ["entry", "tp1", "owner", "stop", "taken"]
    first = {"time": "1970-01-01T00:00:06.000Z", "price": "100", "qty": "2", "fee_usd": "0", "purpose": "entry"}
    assert legs[0] == first
    lines = list(csv.DictReader(io.StringIO(nija("trades", "--csv").stdout)))
    assert sum(Decimal(line["result_usd"]) for line in lines) == Decimal("12.25")
    assert json.loads(nija("trades", "--json", "--since", "1970-01-03").stdout) == []
    text = nija("trades").stdout
    assert "$12.25" in text
    assert max(map(len, text.splitlines())) <= 80


def test_averages_have_no_more_digits_than_they_need(folder: Path) -> None:
    book = ledger(folder)
    bought(book, 1, "3", "100")
    sold(book, 2, "1", "101", HOUR)
    sold(book, 3, "2", "103", HOUR)
    (trade,) = json.loads(nija("trades", "--json").stdout)
    assert trade["exit_price"] == "102.333333333"


# -- tax programs -----------------------------------------------------------------------------------------------------
def tax(program: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(nija("trades", "--tax", program).stdout)))


def taxed(folder: Path) -> None:
    """A purchase with its fee in the coin, a sale with its fee in the quote, and a coin that went away unseen."""
    book = ledger(folder, Account("live", "okx", "main", "1"))
    order = intent(1, "ETH-USDT", qty="2")
    book.record(order)
    book.mark(order.client_id, OrderStatus.SUBMITTED, exchange_id="X1")
    coin = {"symbol": "ETH-USDT", "asset": "ETH", "fee_usd": "0.2"}
    book.record_fill(
        replace(fill("ETH-USDT:X1:1", "X1", "2", "100", fee="0.002", time=HOUR, **coin), quote_usd=Decimal("0.5"))
    )
    sale = fill("S1", "HAND", "1", "110", symbol="ETH-USDT", side=Side.SELL, fee="0.11", asset="USDT", time=2 * HOUR)
    book.sold_by_owner("ETH-USDT", replace(sale, fee_usd=Decimal("0.11")), ONE)
    book.write_off("ETH-USDT", Decimal("0.5"), 3 * HOUR, TAKEN, Worth(Decimal(120), Decimal("0.5")))


def test_koinly_takes_fees_away_by_itself(folder: Path) -> None:
    taxed(folder)
    names = (
        *("Date", "Sent Amount", "Sent Currency", "Received Amount", "Received Currency", "Fee Amount", "Fee Currency"),
        *("Net Worth Amount", "Net Worth Currency", "Label", "Description", "TxHash"),
    )
    gone = "left the account without a sale that the exchange shows; worth $30.00 at the time"
    expected = [
        "1970-01-01 01:00:00 UTC|200|USDT|2|ETH|0.002|ETH|100|USD||NIJA entry, fee $0.20|ETH-USDT:X1:1",
        "1970-01-01 02:00:00 UTC|1|ETH|110|USDT|0.11|USDT|110|USD||sold by hand, fee $0.11|S1",
        f"1970-01-01 03:00:00 UTC|0.5|ETH|||||30|USD||{gone}|",
    ]
    assert tax("koinly") == [dict(zip(names, line.split("|"), strict=True)) for line in expected]


def test_cointracking_wants_amounts_with_the_fee_in_them(folder: Path) -> None:
    taxed(folder)
    names = (
        *("Type", "Buy Amount", "Buy Currency", "Sell Amount", "Sell Currency", "Fee", "Fee Currency"),
        *("Exchange", "Trade-Group", "Comment", "Date", "Tx-ID"),
    )
    gone = "left the account without a sale that the exchange shows; worth $30.00 at the time"
    expected = [
        "Trade|1.998|ETH|200|USDT|0.002|ETH|okx|NIJA|NIJA entry, fee $0.20|1970-01-01 01:00:00|ETH-USDT:X1:1",
        "Trade|109.89|USDT|1|ETH|0.11|USDT|okx|NIJA|sold by hand, fee $0.11|1970-01-01 02:00:00|S1",
        f"Withdrawal|||0.5|ETH|||okx|NIJA|{gone}|1970-01-01 03:00:00|",
    ]
    assert tax("cointracking") == [dict(zip(names, line.split("|"), strict=True)) for line in expected]


def test_a_fee_in_a_third_currency_is_a_row_of_its_own_at_cointracking(folder: Path) -> None:
    book = ledger(folder)
    order = intent(1)
    book.record(order)
    book.mark(order.client_id, OrderStatus.SUBMITTED, exchange_id="X1")
    book.record_fill(fill("F1", "X1", fee="3", asset="OKB", fee_usd="1.5"))
    trade, fee = tax("cointracking")
    assert (trade["Buy Amount"], trade["Sell Amount"]) == ("1", "100")
    assert (fee["Type"], fee["Sell Amount"], fee["Sell Currency"], fee["Tx-ID"]) == ("Other Fee", "3", "OKB", "F1:fee")
    assert len(tax("koinly")) == 1


def test_contracts_are_told_by_what_they_earned(folder: Path) -> None:
    book = ledger(folder)
    order = replace(intent(1, "BTC-USDT-SWAP", side=Side.SELL), attached_stop=None)
    book.record(order)
    book.mark(order.client_id, OrderStatus.SUBMITTED, exchange_id="X1")
    swap = {"symbol": "BTC-USDT-SWAP", "asset": "USDT", "fee": "0.1", "fee_usd": "0.1"}
    book.record_fill(fill("F1", "X1", side=Side.SELL, **swap))
    leave = intent(2, "BTC-USDT-SWAP", Purpose.EXIT)
    book.record(leave)
    book.record_fill(fill("F2", "X2", "1", "90", client_id=leave.client_id, time=HOUR, **swap))
    rows = [(row["Sent Amount"], row["Received Amount"], row["Label"], row["TxHash"]) for row in tax("koinly")]
    assert rows == [("0.1", "", "realized gain", "F1"), ("", "9.9", "realized gain", "F2")]
    types = [(row["Type"], row["Buy Amount"], row["Sell Amount"]) for row in tax("cointracking")]
    assert types == [("Derivatives / Futures Loss", "", "0.1"), ("Derivatives / Futures Profit", "9.9", "")]


# -- what is refused ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("profit", "--json", "--csv"), "--json and --csv are different formats: choose one"),
        (("trades", "--tax", "koinly", "--json"), "--tax writes CSV: leave --json out"),
        (("trades", "--since", "yesterday"), "'yesterday' is not a time: write 2026-01-31"),
        (("profit", "--by", "hour"), "is not one of"),
        (("profit", "--broker", "kraken:none"), "kraken:none is not an account"),
    ],
)
def test_what_cannot_be_answered_is_one_line_and_exit_status_2(
    folder: Path, words: tuple[str, ...], complaint: str
) -> None:
    traded(folder)
    assert complaint in " ".join(nija(*words, status=2).output.replace("│", " ").split())


def test_a_book_that_cannot_be_read_hides_no_other(folder: Path) -> None:
    traded(folder)
    (folder / "okx.db").write_text("no database")
    found = nija("profit", status=1)
    assert "$19.85" in found.output
    assert "okx.db: is not a database" in found.output
