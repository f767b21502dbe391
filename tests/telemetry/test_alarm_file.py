"""The kept alarms: the last ones, over restarts, readable by their owner alone; a full disk is reported once."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from bot.domain.log import Event
from bot.telemetry.alarm_file import KEPT, AlarmFile, KeptAlarm, last_alarms
from bot.telemetry.alarms import HELD, AlarmTracker, Message, rules_for
from bot.telemetry.log import LoggedEvent
from bot.telemetry.redact import Redactor
from tests.notes import Notes


def ring(tracker: AlarmTracker, event: LoggedEvent, now: int, level: int = logging.ERROR) -> list[Message]:
    return tracker.hear(rules_for(level, event), event, now)


def test_alarms_and_their_end_are_kept_and_reports_are_not(tmp_path: Path) -> None:
    tracker, file = AlarmTracker("LIVE", Redactor(["s3cret"])), AlarmFile(tmp_path, Notes())
    file.keep(ring(tracker, LoggedEvent(Event.FAILED, "KRAKEN", {"reason": "no answer s3cret", "remedy": ""}), 1_000))
    file.keep(ring(tracker, LoggedEvent(Event.DAY, "KRAKEN", {"day": "2026-01-01"}), 2_000, logging.INFO))
    ring(
        tracker,
        LoggedEvent(Event.RECOVERED, "KRAKEN", {"status": "healthy", "reason": "all well"}),
        3_000,
        logging.INFO,
    )
    file.keep(tracker.over(3_000 + HELD))
    alarm, end = last_alarms(tmp_path)
    assert (alarm.broker, alarm.at) == ("KRAKEN", 1_000)
    assert alarm.text.startswith("failed: no answer")
    assert "s3cret" not in alarm.text
    assert end == KeptAlarm("KRAKEN", 3_000, "works again: all well (status healthy)")
    assert (tmp_path / "alarms.json").stat().st_mode & 0o777 == 0o600


def test_the_last_ones_are_kept_over_restarts(tmp_path: Path) -> None:
    for number in range(KEPT + 5):
        AlarmFile(tmp_path, Notes()).keep([Message("", "", bad=True, broker="OKX", at=number, text=str(number))])
    assert [one.at for one in last_alarms(tmp_path)] == list(range(5, KEPT + 5))


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"broker": 1}]'])
def test_a_file_that_is_none_holds_no_alarms(tmp_path: Path, content: str) -> None:
    assert last_alarms(tmp_path / "nowhere") == []
    (tmp_path / "alarms.json").write_text(content)
    assert last_alarms(tmp_path) == []


def test_a_folder_that_takes_no_file_is_told_of_once(tmp_path: Path) -> None:
    notes = Notes()
    file = AlarmFile(tmp_path / "gone", notes)
    for at in (1, 2):
        file.keep([Message("", "", bad=True, at=at, text="x")])
    assert len(notes.said(Event.NOTIFY)) == 1
    (tmp_path / "gone").mkdir()
    file.keep([Message("", "", bad=True, at=3, text="x")])
    assert [one.at for one in last_alarms(tmp_path / "gone")] == [1, 2, 3]
