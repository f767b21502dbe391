"""Live beside a backtest: each difference has its cause."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bot.backtest.comparison import Cause, Comparison, Judged, LiveTrade, Sides, compared
from bot.backtest.result import Leg, Trade

FIVE = 300_000
CLOSE = 1_767_571_200_000
SECOND = CLOSE + FIVE
KEY = ("BTC-USD", CLOSE)


def live(reason: str = "stop", candle: int | None = SECOND, qty: float = 1.0, *, by_hand: bool = False) -> LiveTrade:
    return LiveTrade(*KEY, 100.0, qty, -2.5, reason, candle, by_hand)


def walked(reason: str = "stop", candle: int = SECOND) -> Trade:
    legs = (Leg(candle, 98.0, 1.0, 0.1, reason),)
    return Trade("BTC-USD", "long", CLOSE, CLOSE, 100.0, 1.0, 98.0, 3, 2.0, 0.1, legs, reason, -2.2, -1.1)


def both(
    mine: Sequence[LiveTrade],
    theirs: Sequence[Trade],
    blocked: str | None = None,
    judged: Judged | None = None,
    ready: int = 0,
) -> Comparison:
    gates = {} if blocked is None else {KEY: blocked}
    seen = {} if judged is None else {KEY: judged}
    return compared(Sides("kraken", mine, theirs, gates, seen, {"BTC-USD": ready}))


CASES = [
    ("the same", both([live()], [walked()]), Cause.SAME, ""),
    ("another size", both([live(qty=1.1)], [walked()]), Cause.SIZE, ""),
    ("sold by its owner", both([live("flatten", by_hand=True)], [walked()]), Cause.BY_HAND, ""),
    ("open live", both([live("open", None)], [walked()]), Cause.OPEN, ""),
    ("open at the last candle", both([live()], [walked("end")]), Cause.OPEN, ""),
    ("another exit in one candle", both([live("tp1")], [walked()]), Cause.INSIDE, ""),
    ("another candle", both([live(candle=SECOND + FIVE)], [walked()]), Cause.LEVEL, ""),
    ("blocked live", both([], [walked()], judged=Judged(True, "held")), Cause.LIVE_GATE, "held"),
    ("no signal live", both([], [walked()], judged=Judged(False, "adx")), Cause.NO_SIGNAL_LIVE, "adx"),
    ("sent live, not filled", both([], [walked()], judged=Judged(True, "")), Cause.UNFILLED, ""),
    ("not looked at", both([], [walked()]), Cause.UNSEEN, ""),
    ("blocked there", both([live()], [], "costs"), Cause.BACKTEST_GATE, "costs"),
    ("no signal there", both([live()], []), Cause.NO_SIGNAL, ""),
    ("too few candles there", both([live()], [], ready=CLOSE + 1), Cause.TOO_EARLY, ""),
    ("entered there, but not walked", both([live()], [], ""), Cause.UNFILLED, ""),
]


@pytest.mark.parametrize(("found", "cause", "detail"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_a_difference_has_a_cause(found: Comparison, cause: Cause, detail: str) -> None:
    (one,) = found.differences
    assert (one.cause, one.detail, one.account, one.symbol, one.decided_at) == (cause, detail, "kraken", *KEY)


def test_every_cause_has_a_case() -> None:
    assert {row[2] for row in CASES} == set(Cause)


def test_results_add_up() -> None:
    found = both([live()], [walked()]).plus(both([], [walked()]))
    assert (found.live_pnl, found.backtest_pnl) == (-2.5, -4.4)
    assert sum(one.apart for one in found.differences) == pytest.approx(found.live_pnl - found.backtest_pnl)
    assert sum(number for _, number, _ in found.by_cause) == 2
    assert [row["trades"] for row in found.document()["causes"]] == [1, 1]
