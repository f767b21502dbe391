"""Spans of time, as pairs of begin and end (ms UTC, the end excluded). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    start: int
    end: int


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time in as few spans as possible, in order."""
    found: list[Span] = []
    for one in sorted(span for span in spans if span.end > span.start):
        if found and one.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, one.end))
        else:
            found.append(one)
    return found


def missing(wanted: Span, known: Iterable[Span]) -> list[Span]:
    """The parts of `wanted` that no span of `known` covers, in order."""
    left: list[Span] = []
    at = wanted.start
    for one in merged(known):
        if one.start > at:
            left.append(Span(at, min(one.start, wanted.end)))
        at = max(at, one.end)
    left.append(Span(at, wanted.end))
    return [span for span in left if span.end > span.start]
