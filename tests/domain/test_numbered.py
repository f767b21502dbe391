"""Numbered targets: later ones work like the declared first ones."""

from __future__ import annotations

import copy
import pickle

import pytest

from bot.domain.log import Event
from bot.domain.order import Purpose


@pytest.mark.parametrize("stage", [1, 2, 3, 4, 9, 10, 117])
def test_a_target_of_any_number_is_one_purpose_and_one_event(stage: int) -> None:
    purpose, event = Purpose.target(stage), Event.of_sale(f"tp{stage}")
    assert (str(purpose), purpose.stage, str(event)) == (f"tp{stage}", stage, f"TP{stage}")
    assert purpose is Purpose(f"tp{stage}")
    assert event is Event(f"TP{stage}")
    assert pickle.loads(pickle.dumps(purpose)) is purpose
    assert copy.deepcopy(purpose) is purpose


def test_the_first_targets_are_those_that_are_written_down() -> None:
    assert [Purpose.target(stage) for stage in (1, 2, 3)] == [Purpose.TP1, Purpose.TP2, Purpose.TP3]
    assert [one.stage for one in (Purpose.ENTRY, Purpose.STOP, Purpose.TRAIL, Purpose.EXIT, Purpose.OWNER)] == [0] * 5


@pytest.mark.parametrize("word", ["tp", "tp0", "tp01", "tp-1", "tp1.5", "tp²", "tpx", "TP1", "exit1", 4, None])
def test_no_other_word_is_a_purpose(word: object) -> None:
    with pytest.raises(ValueError, match="is not a valid Purpose"):
        Purpose(word)


def test_what_was_made_is_not_among_the_words_that_are_written_down() -> None:
    Purpose.target(88)
    assert "tp88" not in [str(purpose) for purpose in Purpose]
