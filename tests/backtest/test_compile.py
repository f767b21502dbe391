"""Compiled code gives the same results as plain Python, and the cache never returns code that has changed since."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backtest.compile import compiled, kept_in, plain, text_key
from bot.backtest.decisions import ordered
from bot.strategy import exits, rule
from bot.strategy.exits import Trade
from bot.strategy.params import APEX
from bot.strategy.rule import AtClose
from tests.backtest.given import COMPILED
from tests.strategy.test_exits import HALF_SPREAD, LEGS, STEPS, Day, upside_down

pytest.importorskip("numba", reason="numba is not installed")


@pytest.fixture(scope="module")
def texts() -> tuple[Any, Any]:
    return compiled(exits.within, {}, COMPILED), compiled(rule.closed, {}, COMPILED)


@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
@pytest.mark.parametrize(("trade", "day"), [row[1:3] for row in STEPS], ids=[row[0] for row in STEPS])
def test_the_table_of_exits_holds_for_the_compiled_text(
    trade: Trade, day: Day, side: int, texts: tuple[Any, Any]
) -> None:
    """The tables that test the trading code; their expected values are tested there."""
    within, closed = texts
    if side < 0:
        trade = trade._replace(side=-1, stop=200.0 - trade.stop, breakeven=200.0 - trade.breakeven)
        day = upside_down(day)
    candle = day.bar._replace(**{name: float(value) for name, value in day.bar._asdict().items()})
    step = exits.within(trade, candle, HALF_SPREAD, LEGS)
    assert within(trade, candle, HALF_SPREAD, LEGS) == step
    now = AtClose(*day.emas, float(day.atr))
    assert closed(step.trade, candle.close, now, APEX) == rule.closed(step.trade, candle.close, now, APEX)


# -- arguments ----------------------------------------------------------------------------------------------------------
class Inner(NamedTuple):
    values: Any
    factor: float


class Outer(NamedTuple):
    inner: Inner
    trades: list[Trade]


def exchanged(given: Outer, numbers: Any) -> float:
    first = given.trades[0]
    given.trades[0] = given.trades[1]
    given.trades[1] = first
    given.inner.values[1] = given.trades[0].entry + numbers[0] * given.inner.factor
    return float(given.trades[1].entry)


def test_compiled_text_uses_its_callers_arrays_and_lists_and_counts_no_references() -> None:
    def arguments() -> tuple[Outer, Any]:
        trades = [STEPS[0][1]._replace(entry=entry) for entry in (3.0, 5.0)]
        return Outer(Inner(np.zeros(2), 10.0), trades), np.array([7.0])

    fast, slow = arguments(), arguments()
    counts = [sys.getrefcount(one) for one in (fast[0].inner.values, fast[0].trades, fast[1])]
    assert compiled(exchanged, {}, None)(*fast) == 3.0 == exchanged(*slow)
    assert fast[0].inner.values.tolist() == [0.0, 75.0] == slow[0].inner.values.tolist()
    assert [sys.getrefcount(one) for one in (fast[0].inner.values, fast[0].trades, fast[1])] == counts


SIGNALS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, -0.0, 1.5, 1e300, -2.0]), st.integers(-1, 2)))


@given(SIGNALS)
def test_signals_are_ordered_by_row_then_momentum_then_place_and_else_stay(
    signals: list[tuple[int, float, int]],
) -> None:
    row, momentum, place = (np.array([one[at] for one in signals], "f8" if at == 1 else "i8") for at in range(3))
    assert ordered(row, momentum, place).tolist() == np.lexsort((place, -momentum, row)).tolist()


# -- never stale ------------------------------------------------------------------------------------------------------
TEXT = """
from enum import IntEnum
LIMIT = 0.5
NAMES = (1.0, 2.0)
class Kind(IntEnum):
    ONE = 1
def helper(x):
    return x * LIMIT
def text(x, y=2.0):
    return helper(x) + NAMES[1] + Kind.ONE.value + y
"""
#: A change of the module, and the result of text(10.0) after it.
CHANGES: list[tuple[str, str, float]] = [
    ("LIMIT = 0.5", "LIMIT = 0.4", 9.0),
    ("(1.0, 2.0)", "(1.0, 3.0)", 11.0),
    ("ONE = 1", "ONE = 4", 13.0),
    ("x * LIMIT", "x + LIMIT", 15.5),
    ("y=2.0", "y=1.0", 9.0),
    ("+ y", "- y", 6.0),
]


def loaded(file: Path, text: str) -> ModuleType:
    """A module with this text and a fixed file time, so that a cache that compares times would not notice the change."""
    file.write_text(text)
    os.utime(file, (1_000_000_000, 1_000_000_000))
    spec = spec_from_file_location("changing", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    exec(compile(text, str(file), "exec"), module.__dict__)
    return module


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change[1])
def test_a_changed_text_is_compiled_again(tmp_path: Path, change: tuple[str, str, float]) -> None:
    before, after, expected = change
    old, new = (loaded(tmp_path / "changing.py", text) for text in (TEXT, TEXT.replace(before, after)))
    assert compiled(old.text, {}, tmp_path / "kept")(10.0) == 10.0
    assert compiled(new.text, {}, tmp_path / "kept")(10.0) == expected == plain(new.text, {})(10.0)
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_an_argument_whose_fields_change_places_is_compiled_again(tmp_path: Path) -> None:
    """The code names fields, not their positions, and the new class has the old one's name."""
    pair = "from typing import NamedTuple\nclass Pair(NamedTuple):\n    one: float\n    two: float\n"
    text = pair + "def text(pair):\n    return pair.one\n"
    old, new = (
        loaded(tmp_path / "changing.py", words)
        for words in (text, text.replace("    one: float\n    two: float\n", "    two: float\n    one: float\n"))
    )
    sys.modules["changing"] = old
    assert compiled(old.text, {}, tmp_path / "kept")(old.Pair(one=1.0, two=2.0)) == 1.0
    sys.modules["changing"] = new
    assert compiled(new.text, {}, tmp_path / "kept")(new.Pair(one=1.0, two=2.0)) == 1.0


def test_the_same_text_is_compiled_once(tmp_path: Path) -> None:
    for text in (TEXT, TEXT.replace("def helper", "# a comment\ndef helper")):
        assert compiled(loaded(tmp_path / "changing.py", text).text, {}, tmp_path / "kept")(10.0) == 10.0
    assert len(list((tmp_path / "kept").iterdir())) == 1


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for number in range(50):
        at = kept_in(tmp_path, f"{number:02}")
        assert at is not None
        os.utime(at, (number, number))
    assert max(one.name for one in tmp_path.iterdir()) == "49"
    assert len(list(tmp_path.iterdir())) <= 41


def test_without_a_place_to_keep_it_it_is_compiled_each_time(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file, and no folder")
    assert compiled(loaded(tmp_path / "changing.py", TEXT).text, {}, tmp_path / "kept")(10.0) == 10.0


def test_another_helper_in_its_place_is_another_text(tmp_path: Path) -> None:
    module = loaded(tmp_path / "changing.py", TEXT + "\ndef other(x):\n    return x\n")
    swaps = {module.helper: module.other}
    assert text_key(module.text, swaps) != text_key(module.text, {})
    assert compiled(module.text, swaps, None)(10.0) == 15.0 == plain(module.text, swaps)(10.0)


def test_an_attribute_of_a_helpers_name_is_no_helper() -> None:
    """`leg.target` is a field, even if there is a function called `target`."""
    calls: Sequence[str] = exits.reached.__code__.co_names
    assert "held" in calls
    assert plain(exits.reached, {})(STEPS[0][1], 200.0, 100.0, LEGS) is True
