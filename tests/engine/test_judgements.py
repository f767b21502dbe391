"""What is recorded of each close for the owner: every condition that was checked, once, whatever the result."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.domain.candles import Candles
from bot.domain.events import Unfit
from bot.domain.judgement import Condition, Judgement
from bot.domain.outcome import ErrorMeaning, NotPlaced
from bot.strategy.base import Evaluation
from bot.strategy.gate_inputs import Account
from bot.strategy.gates import ACCOUNT, first
from tests.engine.exchange import CLOSE, Rule, Scene
from tests.engine.given import ticker
from tests.marketdata.given import FRAME

WEAK = Condition("trend", 17.5, 20.0, held=False)


class Explaining(Rule):
    """Reports its conditions."""

    conditions: tuple[Condition, ...] = (Condition("trend", 27.5, 20.0, held=True),)
    why = "a trend"

    def evaluate(self, candles: Candles) -> Evaluation:
        return super().evaluate(candles)._replace(conditions=self.conditions, considered=1, why=self.why)


class Recorded:
    """The judgements that a scene hands over."""

    def __init__(self, folder: Path) -> None:
        self.scene = Scene(folder)
        self.rule = Explaining()
        self.scene.engine.entries.strategy.rule = self.rule
        self.all: list[Judgement] = []
        self.scene.engine.entries.judgements.record = self.all.extend

    def scan(self, **account: Any) -> list[Judgement]:
        """The judgements that one scan hands over."""
        self.all.clear()
        self.scene.scan(first(ACCOUNT, Account(True, Decimal(5), Decimal(2))._replace(**account)))
        return list(self.all)


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    return Recorded(tmp_path)


def blocked(one: Judgement) -> tuple[str, float | str, float | str] | None:
    found = one.blocked_by
    return None if found is None else (found.name, found.value, found.limit)


def test_a_close_without_a_signal_has_the_strategys_conditions(recorded: Recorded) -> None:
    recorded.rule.side, recorded.rule.conditions, recorded.rule.why = 0, (WEAK,), "no trend"
    (one,) = recorded.scan()
    assert one == Judgement("BTC-USD", CLOSE, FRAME, 1, signal=False, reason="no trend", conditions=(WEAK,))
    assert blocked(one) == ("trend", 17.5, 20.0)


def test_a_strategy_that_shows_none_has_its_reason(recorded: Recorded) -> None:
    recorded.rule.side, recorded.rule.conditions, recorded.rule.why = 0, (), "no trend"
    (one,) = recorded.scan()
    assert blocked(one) == ("no_signal", "no trend", "a signal")


def test_an_entry_has_every_gate_with_its_numbers(recorded: Recorded) -> None:
    (one,) = recorded.scan()
    assert blocked(one) is None
    assert one.conditions == recorded.rule.conditions
    assert all(gate.held for gate in one.gates)
    asked = {gate.name: (gate.value, gate.limit) for gate in one.gates}
    assert asked["positions"] == (0.0, 5.0)
    assert asked["risk"] == (pytest.approx(4.0, abs=0.1), 5.0)
    assert asked["held"] == ("not held", "not held")
    assert [gate.name for gate in one.gates].count("costs") == 2  # at the close, and at the price to be paid
    assert [gate.name for gate in one.gates][-1] == "cash"


def test_what_blocks_comes_after_what_did_not(recorded: Recorded) -> None:
    recorded.scene.exchange.quotes["BTC-USD"] = ticker("101.9", "103")
    (one,) = recorded.scan()
    assert [gate.name for gate in one.gates][-2:] == ["jump", "spread"]
    assert [gate.name for gate in one.gates if not gate.held] == ["spread"]
    assert one.words == "the spread is too wide: 1.07 %, more than MAX_SPREAD_PCT 1.00 %"


def test_what_blocks_the_whole_account_blocks_each_signal(recorded: Recorded) -> None:
    (one,) = recorded.scan(funds=Decimal(1))
    assert blocked(one) == ("funds", 1.0, 2.0)


@pytest.mark.parametrize(
    ("answer", "share", "name"),
    [(NotPlaced(ErrorMeaning.FUNDS, "no money"), 1, "rejected"), (None, 0, "unfilled")],
    ids=["refused", "not filled"],
)
def test_an_order_that_came_to_nothing_is_no_entry(
    recorded: Recorded, answer: NotPlaced | None, share: int, name: str
) -> None:
    recorded.scene.exchange.answers = [answer] if answer is not None else []
    recorded.scene.exchange.share = Decimal(share)
    (one,) = recorded.scan()
    assert one.blocked_by is not None
    assert one.blocked_by.name == name
    assert "costs" in {gate.name for gate in one.gates}


def test_candles_that_are_not_sound_are_a_gate(recorded: Recorded) -> None:
    recorded.scene.deliver(Unfit("late"))
    (one,) = recorded.scan()
    assert (one.side, one.conditions) == (0, ())
    assert blocked(one) == ("candles", "late", "whole and true up to the last close")


def test_a_strategy_that_cannot_answer_is_a_gate(recorded: Recorded) -> None:
    recorded.rule.evaluate = lambda candles: 1 / 0  # type: ignore[method-assign, assignment, return-value]
    (one,) = recorded.scan()
    assert blocked(one) == ("strategy", "no answer", "an answer")


def test_what_the_log_does_not_tell_is_told_here(recorded: Recorded) -> None:
    recorded.rule.side = -1
    (short,) = recorded.scan()
    assert (short.side, blocked(short)) == (-1, ("short", "short", "long"))
    recorded.rule.side = 1
    recorded.scene.clock.now += FRAME
    recorded.scene.deliver()
    assert blocked(recorded.scan()[0]) is None
    recorded.scene.clock.now += FRAME
    recorded.scene.deliver()
    (held,) = recorded.scan()
    assert blocked(held) == ("held", "held", "not held")


def test_a_close_is_noted_again_only_when_something_else_came_of_it(recorded: Recorded) -> None:
    assert len(recorded.scan(funds=Decimal(1))) == 1
    assert recorded.scan(funds=Decimal(1)) == []
    (entered,) = recorded.scan()
    assert blocked(entered) is None
