"""The value of fills and vanished coins in dollars, at the prices from measurements of the account."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.brokers.base import BrokerError
from bot.domain.instrument import Trading
from bot.domain.last_prices import LAST_PRICES, LastPrices
from bot.domain.outcome import ErrorMeaning
from bot.store.reader import Books
from bot.store.trades import read_trades
from tests.engine.exchange import CLOSE, Scene
from tests.engine.given import instrument, ticker
from tests.marketdata.given import FRAME
from tests.store.cases import fill

RATE = Decimal("0.9985")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """An account that pays in USDT, at an exchange that trades USDT against dollars."""
    scene = Scene(tmp_path, "BTC-USDT")
    scene.exchange.rules["USDT-USD"] = instrument("USDT-USD")
    scene.exchange.quotes["USDT-USD"] = ticker(bid="0.998", ask="0.999")
    scene.exchange.cash = {"USDT": Decimal(1000), "USD": Decimal(0)}
    scene.oms.learn_rules()
    return scene


def known(scene: Scene) -> LastPrices:
    return LastPrices.read(scene.book.get_state(LAST_PRICES))


def test_a_fill_in_a_stable_coin_counts_at_its_own_rate(scene: Scene) -> None:
    scene.engine.accounting.measure()
    one = scene.oms.valuation.in_dollars(fill("F", "X", symbol="BTC-USDT", fee="2", asset="USDT", fee_usd="2"))
    assert (one.quote_usd, one.fee_usd) == (RATE, 2 * RATE)
    dollars = fill("F", "X", fee="2", fee_usd="2")
    assert scene.oms.valuation.in_dollars(dollars) == dollars


def test_a_rate_of_a_market_that_hardly_trades_is_not_believed(scene: Scene) -> None:
    scene.engine.accounting.measure()
    scene.exchange.quotes["USDT-USD"] = ticker(bid="0.2", ask="0.9")
    scene.engine.accounting.measure()
    assert known(scene).quote_usd("BTC-USDT") == RATE


def test_one_to_one_where_nothing_is_known_of_a_rate(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "BTC-USDT")
    scene.exchange.cash = {"USDT": Decimal(1000)}
    scene.engine.accounting.measure()
    assert scene.oms.valuation.in_dollars(fill("F", "X", symbol="BTC-USDT")).quote_usd == 1


def test_a_suspended_market_is_not_asked_for_a_rate(scene: Scene) -> None:
    rules = scene.exchange.rules
    rules["USDT-USD"] = replace(rules["USDT-USD"], trading=Trading.SUSPENDED)
    scene.oms.learn_rules()
    assert scene.oms.valuation.rates(["BTC-USDT"]) == set()


def test_what_is_bought_and_sold_is_booked_at_the_rate_of_the_moment(scene: Scene, tmp_path: Path) -> None:
    assert scene.scan()
    (position,) = scene.book.positions()
    assert [leg.quote_usd for leg in read_trades(Books(tmp_path))[0].trades[0].legs] == [RATE]
    scene.exchange.quotes["USDT-USD"] = ticker(bid="0.898", ask="0.902")
    scene.engine.accounting.measure()
    sale = fill("S", "SALE", str(position.qty), "113", symbol="BTC-USDT")
    booking = scene.book.sold_by_owner(
        "BTC-USDT", scene.oms.valuation.in_dollars(replace(sale, side=sale.side.opposite)), Decimal("0.9")
    )
    assert booking.realised == position.qty * (113 - position.entry_price) * Decimal("0.9")


def test_the_last_price_of_what_is_held_is_kept_over_a_restart(scene: Scene, tmp_path: Path) -> None:
    scene.scan()
    scene.exchange.quotes["BTC-USDT"] = ticker(bid="104", ask="104.1")
    scene.engine.accounting.measure()
    scene.book.set_state("something", "else")
    assert known(scene).of("BTC-USDT") == 104
    again = Scene(tmp_path, "BTC-USDT")
    assert again.oms.valuation.at("BTC-USDT", Decimal(1)).quote_usd == RATE


def test_what_was_held_before_is_followed_by_its_closes(scene: Scene) -> None:
    scene.scan()
    scene.engine.accounting.measure()
    scene.book.write_off("BTC-USDT", Decimal(9), CLOSE, "gone", scene.oms.valuation.at("BTC-USDT", Decimal(104)))
    scene.clock.now += FRAME
    scene.deliver()
    scene.oms.valuation.follow(scene.engine.candle_cache)
    newest = scene.engine.candle_cache.of("BTC-USDT")
    assert newest is not None
    assert known(scene).seen["BTC-USDT"] == (Decimal(repr(float(newest.close[-1]))), scene.clock.now)  # type: ignore[union-attr]


@pytest.mark.parametrize(("silent", "price"), [(False, "105"), (True, "104")])
def test_coins_are_valued_at_the_price_of_the_moment_or_the_last_known(scene: Scene, silent: bool, price: str) -> None:
    scene.scan()
    (position,) = scene.book.positions()
    scene.exchange.quotes["BTC-USDT"] = ticker(bid="104", ask="104.1")
    scene.engine.accounting.measure()
    scene.exchange.quotes["BTC-USDT"] = ticker(bid="105", ask="105.1")
    if silent:
        scene.exchange.error = BrokerError("kraken", ErrorMeaning.BUSY, "busy")
    worth = scene.oms.valuation.worth(position)
    assert (worth.price, worth.quote_usd) == (Decimal(price), RATE)


def test_what_nobody_ever_quoted_is_worth_its_cost(scene: Scene) -> None:
    scene.scan()
    (position,) = scene.book.positions()
    scene.exchange.error = BrokerError("kraken", ErrorMeaning.BUSY, "busy")
    again = scene.oms.valuation.worth(replace(position, symbol="ETH-USDT"))
    assert again.price == position.entry_price
