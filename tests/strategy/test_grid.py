"""Floats on grids: on the ticks, lots and prices of real markets they count as exact decimals do."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.strategy import grid, sizing
from bot.strategy.exact import price_of
from bot.strategy.exits import breakeven
from bot.strategy.params import DEFAULT_RISK_SETTINGS
from bot.strategy.sizing import BuyingPower, Minimums

#: Tick, lot and the range of prices (in ticks), as the exchanges list them.
MARKETS = [
    ("0.1", "0.00000001", 200_000, 2_000_000),
    ("0.01", "0.00000001", 1_000, 10_000_000),
    ("0.01", "0.001", 1_000, 10_000_000),
    ("0.00001", "0.1", 1_000, 100_000),
    ("0.0000001", "0.00000001", 100, 5_000_000),
    ("0.000000001", "1", 100, 100_000),
    ("0.00000001", "0.0003", 500, 5_000),
    ("0.5", "0.0001", 10_000, 200_000),
    ("0.00005", "100", 100, 100_000),
]
markets = st.sampled_from(MARKETS)


def exact_stop(price: Decimal, tick: Decimal, side: int) -> Decimal:
    """By decimals alone: 12 digits, then the next tick towards the market."""
    twelve = price.quantize(Decimal(1).scaleb(price.adjusted() - 11), ROUND_HALF_UP)
    return (twelve / tick).to_integral_value(ROUND_CEILING if side > 0 else ROUND_FLOOR) * tick


@given(market=markets, data=st.data(), side=st.sampled_from([1, -1]), atr=st.decimals("0.0001", "3", places=6))
def test_a_stop_lies_where_decimals_put_it(
    market: tuple[str, str, int, int], data: st.DataObject, side: int, atr: Decimal
) -> None:
    """Off the grid by any part of a tick, and on it although the float is a little beside it."""
    tick = Decimal(market[0])
    price = data.draw(st.integers(*market[2:])) * tick
    for wanted in (price, price - side * tick * atr / 2):
        if wanted > 0:
            for beside in (float(wanted), math.nextafter(float(wanted), 0.0), math.nextafter(float(wanted), math.inf)):
                found = grid.towards(side, beside, float(tick))
                assert price_of(found) == exact_stop(wanted, tick, side)


@given(market=markets, data=st.data(), fee=st.sampled_from(["0", "0.0008", "0.001", "0.0026", "0.004", "0.012"]))
def test_break_even_lies_where_decimals_put_it(
    market: tuple[str, str, int, int], data: st.DataObject, fee: str
) -> None:
    tick = Decimal(market[0])
    entry = data.draw(st.integers(*market[2:])) * tick
    paid, kept = 1 + Decimal(fee), 1 - Decimal(fee)
    assert price_of(breakeven(1, float(entry), float(fee), float(tick))) == exact_stop(entry * paid / kept, tick, 1)
    assert price_of(breakeven(-1, float(entry), float(fee), float(tick))) == exact_stop(entry * kept / paid, tick, -1)


@given(
    market=markets,
    data=st.data(),
    lots=st.one_of(st.integers(1, 10**3), st.integers(1, 10**9)),
    pct=st.sampled_from(["2", "3.6", "5.4", "7.2", "10"]),
    beside=st.sampled_from(["0", "0.00000001", "-0.00000001", "0.5"]),
)
def test_a_size_is_what_decimals_make_it(
    market: tuple[str, str, int, int], data: st.DataObject, lots: int, pct: str, beside: str
) -> None:
    """An exact multiple is not one lot less; money a hundred-millionth below one is."""
    lot = Decimal(market[1])
    price = data.draw(st.integers(*market[2:])) * Decimal(market[0])
    money = (price * lot * lots + Decimal(beside)).quantize(Decimal("1e-8"), ROUND_HALF_UP)
    equity = money * 100 / Decimal(pct)
    assume(money < 10**6)
    buying_power = BuyingPower(float(equity), float(equity), 0.0, 0.0, math.inf)
    found = sizing.size(
        float(pct), float(price), float(price), buying_power, Minimums(float(lot), 1, 0.0), DEFAULT_RISK_SETTINGS
    )
    expected = int((money / (price * lot)).to_integral_value(ROUND_FLOOR))
    if found.fit is sizing.SizingResult.WANTED:
        assert found.lots == expected
    else:
        assert expected < 1


@given(
    market=markets,
    data=st.data(),
    lots=st.integers(1, 10**6),
    cost=st.sampled_from(["0", "0.5", "1", "5", "10"]),
    fee=st.sampled_from(["0", "0.001", "0.0026", "0.012", "0.2"]),
)
def test_the_smallest_size_is_what_decimals_make_it(
    market: tuple[str, str, int, int], data: st.DataObject, lots: int, cost: str, fee: str
) -> None:
    lot = Decimal(market[1])
    stop = data.draw(st.integers(*market[2:])) * Decimal(market[0])
    for_cost = Decimal("1.1") * Decimal(cost) / (stop * Decimal("0.98") * lot)
    kept = max(Decimal(lots), for_cost.to_integral_value(ROUND_CEILING))
    expected = int((kept / (1 - Decimal(fee))).to_integral_value(ROUND_CEILING))
    minimums = Minimums(float(lot), lots, float(cost))
    assert sizing.smallest_tradeable(float(stop), float(fee), minimums) == expected


@pytest.mark.parametrize(
    ("side", "price", "tick", "stop"),
    [
        (1, 0.1 + 0.2, 0.1, 0.3),
        (-1, 0.3 - 1e-17, 0.1, 0.3),
        (1, 97.123, 0.05, 97.15),
        (-1, 97.123, 0.05, 97.1),
        (1, 97.0000001, 0.05, 97.05),
        (1, 1234.5, 1.0, 1235.0),
        (1, 5.0, 0.0, 5.0),
        (1, 2 / 3, 0.0, 0.666666666667),
    ],
)
def test_a_stop_is_put_towards_the_market(side: int, price: float, tick: float, stop: float) -> None:
    assert grid.towards(side, price, tick) == stop


def test_what_is_no_number_stays_none() -> None:
    assert math.isnan(grid.towards(1, math.nan, 0.1))
    assert grid.towards(1, math.inf, 0.1) == math.inf
    assert grid.rounded(0.0) == 0.0
