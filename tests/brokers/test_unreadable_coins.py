"""A coin whose balance cannot be read is left out and named once, unless something of ours depends on it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.coinbase import parse as coinbase
from bot.brokers.common.answers import BadAnswer, ExcusedCoin
from bot.brokers.common.coins import CoinsLeftOut
from bot.brokers.kraken import parse as kraken
from bot.brokers.kraken.names import Names
from bot.brokers.okx import parse as okx
from bot.domain.log import Event
from tests.notes import Notes

Place = Callable[[dict[str, str], ExcusedCoin], Any]
ODD = ["1e21", "1e400", "-1e19", "NaN", "much"]


def at_kraken(amounts: dict[str, str], excused: ExcusedCoin) -> Any:
    return kraken.balances({coin: {"balance": amount} for coin, amount in amounts.items()}, Names(), excused)


def dotted_at_kraken(amounts: dict[str, str], excused: ExcusedCoin) -> Any:
    return kraken.pockets({f"{coin}.F": {"balance": amount} for coin, amount in amounts.items()}, Names(), excused)


def earning_at_kraken(amounts: dict[str, str], excused: ExcusedCoin) -> Any:
    rows = [
        {"native_asset": coin, "amount_allocated": {"total": {"native": amount}}} for coin, amount in amounts.items()
    ]
    return kraken.allocations({"items": rows}, Names(), excused)


def at_okx(amounts: dict[str, str], excused: ExcusedCoin) -> Any:
    details = [{"ccy": coin, "availBal": amount} for coin, amount in amounts.items()]
    return okx.balances([{"details": details}], margin=False, excused=excused)


def funding_at_okx(amounts: dict[str, str], excused: ExcusedCoin) -> Any:
    return okx.pockets([{"ccy": coin, "bal": amount} for coin, amount in amounts.items()], excused=excused)


def at_coinbase(amounts: dict[str, str], excused: ExcusedCoin) -> Any:
    rows = [{"currency": coin, "available_balance": {"value": amount}} for coin, amount in amounts.items()]
    return coinbase.balances(coinbase.wallets(rows, "", excused))


PLACES = [at_kraken, dotted_at_kraken, earning_at_kraken, at_okx, funding_at_okx, at_coinbase]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("odd", ODD)
def test_it_hides_no_other_coin_and_is_named_once(place: Place, odd: str) -> None:
    notes = Notes()
    coins = CoinsLeftOut("kraken", notes)
    for _ in range(2):
        found = place({"SHIB": odd, "SOL": "2", "USD": "3"}, coins.excused)
        assert {coin: Decimal(getattr(held, "total", held)) for coin, held in found.items()} == {"SOL": 2, "USD": 3}
    (said,) = notes.said(Event.LEFT_OUT)
    assert (said["venue"], said["product"]) == ("kraken", "SHIB")
    assert "its balance: " in str(said["reason"])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("coin", ["USD", "USDT", "USDC", "SOL"])
def test_dollars_and_a_coin_that_is_needed_are_never_left_out(place: Place, coin: str) -> None:
    notes = Notes()
    coins = CoinsLeftOut("kraken", notes)
    coins.needed = {"SOL"}.__contains__
    with pytest.raises(BadAnswer, match=coin):
        place({coin: "1e21", "ADA": "2"}, coins.excused)
    assert not notes.said(Event.LEFT_OUT)


@pytest.mark.parametrize("place", PLACES)
def test_a_row_that_does_not_name_its_coin_may_be_dollars(place: Place) -> None:
    with pytest.raises(BadAnswer):
        place({"": "1e21", "SOL": "2"}, CoinsLeftOut("okx", Notes()).excused)
