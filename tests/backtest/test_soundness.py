"""Look-ahead and dependence on where the data begins are found; a sound strategy passes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bot.backtest import soundness
from bot.backtest.candle_names import BadCandles
from bot.backtest.compile import compiled, plain
from bot.backtest.findings import Findings, alike, differing
from bot.backtest.history import History
from bot.backtest.soundness import check
from bot.strategy.apex import ApexStrategy
from bot.strategy.base import Strategy
from bot.strategy.named import named
from bot.strategy.params import DEFAULT_RISK_SETTINGS
from tests.backtest import unsound
from tests.backtest.candles import MINUTE, START, columns

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def market() -> History:
    return of(2_000)


def of(count: int, symbol: str = "BTC-USD") -> History:
    data = columns(count)
    return History(symbol, 5 * MINUTE, *data.values(), np.zeros(count, np.bool_))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer closes, and plain Python in place of compiled code, which takes seconds to compile."""
    monkeypatch.setattr(soundness, "CLOSES", 300)
    monkeypatch.setattr(soundness, "compiled", lambda function, swaps, _: plain(function, swaps))


@pytest.mark.parametrize("kind", [unsound.Sound, unsound.Plain, ApexStrategy, "examples/donchian.py:Donchian"])
def test_a_sound_strategy_passes(kind: type[Strategy] | str, market: History) -> None:
    def made() -> Strategy:
        return named(kind, DEFAULT_RISK_SETTINGS, ROOT) if isinstance(kind, str) else kind()

    tried = check(made, [market])
    assert tried.findings == []
    assert tried.closes > 300
    assert tried.signals > 5


def test_compiled_text_is_compared_with_the_plain_one(
    market: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soundness, "compiled", compiled)
    assert check(unsound.Sound, [market], tmp_path).findings == []
    found = check(unsound.CountsTooFar, [market], tmp_path).findings
    assert str(found[-1]).startswith("differs compiled: decision 1 at BTC-USD 2025-01-01T")


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (unsound.ReachesOn, "look-ahead: evaluate at BTC-USD"),
        (unsound.Remembers, "look-ahead: evaluate at BTC-USD"),
        (unsound.RemembersAtClose, "look-ahead: on_close at BTC-USD"),
        (unsound.Centred, "look-ahead: column short at BTC-USD"),
        (unsound.ReadsOn, "look-ahead: decided at BTC-USD"),
        (unsound.FromTheFirst, "depends on where data begins: evaluate at BTC-USD"),
        (unsound.ColumnFromTheFirst, "depends on where data begins: column long at BTC-USD"),
        (unsound.TrailsFromTheFirst, "depends on where data begins: on_close at BTC-USD"),
        (unsound.SaysOtherwise, "rows differ: decided at BTC-USD"),
        (unsound.LeavesOtherwise, "rows differ: closed at BTC-USD"),
        (unsound.Raises, "no answer: evaluate at BTC-USD"),
        (unsound.Impossible, "no answer: evaluate at BTC-USD"),
        (unsound.RowsRaise, "no answer: rows at BTC-USD"),
    ],
)
def test_a_fault_is_found_and_named(kind: type[Strategy], found: str, market: History) -> None:
    lines = [str(one) for one in check(kind, [market]).findings]
    assert [line for line in lines if line.startswith(found)], lines
    assert not [line for line in lines if "\n" in line]


def test_a_fault_of_many_markets_is_shown_of_three(market: History) -> None:
    many = [of(1_000, f"C{number}-USD") for number in range(6)]
    tried = check(unsound.FromTheFirst, many)
    assert tried.markets == 6
    assert len(tried.findings) == 3
    assert all(one.times > 10 for one in tried.findings)


def test_too_few_candles_are_one_line() -> None:
    with pytest.raises(BadCandles, match="no market has more than 769 candles: 770 are needed to check this strategy"):
        check(unsound.Sound, [of(769)])


def test_a_fault_names_its_first_time_and_counts_the_others() -> None:
    findings = Findings()
    for at in range(3):
        findings.add("look-ahead", "evaluate", "BTC-USD", START + at, f"number {at}")
    assert [str(one) for one in findings.all()] == [
        "look-ahead: evaluate at BTC-USD 2025-01-01T00:00:00.000Z: number 0 (3 times)"
    ]


@pytest.mark.parametrize(
    ("one", "other", "near", "same"),
    [
        (1.0, 1.0, 0.0, True),
        (1.0, 1.0 + 1e-15, 0.0, False),
        (1.0, 1.0 + 1e-7, 1e-6, True),
        (1.0, 1.0 + 1e-5, 1e-6, False),
        (float("nan"), float("nan"), 0.0, True),
        (float("nan"), 1.0, 1e-6, False),
        (1e-9, -1e-9, 1e-6, True),  # of a price of 100, nothing
        (float("inf"), float("inf"), 0.0, True),
        (float("inf"), 1.0, 1e-6, False),
    ],
)
def test_numbers_are_compared_alone_and_in_columns_alike(one: float, other: float, near: float, same: bool) -> None:
    assert alike(one, other, near, 100.0) is same
    assert (len(differing(np.array([one]), np.array([other]), near, 100.0)) == 0) is same
