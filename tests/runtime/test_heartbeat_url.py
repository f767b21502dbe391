"""Pings: when which is due, and what becomes of them on real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.domain.ids import AccountKey
from bot.domain.log import Event
from bot.domain.status import BrokerStatus, Health, Status
from bot.runtime import heartbeat_url as module
from bot.runtime.heartbeat_url import HOLD, PERIOD, SOON, Rhythm, Signal, pinging
from bot.settings.load import ConfigError, load_settings
from bot.telemetry.heartbeat import Observer
from bot.telemetry.redact import Redactor
from tests.notes import Notes
from tests.runtime.pings import UUID, Pings

WELL, UNCERTAIN, ILL = Health.WELL, Health.UNCERTAIN, Health.ILL
HEALTHY = BrokerStatus(AccountKey("kraken"), Status.HEALTHY, mode="sandbox")
PAUSED = BrokerStatus(AccountKey("okx"), Status.HALTED, reason="paused by the operator", gate="paused")


# --- when


def course(*looks: tuple[Health, int], accepted: bool = True) -> list[tuple[int, str]]:
    """The pings of a course: each health for so many seconds, looked at every second; when, and which."""
    rhythm, now, sent = Rhythm(), 1_000, []
    for health, seconds in looks:
        for _ in range(seconds):
            if (signal := rhythm.due(health, now)) is not None:
                sent.append((now - 1_000, signal.name))
                rhythm.sent(signal, now, accepted=accepted)
            now += 1
    return sent


def test_a_start_then_one_a_minute() -> None:
    assert course((UNCERTAIN, 5), (WELL, 130)) == [(0, "START"), (5, "WELL"), (65, "WELL"), (125, "WELL")]


def test_a_halt_is_told_when_it_has_held_and_its_end_at_once() -> None:
    assert course((WELL, 30), (ILL, 100), (WELL, 5)) == [
        (0, "START"), (1, "WELL"), (30 + HOLD, "FAIL"), (30 + HOLD + PERIOD, "FAIL"), (130, "WELL"),
    ]  # fmt: skip


def test_what_a_restart_cures_is_not_told() -> None:
    assert [kind for _, kind in course((WELL, 20), (ILL, 9), (UNCERTAIN, 3), (WELL, 20))] == ["START", "WELL"]


def test_while_it_is_uncertain_nothing_is_sent() -> None:
    assert course((WELL, 10), (UNCERTAIN, 600)) == [(0, "START"), (1, "WELL")]


def test_what_flaps_sends_at_most_four_a_minute() -> None:
    sent = course(*[(ILL, 12), (WELL, 2)] * 40)
    for at, _ in sent:
        assert sum(at <= other < at + 60 for other, _ in sent) <= 5


def test_one_that_was_not_accepted_is_tried_again_soon() -> None:
    assert course((WELL, 40), accepted=False) == [(0, "START"), (1, "WELL"), (1 + SOON, "WELL"), (1 + 2 * SOON, "WELL")]


# --- on sockets

HURRIED = pytest.mark.usefixtures("hurried")


@contextmanager
def observing(folder: Path, url: str, redact: Redactor | None = None) -> Iterator[tuple[Observer, Notes]]:
    log, operation = Notes(), load_settings(folder, {"HEARTBEAT_URL": url}).operation
    with pinging(operation, log, redact or Redactor()) as (pinger,):  # type: ignore[arg-type]
        yield pinger, log


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TURN", 0.02)
    monkeypatch.setattr(module, "HOLD", 0.05)
    monkeypatch.setattr(module, "SOON", 0.1)


@HURRIED
def test_start_well_and_fail_arrive_with_what_they_mean(tmp_path: Path) -> None:
    with Pings() as pings, observing(tmp_path, pings.url) as (pinger, log):
        pinger.observe([HEALTHY])
        pings.until(lambda: len(pings.accepted) == 2, "a start and a ping")
        pinger.observe([HEALTHY, PAUSED])
        pings.until(lambda: len(pings.accepted) == 3, "the failure")
    assert pings.kinds == ["/start", "", "/fail"]
    assert pings.accepted[1][1] == "KRAKEN (sandbox) healthy, 0 positions"
    assert pings.accepted[2][1].endswith("; OKX halted: paused by the operator")
    assert [fields["service"] for fields in log.said(Event.HEARTBEAT)] == ["http://127.0.0.1"]


@HURRIED
def test_a_login_and_a_query_stay_where_they_belong(tmp_path: Path) -> None:
    with Pings() as pings:
        url = f"http://me:pass%20word@{pings.place}/key/slug/?create=1"
        with observing(tmp_path, url) as (pinger, _):
            pinger.observe([HEALTHY])
            pings.until(lambda: len(pings.accepted) == 2, "two pings")
    assert pings.kinds == ["/key/slug/start?create=1", "/key/slug?create=1"]
    assert pings.headers[0]["authorization"] == "Basic bWU6cGFzcyB3b3Jk"


@HURRIED
@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [
        (404, b"not found", "HTTP 404"),
        (200, b"OK (not found)", "(not found)"),
        (302, b"", "redirects to another address, which is not followed"),
        (0, b"", "no answer in time"),
    ],
)
def test_a_ping_that_is_not_accepted_is_one_line_without_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, answer: bytes, why: str
) -> None:
    monkeypatch.setattr(module, "LATE", 0.3)
    redact = Redactor()
    with Pings(status, answer) as pings, observing(tmp_path, pings.url, redact) as (pinger, log):
        until = time.monotonic() + 20
        while pings.asked < 4 and time.monotonic() < until:
            pinger.observe([HEALTHY])
            time.sleep(0.05)
        assert pings.asked >= 4
        said = log.said(Event.HEARTBEAT)[1:]
        pings.status, pings.answer = 200, b"OK"
        while len(log.said(Event.HEARTBEAT)) == 2 and time.monotonic() < until:
            pinger.observe([HEALTHY])
            time.sleep(0.05)
        last = log.said(Event.HEARTBEAT)[-1]
    assert len(said) == 1
    assert why in str(said[0]["reason"])
    assert last["reason"] == "pings are accepted again"
    assert UUID not in str(log.lines)
    assert UUID not in redact(f"see http://{pings.place}/{UUID}/fail")


@HURRIED
def test_a_host_that_is_not_there_is_told_of_without_the_address(tmp_path: Path) -> None:
    with observing(tmp_path, f"http://127.0.0.1:1/{UUID}") as (pinger, log):
        until = time.monotonic() + 10
        while len(log.lines) < 2 and time.monotonic() < until:
            pinger.observe([HEALTHY])
            time.sleep(0.02)
    assert "cannot be reached" in str(log.said(Event.HEARTBEAT)[1]["reason"])
    assert UUID not in str(log.lines)


@HURRIED
def test_nobody_is_told_that_all_is_well_by_a_supervisor_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STALE", 0.3)
    monkeypatch.setattr(module, "PERIOD", 0.05)
    with Pings() as pings, observing(tmp_path, pings.url) as (pinger, _):
        pinger.observe([HEALTHY])
        pings.until(lambda: len(pings.accepted) > 2, "some pings")
        time.sleep(0.6)
        before = pings.asked
        time.sleep(0.3)
        assert pings.asked == before


@HURRIED
def test_after_the_stop_there_is_no_ping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PERIOD", 0.05)
    with Pings() as pings, observing(tmp_path, pings.url) as (pinger, log):
        pinger.observe([HEALTHY])
        pings.until(lambda: len(pings.accepted) > 2, "some pings")
        pinger.stopping()
        time.sleep(0.2)
        before = pings.asked
        pinger.observe([HEALTHY])
        time.sleep(0.3)
        assert pings.asked == before
    assert len(log.lines) == 1


@pytest.mark.parametrize("bad", ["hc-ping.com/s3cret-uuid", "ftp://host/s3cret", "http://", "http://host:port/s3cret"])
def test_an_address_that_is_none_is_one_line(tmp_path: Path, bad: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path, {"HEARTBEAT_URL": bad})
    (line,) = caught.value.lines
    assert line.startswith("HEARTBEAT_URL ")
    assert "it must be an address for pings" in line
    assert "s3cret" not in line


def test_the_kinds_are_those_of_the_convention() -> None:
    assert {kind.name: kind.value for kind in Signal} == {"START": "/start", "WELL": "", "FAIL": "/fail"}
