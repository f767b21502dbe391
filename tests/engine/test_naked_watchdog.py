"""A position without its stop is reported after a while and then once an hour, and so is the end."""

from __future__ import annotations

from types import SimpleNamespace

from bot.domain.log import Event
from bot.engine.naked_watchdog import AGAIN, BOUND, NakedWatchdog
from bot.engine.refusals import Refusals
from tests.rig import Notes


class Scene:
    """A book with naked periods, and a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000_000
        self.naked: dict[str, tuple[int, str]] = {}
        self.notes = Notes()
        desk = SimpleNamespace(
            clock=SimpleNamespace(wall_ms=lambda: self.now, steady_ms=lambda: self.now),
            book=SimpleNamespace(unprotected=lambda: self.naked, position=lambda _: None),
            log=self.notes,
        )
        self.naked_watchdog = NakedWatchdog(desk, Refusals())  # type: ignore[arg-type]

    def after(self, ms: int) -> None:
        self.now += ms
        self.naked_watchdog.check()


def test_short_naked_periods_are_not_reported() -> None:
    at = Scene()
    at.naked["BTC-USD"] = (at.now, "replacing")
    at.after(BOUND - 1)
    at.naked.clear()
    at.after(BOUND)
    assert at.notes.lines == []


def test_a_long_one_is_told_with_its_cause_and_its_end() -> None:
    at = Scene()
    at.naked["BTC-USD"] = (at.now, "stop refused")
    at.after(BOUND)
    for _ in range(20):
        at.after(2_000)
    (line,) = at.notes.said(Event.NAKED)
    assert (line["symbol"], line["for_s"]) == ("BTC-USD", BOUND // 1_000)
    assert "stop refused" in str(line["reason"])
    at.naked.clear()
    at.after(2_000)
    assert at.notes.said(Event.COVERED) == [{"symbol": "BTC-USD", "reason": at.notes.said(Event.COVERED)[0]["reason"]}]
    at.after(2_000)
    assert len(at.notes.lines) == 2


def test_it_is_told_again_every_hour() -> None:
    at = Scene()
    at.naked["BTC-USD"] = (at.now, "stop refused")
    for _ in range(3):
        at.after(AGAIN)
    assert len(at.notes.said(Event.NAKED)) == 3
