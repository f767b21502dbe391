"""How much: bands, bounds, and that no size is ever too small to be stopped out or sold."""

from __future__ import annotations

import math
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.domain.instrument import Instrument
from bot.strategy import rule
from bot.strategy.exact import lots_of, minimums, quantity
from bot.strategy.params import APEX, DEFAULT_RISK_SETTINGS, RiskSettings
from bot.strategy.sizing import BuyingPower, Minimums, SizingResult, size, smallest_tradeable

BANDS = [
    (20.0, 2.0),
    (24.999, 2.0),
    (25.0, 4.0),
    (29.999, 4.0),
    (30.0, 6.0),
    (39.999, 6.0),
    (40.0, 8.0),
    (49.999, 8.0),
    (50.0, 10.0),
    (90.0, 10.0),
]


@pytest.mark.parametrize(("adx", "pct"), BANDS)
@pytest.mark.parametrize(("score", "weight"), [(3, 0.8), (4, 0.9), (5, 1.0)])
def test_percent_by_strength_and_score(adx: float, pct: float, score: int, weight: float) -> None:
    assert rule.size_pct(adx, score, APEX, DEFAULT_RISK_SETTINGS) == pytest.approx(max(pct * weight, 2.0))


def test_percent_stays_within_the_owners_bounds() -> None:
    risk_settings = RiskSettings(min_position_pct=3.0, max_position_pct=5.0)
    assert rule.size_pct(20.0, 3, APEX, risk_settings) == 3.0
    assert rule.size_pct(50.0, 5, APEX, risk_settings) == 5.0


def buying_power(equity: float, free: float | None = None, ceiling: float = math.inf) -> BuyingPower:
    free = equity if free is None else free
    return BuyingPower(equity, free, fee=0.002, slippage=0.003, ceiling=ceiling, coin_fee=0.002)


COARSE = Minimums(lot=0.1, lots=10, cost=5.0)

# smallest: 10 lots = 1 coin of 10 dollars; kept/(1-0.002) -> 11 lots
SIZES: list[tuple[str, float, BuyingPower, RiskSettings, SizingResult, int]] = [
    ("the rule's size", 10.0, buying_power(1000.0), DEFAULT_RISK_SETTINGS, SizingResult.WANTED, 100),
    ("rounded down to lot", 10.0, buying_power(1009.0), DEFAULT_RISK_SETTINGS, SizingResult.WANTED, 100),
    ("at the smallest size", 10.0, buying_power(110.001), DEFAULT_RISK_SETTINGS, SizingResult.WANTED, 11),
    ("raised to the smallest", 10.0, buying_power(100.0), DEFAULT_RISK_SETTINGS, SizingResult.RAISED, 11),
    ("raised, half the equity", 10.0, buying_power(22.001), DEFAULT_RISK_SETTINGS, SizingResult.RAISED, 11),
    ("more than half the equity", 10.0, buying_power(21.99), DEFAULT_RISK_SETTINGS, SizingResult.OVER_EQUITY, 0),
    (
        "the owner allows more",
        10.0,
        buying_power(21.99),
        RiskSettings(max_position_pct_small=60.0),
        SizingResult.RAISED,
        11,
    ),
    ("half the free cash", 2.0, buying_power(100.0, free=22.001), DEFAULT_RISK_SETTINGS, SizingResult.RAISED, 11),
    (
        "more than half the free cash",
        2.0,
        buying_power(100.0, free=21.99),
        DEFAULT_RISK_SETTINGS,
        SizingResult.OVER_CASH,
        0,
    ),
    ("capped by free cash", 10.0, buying_power(1000.0, free=50.0), DEFAULT_RISK_SETTINGS, SizingResult.WANTED, 49),
    ("capped by the ceiling", 10.0, buying_power(1000.0, ceiling=25.0), DEFAULT_RISK_SETTINGS, SizingResult.WANTED, 25),
    ("raised to the ceiling", 2.0, buying_power(100.0, ceiling=11.001), DEFAULT_RISK_SETTINGS, SizingResult.RAISED, 11),
    ("half the equity to the cent", 10.0, buying_power(22.0), DEFAULT_RISK_SETTINGS, SizingResult.RAISED, 11),
    (
        "half the free cash to the cent",
        2.0,
        buying_power(100.0, free=22.0),
        DEFAULT_RISK_SETTINGS,
        SizingResult.RAISED,
        11,
    ),
    ("the ceiling to the cent", 2.0, buying_power(100.0, ceiling=11.0), DEFAULT_RISK_SETTINGS, SizingResult.RAISED, 11),
    (
        "smallest is over the ceiling",
        2.0,
        buying_power(100.0, ceiling=10.9),
        DEFAULT_RISK_SETTINGS,
        SizingResult.OVER_CEILING,
        0,
    ),
    (
        "all cash allowed, fees still fit",
        2.0,
        buying_power(11.01),
        RiskSettings(max_position_pct_small=100.0),
        SizingResult.OVER_CASH,
        0,
    ),
    (
        "all cash allowed and enough",
        2.0,
        buying_power(11.06),
        RiskSettings(max_position_pct_small=100.0),
        SizingResult.RAISED,
        11,
    ),
    (
        "not raised where the rule does not",
        10.0,
        buying_power(100.0),
        RiskSettings(max_position_pct_small=0.0),
        SizingResult.OVER_EQUITY,
        0,
    ),
    (
        "not equity but cash",
        20.0,
        buying_power(100.0, free=10.0),
        RiskSettings(max_position_pct_small=0.0),
        SizingResult.OVER_CASH,
        0,
    ),
    (
        "cash again, a small bound",
        20.0,
        buying_power(100.0, free=10.0),
        RiskSettings(max_position_pct_small=5.0),
        SizingResult.OVER_CASH,
        0,
    ),
    ("nothing there", 10.0, buying_power(0.0), DEFAULT_RISK_SETTINGS, SizingResult.OVER_EQUITY, 0),
    ("less than nothing", 10.0, buying_power(100.0, free=-5.0), DEFAULT_RISK_SETTINGS, SizingResult.OVER_CASH, 0),
]


@pytest.mark.parametrize(
    ("pct", "money", "risk_settings", "fit", "lots"), [row[1:] for row in SIZES], ids=[row[0] for row in SIZES]
)
def test_sizes(pct: float, money: BuyingPower, risk_settings: RiskSettings, fit: SizingResult, lots: int) -> None:
    found = size(pct, 10.0, 9.8, money, COARSE, risk_settings)
    assert (found.fit, found.lots) == (fit, lots)
    assert found.smallest == 11
    if lots == 0:
        assert found.smallest_value == pytest.approx(11.0)
        assert found.smallest_value > found.allowed


def test_no_reserve_where_the_fee_is_taken_in_the_quote() -> None:
    found = size(10.0, 10.0, 9.8, buying_power(100.001)._replace(coin_fee=0.0), COARSE, DEFAULT_RISK_SETTINGS)
    assert (found.fit, found.lots, found.smallest) == (SizingResult.WANTED, 10, 10)


class Market(NamedTuple):
    """Minimums as the exchanges publish them."""

    symbol: str
    price: str
    lot: str
    min_qty: str
    min_cost: str


MARKETS = [
    Market("BTC-USD", "64250.1", "0.00000001", "0.00005", "0.5"),
    Market("ETH-USD", "3120.55", "0.00000001", "0.002", "0.5"),
    Market("DOGE-USD", "0.1234567", "0.00000001", "50", "0.5"),
    Market("SHIB-USD", "0.00000812", "0.00001", "200000", "0.5"),
    Market("BTC-USDT", "64250.1", "0.00000001", "0.00001", "0"),
    Market("DOGE-USDT", "0.12345", "0.001", "10", "0"),
    Market("BTC-USD", "64250.11", "0.00000001", "0.00000001", "1"),
    Market("DOGE-USD", "0.12346", "0.1", "0.1", "1"),
    Market("BONK-USD", "0.000021", "1", "1", "1"),
    Market("BTC-USDT-SWAP", "64250.1", "0.0001", "0.0001", "0"),
]


def instrument(market: Market) -> Instrument:
    base, quote = market.symbol.split("-")[:2]
    lot, min_qty, min_cost = Decimal(market.lot), Decimal(market.min_qty), Decimal(market.min_cost)
    return Instrument(market.symbol, base, quote, Decimal("0.00000001"), lot, min_qty, min_cost)


def assert_can_be_closed(listed: Instrument, lots: int, stop: Decimal, fee: Decimal) -> None:
    """By exact arithmetic: after the fee in coin and rounding to lot, the venue takes the stop's order.

    The margin over the venue's minimum may miss its last digits: the rule counts lots in floats, to 1e-15.
    """
    kept = quantity(lots, listed.lot) * (1 - fee)
    sold = (kept / listed.lot).to_integral_value(ROUND_FLOOR) * listed.lot
    assert sold >= listed.min_qty
    assert sold * stop * Decimal("0.98") >= Decimal("1.0999999999") * listed.min_cost
    assert sold > 0


@pytest.mark.parametrize("market", MARKETS, ids=lambda market: f"{market.symbol} {market.min_qty}")
@pytest.mark.parametrize("equity", [2.0, 25.0, 300.0, 5000.0])
@pytest.mark.parametrize("pct", [2.0, 5.4, 10.0])
@pytest.mark.parametrize("fee", ["0", "0.001", "0.0026", "0.012"])
def test_no_account_gets_a_position_that_cannot_be_closed(market: Market, equity: float, pct: float, fee: str) -> None:
    listed, price = instrument(market), Decimal(market.price)
    stop = price * Decimal("0.97")
    money = BuyingPower(equity, equity, float(fee), 0.003, math.inf, float(fee))
    found = size(pct, float(price), float(stop), money, minimums(listed), DEFAULT_RISK_SETTINGS)
    if found.lots:
        assert_can_be_closed(listed, found.lots, stop, Decimal(fee))
        cost = quantity(found.lots, listed.lot) * price
        assert cost <= Decimal(str(equity)) * Decimal("0.5")
    else:
        assert found.smallest_value > equity * 0.5


positive = st.decimals("0.00000001", "100000", places=8)


@given(
    price=positive,
    lot=st.sampled_from(["0.00000001", "0.00001", "0.01", "1", "100", "0.0003"]),
    min_lots=st.integers(0, 10**9),
    min_cost=st.decimals("0", "20", places=2),
    fee=st.decimals("0", "0.02", places=5),
    distance=st.decimals("0.0001", "0.05", places=4),
    equity=st.floats(0.0, 1e6),
    pct=st.floats(0.1, 10.0),
)
def test_whatever_the_venue_asks_a_size_can_be_closed(
    price: Decimal,
    lot: str,
    min_lots: int,
    min_cost: Decimal,
    fee: Decimal,
    distance: Decimal,
    equity: float,
    pct: float,
) -> None:
    step = Decimal(lot)
    listed = Instrument("X-USD", "X", "USD", step, step, min_lots * step, min_cost)
    stop = price * (1 - distance)
    money = BuyingPower(equity, equity, float(fee), 0.0, math.inf, float(fee))
    found = size(pct, float(price), float(stop), money, minimums(listed), DEFAULT_RISK_SETTINGS)
    assume(found.lots > 0)
    assert found.lots >= found.smallest
    assert_can_be_closed(listed, found.lots, stop, fee)


@given(
    stop=positive,
    lot=st.sampled_from(["0.00000001", "0.001", "1"]),
    min_lots=st.integers(1, 10**7),
    min_cost=st.decimals("0", "20", places=2),
    fee=st.decimals("0.00001", "0.02", places=5),
)
def test_the_smallest_size_is_hardly_larger_than_it_must_be(
    stop: Decimal, lot: str, min_lots: int, min_cost: Decimal, fee: Decimal
) -> None:
    """Two lots fewer, or a millionth of a millionth, and it could not be closed."""
    step = Decimal(lot)
    listed = Instrument("X-USD", "X", "USD", step, step, min_lots * step, min_cost)
    lots = smallest_tradeable(float(stop), float(fee), minimums(listed))
    fewer = lots - 2 - math.ceil(lots * 1e-11)
    kept = Decimal(fewer) * (1 - fee) * step
    sold = (kept / step).to_integral_value(ROUND_FLOOR) * step
    assert sold < listed.min_qty or sold * stop * Decimal("0.98") < Decimal("1.1") * min_cost


@given(lots=st.integers(0, 10**15), lot=st.sampled_from(["0.00000001", "0.001", "1", "0.0003"]))
def test_lots_and_quantities_are_exact(lots: int, lot: str) -> None:
    assert lots_of(quantity(lots, Decimal(lot)), Decimal(lot)) == lots


def test_what_is_finer_than_a_lot_is_left_out() -> None:
    assert lots_of(Decimal("1.2999"), Decimal("0.1")) == 12
