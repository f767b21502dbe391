"""The gates: their documented order, that each can block alone, on which side of its limit, in which words, and for whatever
finite snapshot; and that the log hears of them in one place.
"""

from __future__ import annotations

import ast
import math
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.clock import iso
from bot.strategy import checks, exits, gates
from bot.strategy.apex import ApexStrategy
from bot.strategy.gate_inputs import (
    Account,
    Answer,
    Bound,
    Capacity,
    Lost,
    Offer,
    Operation,
    Order,
    Quote,
    Signal,
    Strategy,
    Symbol,
)
from bot.strategy.gate_words import explained
from bot.strategy.gates import GATES, Gate, first
from bot.strategy.sizing import SizingResult
from bot.strategy.timing import FAR

ROOT = Path(__file__).resolve().parent.parent.parent
MINUTE = 60_000
CLOSE = 1_767_225_600_000
FIVE = 5 * MINUTE


def usd(value: str | int) -> Decimal:
    return Decimal(value)


#: A snapshot that passes every gate, part by part.
PASSES: dict[type, Any] = {
    Signal: Signal(),
    Operation: Operation(),
    Account: Account(stop_orders=True, funds=usd(100), min_funds=usd(2)),
    Lost: Lost(usd("19.99"), usd(20), usd("4.99"), usd(5)),
    Symbol: Symbol("BTC", CLOSE, FIVE, 0, "", 0, 2, 3, 60, FAR, 0, 1),
    Capacity: Capacity(60_000, 2, 3, 9, 10, usd(1000), usd(0), usd(50), usd(0), usd(25), usd(200)),
    Quote: Quote("", usd(100), usd("99.9"), usd(100), usd(3), usd(1)),
    Strategy: Strategy(answered=True),
    Offer: Offer("close", 1, 100.0, 98.0, 0.05, 102.0, 0.5),
    Order: Order(20, SizingResult.WANTED, 5.0, 5.0, usd(20), usd(200), usd(250), usd(500), Bound.ORDER),
    Answer: Answer("", usd(1), usd(1), usd(101)),
}
PARTS: tuple[type, ...] = tuple(PASSES)

#: What of the passing snapshot is changed so that one gate blocks, and no other.
BLOCKS: list[tuple[Gate, type, dict[str, Any], str]] = [
    (Gate.CANDLES, Signal, {"unfit": "the newest candle is not there yet"}, "the newest candle is not there yet"),
    (Gate.SHORT, Signal, {"side": -1}, "a short signal"),
    (Gate.NO_RETURN, Signal, {"returns": False}, "does not return to this market yet"),
    (Gate.HELD, Signal, {"held": True}, "its coin is already held"),
    (Gate.STOPPING, Operation, {"stopping": True}, "stopping"),
    (Gate.EXCHANGE, Operation, {"exchange": "cancel_only"}, "the exchange is in cancel_only"),
    (Gate.WATCHING, Operation, {"watching": True}, "whether another NIJA trades here"),
    (Gate.DISK, Operation, {"disk": "the disk of data is full"}, "the disk of data is full"),
    (Gate.EMERGENCY_STOP, Operation, {"emergency": True}, "EMERGENCY_STOP"),
    (Gate.WATCH_ONLY, Operation, {"watch_only": True}, "MULTI_BROKER_INDEPENDENT"),
    (Gate.PAUSED, Operation, {"paused": True}, "paused by the operator"),
    (Gate.SECOND_INSTANCE, Operation, {"second_instance": True}, "another NIJA trades this account"),
    (Gate.EVIDENCE, Operation, {"evidence": "it loses"}, "REQUIRE_EVIDENCE is true: it loses"),
    (Gate.STOP_ORDERS, Account, {"stop_orders": False}, "accepts no stop orders"),
    (Gate.FUNDS, Account, {"funds": usd("1.99")}, "$1.99 to trade with, less than MIN_BALANCE_USD $2.00"),
    (Gate.HISTORY, Account, {"reading": True}, "history is still being read"),
    (Gate.DRAWDOWN, Lost, {"drawdown_pct": usd(20)}, "20.00 % lost since the peak, MAX_DRAWDOWN_PCT is 20.00 %"),
    (Gate.DAILY_LOSS, Lost, {"day_pct": usd(5)}, "5.00 % lost since 00:00 UTC, MAX_DAILY_LOSS_PCT is 5.00 %"),
    (Gate.DENIED, Symbol, {"denied": "BTC is denied for good"}, "BTC is denied for good"),
    (Gate.UNSETTLED, Symbol, {"unsettled": 1}, "an order in BTC is not settled yet"),
    (Gate.MARKET, Symbol, {"market": "it is post_only"}, "accepts no entries now: it is post_only"),
    (Gate.STOPPED_OUT, Symbol, {"stopped_at": CLOSE - FIVE}, "stopped out in this candle, at 2025-12-31T23:55:00"),
    (Gate.LOSSES, Symbol, {"lost_in_a_row": 3}, "3 positions lost in a row, MAX_LOSSES_IN_A_ROW is 3: 60 min to wait"),
    (Gate.NEWS, Symbol, {"to_news": 121_000}, "(NEWS_CALENDAR) is 3 min away, within 5 min"),
    (Gate.CANDLE_USED, Symbol, {"entries": 1}, "already entered on this candle"),
    (Gate.BALANCES, Capacity, {"balances_age": 61_999}, "61 s old, more than the 60 s allowed"),
    (Gate.POSITIONS, Capacity, {"open_positions": 3}, "3 positions are open, MAX_OPEN_POSITIONS is 3"),
    (
        Gate.ORDER_RATE,
        Capacity,
        {"orders_last_minute": 10},
        "10 orders in the last minute, MAX_ORDERS_PER_MINUTE is 10",
    ),
    (Gate.PRICE, Quote, {"missing": "no answer"}, "no price: no answer"),
    (Gate.BID_ASK, Quote, {"bid": usd("100.1")}, "bid 100.1, ask 100"),
    (
        Gate.JUMP,
        Quote,
        {"bid": usd(104), "ask": usd(105)},
        "5.00 % away from the last close, more than MAX_PRICE_JUMP_PCT",
    ),
    (Gate.SPREAD, Quote, {"bid": usd("98.5")}, "too wide: 1.50 %, more than MAX_SPREAD_PCT 1.00 %"),
    (Gate.STRATEGY, Strategy, {"answered": False}, "the strategy could not answer"),
    (Gate.STOP, Offer, {"stop": 100.0, "least": 0.0}, "the close 100 is at its stop 100 or beyond"),
    (Gate.RISK, Offer, {"stop": 94.9}, "too far from the close 100: 5.10 % of the price, more than 5.00 %"),
    (Gate.TARGET, Offer, {"price": 102.0}, "the close 102 has already reached the first target 102"),
    (Gate.COSTS, Offer, {"stop": 99.6}, "R 0.4 at the close 100 does not cover fees and spread: 0.5 is needed"),
    (
        Gate.SIZE,
        Order,
        {"lots": 0, "fit": SizingResult.OVER_EQUITY, "allowed": 2.5},
        "exceeds $2.50 (MAX_POSITION_PCT_SMALL or less)",
    ),
    (Gate.ORDER_VALUE, Order, {"value": usd("200.01")}, "an order of $200.01 exceeds MAX_ORDER_USD $200.00"),
    (Gate.COIN_EXPOSURE, Order, {"coin_room": usd(3)}, "$20.00 exceeds what MAX_COIN_EXPOSURE_PCT allows, $3.00"),
    (Gate.EXPOSURE, Order, {"room": usd(-4)}, "$20.00 exceeds what MAX_EXPOSURE_PCT allows, $0.00"),
    (
        Gate.CASH,
        Order,
        {"lots": 0, "fit": SizingResult.OVER_CASH, "allowed": 4.0},
        "$5.00, exceeds the $4.00 that may be spent",
    ),
    (Gate.REJECTED, Answer, {"rejected": "too_small: EOrder:minimum not met"}, "refused the order: too_small: EOrder"),
    (Gate.UNFILLED, Answer, {"filled": usd(0)}, "nothing filled within the price limit 101"),
]


def blocking(part: Any) -> list[Gate]:
    """All gates that block a part, asked one by one."""
    return [gate for gate, check in rows_of(type(part)).items() if check(part).blocked]


def rows_of(part: type) -> gates.Rows[Any]:
    return GATES[PARTS.index(part)]


def test_the_order_is_the_documented_one() -> None:
    asked = [gate for rows in GATES for gate in rows]
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    documented = re.findall(
        r"^\| `(\w+)`( ∗)? \|", operations.partition("### What blocks an entry")[2].partition("\n## ")[0], re.MULTILINE
    )
    assert [(gate.word, gate in gates.QUIET) for gate in asked] == [(word, bool(quiet)) for word, quiet in documented]
    assert asked == sorted(Gate)


def test_each_gate_asks_the_question_of_its_name_of_its_own_part() -> None:
    for part, rows in zip(PARTS, GATES, strict=True):
        for gate, check in rows.items():
            assert check is getattr(checks, gate.word)
            assert get_type_hints(check)["now"] is part


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_what_passes_passes_all(part: type) -> None:
    assert blocking(PASSES[part]) == []
    assert first(rows_of(part), PASSES[part]) is None


def test_every_gate_is_shown_to_block() -> None:
    assert [row[0] for row in BLOCKS] == list(Gate)


@pytest.mark.parametrize(("gate", "part", "changes", "said"), BLOCKS, ids=[row[0].word for row in BLOCKS])
def test_a_gate_blocks_alone_and_says_why(gate: Gate, part: type, changes: dict[str, Any], said: str) -> None:
    changed = PASSES[part]._replace(**changes)
    assert blocking(changed) == [gate]
    blocked = first(rows_of(part), changed)
    assert blocked is not None
    assert blocked.gate is gate
    words = explained(blocked)
    assert said in words.reason
    assert words.value
    assert words.limit


# what is so -> the number that a gate finds, and the one that it holds that against
NUMBERS: list[tuple[Gate, dict[str, Any], str, str]] = [
    (Gate.FUNDS, {"funds": usd("1.99")}, "$1.99", "$2.00"),
    (Gate.DRAWDOWN, {"drawdown_pct": usd("20.5")}, "20.50 %", "20.00 %"),
    (Gate.DAILY_LOSS, {"day_pct": usd("5.5")}, "5.50 %", "5.00 %"),
    (Gate.UNSETTLED, {"unsettled": 2}, "2", "0"),
    (Gate.STOPPED_OUT, {"stopped_at": CLOSE - MINUTE}, iso(CLOSE - MINUTE), iso(CLOSE - FIVE)),
    (Gate.LOSSES, {"lost_in_a_row": 4}, "4", "3"),
    (Gate.NEWS, {"to_news": 120_000}, "2 min", "5 min"),
    (Gate.NEWS, {"to_news": 0}, "0 min", "5 min"),
    (Gate.CANDLE_USED, {"entries": 3, "max_entries": 2}, "3", "2"),
    (Gate.BALANCES, {"balances_age": 61_999}, "61 s", "60 s"),
    (Gate.POSITIONS, {"open_positions": 4}, "4", "3"),
    (Gate.ORDER_RATE, {"orders_last_minute": 12}, "12", "10"),
    (Gate.BID_ASK, {"bid": usd("100.10")}, "100.1", "100"),
    (Gate.JUMP, {"bid": usd(109), "ask": usd(110), "close": usd(80)}, "37.50 %", "3.00 %"),
    (Gate.JUMP, {"bid": usd(50), "ask": usd("50.1"), "close": usd(80)}, "37.50 %", "3.00 %"),
    (Gate.JUMP, {"bid": usd(50), "ask": usd("50.1"), "close": usd(0)}, "50.10 %", "3.00 %"),
    (Gate.JUMP, {"bid": usd(1), "ask": usd(1), "close": usd("0.5")}, "100.00 %", "3.00 %"),
    (Gate.SPREAD, {"bid": usd(49), "ask": usd(50), "close": usd(50)}, "2.00 %", "1.00 %"),
    (Gate.STOP, {"stop": 100.123456789, "least": 0.0}, "100.12346", "100"),
    (Gate.RISK, {"stop": 45.0, "price": 50.0}, "10.00 %", "5.00 %"),
    (Gate.RISK, {"stop": 0.4, "price": 0.5}, "20.00 %", "5.00 %"),
    (Gate.RISK, {"stop": -1.0, "price": 0.0}, "100.00 %", "5.00 %"),
    (Gate.TARGET, {"price": 103.0}, "103", "102"),
    (Gate.COSTS, {"stop": 99.6}, "0.4", "0.5"),
    (Gate.SIZE, {"lots": 0, "fit": SizingResult.OVER_EQUITY, "allowed": 2.5}, "$5.00", "$2.50"),
    (Gate.ORDER_VALUE, {"value": usd("200.01")}, "$200.01", "$200.00"),
    (Gate.COIN_EXPOSURE, {"coin_room": usd(3)}, "$20.00", "$3.00"),
    (Gate.EXPOSURE, {"room": usd("-0.5")}, "$20.00", "$0.00"),
    (Gate.EXPOSURE, {"room": usd("0.5")}, "$20.00", "$0.50"),
    (Gate.CASH, {"lots": 0, "fit": SizingResult.OVER_CASH, "allowed": 4.0}, "$5.00", "$4.00"),
    (Gate.UNFILLED, {"filled": usd(0), "wanted": usd("1.50")}, "0", "1.5"),
]


@pytest.mark.parametrize(("gate", "changes", "value", "limit"), NUMBERS)
def test_a_gate_says_what_it_found_and_what_it_must_be(
    gate: Gate, changes: dict[str, Any], value: str, limit: str
) -> None:
    part = next(part for part, rows in zip(PARTS, GATES, strict=True) if gate in rows)
    changed = PASSES[part]._replace(**changes)
    words = explained(gates.Blocked(gate, *rows_of(part)[gate](changed)[1:], changed))
    assert rows_of(part)[gate](changed).blocked
    assert (words.value, words.limit) == (value, limit)


def test_a_number_that_is_none_is_said_as_it_is() -> None:
    """Where nothing limits an order, its limit is infinite."""
    checked = checks.unfilled(PASSES[Answer]._replace(filled=usd(0), wanted=usd("Infinity")))
    assert explained(gates.Blocked(Gate.UNFILLED, checked.value, checked.limit, PASSES[Answer])).limit == "Infinity"


def test_what_is_not_said_of_the_account_blocks_nothing() -> None:
    """The parts that are asked for one of their numbers alone."""
    assert (Signal(), Operation(), Lost()) == (
        ("", 1, False, True, False),
        (False, "online", False, "", False, False, False, False, ""),
        (0, 100, 0, 100),
    )


def test_the_first_that_blocks_is_the_one() -> None:
    blocked = first(gates.OPERATION, Operation(disk="full", paused=True, second_instance=True))
    assert blocked is not None
    assert blocked.gate is Gate.DISK


# -- limits, from both sides ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"drawdown_pct": usd("19.99")}, None),
        ({"drawdown_pct": usd(99)}, Gate.DRAWDOWN),
        ({"day_pct": usd("4.99")}, None),
        ({"day_pct": usd(99)}, Gate.DAILY_LOSS),
    ],
)
def test_losses(change: dict[str, Decimal], gate: Gate | None) -> None:
    assert blocking(PASSES[Lost]._replace(**change)) == ([] if gate is None else [gate])


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"stopped_at": CLOSE - FIVE - 1}, None),
        ({"stopped_at": CLOSE + 1}, Gate.STOPPED_OUT),
        ({"lost_in_a_row": 3, "wait_min": 0}, None),
        ({"lost_in_a_row": 3, "wait_min": -5}, None),
        ({"lost_in_a_row": 3, "wait_min": 1}, Gate.LOSSES),
        ({"to_news": FIVE}, Gate.NEWS),
        ({"to_news": FIVE + 1}, None),
        ({"entries": 2, "max_entries": 3}, None),
        ({"entries": 3, "max_entries": 3}, Gate.CANDLE_USED),
    ],
)
def test_a_symbol_on_its_candle(change: dict[str, int], gate: Gate | None) -> None:
    assert blocking(PASSES[Symbol]._replace(**change)) == ([] if gate is None else [gate])


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"balances_age": -5_000}, None),
        ({"balances_age": 60_001}, Gate.BALANCES),
        ({"open_positions": 9}, Gate.POSITIONS),
        ({"max_open_positions": 0, "open_positions": 0}, Gate.POSITIONS),
    ],
)
def test_room_of_the_account(change: dict[str, int], gate: Gate | None) -> None:
    assert blocking(PASSES[Capacity]._replace(**change)) == ([] if gate is None else [gate])


@pytest.mark.parametrize(
    ("bid", "ask", "gate"),
    [
        ("100", "100.5", None),
        ("100", "103", Gate.SPREAD),
        ("99", "100", None),
        ("102", "103", None),
        ("102.5", "103.01", Gate.JUMP),
        ("97", "97.5", None),
        ("96.99", "97.5", Gate.JUMP),
        ("99.5", "100.5", None),
        ("99.4", "100.5", Gate.SPREAD),
        ("0", "100", Gate.BID_ASK),
        ("101", "100", Gate.BID_ASK),
    ],
)
def test_prices_that_cannot_be_trusted(bid: str, ask: str, gate: Gate | None) -> None:
    found = first(gates.QUOTE, PASSES[Quote]._replace(bid=usd(bid), ask=usd(ask)))
    assert (found and found.gate) == gate


class Trade(NamedTuple):
    """A decision at a close of 100 with its stop at 98, and the price it could be had for."""

    side: int = 1
    close: float = 100.0
    price: float = 100.0
    stop: float = 98.0
    fee: float = 0.002
    spread: float = 0.05
    reward_to_cost: float = 1.0

    def offer(self) -> Offer:
        target = exits.first_target(self.close, self.stop, ApexStrategy.legs)
        least = exits.needed(self.price, self.fee, self.spread, self.reward_to_cost)
        return Offer("ask", self.side, self.price, self.stop, ApexStrategy.widest_r, target, least)


TRADES: list[tuple[str, Trade, Gate | None]] = [
    ("worth it", Trade(), None),
    ("short worth it", Trade(side=-1, stop=102.0), None),
    ("no stop", Trade(stop=math.nan), Gate.STOP),
    ("price at the stop", Trade(price=98.0), Gate.STOP),
    ("price through the stop", Trade(price=97.9), Gate.STOP),
    ("just over the stop, but not worth it", Trade(price=98.01), Gate.COSTS),
    ("short's price at the stop", Trade(side=-1, stop=102.0, price=102.0), Gate.STOP),
    ("R at 5 %", Trade(stop=95.0), None),
    ("R at 5 % of a price that floats cannot hold", Trade(close=0.2, price=0.2, stop=0.19, spread=0.0), None),
    ("R over 5 %", Trade(stop=94.99), Gate.RISK),
    ("R over 5 % of the price to be paid only", Trade(stop=95.1, price=100.2), Gate.RISK),
    ("just short of the first target", Trade(price=101.99), None),
    ("at the first target", Trade(price=102.0), Gate.TARGET),
    ("at a first target that floats cannot hold", Trade(close=0.3, price=0.303, stop=0.297, spread=0.0), Gate.TARGET),
    *(
        (f"at the first target {price}", Trade(side=side, close=close, price=price, stop=stop, spread=0.0), Gate.TARGET)
        for side, close, stop, price in ((1, 14.05, 14.0, 14.1), (1, 6.65, 6.6, 6.7), (-1, 26.9, 27.3, 26.5))
    ),
    ("beyond the first target", Trade(price=102.5), Gate.TARGET),
    ("short at the first target", Trade(side=-1, stop=102.0, price=98.0), Gate.TARGET),
    ("short just before it", Trade(side=-1, stop=102.0, price=98.01), None),
    # 100 x 2 x 0.0049 / 0.9951 = 0.98482...
    ("R reaches break-even and the spread", Trade(stop=99.0, fee=0.0049, spread=0.0151), None),
    ("R is just short of that", Trade(stop=99.0, fee=0.0049, spread=0.0152), Gate.COSTS),
    ("the fees twice are not enough", Trade(stop=99.0, fee=0.00499, spread=0.0), Gate.COSTS),
    ("the price to be paid is too near to the stop", Trade(price=98.4), Gate.COSTS),
    ("half the costs are enough for the owner", Trade(stop=99.0, fee=0.0051, reward_to_cost=0.5), None),
    ("unknown spread", Trade(spread=math.nan), Gate.COSTS),
]


@pytest.mark.parametrize(("trade", "gate"), [row[1:] for row in TRADES], ids=[row[0] for row in TRADES])
def test_what_a_trade_must_pay(trade: Trade, gate: Gate | None) -> None:
    found = first(gates.OFFER, trade.offer())
    assert (found and found.gate) == gate


@given(
    close=st.integers(10_000, 10_000_000),
    r=st.integers(1, 500),
    places=st.integers(0, 8),
    side=st.sampled_from([1, -1]),
    before=st.booleans(),
)
def test_the_first_target_is_reached_exactly_there(close: int, r: int, places: int, side: int, before: bool) -> None:
    """On a venue's grid of prices, in exact numbers: at the target it is too late, a tick before it is not."""
    price = close + side * (r - before)
    at, stop, paid = (float(Decimal(ticks).scaleb(-places)) for ticks in (close, close - side * r, price))
    target = exits.first_target(at, stop, ApexStrategy.legs)
    assert checks.target(Offer("ask", side, paid, stop, 1.0, target, 0.0)).blocked is not before


def test_without_targets_no_price_is_beyond_the_first() -> None:
    target = exits.first_target(100.0, 98.0, ())
    assert blocking(PASSES[Offer]._replace(price=104.0, widest=math.inf, target=target)) == []


@given(
    entry=st.floats(1e-6, 1e5),
    share=st.floats(1e-4, 0.05),
    fee=st.floats(0.0, 0.02),
    side=st.sampled_from([1, -1]),
)
def test_what_is_entered_breaks_even_before_its_first_target(entry: float, share: float, fee: float, side: int) -> None:
    stop = entry * (1.0 - side * share)
    if first(gates.OFFER, Trade(side, entry, entry, stop, fee, 0.0).offer()) is None:
        trade = exits.opened(side, entry, stop, stop, fee, 100, 1, 0.0)
        target = exits.target(trade, 1, ApexStrategy.legs)
        assert side * (target - trade.breakeven) >= -1e-11 * entry


@pytest.mark.parametrize(
    ("exposure", "of_coin", "most", "least", "bound"),
    [
        ("0", "0", "200", "200", Bound.ORDER),
        ("0", "0", "Infinity", "250", Bound.COIN),
        ("100", "100", "200", "150", Bound.COIN),
        ("350", "0", "200", "150", Bound.ALL),
        ("500", "0", "Infinity", "0", Bound.ALL),
        ("600", "300", "Infinity", "-100", Bound.ALL),
    ],
)
def test_the_room_for_one_more_entry(exposure: str, of_coin: str, most: str, least: str, bound: Bound) -> None:
    now = PASSES[Capacity]._replace(exposure=usd(exposure), coin_exposure=usd(of_coin), max_order=usd(most))
    room = checks.room(now)
    assert (room.least, room.tightest) == (usd(least), bound)


MONEY = st.decimals(0, 100_000, places=2)


@given(equity=MONEY, exposure=MONEY, of_coin=MONEY, value=MONEY)
def test_an_order_is_blocked_exactly_when_it_is_above_the_room(
    equity: Decimal, exposure: Decimal, of_coin: Decimal, value: Decimal
) -> None:
    now = PASSES[Capacity]._replace(equity=equity, exposure=exposure + of_coin, coin_exposure=of_coin)
    room = checks.room(now)
    order = PASSES[Order]._replace(value=value, coin_room=room.coin, room=room.total, tightest=room.tightest)
    assert bool(blocking(order)) is (value > room.least)
    if not blocking(order):
        assert now.exposure + value <= equity * now.max_exposure_pct / 100
        assert now.coin_exposure + value <= equity * now.max_coin_exposure_pct / 100


@pytest.mark.parametrize("bound", Bound)
def test_where_not_even_the_smallest_order_fits_the_tightest_limit_is_named(bound: Bound) -> None:
    order = PASSES[Order]._replace(lots=0, fit=SizingResult.OVER_CEILING, tightest=bound, max_order=usd(1), room=usd(2))
    gate = {Bound.ORDER: Gate.ORDER_VALUE, Bound.COIN: Gate.COIN_EXPOSURE, Bound.ALL: Gate.EXPOSURE}
    assert blocking(order) == [gate[bound]]


@pytest.mark.parametrize(("fit", "gate"), [(SizingResult.OVER_EQUITY, Gate.SIZE), (SizingResult.OVER_CASH, Gate.CASH)])
def test_no_limit_is_named_for_an_order_that_something_else_leaves_out(fit: SizingResult, gate: Gate) -> None:
    assert blocking(PASSES[Order]._replace(lots=0, fit=fit, value=usd(10_000))) == [gate]


@pytest.mark.parametrize(("price", "shown"), [(1.2e-5, "0.000012"), (123_456_789.0, "123456790"), (0.1 + 0.2, "0.3")])
def test_a_price_is_said_in_plain_figures(price: float, shown: str) -> None:
    blocked = first(gates.OFFER, PASSES[Offer]._replace(price=price, stop=price * 0.5, target=price * 2))
    assert blocked is not None
    assert f"the close {shown}: 50.00 % of the price" in explained(blocked).reason


# -- whatever the snapshot --------------------------------------------------------------------------------------------
ANY = {
    str: st.text(max_size=5),
    bool: st.booleans(),
    int: st.integers(-(10**13), 10**13),
    float: st.floats(allow_nan=False, allow_infinity=False),
    Decimal: st.decimals(-(10**12), 10**12, places=8),
}


def anything(part: type) -> st.SearchStrategy[Any]:
    """A part of finite values, whatever they are."""
    return st.builds(part, **{name: ANY[kind] for name, kind in get_type_hints(part).items()})


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
@given(data=st.data())
def test_a_gate_answers_whatever_it_is_asked_and_can_be_put_into_words(part: type, data: st.DataObject) -> None:
    now = data.draw(anything(part))
    for gate, check in rows_of(part).items():
        blocked, value, limit = check(now)
        words = explained(gates.Blocked(gate, value, limit, now))
        assert words.reason or not blocked


# -- where they are logged --------------------------------------------------------------------------------------------
def test_the_questions_can_be_compiled() -> None:
    """Plain scalar text: nothing that a compiler of numbers does not take, or computes otherwise."""
    tree = ast.parse(Path(checks.__file__).read_text(encoding="utf-8"))
    refused = (ast.Try, ast.JoinedStr, ast.Pow, ast.ListComp, ast.DictComp, ast.GeneratorExp, ast.Lambda, ast.With)
    assert [node for node in ast.walk(tree) if isinstance(node, refused)] == []
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    own = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert calls - own == {"Check", "Room", "TypeVar", "rounded", "abs", "len", "max"}


def test_the_log_hears_of_skipped_entries_in_one_place() -> None:
    callers = [
        f"{path.name}: {node.name}"
        for path in (ROOT / "bot").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and any(ast.unparse(argument) == "Event.SKIP" for argument in call.args)
    ]
    assert callers == ["entries.py: _skip"]
