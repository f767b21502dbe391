"""A venue's clock: the shortest round trip counts, noise is ignored, and it is measured again before it could do harm."""

from __future__ import annotations

import pytest

from bot.brokers.base import BrokerError
from bot.brokers.common.failures import Failures
from bot.brokers.common.venue_clock import VenueClock, skew_warnings
from bot.domain.clock import SECOND, SystemClock
from bot.domain.log import Event
from bot.domain.outcome import ErrorMeaning
from tests.notes import Notes

failure = Failures("venue", "Venue", {"clock": "off by {seconds} s"})


class Wall(SystemClock):
    def wall_ms(self) -> int:
        return 1_000_000


class Venue:
    """A clock that is `ahead` of ours (ms); None if it does not answer."""

    def __init__(self, ahead: int | None) -> None:
        self.ahead = ahead
        self.looks = 0

    def read(self) -> int:
        self.looks += 1
        if self.ahead is None:
            raise failure(ErrorMeaning.BUSY, "away")
        return 1_000_000 + self.ahead


def clock_of(venue: Venue, notes: Notes | None = None) -> VenueClock:
    return VenueClock(venue.read, Wall(), notes or Notes(), failure)


@pytest.mark.parametrize(("ahead", "of", "looks"), [(0, 0, 1), (1_900, 0, 3), (-5_000, -5_000, 3), (20_000, 20_000, 3)])
def test_a_difference_is_believed_beyond_noise(ahead: int, of: int, looks: int) -> None:
    venue = Venue(ahead)
    clock = clock_of(venue)
    assert abs(clock.compare(30 * SECOND) - ahead) < 100
    assert abs(clock.of(7) - 7 - of) < 100
    assert venue.looks == looks


def test_too_large_a_difference_is_refused_and_not_taken_over() -> None:
    clock = clock_of(Venue(-31_000))
    with pytest.raises(BrokerError) as caught:
        clock.compare(30 * SECOND)
    assert (caught.value.meaning, caught.value.remedy) == (ErrorMeaning.CLOCK, "off by 31 s")
    assert clock.of(7) == 7


@pytest.mark.parametrize(("ahead", "asks"), [(10_000, True), (-10_000, False), (0, False)])
def test_only_a_correction_that_lengthens_deadlines_is_measured_before_one(ahead: int, asks: bool) -> None:
    venue = Venue(ahead)
    clock = clock_of(venue)
    clock.compare(30 * SECOND)
    before, venue.ahead = venue.looks, 0
    clock.before_a_deadline()
    assert (venue.looks > before) is asks
    assert clock.of(7) == (7 if asks or not ahead else pytest.approx(7 + ahead, abs=100))


def test_both_ways_a_doubt_ends_have_one_word() -> None:
    notes, venue = Notes(), Venue(10_000)
    clock = clock_of(venue, notes)
    clock.doubt()
    venue.ahead = None
    clock.doubt()
    assert clock.of(7) == pytest.approx(10_007, abs=100)
    measured, unanswered = notes.said(Event.CLOCK)
    assert ("skew_ms" in measured, unanswered["reason"]) == (True, "away")


def test_a_warning_names_the_difference() -> None:
    assert skew_warnings(1_999, "Venue") == []
    (line,) = skew_warnings(-2_500, "Venue", " (corrected)")
    assert line == "this computer's clock differs from Venue's by -2.5 s (corrected): switch on NTP"
