"""A silence that a venue asks for: kept by every program of this host that uses the key, over restarts, and no longer than asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.brokers.base import BrokerError
from bot.brokers.common.deadline import Haste
from bot.brokers.common.failures import Failures
from bot.brokers.common.keylock import KeyLock
from bot.brokers.common.rate_limits import OverBudget
from bot.brokers.common.silence import LONGEST, Silence, silences
from bot.domain.clock import MINUTE, SystemClock
from bot.domain.outcome import Meaning

failure = Failures("venue", "Venue", {"lockout": "wait", "throttled": "slow down"})


class Standing(SystemClock):
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 5_000_000

    def steady_ms(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Standing:
    return Standing()


@pytest.fixture
def lock(tmp_path: Path) -> KeyLock:
    return KeyLock.of(tmp_path, "sandbox", "venue", "main", "a key")


def asked(silence: Silence) -> BrokerError | None:
    """What a call is refused with now."""
    try:
        silence.check()
    except BrokerError as error:
        return error
    return None


def told(silence: Silence, lock: KeyLock) -> None:
    with lock.held(Haste(lambda: 0).deadline(1)) as file:
        silence.keep(file)


def heard(silence: Silence, lock: KeyLock) -> None:
    with lock.held(Haste(lambda: 0).deadline(1)) as file:
        silence.learn(file)


@pytest.mark.parametrize(
    ("meaning", "wait", "counts"),
    [
        (Meaning.RATE_LIMITED, 1, True),
        (Meaning.LOCKED_OUT, 1, True),
        (Meaning.RATE_LIMITED, 0, False),
        (Meaning.BUSY, 1, False),
    ],
)
def test_which_refusals_ask_for_it(meaning: Meaning, wait: int, counts: bool) -> None:
    assert silences(failure(meaning, "no", "throttled", wait)) is counts


def test_our_own_budget_asks_for_none() -> None:
    assert not silences(failure.no_room(OverBudget("calls", 5_000)))


@pytest.mark.parametrize("meaning", [Meaning.RATE_LIMITED, Meaning.LOCKED_OUT])
def test_another_program_hears_of_it_and_of_its_kind(clock: Standing, lock: KeyLock, meaning: Meaning) -> None:
    mine, other = Silence(clock, failure), Silence(clock, failure)
    mine.begin(failure(meaning, "no", "", 10 * MINUTE))
    told(mine, lock)
    clock.now += 4 * MINUTE
    heard(other, lock)
    for silence in (mine, other):
        error = asked(silence)
        assert error is not None
        assert (error.meaning, error.retry_after_ms) == (meaning, 6 * MINUTE)
    clock.now += 6 * MINUTE
    assert asked(mine) is None
    assert asked(other) is None


def test_a_longer_one_is_not_shortened(clock: Standing, lock: KeyLock) -> None:
    mine, other = Silence(clock, failure), Silence(clock, failure)
    mine.begin(failure(Meaning.LOCKED_OUT, "no", "", 10 * MINUTE))
    told(mine, lock)
    for silence in (mine, other):
        silence.begin(failure(Meaning.RATE_LIMITED, "no", "", MINUTE))
        told(silence, lock)
        heard(silence, lock)
        error = asked(silence)
        assert error is not None
        assert (error.meaning, error.retry_after_ms) == (Meaning.LOCKED_OUT, 10 * MINUTE)


def test_what_a_file_says_is_believed_within_bounds(clock: Standing, lock: KeyLock) -> None:
    mine = Silence(clock, failure)
    mine.begin(failure(Meaning.LOCKED_OUT, "no", "", 100 * LONGEST))
    error = asked(mine)
    assert error is not None
    assert error.retry_after_ms == LONGEST
