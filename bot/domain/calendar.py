"""The owner's calendar of events around which no position is opened.

Parses its two formats, CSV and ICS, into times. Text that cannot be parsed is an error with one clear line, never a guess: NIJA
would trade through an event that went missing silently.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from io import StringIO
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class Event(NamedTuple):
    """A moment (ms UTC) and what happens then."""

    time: int
    title: str


class CalendarError(ValueError):
    """A calendar that cannot be read; the message names the line."""


class _Line(NamedTuple):
    """One unfolded ICS line: `NAME;PARAMETER=…:value`."""

    number: int
    name: str
    parameters: dict[str, str]
    value: str


def read_calendar(text: str, kind: str) -> tuple[Event, ...]:
    """The events of a calendar, oldest first. `kind` is `csv` or `ics`. Raises `CalendarError`.

    CSV: a header with `time` and perhaps `title`; times in ISO 8601, UTC where they name no zone.
    ICS: the DTSTART of each VEVENT; a date without time counts as 00:00 UTC; repeating events are refused.
    """
    readers = {"csv": _csv_events, "ics": _ics_events}
    if kind not in readers:
        raise CalendarError(f"a calendar is csv or ics, not {kind!r}")
    return tuple(sorted(readers[kind](text.removeprefix("\ufeff"))))


def moments(events: tuple[Event, ...]) -> tuple[int, ...]:
    """The times alone (ms UTC), oldest first."""
    return tuple(event.time for event in events)


def _csv_events(text: str) -> Iterator[Event]:
    rows = csv.DictReader(StringIO(text), skipinitialspace=True)
    if "time" not in (rows.fieldnames or ()):
        raise CalendarError("line 1: the header has no column named time")
    for row in rows:
        moment = _iso(row["time"] or "", rows.line_num)
        yield Event(_milliseconds(moment), (row.get("title") or "").strip())


def _ics_events(text: str) -> Iterator[Event]:
    inside: list[str] = []
    start: datetime | None = None
    title = ""
    for line in _lines(text):
        if line.name == "BEGIN":
            inside.append(line.value.upper())
            start, title = (None, "") if inside[-1] == "VEVENT" else (start, title)
        elif line.name == "END":
            if not inside or inside.pop() != line.value.upper():
                raise CalendarError(f"line {line.number}: END:{line.value} has no matching BEGIN")
            if line.value.upper() == "VEVENT":
                yield Event(_milliseconds(_given(start, line)), title)
        elif inside[-1:] == ["VEVENT"]:
            start = _start(line) if line.name == "DTSTART" else start
            title = line.value if line.name == "SUMMARY" else title
            _refuse_repetition(line)
    if inside or "BEGIN:VCALENDAR" not in text.upper():
        raise CalendarError(f"{inside[-1]} is not closed" if inside else "it contains no VCALENDAR")


def _lines(text: str) -> Iterator[_Line]:
    """Unfolded lines: a line that begins with whitespace continues the previous one (RFC 5545, 3.1)."""
    unfolded: list[tuple[int, str]] = []
    for number, raw in enumerate(text.splitlines(), 1):
        if raw[:1] in (" ", "\t") and unfolded:
            unfolded[-1] = (unfolded[-1][0], unfolded[-1][1] + raw[1:])
        elif raw.strip():
            unfolded.append((number, raw))
    for number, line in unfolded:
        head, colon, given = line.partition(":")
        if not colon:
            raise CalendarError(f"line {number}: {line[:40]!r} has no colon")
        name, *pairs = head.split(";")
        parameters = {key.upper(): value.strip('"') for key, _, value in (p.partition("=") for p in pairs)}
        yield _Line(number, name.upper(), parameters, given.strip())


def _start(line: _Line) -> datetime:
    """DTSTART in one of its forms: UTC (`…Z`), with a time zone (`TZID`), or a date alone."""
    if len(line.value) == 8:
        return _parsed(line, "%Y%m%d", UTC)
    if line.value.endswith("Z"):
        return _parsed(line, "%Y%m%dT%H%M%SZ", UTC)
    if "TZID" not in line.parameters:
        raise CalendarError(f"line {line.number}: DTSTART {line.value} has no time zone: add Z or TZID")
    return _parsed(line, "%Y%m%dT%H%M%S", _zone(line))


def _parsed(line: _Line, form: str, zone: tzinfo) -> datetime:
    try:
        return datetime.strptime(line.value, form).replace(tzinfo=zone)
    except ValueError as error:
        raise CalendarError(f"line {line.number}: DTSTART {line.value[:40]!r} is not a time") from error


def _zone(line: _Line) -> ZoneInfo:
    name = line.parameters["TZID"]
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CalendarError(f"line {line.number}: the time zone {name!r} is unknown") from error


def _refuse_repetition(line: _Line) -> None:
    if line.name in {"RRULE", "RDATE"}:
        raise CalendarError(f"line {line.number}: repeating events ({line.name}) are not supported: list each one")


def _given(start: datetime | None, end: _Line) -> datetime:
    if start is None:
        raise CalendarError(f"line {end.number}: the event that ends here has no DTSTART")
    return start


def _iso(text: str, line: int) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise CalendarError(f"line {line}: {text[:40]!r} is not an ISO 8601 time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
