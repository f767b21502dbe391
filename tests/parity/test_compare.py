"""Two sets of trades beside each other: each difference gets its cause, and what has none is a failure."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bot.backtest import result
from bot.backtest.terms import Market
from bot.strategy.gates import Gate
from tests.parity.compare import Cause, Parity, Walked, compared
from tests.parity.live import Trade, trades_of

FIVE = 300_000
CLOSE = 1_767_571_200_000
KEY = ("BTC-USD", CLOSE)
#: Open times of the candles after the decision.
FIRST, SECOND, THIRD = CLOSE, CLOSE + FIVE, CLOSE + 2 * FIVE
Leg = tuple[int, float, float, str]


def mine(*legs: Leg, qty: float = 1.0, decided_at: int = CLOSE, entry: float = 100.0) -> Trade:
    """The daemon's trade, its legs with their sale's candle, price, quantity and reason."""
    sold = [(time, price, part, 0.0, reason) for time, price, part, reason in legs]
    pnl = sum((price - entry) * part for _, price, part, _ in legs)
    return Trade("BTC-USD", decided_at, entry, qty, pnl, 2.0 * entry * qty, sold)


def theirs(*legs: Leg, qty: float = 1.0, decided_at: int = CLOSE, r: float = 2.0) -> result.Trade:
    """The backtest's."""
    sold = tuple(result.Leg(time, price, part, 0.0, reason) for time, price, part, reason in legs)
    pnl = sum((leg.price - 100.0) * leg.qty for leg in sold)
    row = ("BTC-USD", "long", decided_at, decided_at, 100.0, qty, 98.0, 3, r, 0.0, sold, sold[-1].reason, pnl, pnl / r)
    return result.Trade(*row)


def both(live: Sequence[Trade], walked: Sequence[result.Trade], blocked: str | None = None) -> Parity:
    gates = {} if blocked is None else {KEY: blocked}
    return compared(live, Walked(walked, gates, {"BTC-USD": 0.01}, 0.001, FIVE), {"BTC-USD": Market(0.001, 0.1)})


STOPPED = (SECOND, 98.0, 1.0, "stop")
HALF = (SECOND, 102.0, 0.5, "tp1")


def test_the_same_trades_are_in_parity() -> None:
    parity = both([mine(STOPPED)], [theirs(STOPPED)])
    assert parity.holds
    assert (parity.same_entries, parity.same_sizes, parity.same_exits, parity.differences) == (1, 1, 1, [])


CASES: list[tuple[str, list[Trade], list[result.Trade], str | None, Cause]] = [
    ("no signal there", [mine(STOPPED)], [], None, Cause.UNKNOWN),
    ("a signal, and no gate blocked it", [mine(STOPPED)], [], "", Cause.UNKNOWN),
    ("it was held there", [mine(STOPPED)], [], Gate.HELD.word, Cause.KNOCK_ON),
    ("the costs gate there", [mine(STOPPED)], [], Gate.COSTS.word, Cause.COSTS),
    ("nothing speaks against it here", [], [theirs(STOPPED)], None, Cause.UNKNOWN),
    ("R hardly pays the costs", [], [theirs(STOPPED, r=1.1)], None, Cause.COSTS),
    ("held here", [mine((THIRD, 98.0, 1.0, "stop"), decided_at=CLOSE - FIVE)], [theirs(STOPPED)], None, Cause.KNOCK_ON),
    ("stopped out here in the candle before", [mine((CLOSE - FIVE, 98.0, 1.0, "stop"), decided_at=CLOSE - 2 * FIVE)],
     [theirs(STOPPED)], None, Cause.KNOCK_ON),
    ("another size", [mine(STOPPED, qty=1.01)], [theirs(STOPPED)], None, Cause.UNKNOWN),
    ("the moved stop was met at once", [mine(HALF, (SECOND, 100.3, 0.5, "stop"))],
     [theirs(HALF, (THIRD, 104.0, 0.5, "tp2"))], None, Cause.MOVED_STOP),
    ("stop and target in one candle", [mine(HALF, (THIRD, 101.0, 0.5, "turn"))], [theirs(STOPPED)], None, Cause.ORDER),
    ("a level was just missed", [mine((THIRD, 99.0, 1.0, "turn"))], [theirs(STOPPED)], None, Cause.NEAR_MISS),
    ("far from every level", [mine((THIRD, 99.0, 1.0, "turn"))], [theirs((SECOND, 99.1, 1.0, "turn"))], None,
     Cause.UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize(
    ("live", "walked", "blocked", "cause"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_a_difference_has_a_cause(
    live: list[Trade], walked: list[result.Trade], blocked: str | None, cause: Cause
) -> None:
    parity = both(live, walked, blocked)
    assert parity.causes[cause] >= 1
    assert str(cause) in parity.differences[-1] or str(cause) in parity.differences[0]
    if cause is Cause.UNKNOWN:
        assert not parity.holds


def test_results_may_not_drift_apart() -> None:
    parity = both([mine((SECOND, 97.5, 1.0, "stop"))], [theirs(STOPPED)])
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
    assert [(leg[0], leg[4]) for leg in one.legs] == [(SECOND, "tp1"), (THIRD, "stop")]
    assert one.pnl == pytest.approx(1.5 - 0.5 - 0.4)
    turned = trades_of({"orders": orders, "fills": [*fills[:2], fill("d", "4", "10:00", "103", "1")]})[0]
    assert turned.exit == (SECOND, "turn")
