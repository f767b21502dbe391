"""The owner's calendar: what it accepts, and that it never guesses."""

from __future__ import annotations

from datetime import datetime

import pytest

from bot.domain.calendar import CalendarError, Event, moments, read_calendar


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1000


def ics(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR", ""])


def event(*lines: str) -> str:
    return ics("BEGIN:VEVENT", *lines, "END:VEVENT")


CSVS: list[tuple[str, str, list[tuple[str, str]]]] = [
    ("one", "time,title\n2026-01-28T19:00:00Z,FOMC\n", [("2026-01-28T19:00:00+00:00", "FOMC")]),
    ("no title", "time\n2026-01-28T19:00:00Z\n", [("2026-01-28T19:00:00+00:00", "")]),
    ("no zone is UTC", "time\n2026-01-28 19:00\n", [("2026-01-28T19:00:00+00:00", "")]),
    ("another zone", "time\n2026-01-28T14:00:00-05:00\n", [("2026-01-28T19:00:00+00:00", "")]),
    ("other columns", "impact,time\nhigh,2026-01-28T19:00:00Z\n", [("2026-01-28T19:00:00+00:00", "")]),
    ("a byte order mark", "\ufefftime\n2026-01-28T19:00:00Z\n", [("2026-01-28T19:00:00+00:00", "")]),
    (
        "sorted",
        "time,title\n2026-02-01T00:00:00Z,b\n2026-01-01T00:00:00Z,a\n",
        [("2026-01-01T00:00:00+00:00", "a"), ("2026-02-01T00:00:00+00:00", "b")],
    ),
    ("no events", "time,title\n", []),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in CSVS], ids=[row[0] for row in CSVS])
def test_csv(text: str, expected: list[tuple[str, str]]) -> None:
    assert read_calendar(text, "csv") == tuple(Event(ms(time), title) for time, title in expected)


STARTS = [
    ("DTSTART:20260128T190000Z", "2026-01-28T19:00:00+00:00"),
    ("DTSTART;TZID=America/New_York:20260128T140000", "2026-01-28T19:00:00+00:00"),
    ('DTSTART;TZID="America/New_York":20260728T140000', "2026-07-28T18:00:00+00:00"),
    ("DTSTART;VALUE=DATE:20260128", "2026-01-28T00:00:00+00:00"),
    ("dtstart;tzid=Europe/Berlin:20260128T200000", "2026-01-28T19:00:00+00:00"),
    ("DTSTART;TZID=America/\r\n New_York:20260128T140000", "2026-01-28T19:00:00+00:00"),
]


@pytest.mark.parametrize(("start", "expected"), STARTS)
def test_ics_starts(start: str, expected: str) -> None:
    assert moments(read_calendar(event(start, "SUMMARY:FOMC"), "ics")) == (ms(expected),)


def test_ics_with_what_real_files_have_around_the_events() -> None:
    text = ics(
        "BEGIN:VTIMEZONE",
        "TZID:America/New_York",
        "BEGIN:STANDARD",
        "DTSTART:19701101T020000",
        "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU",
        "END:STANDARD",
        "END:VTIMEZONE",
        "BEGIN:VEVENT",
        "DTSTART:20260301T120000Z",
        "SUMMARY:second",
        "BEGIN:VALARM",
        "TRIGGER:-PT15M",
        "SUMMARY:not the title",
        "END:VALARM",
        "END:VEVENT",
        "BEGIN:VEVENT",
        "SUMMARY:fir",
        " st",
        "DTSTART:20260201T120000Z",
        "END:VEVENT",
    )
    assert [found.title for found in read_calendar(text, "ics")] == ["first", "second"]


BAD: list[tuple[str, str, str, str]] = [
    ("no such kind", "", "xls", "csv or ics"),
    ("no time column", "when,title\n", "csv", "line 1"),
    ("an empty file", "", "csv", "line 1"),
    ("no time", "time\n2026-01-28T19:00:00Z\nsoon\n", "csv", "line 3"),
    ("an empty time", "time,title\n,FOMC\n", "csv", "line 2"),
    ("not a calendar", "<html></html>", "ics", "line 1"),
    ("empty", "", "ics", "no VCALENDAR"),
    ("cut off", event("DTSTART:20260128T190000Z")[:60], "ics", "VEVENT is not closed"),
    ("no start", event("SUMMARY:FOMC"), "ics", "line 5: the event"),
    ("no zone", event("DTSTART:20260128T190000"), "ics", "line 4: DTSTART 20260128T190000 has no time zone"),
    ("an unknown zone", event("DTSTART;TZID=Mars/Base:20260128T190000"), "ics", "'Mars/Base' is unknown"),
    ("a path for a zone", event("DTSTART;TZID=../x:20260128T190000"), "ics", "is unknown"),
    ("no such day", event("DTSTART:20260230T190000Z"), "ics", "is not a time"),
    ("repeating", event("DTSTART:20260128T190000Z", "RRULE:FREQ=DAILY"), "ics", "line 5: repeating"),
    ("no matching begin", ics("END:VEVENT"), "ics", "has no matching BEGIN"),
]


@pytest.mark.parametrize(("text", "kind", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_is_not_understood_is_one_clear_line(text: str, kind: str, message: str) -> None:
    with pytest.raises(CalendarError, match=message) as caught:
        read_calendar(text, kind)
    assert "\n" not in str(caught.value)
