"""A requested pause is observed by every program on this host that uses the key, across restarts, and no longer than asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.brokers.base import BrokerError
from bot.brokers.common.deadline import WaitLimit
from bot.brokers.common.failures import Failures
from bot.brokers.common.keylock import KeyLock
from bot.brokers.common.rate_limits import OverBudget
from bot.brokers.common.request_pause import LONGEST, RequestPause, asks_for_pause
from bot.domain.clock import MINUTE, SystemClock
from bot.domain.outcome import ErrorMeaning

failure = Failures("venue", "Venue", {"lockout": "wait", "throttled": "slow down"})


class StoppedClock(SystemClock):
    """Time that the test advances."""

    def __init__(self) -> None:
        self.now = 5_000_000

    def steady_ms(self) -> int:
        return self.now


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def lock(tmp_path: Path) -> KeyLock:
    return KeyLock.of(tmp_path, "sandbox", "venue", "main", "a key")


def asked(request_pause: RequestPause) -> BrokerError | None:
    """The error that a call gets now."""
    try:
        request_pause.check()
    except BrokerError as error:
        return error
    return None


def keep(request_pause: RequestPause, lock: KeyLock) -> None:
    with lock.held(WaitLimit(lambda: 0).deadline(1)) as file:
        request_pause.keep(file)


def heard(request_pause: RequestPause, lock: KeyLock) -> None:
    with lock.held(WaitLimit(lambda: 0).deadline(1)) as file:
        request_pause.learn(file)


@pytest.mark.parametrize(
    ("meaning", "wait", "counts"),
    [
        (ErrorMeaning.RATE_LIMITED, 1, True),
        (ErrorMeaning.LOCKED_OUT, 1, True),
        (ErrorMeaning.RATE_LIMITED, 0, False),
        (ErrorMeaning.BUSY, 1, False),
    ],
)
def test_which_refusals_ask_for_it(meaning: ErrorMeaning, wait: int, counts: bool) -> None:
    assert asks_for_pause(failure(meaning, "no", "throttled", wait)) is counts


def test_our_own_budget_asks_for_none() -> None:
    assert not asks_for_pause(failure.no_room(OverBudget("calls", 5_000)))


@pytest.mark.parametrize("meaning", [ErrorMeaning.RATE_LIMITED, ErrorMeaning.LOCKED_OUT])
def test_another_program_hears_of_it_and_of_its_kind(clock: StoppedClock, lock: KeyLock, meaning: ErrorMeaning) -> None:
    mine, other = RequestPause(clock, failure), RequestPause(clock, failure)
    mine.begin(failure(meaning, "no", "", 10 * MINUTE))
    keep(mine, lock)
    clock.now += 4 * MINUTE
    heard(other, lock)
    for request_pause in (mine, other):
        error = asked(request_pause)
        assert error is not None
        assert (error.meaning, error.retry_after_ms) == (meaning, 6 * MINUTE)
    clock.now += 6 * MINUTE
    assert asked(mine) is None
    assert asked(other) is None


def test_a_longer_one_is_not_shortened(clock: StoppedClock, lock: KeyLock) -> None:
    mine, other = RequestPause(clock, failure), RequestPause(clock, failure)
    mine.begin(failure(ErrorMeaning.LOCKED_OUT, "no", "", 10 * MINUTE))
    keep(mine, lock)
    for request_pause in (mine, other):
        request_pause.begin(failure(ErrorMeaning.RATE_LIMITED, "no", "", MINUTE))
        keep(request_pause, lock)
        heard(request_pause, lock)
        error = asked(request_pause)
        assert error is not None
        assert (error.meaning, error.retry_after_ms) == (ErrorMeaning.LOCKED_OUT, 10 * MINUTE)


def test_what_a_file_says_is_believed_within_bounds(clock: StoppedClock, lock: KeyLock) -> None:
    mine = RequestPause(clock, failure)
    mine.begin(failure(ErrorMeaning.LOCKED_OUT, "no", "", 100 * LONGEST))
    error = asked(mine)
    assert error is not None
    assert error.retry_after_ms == LONGEST
