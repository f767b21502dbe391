"""`nija report`: what it writes of a ledger, and one line for each mistake."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from bot.backtest.candle_names import BadCandles
from bot.commands.report import histories
from bot.domain.order import OrderStatus, OrderType, Purpose, Side
from bot.settings.load import ConfigError, load_settings
from bot.store.ledger import Ledger
from bot.store.reader import Books
from bot.store.trades import read_trades
from tests.backtest.candles import columns, write
from tests.commands.test_results import DAY, HOUR, folder, nija, traded
from tests.store.cases import bought, fill, intent, selling

__all__ = ["folder"]

pytest.importorskip("pyarrow", reason="pyarrow is not installed")


@pytest.fixture
def ledger(folder: Path) -> Ledger:
    """One position closed at a loss, and one that is open in part."""
    book = traded(folder)
    bought(book, 3, "1", symbol="ETH-USD")
    order = selling(book, 4, Purpose.STOP, "1", "ETH-USD")
    book.record_fill(
        fill("T4", order, "1", "95", symbol="ETH-USD", side=Side.SELL, time=DAY + HOUR, fee="0.1", fee_usd="0.1")
    )
    return book


def test_the_json_has_the_numbers_of_a_backtest_and_the_ledger(ledger: Ledger, tmp_path: Path) -> None:
    nija("report", "--json", str(tmp_path / "out.json"))
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["numbers"]["trades"], found["numbers"]["won"]) == (1, 0)
    assert found["numbers"]["pnl"] == pytest.approx(-5.1)
    assert found["profit"]["exchange"]["total"]["realised_usd"] == "14.75"
    assert {row["key"] for row in found["profit"]["day"]["rows"]} == {"1970-01-01", "1970-01-02"}
    assert [one["symbol"] for one in found["trades"]] == ["ETH-USD"]
    entry, *_ = found["fills"]
    assert (entry["purpose"], entry["price"], entry["decision_price"]) == ("entry", "100", "100")
    assert found["slippage"] == [{"purpose": "entry", "fills": 2, "usd": "0", "mean_bp": "0", "worst_bp": "0"}]
    assert found["equity_curve"][0][0].endswith("Z")


def test_the_page_is_one_file_and_says_whose_money_it_is(ledger: Ledger, tmp_path: Path) -> None:
    out = nija("report", "--out", str(tmp_path / "report.html")).stdout
    assert out == f"{tmp_path}/report.html: open it in a browser\n"
    text = (tmp_path / "report.html").read_text()
    assert "<h1>kraken, 1970-01-01 to 1970-01-02</h1>" in text
    assert "Candles are shown with --data" in text
    assert ('class="play"' in text) is (read_trades(Books(tmp_path / "data"))[0].account.mode != "live")


def test_only_the_time_that_is_asked_for(ledger: Ledger, tmp_path: Path) -> None:
    nija("report", "--json", str(tmp_path / "out.json"), "--until", "1970-01-02")
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["until"], found["trades"]) == ("1970-01-02T00:00:00Z", [])
    assert found["profit"]["exchange"]["total"]["realised_usd"] == "9.9"
    assert len(found["fills"]) == 3


MISTAKES = [
    ((), "nothing to write: give --out report.html for a page, --json report.json for programs"),
    (("--out", "nowhere/out.html"), "--out nowhere/out.html: cannot be written: there is no folder nowhere"),
    (("--out", "."), "--out .: is a folder: name a file, such as report.html"),
    (("--json", "/proc/out.json"), "--json /proc/out.json: cannot be written: No such file or directory"),
    (("--json", "out.json", "--compare"), "--compare needs the candles of the same days: give --data and their folder"),
    (("--json", "out.json", "--until", "1969-12-31"), "there are no trades in that time: nothing to report"),
    (("--json", "out.json", "--data", "nowhere"), "there is no folder nowhere: give one with candle files"),
]


@pytest.mark.parametrize(("words", "line"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES])
def test_a_mistake_is_one_line(
    ledger: Ledger, words: tuple[str, ...], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = nija("report", *words, status=2)
    assert found.stderr.startswith(f"nija: {line}")
    assert found.stderr.count("\n") == 1
    assert not (tmp_path / "out.json").exists()


def test_without_the_chart_library_it_says_how_to_get_it(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("bot.page.write.files", missing)
    found = nija("report", "--out", str(tmp_path / "report.html"), status=2)
    assert found.stderr == "nija: lightweight-charts is not installed: run ./start.sh setup research\n"
    nija("report", "--json", str(tmp_path / "out.json"))


def test_without_a_trade_there_is_nothing_to_report(folder: Path, tmp_path: Path) -> None:
    assert "there are no trades yet" in nija("report", "--json", str(tmp_path / "out.json"), status=2).stderr


def test_an_exchange_that_is_none_is_one_line(folder: Path) -> None:
    assert "'binance' is not one of kraken, okx, coinbase." in nija("report", "--broker", "binance", status=2).stderr


def test_candles_of_some_of_the_markets_will_do(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "candles" / "BTC-USD-5m.csv", columns(100))
    settings = load_settings()
    (one,) = histories(settings, tmp_path / "candles", {"BTC-USD", "ETH-USD"})
    assert (one.symbol, len(one)) == ("BTC-USD", 100)
    assert np.isfinite(one.close).all()
    with pytest.raises(ConfigError):
        histories(settings, tmp_path / "candles", {"SOL-USD"})
    with pytest.raises(BadCandles):
        histories(settings, tmp_path / "data", {"SOL-USD"})


def test_a_sale_keeps_the_price_it_was_decided_at(folder: Path) -> None:
    book = traded(folder)
    order = replace(intent(5, "BTC-USD", Purpose.EXIT, Side.SELL, "0.5"), decision_price=Decimal("111.5"))
    book.record(order)
    book.mark(order.client_id, OrderStatus.SUBMITTED, exchange_id="X5")
    book.record_fill(fill("T5", "X5", "0.5", "111", side=Side.SELL, time=DAY + 3 * HOUR))
    (one,) = read_trades(Books(folder))[0].trades
    assert [leg.decision_price for leg in one.legs] == [Decimal(100), None, None, Decimal("111.5")]
    record = book.by_client_id(order.client_id)
    assert record is not None
    assert record.intent() == replace(order, limit_price=record.limit_price)


@pytest.mark.parametrize(("price", "decided"), [("89.9", "90"), ("90.1", "90"), ("90.2", None), ("97", None)])
def test_a_stop_is_decided_at_its_trigger_but_not_where_it_sold_at_its_target(
    folder: Path, price: str, decided: str | None
) -> None:
    book = traded(folder)
    order = replace(
        intent(5, "BTC-USD", Purpose.STOP, Side.SELL, "0.5"), type=OrderType.BRACKET, trigger_price=Decimal(90)
    )
    book.record(order)
    book.mark(order.client_id, OrderStatus.SUBMITTED, exchange_id="X5")
    book.record_fill(fill("T5", "X5", "0.5", price, side=Side.SELL, time=DAY + 3 * HOUR))
    (one,) = read_trades(Books(folder))[0].trades
    assert one.legs[-1].decision_price == (None if decided is None else Decimal(decided))
