"""What fails for one position keeps no other from being sold, and a sale whose answer was lost is reported as a sale."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from bot.brokers.base import BrokerError
from bot.domain.instrument import Kind, Ticker
from bot.domain.log import Event
from bot.domain.order import Intent, OrderStatus, OrderType, Purpose, Side, VenueOrder
from bot.domain.outcome import ErrorMeaning, Outcome, Unknown
from bot.engine.flatten import BY_HAND
from bot.strategy.base import Close
from tests.engine.exchange import Exchange, Scene
from tests.marketdata.given import FRAME

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    found = Scene(tmp_path, *SYMBOLS)
    assert len(found.scan()) == 3
    return found


def test_an_order_that_cannot_be_asked_for_keeps_only_its_own_position(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def order(self: Exchange, exchange_id: str, symbol: str) -> VenueOrder | None:
        if symbol == "BTC-USD":
            raise BrokerError("kraken", ErrorMeaning.RESTRICTED, "Unknown pair")
        return self.all.get(exchange_id)

    monkeypatch.setattr(Exchange, "order", order)
    left = scene.engine.flattening.step("flatten")
    assert [one.symbol for one in scene.book.positions()] == ["BTC-USD"]
    assert left[0].startswith("BTC-USD: ")
    assert left[-1] == "Unknown pair"
    monkeypatch.undo()
    assert scene.engine.flattening.step("flatten") == []


@pytest.mark.parametrize("meaning", [ErrorMeaning.RESTRICTED, ErrorMeaning.BUSY])
def test_without_a_price_everything_is_sold(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, meaning: ErrorMeaning
) -> None:
    def tickers(self: Exchange, symbols: Collection[str]) -> Mapping[str, Ticker]:
        if "BTC-USD" in symbols:
            raise BrokerError("kraken", meaning, "no price for BTC-USD")
        return {symbol: self.quotes[symbol] for symbol in symbols}

    monkeypatch.setattr(Exchange, "tickers", tickers)
    scene.engine.flattening.step("flatten")
    assert scene.book.positions() == []


def test_all_prices_come_by_one_query(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes a part of the rate limit, and nothing is sold before."""
    asked: list[set[str]] = []

    def tickers(self: Exchange, symbols: Collection[str]) -> Mapping[str, Ticker]:
        asked.append(set(symbols))
        return {symbol: self.quotes[symbol] for symbol in symbols}

    monkeypatch.setattr(Exchange, "tickers", tickers)
    assert scene.engine.flattening.step("flatten") == []
    assert asked[0] == set(SYMBOLS)
    assert len(asked) == 1


def test_a_short_is_closed_at_the_ask(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "BTC-USDT-SWAP")
    scene.change(kind=Kind.SWAP)
    scene.rule.side, scene.exchange.cash = -1, {"USDT": Decimal(1000)}
    scene.scan()
    scene.exchange.quotes["BTC-USDT-SWAP"] = Ticker(Decimal(102), Decimal(104), Decimal(103), Decimal(10**6))
    scene.engine.flattening.step("flatten")
    (closing,) = [one for one in scene.exchange.sent if one.purpose is Purpose.FLATTEN]
    assert closing.decision_price == 104


def lose_answers_to_sales(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exchange takes them, and the search finds them."""
    taken = Exchange.place

    def place(self: Exchange, intent: Intent) -> Outcome:
        outcome = taken(self, intent)
        is_sale = intent.side is Side.SELL and intent.type is not OrderType.STOP
        return Unknown("ReadTimeout: no usable answer") if is_sale else outcome

    def find(self: Exchange, client_id: str, symbol: str, since: int) -> VenueOrder | None:
        return next((one for one in self.all.values() if one.client_id == client_id), None)

    monkeypatch.setattr(Exchange, "place", place)
    monkeypatch.setattr(Exchange, "find", find)


def test_a_sale_whose_answer_was_lost_is_told_as_one(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_answers_to_sales(scene, monkeypatch)
    entry = scene.book.positions()[0].entry_id
    assert not scene.engine.flattening.sell_one("BTC-USD", entry).done
    scene.clock.now += 5_000
    scene.engine.lost_orders.search()
    done, text = scene.engine.flattening.sell_one("BTC-USD", entry)
    assert done
    assert text.startswith("BTC-USD sold: ")
    assert scene.log.said(Event.EXIT)[-1]["reason"] == BY_HAND


def test_nothing_was_sold_if_something_else_closed_it(scene: Scene) -> None:
    entry = scene.book.positions()[0].entry_id
    scene.engine.flattening.step("EMERGENCY_STOP")
    _, text = scene.engine.flattening.sell_one("BTC-USD", entry)
    assert text == "BTC-USD is no longer held: nothing was sold by this command"


def test_an_exit_keeps_its_reason_although_its_answer_is_lost(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_answers_to_sales(scene, monkeypatch)
    monkeypatch.setattr(scene.rule, "on_close", lambda trade, _: Close(trade.stop, "reversal", "momentum is gone"))
    scene.clock.now += FRAME
    scene.deliver()
    scene.engine.monitor.walk()
    scene.clock.now += 5_000
    scene.engine.lost_orders.search()
    assert scene.book.positions() == []
    assert {line["reason"] for line in scene.log.said(Event.EXIT)} == {"reversal: momentum is gone"}
    assert {one.status for one in scene.sales()} == {OrderStatus.FILLED}
