"""The thread that asks for candles: it dies, hangs and ends without anybody waiting for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any, cast

import pytest

from bot.domain.candles import Candles
from bot.domain.clock import SystemClock
from bot.domain.events import AccountEvent, CandleClosed, Fed
from bot.domain.log import Event
from bot.marketdata.polled import CandleRequest
from bot.runtime import feed as module
from bot.runtime.feed import Feed
from bot.runtime.pacer import SteppedClock
from tests.marketdata.given import FRAME, START, candles
from tests.notes import Notes

PATIENCE = 10.0


class Reader:
    """Reports the same for every market, dies at a first question, or hangs in it."""

    def __init__(self, *, dies: bool = False, hangs: bool = False, dies_at: str = "") -> None:
        self.dies = dies
        self.dies_at = dies_at
        self.hangs = hangs
        self.closed = threading.Event()

    def candles(self, symbol: str, _timeframe_ms: int, count: int) -> Candles:
        if self.dies or symbol == self.dies_at:
            raise RuntimeError("a fault in our own text")
        if self.hangs:
            assert self.closed.wait(PATIENCE)
        return candles(*range(-count, 0))

    def close(self) -> None:
        self.closed.set()


class FailureNotes(Notes):
    """A log that takes tracebacks, too."""

    def failure(self, event: Event, error: BaseException, /, **fields: object) -> None:
        assert str(error)
        self.error(event, **fields)


class Account:
    """What a feed needs of an actor."""

    def __init__(self, clock: Any, *readers: Reader) -> None:
        self.readers = list(readers)
        self.given: list[Reader] = []
        self.inbox: SimpleQueue[AccountEvent] = SimpleQueue()
        self.over = threading.Event()
        self.notes = FailureNotes()
        self.feed = Feed(
            self.reader, "kraken", clock, CandleRequest(FRAME, 60), self.inbox, self.over, cast("Any", self.notes)
        )

    def reader(self) -> Reader:
        self.given.append(self.readers.pop(0))
        return self.given[-1]

    def hear(self, kind: type[AccountEvent]) -> Any:
        """The next value of a kind that is posted."""
        while not isinstance(event := self.inbox.get(timeout=PATIENCE), kind):
            pass
        return event

    def tend_until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < end
            self.feed.tend()
            time.sleep(0.01)


@pytest.fixture
def accounts() -> Iterator[list[Account]]:
    """Those that are put here are ended."""
    made: list[Account] = []
    yield made
    for one in made:
        one.over.set()
        one.feed.close()


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == "kraken-feed"]


def test_it_tells_what_is_wanted_and_ends_when_it_is_closed(accounts: list[Account]) -> None:
    account = Account(SteppedClock(START), Reader())
    accounts.append(account)
    account.feed.want(["B-USD", "A-USD", "B-USD"])
    assert account.hear(CandleClosed).symbol == "B-USD"
    assert account.hear(CandleClosed).symbol == "A-USD"
    assert account.hear(Fed) == Fed(START, ("B-USD", "A-USD"))
    account.feed.close()
    assert account.given[0].closed.wait(PATIENCE)
    assert threads() == []


def test_one_that_dies_is_followed_by_another_that_is_told_what_is_wanted(accounts: list[Account]) -> None:
    account = Account(SteppedClock(START), Reader(dies=True), Reader())
    accounts.append(account)
    account.feed.want(["A-USD"])
    account.tend_until(lambda: len(account.given) == 2)
    assert account.hear(CandleClosed).symbol == "A-USD"
    assert account.given[0].closed.is_set()
    assert account.notes.events == [Event.CRASHED]


def test_one_that_dies_again_and_again_is_followed_after_growing_waits(accounts: list[Account]) -> None:
    account = Account(SteppedClock(START), *(Reader(dies=True) for _ in range(20)))
    accounts.append(account)
    account.feed.want(["A-USD"])
    began = time.monotonic()
    account.tend_until(lambda: len(account.given) == 3)
    assert 0.9 < time.monotonic() - began < PATIENCE


def test_a_market_at_which_each_dies_keeps_no_other_from_being_told(accounts: list[Account]) -> None:
    account = Account(SteppedClock(START), *(Reader(dies_at="A-USD") for _ in range(20)))
    accounts.append(account)
    account.feed.want(["A-USD", "B-USD"])
    account.tend_until(lambda: len(account.given) == 3)
    assert account.hear(CandleClosed).symbol == "B-USD"


def test_one_that_hangs_is_cut_off_and_left_behind(accounts: list[Account], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STUCK_AFTER", 0.2)
    account = Account(SteppedClock(START), Reader(hangs=True), Reader())
    accounts.append(account)
    account.feed.want(["A-USD"])
    account.tend_until(lambda: len(account.given) == 2)
    assert account.notes.said(Event.CRASHED)
    assert account.hear(CandleClosed).symbol == "A-USD"
    account.given[0].close()
    account.tend_until(lambda: len(threads()) == 1)


def test_what_one_that_was_left_behind_says_later_is_not_heard(
    accounts: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It speaks of a close that is over, or that the exchange cut it off: what the other has delivered since would be lost."""
    monkeypatch.setattr(module, "_STUCK_AFTER", 0.2)
    account = Account(SteppedClock(START), Reader(hangs=True), Reader())
    accounts.append(account)
    account.feed.want(["A-USD"])
    account.tend_until(lambda: len(account.given) == 2)
    account.hear(CandleClosed)
    account.hear(Fed)
    account.given[0].close()
    account.tend_until(lambda: len(threads()) == 1)
    assert account.inbox.empty()


def test_it_ends_with_its_account_though_nobody_closes_it(
    accounts: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_IDLE", 50)
    account = Account(SystemClock(), Reader())
    accounts.append(account)
    account.over.set()
    assert account.given[0].closed.wait(PATIENCE)


def test_a_market_in_lock_step_waits_for_it_until_all_that_is_wanted_is_told(accounts: list[Account]) -> None:
    clock = SteppedClock(START)
    account = Account(clock, Reader())
    accounts.append(account)
    account.feed.want(["A-USD"])
    fed = account.hear(Fed)
    while fed.wanted != ("A-USD",):
        account.feed.heard(fed)
        assert clock.pacer.done_up_to(START) == 0
        fed = account.hear(Fed)
    account.feed.heard(fed)
    assert clock.pacer.done_up_to(START) == START
    account.feed.want(["A-USD", "B-USD"])
    account.feed.heard(fed)
    assert clock.pacer.done_up_to(START) == 0
    clock.set(START + FRAME)
    while account.hear(Fed) != Fed(START + FRAME, ("A-USD", "B-USD")):
        pass
    account.feed.heard(Fed(START + FRAME, ("A-USD", "B-USD")))
    assert clock.pacer.done_up_to(START + FRAME) == START + FRAME
    account.feed.want([])
    assert clock.pacer.done_up_to(START + FRAME) == 0
    account.feed.close()
    assert clock.pacer.done_up_to(START) == START
