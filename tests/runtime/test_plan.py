"""What the daemon makes of a strategy's own defaults: the owner's settings bind, and where they are tighter it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.runtime.daemon import narrowed, trading_plan
from bot.settings.load import ConfigError, Settings, load_settings

RULE = """
from bot.strategy.base import Evaluation, Strategy
class Daily(Strategy):
    timeframe, slots, largest_pct = "1d", 7, 15.0
    def evaluate(self, candles):
        return Evaluation(0, candles.closed_at, 1.0)
class Weekly(Daily):
    timeframe = "7d"
class Plain(Daily):
    timeframe = slots = largest_pct = None
"""
DAY, HOUR, FIVE_MINUTES = 86_400_000, 3_600_000, 300_000


def settings(folder: Path, rule: str = "Daily", **environ: str) -> Settings:
    (folder / "rule.py").write_text(RULE)
    return load_settings(folder, {"STRATEGY": f"rule.py:{rule}"} | environ)


@pytest.mark.parametrize(
    ("rule", "environ", "timeframe"),
    [
        ("Daily", {}, DAY),
        ("Daily", {"TIMEFRAME": "1h"}, HOUR),
        ("Daily", {"TIMEFRAME": "5m"}, FIVE_MINUTES),
        ("Plain", {}, FIVE_MINUTES),
        ("Plain", {"TIMEFRAME": "1h"}, HOUR),
    ],
)
def test_the_owners_word_comes_before_the_strategys_and_that_before_the_default(
    tmp_path: Path, rule: str, environ: dict[str, str], timeframe: int
) -> None:
    assert trading_plan(settings(tmp_path, rule, **environ)).timeframe_ms == timeframe


def test_a_timeframe_that_no_exchange_has_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        trading_plan(settings(tmp_path, "Weekly"))
    assert raised.value.lines == (
        "STRATEGY: rule.py:Weekly has the timeframe '7d', which is not one of 5m, 15m, 30m, 1h, 4h, 1d",
    )


def test_a_strategy_that_cannot_be_found_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        trading_plan(settings(tmp_path, "Nothing"))
    assert raised.value.lines == ("STRATEGY: rule.py has no class Nothing; its strategies: Daily, Weekly, Plain",)


@pytest.mark.parametrize(
    ("environ", "slots"), [({}, 5), ({"MAX_OPEN_POSITIONS": "10"}, 7), ({"MAX_OPEN_POSITIONS": "0"}, 0)]
)
def test_slots_are_the_fewer_of_both(tmp_path: Path, environ: dict[str, str], slots: int) -> None:
    assert trading_plan(settings(tmp_path, **environ)).limits.max_open_positions == slots
    plain = trading_plan(settings(tmp_path, "Plain", **environ)).limits.max_open_positions
    assert plain == int(environ.get("MAX_OPEN_POSITIONS", "5"))


WIDE = {"MAX_OPEN_POSITIONS": "7", "MAX_POSITION_PCT": "15"}


@pytest.mark.parametrize(
    ("rule", "environ", "named"),
    [
        ("Daily", WIDE, []),
        ("Daily", WIDE | {"TIMEFRAME": "1d"}, []),
        ("Plain", {"TIMEFRAME": "1h", "MAX_OPEN_POSITIONS": "1"}, []),
        ("Daily", {}, ["MAX_OPEN_POSITIONS is 5", "MAX_POSITION_PCT is 10"]),
        ("Daily", WIDE | {"MAX_OPEN_POSITIONS": "6"}, ["MAX_OPEN_POSITIONS is 6"]),
        ("Daily", WIDE | {"TIMEFRAME": "4h"}, ["TIMEFRAME is 4h"]),
    ],
)
def test_where_the_settings_are_tighter_a_line_says_so(
    tmp_path: Path, rule: str, environ: dict[str, str], named: list[str]
) -> None:
    owners = settings(tmp_path, rule, **environ)
    assert [line.partition(":")[0] for line in narrowed(owners, trading_plan(owners))] == named
