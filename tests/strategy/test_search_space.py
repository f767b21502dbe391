"""What a strategy declares to be searched is checked when it is made: a range that makes no sense is one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.strategy.apex import ApexStrategy
from bot.strategy.base import Searched
from bot.strategy.named import named, own_params
from bot.strategy.params import DEFAULT_RISK_SETTINGS
from bot.strategy.search_space import check_space

ADX = Searched("adx_floor", 15.0, 40.0, 1.0)
FAULTS = [
    ([ADX], "a tuple of Searched"),
    ((("adx_floor", 15.0, 40.0, 1.0),), "a tuple of Searched"),
    ((ADX, ADX), "adx_floor is there more than once"),
    ((ADX._replace(name="adx"),), "adx is no parameter: there are ema_fast, "),
    ((ADX._replace(low=40.0),), "adx_floor is 40 to 40 in steps of 1: finite numbers, low < high"),
    ((ADX._replace(step=0.0),), "a step above 0"),
    ((ADX._replace(high=float("inf")),), "finite numbers"),
    ((ADX._replace(step=float("nan")),), "finite numbers"),
    ((ADX._replace(step=2.0),), "adx_floor does not reach 40 from 15 in steps of 2"),
    ((ADX._replace(low=25.0),), "adx_floor has its own value 20 outside 25 to 40"),
    ((ADX._replace(low=15.5, high=40.5),), "adx_floor has its own value 20 outside 15.5 to 40.5 in steps of 1"),
    ((Searched("score_needed", 2.5, 5.5, 0.5),), "score_needed is a whole number"),
]


@pytest.mark.parametrize(("space", "says"), FAULTS, ids=[says for _, says in FAULTS])
def test_a_range_that_makes_no_sense_is_one_line(space: object, says: str) -> None:
    with pytest.raises(ValueError, match=r"^search_space[^\n]*$") as told:
        check_space(space, own_params(ApexStrategy()))  # type: ignore[arg-type]
    assert says in str(told.value)


def test_apex_declares_some_of_its_parameters() -> None:
    rule = named("bot.strategy.apex:ApexStrategy", DEFAULT_RISK_SETTINGS)
    assert 5 <= len(rule.search_space) < len(own_params(rule))


def test_a_strategy_with_such_a_range_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "rule.py").write_text(
        "from bot.strategy.apex import ApexStrategy\nfrom bot.strategy.base import Searched\n"
        "class Mine(ApexStrategy):\n    search_space = (Searched('adx', 1, 2, 1),)\n"
    )
    with pytest.raises(ValueError, match=r"cannot be created: ValueError: search_space: adx is no parameter"):
        named("rule.py:Mine", DEFAULT_RISK_SETTINGS, tmp_path)
