"""Which markets may be traded, and which never."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.instrument import Instrument, Kind, Trading
from bot.engine.universe import WIDEST_SPREAD, MarketCriteria, choose, eligible
from tests.engine.given import instrument, ticker

ALL = MarketCriteria(most=10)


@pytest.mark.parametrize(
    ("market", "criteria", "fit"),
    [
        (instrument("BTC-USD"), ALL, True),
        (instrument("BTC-USDT"), ALL, True),
        (instrument("BTC-EUR"), ALL, False),
        (instrument("USDT-USD"), ALL, False),
        (instrument("EUR-USD"), ALL, False),
        (instrument("BTC-USD", trading=Trading.SUSPENDED), ALL, False),
        (instrument("BTC-USD", trading=Trading.POST_ONLY), ALL, False),
        (instrument("BTC-USD", exotic=True), ALL, False),
        (instrument("BTC-USDT-SWAP", kind=Kind.SWAP), ALL, False),
        (instrument("BTC-USDT-SWAP", kind=Kind.SWAP), MarketCriteria(most=10, swaps=True), True),
        (instrument("BTC-USD"), MarketCriteria(most=10, allow={"ETH-USD"}), False),
        (instrument("BTC-USD"), MarketCriteria(most=10, allow={"BTC-USD"}), True),
        (instrument("BTC-USD"), MarketCriteria(most=10, deny={"BTC"}), False),
        (instrument("BTC-USD"), MarketCriteria(most=10, deny={"BTC-USD"}), False),
        (instrument("BTC-USD"), MarketCriteria(most=10, deny={"BTC-USDT"}), True),
        (instrument("BTC-USD"), MarketCriteria(most=10, allow={"BTC-USD"}, deny={"BTC"}), False),
    ],
)
def test_eligible(market: Instrument, criteria: MarketCriteria, fit: bool) -> None:
    assert eligible(market, criteria) is fit


def markets(*symbols: str) -> dict[str, Instrument]:
    return {symbol: instrument(symbol) for symbol in symbols}


def test_the_most_traded_come_first() -> None:
    tickers = {"A-USD": ticker(turnover="1"), "B-USD": ticker(turnover="3"), "C-USD": ticker(turnover="2")}
    assert choose(markets("A-USD", "B-USD", "C-USD"), tickers, {}, ALL) == ["B-USD", "C-USD", "A-USD"]


def test_equals_by_name_so_that_the_choice_is_the_same_every_time() -> None:
    tickers = {name: ticker() for name in ("B-USD", "A-USD")}
    assert choose(markets("B-USD", "A-USD"), tickers, {}, ALL) == ["A-USD", "B-USD"]


def test_one_market_a_coin_in_the_quote_with_the_most_cash() -> None:
    tickers = {"BTC-USD": ticker(turnover="9"), "BTC-USDT": ticker(turnover="1")}
    cash = {"USD": Decimal(5), "USDT": Decimal(50)}
    assert choose(markets("BTC-USD", "BTC-USDT"), tickers, cash, ALL) == ["BTC-USDT"]
    assert choose(markets("BTC-USD", "BTC-USDT"), tickers, {}, ALL) == ["BTC-USD"]


def test_a_market_without_a_price_is_not_looked_at() -> None:
    assert choose(markets("A-USD", "B-USD"), {"B-USD": ticker()}, {}, ALL) == ["B-USD"]


@pytest.mark.parametrize(("ask", "fit"), [("100.5", True), ("100.51", False)])
def test_spread(ask: str, fit: bool) -> None:
    tickers = {"A-USD": ticker("100", ask)}
    assert (tickers["A-USD"].spread <= WIDEST_SPREAD) is fit
    assert choose(markets("A-USD"), tickers, {}, ALL) == (["A-USD"] if fit else [])
