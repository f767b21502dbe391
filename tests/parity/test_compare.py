"""Two sets of trades beside each other: each difference gets its cause, and what has none is a failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from bot.backtest import result
from bot.backtest.terms import Market
from bot.strategy.gates import Gate
from tests.parity.causes import Cause
from tests.parity.compare import Parity, Walked, compared
from tests.parity.live import Leg, Trade, trades_of

MINUTE, FIVE = 60_000, 300_000
CLOSE = 1_767_571_200_000
KEY = ("BTC-USD", CLOSE)
#: Open times of the candles after the decision.
FIRST, SECOND, THIRD = CLOSE, CLOSE + FIVE, CLOSE + 2 * FIVE


@dataclass(frozen=True)
class Prices:
    """A market by its ranges of a minute, by the minute's open time; `bid` and `ask` are those of all times."""

    ranges: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    bids: float = 99.9
    asks: float = 100.0
    look_ms: int = 15_000

    def bid(self, symbol: str, at: int) -> float:
        return self.bids

    def ask(self, symbol: str, at: int) -> float:
        return self.asks

    def extremes(self, symbol: str, after: int, until: int) -> tuple[float, float]:
        seen = [self.ranges.get(minute, (100.5, 100.5)) for minute in range(after, until, MINUTE)]
        return min(low for low, _ in seen), max(high for _, high in seen)


def mine(
    *legs: tuple[int, float, float, str], qty: float = 1.0, decided_at: int = CLOSE, entry: float = 100.0
) -> Trade:
    """The daemon's trade: time, price, quantity and reason of its legs."""
    sold = [Leg(*leg) for leg in legs]
    pnl = sum((leg.price - entry) * leg.qty for leg in sold)
    return Trade("BTC-USD", decided_at, entry, qty, pnl, 2.0 * entry * qty, sold)


def theirs(
    *legs: tuple[int, float, float, str], qty: float = 1.0, decided_at: int = CLOSE, stop: float = 98.0
) -> result.Trade:
    """The backtest's, with the candles of its legs."""
    sold = tuple(result.Leg(time, price, part, 0.0, reason) for time, price, part, reason in legs)
    pnl, r = sum((leg.price - 100.0) * leg.qty for leg in sold), 100.0 - stop
    row = ("BTC-USD", "long", decided_at, decided_at, 100.0, qty, stop, 3, r, 0.0, sold, sold[-1].reason, pnl, pnl / r)
    return result.Trade(*row)


def both(
    live: Sequence[Trade], walked: Sequence[result.Trade], blocked: str | None = None, seen: Prices | None = None
) -> Parity:
    gates = {} if blocked is None else {KEY: blocked}
    return compared(live, Walked(walked, gates, {"BTC-USD": Market(0.001, 0.1)}, 0.001, 1_000.0), seen or Prices())


#: Stopped out, and half of it sold at the first target, a minute into a candle; the same as the backtest knows it.
OUT, STOPPED = (SECOND + MINUTE, 98.0, 1.0, "stop"), (SECOND, 98.0, 1.0, "stop")
SOLD, HALF = (SECOND + MINUTE, 102.0, 0.5, "tp1"), (SECOND, 102.0, 0.5, "tp1")
#: What is left of it sold at a close.
LATER, TURNED = (THIRD + FIVE, 101.0, 0.5, "turn"), (THIRD, 101.0, 0.5, "turn")


def test_the_same_trades_are_in_parity() -> None:
    parity = both([mine(SOLD, LATER)], [theirs(HALF, TURNED)])
    assert parity.holds
    assert (parity.same_entries, parity.same_sizes, parity.same_exits, parity.differences) == (1, 1, 1, [])


@pytest.mark.parametrize(
    ("blocked", "cause"),
    [
        (None, Cause.UNKNOWN),
        ("", Cause.UNKNOWN),
        (Gate.SIZE.word, Cause.UNKNOWN),
        (Gate.HELD.word, Cause.KNOCK_ON),
        (Gate.STOPPED_OUT.word, Cause.KNOCK_ON),
        (Gate.COSTS.word, Cause.PRICE),
    ],
)
def test_an_entry_of_the_daemon_alone(blocked: str | None, cause: Cause) -> None:
    parity = both([mine(OUT)], [], blocked)
    assert (dict(parity.causes), parity.holds) == ({cause: 1}, cause is not Cause.UNKNOWN)


@pytest.mark.parametrize(
    ("before", "stop", "cause"),
    [
        (None, 98.0, Cause.UNKNOWN),
        (None, 99.9, Cause.PRICE),
        ((THIRD, 98.0, 1.0, "stop"), 98.0, Cause.KNOCK_ON),
        ((CLOSE, 98.0, 1.0, "stop"), 98.0, Cause.KNOCK_ON),
        ((CLOSE, 98.0, 1.0, "turn"), 98.0, Cause.UNKNOWN),
    ],
    ids=[
        "nothing speaks against it",
        "R hardly pays the costs",
        "held",
        "stopped out in the candle",
        "turned in the candle",
    ],
)
def test_an_entry_of_the_backtest_alone(
    before: tuple[int, float, float, str] | None, stop: float, cause: Cause
) -> None:
    held = [] if before is None else [mine(before, decided_at=CLOSE - 2 * FIVE)]
    parity = both(held, [theirs(STOPPED, stop=stop)])
    assert parity.differences[-1].endswith(f"entered by the backtest alone: {cause}")


@pytest.mark.parametrize(("result", "cause"), [(98.0, Cause.KNOCK_ON), (101.0, Cause.UNKNOWN)])
def test_losses_in_a_row_bar_the_daemon(result: float, cause: Cause) -> None:
    """Three of them; not so if one was a gain."""
    closes = [CLOSE - number * 3 * FIVE for number in (3, 2, 1)]
    lost = [
        mine((close + FIVE, price, 1.0, "turn"), decided_at=close)
        for close, price in zip(closes, (98.0, result, 98.0), strict=True)
    ]
    assert both(lost, [theirs(STOPPED)]).differences[-1].endswith(f"entered by the backtest alone: {cause}")


def test_a_size_has_no_excuse() -> None:
    parity = both([mine((SECOND + MINUTE, 98.0, 1.01, "stop"), qty=1.01)], [theirs(STOPPED)])
    assert (parity.same_sizes, parity.causes[Cause.UNKNOWN], parity.holds) == (0, 1, False)


def test_sizes_of_other_equities_are_alike() -> None:
    """The daemon earned 10 of 1,000 more before, so it buys 1 % more."""
    before = CLOSE - 4 * FIVE
    richer = [
        mine((before + MINUTE, 110.0, 1.0, "tp3"), decided_at=before),
        mine((SECOND + MINUTE, 98.0, 1.01, "stop"), qty=1.01),
    ]
    parity = both(richer, [theirs((before, 100.0, 1.0, "tp3"), decided_at=before), theirs(STOPPED)])
    assert (parity.same_sizes, parity.causes[Cause.EQUITY], parity.causes[Cause.UNKNOWN]) == (1, 1, 0)


EXITS: list[tuple[str, Trade, result.Trade, Prices, Cause]] = [
    (
        "a touch that was gone",
        mine((THIRD + MINUTE, 98.0, 1.0, "stop")),
        theirs(HALF, TURNED),
        Prices({SECOND: (100.0, 102.0)}, bids=101.9),
        Cause.GONE,
    ),
    (
        "a touch that the daemon should have sold",
        mine((THIRD + MINUTE, 98.0, 1.0, "stop")),
        theirs(HALF, TURNED),
        Prices({SECOND: (100.0, 102.0)}, bids=102.0),
        Cause.UNKNOWN,
    ),
    (
        "the moved stop met at once",
        mine(SOLD, (SECOND + MINUTE, 100.2, 0.5, "stop")),
        theirs(HALF, TURNED),
        Prices({SECOND: (100.2, 102.0)}),
        Cause.MOVED_STOP,
    ),
    (
        "the moved stop met later",
        mine(SOLD, (SECOND + 2 * MINUTE, 100.2, 0.5, "stop")),
        theirs(HALF, TURNED),
        Prices({SECOND: (101.0, 102.0), SECOND + MINUTE: (100.2, 101.0)}),
        Cause.UNKNOWN,
    ),
    (
        "stop and target in one minute",
        mine(SOLD, LATER),
        theirs(STOPPED),
        Prices({SECOND: (98.0, 102.0)}),
        Cause.ORDER,
    ),
    (
        "stop and target in two minutes",
        mine(SOLD, LATER),
        theirs(STOPPED),
        Prices({SECOND: (100.0, 102.0), SECOND + MINUTE: (98.0, 100.0)}),
        Cause.UNKNOWN,
    ),
    (
        "a target between two fills",
        mine((THIRD + 2 * FIVE, 101.0, 1.0, "turn"), entry=100.1),
        theirs(HALF, TURNED),
        Prices({SECOND: (100.0, 102.1)}),
        Cause.FILL,
    ),
    (
        "a stop between two fills",
        mine(SOLD, (THIRD + MINUTE, 100.4, 0.5, "stop"), entry=100.1),
        theirs(HALF, TURNED),
        Prices({THIRD: (100.35, 101.0)}),
        Cause.FILL,
    ),
    (
        "far from every level",
        mine((THIRD + FIVE, 99.0, 1.0, "turn")),
        theirs((SECOND, 99.1, 1.0, "turn")),
        Prices(),
        Cause.UNKNOWN,
    ),
]


@pytest.mark.parametrize(("live", "walked", "seen", "cause"), [row[1:] for row in EXITS], ids=[row[0] for row in EXITS])
def test_another_exit_has_a_cause_that_is_proven(live: Trade, walked: result.Trade, seen: Prices, cause: Cause) -> None:
    parity = both([live], [walked], seen=seen)
    assert (parity.same_exits, dict(parity.causes)) == (0, {cause: 1})
    assert str(cause) in parity.differences[0]


def test_results_may_not_drift_apart() -> None:
    parity = both([mine((SECOND + MINUTE, 97.5, 1.0, "stop"))], [theirs(STOPPED)])
    assert (parity.same_exits, parity.holds) == (1, False)
    assert parity.apart == pytest.approx(0.5 / 200.0)


def test_a_book_becomes_trades() -> None:
    """An entry in two fills, a target, and a sale since the stop's price had passed; then another entry."""
    key = f"kraken-sandbox-x/BTC-USD/{CLOSE}/entry/0"
    orders = [
        {"client_id": "a", "exchange_id": "1", "purpose": "entry", "decision_key": key, "reason": ""},
        {"client_id": "b", "exchange_id": "2", "purpose": "tp1", "decision_key": None, "reason": "target 1 reached"},
        {"client_id": "c", "exchange_id": "3", "purpose": "exit", "decision_key": None, "reason": "stop price passed"},
        {"client_id": "d", "exchange_id": "4", "purpose": "exit", "decision_key": None, "reason": "turn: EMA9 crossed"},
    ]

    def fill(client_id: str | None, order: str, at: str, price: str, qty: str) -> dict[str, str | None]:
        words = {"client_id": client_id, "exchange_order_id": order, "time": f"2026-01-05T00:{at}Z", "price": price}
        return {**words, "qty": qty, "fee_usd": "0.1", "symbol": "BTC-USD"}

    fills = [
        fill("a", "1", "00:01", "100", "0.5"),
        fill("a", "1", "00:02", "102", "0.5"),
        fill("b", "2", "07:00", "104", "0.5"),
        fill(None, "3", "12:00", "100", "0.5"),
    ]
    one = trades_of({"orders": orders, "fills": fills})[0]
    assert (one.symbol, one.decided_at, one.entry_price, one.qty, one.over) == ("BTC-USD", CLOSE, 101.0, 1.0, True)
    assert [(leg.candle, leg.reason) for leg in one.legs] == [(SECOND, "tp1"), (THIRD, "stop")]
    assert one.pnl == pytest.approx(1.5 - 0.5 - 0.4)
    turned = trades_of({"orders": orders, "fills": [*fills[:2], fill("d", "4", "10:00", "103", "1")]})[0]
    assert turned.exit == (SECOND, "turn")
