"""The walk: a worked example, each convention of the walk, the limits of an account, and plain against compiled code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bot.backtest.result import Result
from bot.backtest.run import Backtest, BacktestError
from bot.backtest.terms import Account, Costs, Limits, Market
from bot.backtest.venues import usual
from bot.strategy.apex import ApexStrategy
from bot.strategy.base import Strategy
from tests.backtest.given import (
    COMPILED,
    FIVE_MINUTES,
    MIDNIGHT,
    Bar,
    Scripted,
    Signal,
    market,
    named,
    same,
    still,
    walked,
)
from tests.strategy.given import walk as random_walk

pytest.importorskip("numba", reason="numba is not installed")
BOTH = pytest.mark.parametrize("plainly", [True, False], ids=["plain", "compiled"])
FREE = Account(costs=Costs(0.0, 0.0))


def index(time: int) -> int:
    return (time - MIDNIGHT) // FIVE_MINUTES


def exits_by_entry(result: Result) -> list[tuple[int, list[tuple[int, str]]]]:
    """Each trade: the candle of its entry, and candle and reason of its sales."""
    return [(index(one.entry_time), [(index(leg.time), leg.reason) for leg in one.legs]) for one in result]


def one_market(
    bars: Sequence[Bar],
    signals: Sequence[Signal],
    leaves: Sequence[int],
    plainly: bool,
    account: Account = FREE,
    **words: Any,
) -> Result:
    return walked(Scripted({1.0: (signals, leaves)}), [market(bars)], account, plainly, **words)


# -- a worked example -------------------------------------------------------------------------------------------------
#: Twenty candles. Lot 0.001, tick 0.1, fee 0.1 %, spread 0.02 %.
TWENTY: list[Bar] = [
    *still(3),  # 0-2: decided at the close of 2, close 100, stop 98: 10 % of 10,000 / 100 = 10.000
    (100.5, 101.0, 100.2, 100.9),  # 3: filled at 100.5 x 1.0001 = 100.51005; R 2.51005
    (100.9, 102.0, 100.6, 101.8),
    (
        101.8,
        103.1,
        101.0,
        102.5,
    ),  # 5: target 1 at 103.0201; stop to 100.51005 x 1.001 / 0.999 = 100.7113, on the grid 100.8
    (102.5, 103.0, 101.5, 102.8),
    (102.8, 105.5, 102.0, 105.0),  # 7: just short of target 2, 105.53015
    (105.0, 105.6, 104.0, 104.5),  # 8: target 2
    (104.5, 104.6, 102.0, 102.5),
    (102.5, 102.6, 100.7, 101.0),  # 10: the stop at 100.8
    (101.0, 101.2, 100.9, 101.0),
    (101.0, 101.2, 100.9, 101.0),  # 12: decided at 101 with stop 99
    (101.2, 101.5, 100.8, 101.3),  # 13: filled at 101.21012
    (101.3, 101.4, 100.0, 100.1),
    (98.0, 98.5, 97.0, 98.2),  # 15: opens below the stop
    *still(4, 98.2),
]


@BOTH
def test_twenty_candles_by_hand(plainly: bool) -> None:
    fee, half = Decimal("0.001"), Decimal("0.0001")
    account = Account(costs=Costs(0.001, 0.0002), market=Market(0.001, 0.1))
    result = one_market(TWENTY, [Signal(2, 98.0), Signal(12, 99.0)], [], plainly, account)
    first, second = result
    assert exits_by_entry(result) == [(3, [(5, "tp1"), (8, "tp2"), (10, "stop")]), (13, [(15, "stop")])]

    entry = Decimal("100.51005")
    sales = [
        (Decimal("103.0201") * (1 - half), Decimal(5)),
        (Decimal("105.53015") * (1 - half), Decimal("2.5")),
        (Decimal("100.8") * (1 - half), Decimal("2.5")),
    ]
    assert (first.qty, first.entry_price, first.stop) == (10.0, pytest.approx(100.51005), 98.0)
    assert [(leg.price, leg.qty) for leg in first.legs] == [
        (pytest.approx(float(price)), float(qty)) for price, qty in sales
    ]
    pnl = sum((price - entry) * qty - price * qty * fee for price, qty in sales) - entry * 10 * fee
    assert round(pnl, 4) == Decimal("23.6864")
    assert first.pnl == pytest.approx(float(pnl), abs=1e-9)
    assert first.pnl_r == pytest.approx(23.6864 / (2.51005 * 10), abs=1e-5)

    # 10 % of 10,023.6864 / 101 = 9.9244, in lots 9.924
    bought, sold, qty = Decimal("101.21012"), Decimal(98) * (1 - half), Decimal("9.924")
    lost = (sold - bought) * qty - (sold + bought) * qty * fee
    assert round(lost, 4) == Decimal("-33.9314")
    assert (second.qty, second.pnl) == (9.924, pytest.approx(float(lost), abs=1e-9))
    assert result.day_equity[-1] == pytest.approx(10_000 + float(pnl + lost), abs=1e-9)


# -- conventions ------------------------------------------------------------------------------------------------------
UP: Bar = (100.0, 101.0, 99.5, 100.5)
#: bars, signals, exits at a close -> the candle of each entry with its sales; what a gate blocked
READINGS: list[tuple[str, list[Bar], list[Signal], list[int], list[Any], dict[str, int]]] = [
    ("the entry lives through its candle", [*still(2), (100, 101, 97, 99), *still(2)], [Signal(1, 98.0)], [],
     [(2, [(2, "stop")])], {}),
    ("a stop-out bars the decision of its candle", [*still(2), (100, 101, 97, 99), *still(3, 99)],
     [Signal(1, 98.0), Signal(2, 97.0)], [], [(2, [(2, "stop")])], {"stopped_out": 1}),
    ("and not that of the next", [*still(2), (100, 101, 97, 99), *still(4, 99)],
     [Signal(1, 98.0), Signal(3, 97.0)], [], [(2, [(2, "stop")]), (4, [(6, "end")])], {}),
    ("a turn bars nothing", still(7), [Signal(1, 98.0), Signal(3, 98.0)], [3], [(2, [(3, "turn")]), (4, [(6, "end")])], {}),
    ("all targets in one candle, and in again at its close", [*still(2), (100, 107, 99, 106), *still(3, 106)],
     [Signal(1, 98.0), Signal(2, 104.0)], [], [(2, [(2, "tp1"), (2, "tp2"), (2, "tp3")]), (3, [(5, "end")])], {}),
    ("no next candle", still(3), [Signal(2, 98.0)], [], [], {"unfilled": 1}),
    ("an open at the stop", [*still(2), (98, 99, 97.9, 98.5), *still(2)], [Signal(1, 98.0)], [], [], {"stop": 1}),
    ("an open at the first target", [*still(2), (102, 103, 101, 102), *still(2)], [Signal(1, 98.0)], [], [],
     {"target": 1}),
    ("an open from which R is too wide", [*still(2), (100, 101, 99, 100), *still(2)], [Signal(1, 79.0)], [], [],
     {"risk": 1}),
    ("held: a signal of the same coin is no news", still(6), [Signal(1, 98.0), Signal(2, 98.0)], [],
     [(2, [(5, "end")])], {}),
    ("a turn at the last candle is a turn", still(4), [Signal(1, 98.0)], [3], [(2, [(3, "turn")])], {}),
    ("a short without leave to be one", still(4), [Signal(1, 102.0, side=-1)], [], [], {}),
    ("a stop that a target moved works from the next candle", [*still(2), (100, 102.5, 99, 102), (102, 102.2, 99.9, 101),
     *still(2)], [Signal(1, 98.0)], [], [(2, [(2, "tp1"), (3, "stop")])], {}),
]  # fmt: skip


@BOTH
@pytest.mark.parametrize(
    ("bars", "signals", "leaves", "expected", "skips"), [row[1:] for row in READINGS], ids=[row[0] for row in READINGS]
)
def test_each_reading(
    bars: list[Bar], signals: list[Signal], leaves: list[int], expected: list[Any], skips: dict[str, int], plainly: bool
) -> None:
    result = one_market(bars, signals, leaves, plainly)
    assert (exits_by_entry(result), dict(result.skips)) == (expected, skips)


@BOTH
def test_a_short_is_the_mirror_of_a_long(plainly: bool) -> None:
    """Same money: buying at 100 and selling at 104 equals selling at 100 and buying at 96."""
    up = [*still(2), (100, 104.5, 99, 104), *still(2, 104)]
    down = [(200 - o, 200 - low, 200 - high, 200 - c) for o, high, low, c in up]
    account = FREE._replace(shorts=True)
    long = one_market(up, [Signal(1, 98.0)], [2], plainly, account)
    short = one_market(down, [Signal(1, 102.0, side=-1)], [2], plainly, account)
    assert [one.side for one in short] == ["short"]
    assert exits_by_entry(long) == exits_by_entry(short) == [(2, [(2, "tp1"), (2, "tp2"), (2, "turn")])]
    assert short.trades.pnl.tolist() == pytest.approx(long.trades.pnl.tolist())
    assert short.day_equity[-1] == pytest.approx(long.day_equity[-1])


@BOTH
def test_the_strongest_signal_has_the_slot_unless_it_is_refused_at_its_price(plainly: bool) -> None:
    strategy = Scripted({
        1.0: ([Signal(1, 98.0, momentum=0.9), Signal(5, 98.0, momentum=0.9)], [4]),
        2.0: ([Signal(1, 98.0, momentum=0.5), Signal(5, 98.0, momentum=0.9)], [4]),
    })  # fmt: skip
    gone = [*still(2), (97.5, 98, 97, 97.5), *still(7)]
    histories = [market(gone, "BTC-USD", 1.0), market(still(10), "ETH-USD", 2.0)]
    result = walked(strategy, histories, FREE._replace(slots=1), plainly)
    assert [(one.symbol, index(one.entry_time)) for one in result] == [("ETH-USD", 2), ("BTC-USD", 6)]
    assert dict(result.skips) == {"stop": 1, "positions": 1}


@BOTH
def test_all_of_one_close_are_sized_by_the_same_equity_and_cut_to_what_cash_is_left(plainly: bool) -> None:
    names = {float(number): ([Signal(1, 98.0, momentum=1.0 / number, pct=10.0)], ()) for number in range(1, 13)}
    histories = [market(still(4), f"C{number:.0f}-USD", number) for number in names]
    account = Account(costs=Costs(0.001, 0.0), slots=20, market=Market(0.001))
    result = walked(Scripted(names), histories, account, plainly)
    # nine of 10 % each with 1 USD of fees leave 991; 991 / 1.001 = 990.00999
    assert sorted(result.trades.qty.tolist(), reverse=True) == [10.0] * 9 + [9.9]
    assert result.skips == {"cash": 2}


@BOTH
def test_decisions_are_those_of_candles_from_since_on(plainly: bool) -> None:
    signals = [Signal(1, 98.0), Signal(3, 98.0)]
    result = one_market(still(8), signals, [2, 5], plainly, since=MIDNIGHT + 3 * FIVE_MINUTES)
    assert exits_by_entry(result) == [(4, [(5, "turn")])]
    assert result.since == MIDNIGHT + 3 * FIVE_MINUTES


@BOTH
def test_exits_at_the_next_open_free_slot_and_cash_for_its_purchases(plainly: bool) -> None:
    strategy = Scripted(
        {1.0: ([Signal(1, 98.0, pct=10.0)], [3]), 2.0: ([Signal(3, 98.0)], [])}, exits_at_next_open=True
    )
    moves = [*still(4), (103.0, 103.2, 102.9, 103.0), *still(3, 103.0)]
    histories = [market(moves, "BTC-USD", 1.0), market(still(8), "ETH-USD", 2.0)]
    result = walked(strategy, histories, FREE._replace(slots=1), plainly)
    assert exits_by_entry(result) == [(2, [(4, "turn")]), (4, [(7, "end")])]
    assert result.trades.pnl[0] == pytest.approx(10.0 * 3.0)


@BOTH
def test_what_comes_first_in_a_candle_is_known_where_finer_candles_are(plainly: bool) -> None:
    """One candle touches target and stop: without detail the stop fills, with it the target and then the stop at break-even."""
    bars = [*still(2), (100, 102.5, 97, 99), *still(2, 99)]
    minutes: list[Bar] = [(o, h, low, c) for o, h, low, c in still(25)]
    minutes[10:15] = [(100, 102.5, 99.5, 102), (102, 102, 97, 98), (98, 98, 97, 98), (98, 99, 98, 99), (99, 99, 99, 99)]
    minutes[15:] = still(10, 99)
    time = MIDNIGHT + 60_000 * np.arange(25, dtype=np.int64)
    coarse = market(bars)
    fine = market(minutes)
    object.__setattr__(fine, "time", time)
    object.__setattr__(fine, "timeframe_ms", 60_000)
    assert exits_by_entry(one_market(bars, [Signal(1, 98.0)], [], plainly)) == [(2, [(2, "stop")])]
    assert exits_by_entry(one_market(bars, [Signal(1, 98.0)], [], plainly, fine={coarse.symbol: fine})) == [
        (2, [(2, "tp1"), (2, "stop")])
    ]


@BOTH
def test_funding_is_paid_by_longs_and_earned_by_shorts(plainly: bool) -> None:
    rates = {"BTC-USD": np.array([0.0, 0.0, 0.01, 0.01, 0.0, 0.0])}  # candle 2 is that of the entry: not held yet
    account = FREE._replace(shorts=True)
    long = one_market(still(6), [Signal(1, 98.0)], [], plainly, account, funding=rates)
    short = one_market(still(6), [Signal(1, 102.0, side=-1)], [], plainly, account, funding=rates)
    assert long.trades.funding.tolist() == pytest.approx([10.0 * 100.0 * 0.01])
    assert (long.trades.pnl[0], short.trades.pnl[0]) == (pytest.approx(-10.0), pytest.approx(10.0))
    assert long.day_equity[-1] == pytest.approx(9_990.0)


@BOTH
def test_a_rate_that_falls_due_where_nobody_traded_is_paid_on_the_close_before(plainly: bool) -> None:
    quiet = market(still(6))
    quiet.filled[3] = True
    strategy = Scripted({1.0: ([Signal(1, 98.0)], [])}, fills_gaps=False)
    result = walked(strategy, [quiet], FREE, plainly, funding={"BTC-USD": np.array([0.0, 0.0, 0.0, 0.01, 0.0, 0.0])})
    assert result.trades.funding.tolist() == pytest.approx([10.0 * 100.0 * 0.01])


@BOTH
def test_a_fee_in_the_coin_leaves_whole_lots(plainly: bool) -> None:
    account = Account(costs=Costs(0.001, 0.0), market=Market(0.01, in_coin=True))
    result = one_market(still(5), [Signal(1, 98.0)], [], plainly, account)
    assert (result.trades.qty[0], result.trades.fee[0]) == (9.99, pytest.approx(1.0))


@BOTH
def test_a_sale_pays_no_fee_in_the_coin(plainly: bool) -> None:
    account = Account(costs=Costs(0.001, 0.0), market=Market(0.01, in_coin=True), shorts=True)
    result = one_market(still(5), [Signal(1, 102.0, side=-1)], [], plainly, account)
    assert (result.trades.qty[0], result.trades.fee[0]) == (10.0, pytest.approx(1.0))


def test_the_fee_of_a_contract_is_never_taken_in_the_coin() -> None:
    assert usual("okx", "BTC-USDT", 100.0).in_coin
    assert not usual("okx", "BTC-USDT-SWAP", 100.0).in_coin
    assert not usual("kraken", "BTC-USD", 100.0).in_coin


@BOTH
def test_below_the_smallest_size_it_is_used_within_the_bound_for_small_accounts(plainly: bool) -> None:
    small = Account(costs=Costs(0.0, 0.0), equity=100.0, market=Market(0.01, min_qty=0.3))
    assert one_market(still(5), [Signal(1, 98.0)], [], plainly, small).trades.qty.tolist() == [0.3]
    never = small._replace(market=Market(0.01, min_qty=0.6))
    assert one_market(still(5), [Signal(1, 98.0)], [], plainly, never).skips == {"size": 1}


# -- the account's limits ---------------------------------------------------------------------------------------------
LOSS: Bar = (100.0, 100.1, 90.0, 99.9)


@BOTH
@pytest.mark.parametrize(
    ("limits", "entered", "skips"),
    [
        (Limits(), [2, 4, 6, 8, 10], {}),
        (Limits(max_losses=3, cooldown_ms=60 * 60_000), [2, 4, 6], {"losses": 2}),
        (Limits(max_losses=3, cooldown_ms=10 * 60_000), [2, 4, 6, 10], {"losses": 1}),
        (Limits(max_drawdown_pct=0.35), [2, 4], {"drawdown": 3}),
        (Limits(max_day_pct=0.35), [2, 4], {"daily_loss": 3}),
        (Limits(max_exposure_pct=5.0), [2, 4, 6, 8, 10], {}),
        (Limits(max_order=10.0), [2, 4, 6, 8, 10], {}),
    ],
    ids=lambda value: str(value) if isinstance(value, Limits) else "",
)
def test_limits_bind_as_they_do_live(limits: Limits, entered: list[int], skips: dict[str, int], plainly: bool) -> None:
    """Each trade loses 2 % of 10 %: 0.2 % of equity."""
    bars = [*still(2), *([LOSS, UP] * 6)]
    signals = [Signal(at, 98.0) for at in (1, 3, 5, 7, 9)]
    result = one_market(bars, signals, [], plainly, FREE._replace(limits=limits))
    assert [index(one.entry_time) for one in result] == entered
    assert dict(result.skips) == skips
    most = {5.0: 500.0}.get(limits.max_exposure_pct, limits.max_order)
    assert (result.trades.qty * 100.0 <= most * 1.001).all()


@BOTH
def test_a_day_of_losses_ends_at_midnight_and_a_drawdown_never(plainly: bool) -> None:
    bars = [*still(286), LOSS, UP, *still(6)]
    signals = [Signal(285, 98.0), Signal(287, 98.0), Signal(290, 98.0)]
    day = one_market(bars, signals, [], plainly, FREE._replace(limits=Limits(max_day_pct=0.1)))
    assert ([index(one.entry_time) for one in day], day.skips) == ([286, 291], {"daily_loss": 1})
    fallen = one_market(bars, signals, [], plainly, FREE._replace(limits=Limits(max_drawdown_pct=0.1)))
    assert ([index(one.entry_time) for one in fallen], fallen.skips) == ([286], {"drawdown": 2})


@BOTH
@pytest.mark.parametrize(("later", "entered", "skips"), [(289, [5], {"market": 1}), (288, [2, 5], {}), (1, [2, 5], {})])
def test_a_market_that_begins_a_day_later_is_young(
    plainly: bool, later: int, entered: list[int], skips: dict[str, int]
) -> None:
    signals = [Signal(later + at, 98.0) for at in (1, 4)]
    strategy = Scripted({1.0: ([], []), 2.0: (signals, [Signal(later + 2)])})
    histories = [market(still(later + 7)), market(still(7), "ETH-USD", 2.0, first=later)]
    account = FREE._replace(limits=Limits(min_age_ms=5 * FIVE_MINUTES))
    result = walked(strategy, histories, account, plainly)
    assert ([index(one.entry_time) - later for one in result], result.skips) == (entered, skips)


# -- plain and compiled -----------------------------------------------------------------------------------------------
ACCOUNTS = [
    Account(),
    Account(Costs(0.002, 0.0004), 500.0, 3, True, market=Market(0.001, 0.01, 0.05, 5.0, in_coin=True)),
    Account(slots=2, shorts=True, limits=Limits(30.0, 20.0, 700.0, 0.002, 1.0, 8.0, 2, 3_600_000)),
]


def test_apex_is_the_same_asked_by_live_windows_and_compiled_over_all_candles() -> None:
    """To the last bit: decisions by `evaluate` on the 720 candles that live keeps, against rows over the whole history."""
    histories = [named(f"C{seed}-USD", random_walk(seed, 1_400)) for seed in (1, 2, 3)]
    strategy: Strategy = ApexStrategy()
    compiled = Backtest(strategy, histories, compile_to=COMPILED)
    plain = Backtest(strategy, histories, plainly=True)
    assert not plain.troubles
    for account in ACCOUNTS:
        one, other = compiled.walk(account), plain.walk(account)
        assert len(one.trades) > 20
        assert same(one, other)
        assert same(one, compiled.walk(account))


def test_money_is_neither_lost_nor_made() -> None:
    """Final equity is initial equity plus the results of all trades, with any number of open positions."""
    histories = [named(f"C{seed}-USD", random_walk(seed, 900), float(seed)) for seed in (1, 2, 3)]
    signals = {
        float(one.volume[0]): (
            [Signal(at, float(one.close[at]) * 0.99) for at in range(5, 890, 9)],
            list(range(3, 899, 11)),
        )
        for one in histories
    }
    for account in (Account(slots=2), Account(Costs(0.003, 0.001), market=Market(0.01, 0.01, in_coin=True))):
        result = walked(Scripted(signals), histories, account, plainly=False)
        assert len(result.trades) > 50
        assert result.day_equity[-1] == pytest.approx(account.equity + result.trades.pnl.sum(), abs=1e-6)
        sold = np.add.reduceat(result.legs.qty, result.trades.first_leg[:-1])
        assert sold == pytest.approx(result.trades.qty)


def test_lots_that_cannot_be_counted_are_refused() -> None:
    with pytest.raises(BacktestError, match="too fine for a price of 1e-12: give a larger --lot"):
        one_market([(1e-12, 1e-12, 1e-12, 1e-12)] * 4, [], [], plainly=True)


def test_a_quantity_has_no_more_digits_than_its_lot() -> None:
    from bot.backtest.state import quantity

    for lots, lot in ((11_092_689, 1e-8), (3, 0.1), (7, 0.05), (123, 1.0), (9, 10.0), (5, 0.3)):
        exact = lots * Decimal(repr(lot))
        assert quantity(lots, lot) == (float(exact) if not math.isclose(lot, 0.3) else pytest.approx(float(exact)))
