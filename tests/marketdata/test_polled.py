"""When each market is asked for its candles, and what is delivered."""

from __future__ import annotations

import tracemalloc

import pytest

from bot.brokers.base import BrokerError
from bot.domain.candles import Candles
from bot.domain.clock import MINUTE, SECOND
from bot.domain.events import CandleClosed, Fed, Unfit
from bot.domain.outcome import ErrorMeaning
from bot.domain.pacer import RealTime
from bot.marketdata.closed import OVERLAP, QUIET
from bot.marketdata.polled import LATE, SETTLES, CandleRequest, Polled
from bot.marketdata.port import NOT_THERE
from bot.runtime.pacer import LockStep
from tests.marketdata.given import FRAME, START, Hand, Venue, busy

WINDOW = 60


class Polling:
    """Polls a venue by a clock; keeps everything that it delivers."""

    def __init__(self, pacer: object | None = None, request: CandleRequest | None = None) -> None:
        self.clock = Hand(pacer or RealTime())
        self.venue = Venue(self.clock)
        self.delivered: list[CandleClosed | Fed] = []
        self.polled = Polled(self.venue, self.clock, request or CandleRequest(FRAME, WINDOW), self.delivered.append)  # type: ignore[arg-type]
        self.polled.wanted = ("A-USD", "B-USD")

    def at(self, market_ms: int) -> list[CandleClosed]:
        """What is delivered at a time, until nothing is due."""
        self.clock.now = market_ms
        self.delivered.clear()
        while self.polled.turn() == 0:
            pass
        assert isinstance(self.delivered[-1], Fed)
        return [one for one in self.delivered if isinstance(one, CandleClosed)]

    def wait(self) -> int:
        """Market ms until another is due."""
        return self.polled.turn()

    def asked(self) -> list[tuple[str, int]]:
        asked, self.venue.asked = self.venue.asked, []
        return asked


@pytest.fixture
def fed() -> Polling:
    return Polling()


def found(delivered: list[CandleClosed]) -> list[tuple[str, object]]:
    return [(one.symbol, one.found if isinstance(one.found, Unfit) else "candles") for one in delivered]


def test_each_market_is_told_once_a_close_the_most_urgent_first(fed: Polling) -> None:
    delivered = fed.at(START + SETTLES)
    assert found(delivered) == [("A-USD", "candles"), ("B-USD", "candles")]
    assert {one.close for one in delivered} == {START}
    assert fed.asked() == [("A-USD", WINDOW), ("B-USD", WINDOW)]
    assert fed.wait() == FRAME
    assert fed.at(START + FRAME - 1) == []
    fed.polled.wanted = ("B-USD", "A-USD")
    assert found(fed.at(START + FRAME + SETTLES)) == [("B-USD", "candles"), ("A-USD", "candles")]
    assert fed.asked() == [("B-USD", 1 + OVERLAP), ("A-USD", 1 + OVERLAP)]


def test_nothing_is_asked_before_a_venue_can_show_it(fed: Polling) -> None:
    assert fed.at(START + FRAME + SETTLES - 1) == []
    assert fed.asked() == []
    assert fed.wait() == 1


def test_what_is_told_ends_with_its_close_and_holds_the_window(fed: Polling) -> None:
    for number in range(3):
        for one in fed.at(START + number * FRAME + SETTLES):
            assert isinstance(one.found, Candles)
            assert (one.found.closed_at, len(one.found)) == (one.close, WINDOW)


def test_a_candle_that_is_late_is_asked_for_again_after_growing_waits_until_it_is_there(fed: Polling) -> None:
    fed.venue.late = 10 * SECOND
    now = START + SETTLES
    waits = []
    delivered = fed.at(now)
    while found(delivered) == [("A-USD", NOT_THERE), ("B-USD", NOT_THERE)]:
        waits.append(fed.wait())
        now += waits[-1]
        delivered = fed.at(now)
    assert found(delivered) == [("A-USD", "candles"), ("B-USD", "candles")]
    assert waits == [1 * SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND]
    assert fed.wait() == START + FRAME + SETTLES - now


def test_a_bad_answer_is_asked_for_a_second_time_at_once(fed: Polling) -> None:
    fed.venue.bad = 1
    assert found(fed.at(START + SETTLES)) == [("A-USD", "candles"), ("B-USD", "candles")]
    fed.venue.bad = 4
    fed.asked()
    delivered = fed.at(START + FRAME + SETTLES)
    assert [one.found.reason for one in delivered if isinstance(one.found, Unfit)] == [
        f"candle of {START}: not a number",
        f"candle of {START}: not a number",
    ]
    assert fed.asked() == [("A-USD", 1 + OVERLAP), ("A-USD", WINDOW), ("B-USD", 1 + OVERLAP), ("B-USD", WINDOW)]
    assert found(fed.at(START + FRAME + SETTLES + fed.wait())) == [("A-USD", "candles"), ("B-USD", "candles")]


def test_a_gap_that_stays_was_a_time_without_trades(fed: Polling) -> None:
    fed.venue.missing = {-3}
    delivered = fed.at(START + SETTLES)
    assert found(delivered) == [("A-USD", "candles"), ("B-USD", "candles")]
    assert isinstance(delivered[0].found, Candles)
    assert delivered[0].found.candle(len(delivered[0].found) - 3).volume == 0.0


def test_a_gap_is_left_out_for_whoever_wants_it_so() -> None:
    fed = Polling(request=CandleRequest(FRAME, WINDOW, fills_gaps=False))
    fed.venue.missing = {-3}
    delivered = fed.at(START + SETTLES)
    assert isinstance(delivered[0].found, Candles)
    assert len(delivered[0].found) == WINDOW - 1
    assert fed.asked() == [("A-USD", WINDOW), ("B-USD", WINDOW)]


def test_a_market_without_trades_is_asked_once_a_close(fed: Polling) -> None:
    fed.venue.volume = 0.0
    assert found(fed.at(START + SETTLES)) == [("A-USD", QUIET), ("B-USD", QUIET)]
    assert fed.wait() == FRAME


def test_another_past_is_read_anew(fed: Polling) -> None:
    fed.at(START + SETTLES)
    fed.venue.shift = 0.5
    fed.asked()
    assert found(fed.at(START + FRAME + SETTLES)) == [("A-USD", "candles"), ("B-USD", "candles")]
    assert fed.asked() == [("A-USD", 1 + OVERLAP), ("A-USD", WINDOW), ("B-USD", 1 + OVERLAP), ("B-USD", WINDOW)]


def test_after_a_long_time_all_is_asked_for_at_once(fed: Polling) -> None:
    fed.at(START + SETTLES)
    fed.asked()
    fed.at(START + WINDOW // 2 * FRAME + SETTLES)
    assert fed.asked() == [("A-USD", WINDOW), ("B-USD", WINDOW)]


def test_an_answer_that_does_not_come_is_told_with_its_meaning_and_asked_for_again(fed: Polling) -> None:
    fed.venue.error = busy()
    assert found(fed.at(START + SETTLES)) == [
        (symbol, Unfit("try again", ErrorMeaning.BUSY)) for symbol in fed.polled.wanted
    ]
    assert fed.wait() == 2 * SECOND
    fed.venue.error = BrokerError("kraken", ErrorMeaning.RESTRICTED, "not for you")
    again = fed.at(START + SETTLES + 2 * SECOND)
    assert found(again) == [(symbol, Unfit("not for you", ErrorMeaning.RESTRICTED)) for symbol in fed.polled.wanted]
    assert fed.wait() == 4 * SECOND


def test_waits_for_an_answer_are_real_and_those_for_a_candle_the_markets() -> None:
    fed = Polling(RealTime(60))
    fed.venue.error = busy()
    fed.at(START + SETTLES)
    assert fed.wait() == 120 * SECOND
    fed.venue.error, fed.venue.late = None, MINUTE
    fed.at(START + FRAME + SETTLES)
    assert fed.wait() == SECOND


def test_in_lock_step_all_is_told_at_the_close_and_what_is_missing_with_the_next_step() -> None:
    fed = Polling(LockStep())
    assert found(fed.at(START)) == [("A-USD", "candles"), ("B-USD", "candles")]
    assert fed.delivered[-1] == Fed(START, ("A-USD", "B-USD"))
    fed.venue.error = busy()
    fed.at(START + FRAME)
    assert fed.delivered[-1] == Fed(START + FRAME, ("A-USD", "B-USD"))
    fed.venue.error = None
    assert found(fed.at(START + FRAME + MINUTE)) == [("A-USD", "candles"), ("B-USD", "candles")]


def test_what_is_wanted_no_more_is_forgotten(fed: Polling) -> None:
    fed.at(START + SETTLES)
    fed.polled.wanted = ("B-USD",)
    fed.at(START + SETTLES + 1)
    fed.polled.wanted = ("A-USD", "B-USD")
    fed.asked()
    assert found(fed.at(START + SETTLES + 2)) == [("A-USD", "candles")]
    assert fed.asked() == [("A-USD", WINDOW)]


def test_a_candle_of_another_age_fills_no_memory() -> None:
    """Filling the time since would take hundreds of megabytes, and with them every other exchange of this computer."""
    fed = Polling()
    fed.venue.also = START - 10_000_000 * FRAME
    tracemalloc.start()
    fed.at(START + SETTLES)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_a_clock_that_is_set_back_puts_no_question_off(fed: Polling) -> None:
    fed.venue.late = MINUTE
    fed.at(START + 50 * SECOND)
    fed.asked()
    assert found(fed.at(START + 10 * SECOND)) == [("A-USD", NOT_THERE), ("B-USD", NOT_THERE)]
    assert fed.wait() <= LATE.cap_ms
