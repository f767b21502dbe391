"""A strategy is found by its module or its file, and what cannot be traded is one line that says what to do."""

from __future__ import annotations

import logging
import math
import signal
import socket
from decimal import DefaultContext, InvalidOperation, getcontext
from pathlib import Path

import pytest

from bot.strategy.apex import ApexStrategy
from bot.strategy.base import ExitLeg, Universe
from bot.strategy.named import checked, named
from bot.strategy.params import DEFAULT_RISK_SETTINGS, RiskSettings

ROOT = Path(__file__).resolve().parent.parent.parent
GOOD = """
from bot.strategy.base import Evaluation, Strategy
class Mine(Strategy):
    def evaluate(self, candles):
        return Evaluation(0, candles.closed_at, 1.0)
"""


def test_a_strategy_is_found_by_its_module() -> None:
    risk_settings = RiskSettings(max_position_pct=3.0)
    found = named("bot.strategy.apex:ApexStrategy", risk_settings)
    assert isinstance(found, ApexStrategy)
    assert found.risk_settings is risk_settings


@pytest.mark.parametrize("full", [True, False], ids=["in full", "from the folder"])
def test_a_strategy_is_found_by_its_file(tmp_path: Path, full: bool) -> None:
    (tmp_path / "rules").mkdir()
    file = tmp_path / "rules" / "my rule.py"
    file.write_text(GOOD)
    found = named(f"{file if full else 'rules/my rule.py'}:Mine", DEFAULT_RISK_SETTINGS, tmp_path)
    assert type(found).__name__ == "Mine"


def test_what_a_file_sets_for_the_whole_process_is_taken_back(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import decimal, logging, signal, socket\n"
        "decimal.getcontext().prec = decimal.DefaultContext.prec = 4\n"
        "decimal.DefaultContext.traps[decimal.InvalidOperation] = False\n"
        "logging.disable(logging.CRITICAL)\n"
        "socket.setdefaulttimeout(0.001)\n"
        f"signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{GOOD}"
    )
    before = signal.getsignal(signal.SIGTERM)
    named("mine.py:Mine", DEFAULT_RISK_SETTINGS, tmp_path)
    assert getcontext().prec == DefaultContext.prec == 28
    assert DefaultContext.traps[InvalidOperation]
    assert logging.getLogger().isEnabledFor(logging.CRITICAL)
    assert socket.getdefaulttimeout() is None
    assert signal.getsignal(signal.SIGTERM) is before


def test_two_files_of_one_name_are_two(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "rule.py").write_text(GOOD + f"    required = {1 if folder == 'a' else 2}\n")
    found = [named(f"{folder}/rule.py:Mine", DEFAULT_RISK_SETTINGS, tmp_path) for folder in ("a", "b")]
    assert [one.required for one in found] == [1, 2]


def test_the_example_is_found(tmp_path: Path) -> None:
    assert named(f"{ROOT}/examples/donchian.py:Donchian", DEFAULT_RISK_SETTINGS, tmp_path).legs == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "give module:Class or file.py:Class"),
        ("bot.strategy.apex", "give module:Class or file.py:Class"),
        (":ApexStrategy", "give module:Class or file.py:Class"),
        ("bot.nowhere:X", "cannot be imported: ModuleNotFoundError: No module named 'bot.nowhere'"),
        ("bot.strategy.apex:Nothing", "has no class Nothing; its strategies: ApexStrategy"),
        (
            "bot.strategy.apex:rule",
            "rule is not a subclass of bot.strategy.base.Strategy: derive it from that class",
        ),
        ("nowhere.py:Mine", "there is no file /"),
        ("rule.py:Other", "rule.py has no class Other; its strategies: Mine, Half, Fails, Ends, Orphan, Odd"),
        ("rule.py:Plain", "rule.py:Plain is not a subclass"),
        ("rule.py:Half", "cannot be created: TypeError: Can't instantiate abstract class Half"),
        ("rule.py:Fails", "cannot be created: RuntimeError: two lines of it (rule.py, line 13)"),
        ("rule.py:Ends", "cannot be created: SystemExit: 0 (rule.py, line 16)"),
        (
            "rule.py:Orphan",
            "cannot be created: ValueError: risk_settings is not set: call super().__init__(risk_settings)",
        ),
        ("ending.py:Mine", "cannot be loaded: SystemExit: (ending.py, line 1)"),
        ("rule.py:Odd", "cannot be created: ValueError: legs: each share must be above 0"),
        ("broken.py:Mine", "broken.py:Mine cannot be loaded: SyntaxError: '(' was never closed (broken.py, line 1)"),
        ("raising.py:Mine", "cannot be loaded: ZeroDivisionError: division by zero (raising.py, line 1)"),
    ],
)
def test_a_name_that_leads_nowhere_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "rule.py").write_text(
        GOOD
        + """
class Half(Strategy):
    pass
class Plain:
    pass
class Fails(Mine):
    def __init__(self, owner):
        raise RuntimeError("two lines\\nof it")
class Ends(Mine):
    def __init__(self, owner):
        raise SystemExit(0)
class Orphan(Mine):
    def __init__(self, owner):
        self.mine = owner
from bot.strategy.base import Leg
class Odd(Mine):
    legs = (Leg(0.7, 1.0), Leg(0.7, 2.0))
"""
    )
    (tmp_path / "broken.py").write_text("class Mine(\n")
    (tmp_path / "ending.py").write_text("raise SystemExit\n")
    (tmp_path / "raising.py").write_text("1 / 0\n")
    with pytest.raises(ValueError, match=r"^[^\n]+$") as raised:
        named(text, DEFAULT_RISK_SETTINGS, tmp_path)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("legs", (ExitLeg(0.0, 1.0),)),
        ("legs", (ExitLeg(1.1, 1.0),)),
        ("legs", (ExitLeg(0.5, 1.0), ExitLeg(0.6, 2.0))),
        ("legs", (ExitLeg(0.5, 2.0), ExitLeg(0.5, 1.0))),
        ("legs", (ExitLeg(0.5, 1.0), ExitLeg(0.5, 1.0))),
        ("legs", (ExitLeg(0.5, -1.0),)),
        ("legs", (ExitLeg(0.5, math.nan),)),
        ("legs", (ExitLeg(math.nan, 1.0),)),
        ("legs", ((0.5, 1.0),)),
        ("legs", [ExitLeg(0.5, 1.0)]),
        ("timeframe", "soon"),
        ("widest_r", 0.0),
        ("widest_r", math.nan),
        ("required", 0),
        ("slots", 0),
        ("slots", 2.5),
        ("universe", Universe(10, 5, 90, "month")),
        ("universe", Universe(0, 5, 90, "month")),
        ("universe", Universe(10, 50, 90, "week")),  # type: ignore[arg-type]
    ],
)
def test_values_that_cannot_be_traded_are_refused(name: str, value: object) -> None:
    rule = ApexStrategy()
    setattr(rule, name, value)
    with pytest.raises(ValueError, match=name):
        checked(rule)


@pytest.mark.parametrize("legs", [(), (ExitLeg(0.5, 1.0),), tuple(ExitLeg(0.1, float(n)) for n in range(1, 11))])
def test_any_number_of_legs_can_be_traded(legs: tuple[ExitLeg, ...]) -> None:
    rule = ApexStrategy()
    rule.legs = legs
    assert checked(rule) is rule
