"""When the entries of a close are evaluated: together once the candles of all markets have arrived, or after a while without the
rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.clock import DAY, SECOND
from bot.domain.events import CandleClosed, Unfit
from bot.domain.pacer import RealTime
from bot.engine.accounting import AccountSnapshot
from bot.engine.candle_cache import CandleCache
from bot.engine.entry_round import FRESH, LONGEST, PATIENCE, EntryRound
from tests.marketdata.given import FRAME, START, Hand, candles

CLOSE = START + FRAME
SYMBOLS = ["A-USD", "B-USD", "C-USD"]


class Silent:
    """Market data that the test delivers."""

    def want(self, symbols: Sequence[str]) -> None: ...

    def heard(self, fed: object) -> None: ...

    def tend(self) -> None: ...


class Scans:
    """Entries that are only recorded, an account that counts its measurements, and an order manager with a clock."""

    def __init__(self, timeframe_ms: int = FRAME) -> None:
        self.clock = Hand(RealTime())
        self.clock.now = CLOSE
        self.seen: list[list[str]] = []
        self.blocked: list[str | None] = []
        self.enters = False
        self.measured = 0
        self.rest = 0
        self.candle_cache = CandleCache(Silent(), self.clock, timeframe_ms)  # type: ignore[arg-type]
        self.entry_round = EntryRound(
            cast("Any", self), self.candle_cache, cast("Any", self), cast("Any", self), timeframe_ms
        )

        self.rests = self

    def are_due(self) -> bool:
        return self.rest > 0

    def send_rests(self, _snapshot: AccountSnapshot, _blocked: str | None) -> int:
        rest, self.rest = self.rest, 0
        return rest

    def scan(self, symbols: Sequence[str], _snapshot: AccountSnapshot, blocked: str | None) -> int:
        self.seen.append(list(symbols))
        self.blocked.append(blocked)
        return int(self.enters)

    def measure(self) -> AccountSnapshot:
        self.measured += 1
        return snapshot_at(self.clock.now)

    def deliver(self, symbol: str, close: int = CLOSE, *, found: bool = True) -> None:
        """Deliver a market's close, and evaluate entries if they are due."""
        self.candle_cache.take(CandleClosed(symbol, close, candles(*range(-5, 1)) if found else Unfit("late")))
        self.entry_round.hear(symbol, close)
        self.judge()

    def judge(self, blocked: str | None = None) -> None:
        self.entry_round.judge(lambda _: blocked)

    def begin(self, symbols: Sequence[str] = SYMBOLS) -> None:
        self.entry_round.begin(symbols, snapshot_at(self.clock.now))
        self.judge()


def snapshot_at(at: int) -> AccountSnapshot:
    nothing = Decimal(0)
    return AccountSnapshot(at, nothing, nothing, nothing, nothing, cast("Any", None), {}, {}, {}, nothing, nothing)


@pytest.fixture
def scans() -> Scans:
    return Scans()


def test_what_is_known_before_the_round_is_judged_at_its_beginning(scans: Scans) -> None:
    for symbol in reversed(SYMBOLS):
        scans.deliver(symbol)
    assert scans.seen == []
    scans.begin()
    assert scans.seen == [SYMBOLS]


def test_nothing_is_judged_before_it_is_known_of_all(scans: Scans) -> None:
    scans.begin()
    scans.deliver("C-USD")
    scans.deliver("A-USD", found=False)
    assert scans.seen == []
    scans.deliver("B-USD")
    assert scans.seen == [SYMBOLS]


def test_after_a_while_the_rest_is_judged_without_them_and_they_when_they_come(scans: Scans) -> None:
    scans.begin()
    scans.deliver("B-USD")
    scans.clock.now = CLOSE + FRAME // PATIENCE - 1
    scans.judge()
    assert scans.seen == []
    scans.clock.now += 1
    scans.judge()
    assert scans.seen == [["B-USD"]]
    scans.deliver("A-USD")
    scans.deliver("C-USD")
    assert scans.seen == [["B-USD"], ["A-USD"], ["C-USD"]]


def test_a_candle_that_was_missing_is_judged_when_it_comes(scans: Scans) -> None:
    scans.begin()
    for symbol in SYMBOLS:
        scans.deliver(symbol, found=symbol != "B-USD")
    scans.deliver("B-USD")
    assert scans.seen == [SYMBOLS, ["B-USD"]]


def test_what_comes_after_the_next_close_is_judged_no_more(scans: Scans) -> None:
    scans.begin()
    scans.deliver("A-USD")
    scans.clock.now = CLOSE + FRAME
    scans.deliver("B-USD")
    scans.deliver("C-USD", CLOSE + FRAME)
    assert scans.seen == []


def test_markets_that_are_not_of_the_round_wake_nobody(scans: Scans) -> None:
    scans.begin(SYMBOLS[:1])
    scans.deliver("B-USD")
    assert scans.seen == []
    scans.deliver("A-USD")
    assert scans.seen == [["A-USD"]]


def test_a_round_that_has_ended_judges_nothing(scans: Scans) -> None:
    scans.begin()
    scans.deliver("A-USD")
    scans.entry_round.end()
    scans.deliver("B-USD")
    scans.deliver("C-USD")
    scans.clock.now = CLOSE + FRAME - 1
    scans.judge()
    assert scans.seen == []


def test_why_there_are_no_entries_is_asked_when_they_are_judged(scans: Scans) -> None:
    for symbol in SYMBOLS:
        scans.deliver(symbol)
    scans.entry_round.begin(SYMBOLS, snapshot_at(CLOSE))
    scans.judge("paused")
    assert scans.blocked == ["paused"]


def test_the_account_is_measured_again_when_it_has_changed_or_a_while_has_passed(scans: Scans) -> None:
    scans.begin()
    scans.clock.now += FRESH - SECOND
    for symbol in SYMBOLS[:2]:
        scans.deliver(symbol)
    scans.deliver("C-USD")
    assert scans.measured == 0
    scans.clock.now += SECOND
    scans.enters = True
    scans.deliver("C-USD")
    assert scans.measured == 2, "once because it was old, once because something was entered"
    scans.enters = False
    scans.entry_round.snapshot = None
    scans.deliver("C-USD")
    assert scans.measured == 3


@given(st.permutations(SYMBOLS), st.sets(st.sampled_from(SYMBOLS)))
def test_in_whatever_order_candles_come_each_market_is_judged_once_and_all_together(
    order: list[str], early: set[str]
) -> None:
    scans = Scans()
    for symbol in order:
        if symbol in early:
            scans.deliver(symbol)
    scans.begin()
    for symbol in order:
        if symbol not in early:
            scans.deliver(symbol)
    assert scans.seen == [SYMBOLS]


def test_entries_of_a_long_candle_wait_no_longer_than_a_few_minutes_for_a_market_that_is_not_told() -> None:
    scans = Scans(timeframe_ms=DAY)
    scans.clock.now = close = START - START % DAY + DAY
    scans.begin()
    for symbol in SYMBOLS[:2]:
        scans.deliver(symbol, close)
    assert scans.seen == []
    scans.clock.now += LONGEST
    scans.judge()
    assert scans.seen == [SYMBOLS[:2]]


def test_a_rest_is_sent_between_the_closes_too_and_changes_the_account(scans: Scans) -> None:
    scans.begin([])
    scans.rest, scans.measured = 1, 0
    scans.judge()
    assert scans.measured == 1
    assert scans.seen == []
