"""A balance that is too small for any order counts as nothing, and the other coins of the account stay readable."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from bot.brokers.coinbase import parse as coinbase
from bot.brokers.common.answers import BadAnswer
from bot.brokers.kraken import parse as kraken
from bot.brokers.kraken.names import Names
from bot.brokers.okx import parse as okx
from bot.domain.instrument import Balance

TINY = "0.000000000000000000123"
Amounts = dict[str, Decimal]


def at_kraken(dust: str) -> Amounts:
    zero = {"hold_trade": dust, "credit": dust, "credit_used": dust}
    return free(kraken.balances({"SOL": {"balance": "2"}, "AAA": {"balance": dust, **zero}}, Names()))


def dotted_at_kraken(dust: str) -> Amounts:
    return kraken.pockets({"SOL.F": {"balance": "2"}, "AAA.F": {"balance": dust}}, Names())


def earning_at_kraken(dust: str) -> Amounts:
    rows = [
        {"native_asset": coin, "amount_allocated": {"total": {"native": amount}}}
        for coin, amount in {"SOL": "2", "AAA": dust}.items()
    ]
    return kraken.allocations({"items": rows}, Names())


def at_okx(dust: str) -> Amounts:
    details = [{"ccy": "SOL", "availBal": "2"}, {"ccy": "AAA", "availBal": dust, "frozenBal": dust}]
    return free(okx.balances([{"details": details}], margin=False))


def margin_at_okx(dust: str) -> Amounts:
    details = [{"ccy": "SOL", "availBal": "2"}, {"ccy": "USDT", "availEq": dust, "cashBal": dust}]
    return free(okx.balances([{"details": details}], margin=True))


def funding_at_okx(dust: str) -> Amounts:
    return okx.pockets([{"ccy": "SOL", "bal": "2"}, {"ccy": "AAA", "bal": dust}])


def at_coinbase(dust: str) -> Amounts:
    wallets = [
        coinbase.wallet({"currency": coin, "available_balance": {"value": amount}, "hold": {"value": held}}, "")
        for coin, amount, held in (("SOL", "2", "0"), ("AAA", dust, dust))
    ]
    return free(coinbase.balances(wallets))


def free(found: dict[str, Balance]) -> Amounts:
    return {coin: one.total for coin, one in found.items() if one.total}


PLACES = [
    at_kraken,
    dotted_at_kraken,
    earning_at_kraken,
    at_okx,
    margin_at_okx,
    funding_at_okx,
    at_coinbase,
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("dust", [TINY, f"-{TINY}", "1.23e-22", "1e-400"])
def test_dust_hides_nothing(place: Callable[[str], Amounts], dust: str) -> None:
    assert place(dust) == {"SOL": Decimal(2)}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("nonsense", ["NaN", "1e400", "much"])
def test_what_is_no_amount_still_fails(place: Callable[[str], Amounts], nonsense: str) -> None:
    with pytest.raises(BadAnswer):
        place(nonsense)


def test_orders_and_fills_are_as_strict_as_before() -> None:
    row = {"descr": {"pair": "SOLUSD", "type": "buy", "ordertype": "market"}, "status": "open", "vol_exec": "0"}
    with pytest.raises(BadAnswer):
        kraken.orders({"OAAAAA-AAAAA-AAAAA1": {**row, "vol": TINY}}, Names())
    trade = {"ordertxid": "O1", "pair": "SOLUSD", "type": "buy", "time": 1, "fee": "0", "price": "1"}
    with pytest.raises(BadAnswer):
        kraken.fills({"T1": {**trade, "vol": TINY}}, Names())
