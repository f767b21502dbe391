"""Messages on real sockets: they arrive, and a service that hangs, refuses or lies is a line in the log and no more."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.domain.log import Event
from bot.settings.load import ConfigError, Settings, load_settings
from bot.settings.variables import OperationSettings
from bot.telemetry import notify
from bot.telemetry.alarm_file import last_alarms
from bot.telemetry.alarms import Message
from bot.telemetry.log import EventLog, Logs
from bot.telemetry.messenger import Service, services, shown_name, tokens
from bot.telemetry.notify import MESSAGES, MessageSender, notifying
from bot.telemetry.redact import Redactor
from tests.log_lines import lines_of
from tests.notes import Notes
from tests.telemetry.receiver import Receiver

ROOT = Path(__file__).resolve().parents[2]
DEAD = "json://127.0.0.1:1/t0ken-of-the-owner"
ALARM = Message("NIJA LIVE: test", "a line", bad=True)


def settings(folder: Path, *urls: str) -> Settings:
    return load_settings(folder, {"NOTIFY_URLS": ",".join(urls)})


@dataclass
class Open:
    """A log with its alarms."""

    path: Path
    log: EventLog
    logs: Logs
    ended: list[float] = field(default_factory=list)

    def text(self) -> str:
        return self.path.read_text()


@contextmanager
def alarmed(folder: Path, *urls: str, level: str = "DEBUG") -> Iterator[Open]:
    chosen = settings(folder, *urls)
    chosen.operation.data_dir.mkdir(exist_ok=True)
    redact = Redactor(chosen.secrets())
    operation = OperationSettings.model_validate({"log_file": folder / "nija.log", "log_level": level})
    with Logs(operation, redact, io.StringIO()) as logs:
        found = Open(folder / "nija.log", logs.event_log("kraken"), logs)
        with notifying(chosen, redact, logs, whose="LIVE"):
            yield found
            found.ended.append(time.monotonic())
        found.ended.append(time.monotonic())


def test_an_alarm_arrives_whatever_the_log_level_is(tmp_path: Path) -> None:
    with Receiver() as receiver, alarmed(tmp_path, receiver.url, level="ERROR") as room:
        room.log.info(Event.DAY, day="2026-01-05", trades=3)
        room.log.error(Event.NAKED, symbol="BTC-USD", reason="no full stop at the exchange: entry")
        room.log.error(Event.NAKED, symbol="BTC-USD", reason="no full stop at the exchange: entry")
        receiver.until(lambda: len(receiver.accepted) == 2, "two messages")
        assert receiver.titles == ["NIJA LIVE KRAKEN: the day", "NIJA LIVE KRAKEN: position without its stop"]
        assert receiver.accepted[1][1].startswith("BTC-USD: no full stop")


def test_alarms_are_kept_also_where_nobody_is_told(tmp_path: Path) -> None:
    with alarmed(tmp_path) as room:
        room.log.error(Event.FAILED, reason="no answer", remedy="wait")
        room.log.info(Event.DAY, day="2026-01-05", trades=3)
    assert [(one.broker, one.text) for one in last_alarms(tmp_path / "data")] == [("KRAKEN", "failed: no answer; wait")]
    assert not lines_of(room.text(), Event.NOTIFIED)
    assert not lines_of(room.text(), Event.NOTIFY)


def test_what_is_queued_at_the_end_still_goes_and_ends_are_told(tmp_path: Path) -> None:
    with Receiver() as receiver:
        with alarmed(tmp_path, receiver.url) as room:
            room.log.error(Event.FAILED, reason="no answer")
            room.log.info(Event.RECOVERED, reason="a cycle went well")
        assert receiver.titles == ["NIJA LIVE KRAKEN: failed", "NIJA LIVE KRAKEN: works again"]
        assert lines_of(room.text(), Event.NOTIFIED)


@pytest.mark.parametrize("status", [0, 500, 403])
def test_a_service_that_does_not_take_them_is_one_line(tmp_path: Path, status: int) -> None:
    with Receiver(status) as receiver, alarmed(tmp_path, receiver.url) as room:
        for number in range(30):
            room.log.error(Event.UNKNOWN, client_id=f"nj{number}", symbol="BTC-USD")
        receiver.until(lambda: any(" WARN " in line for line in lines_of(room.text(), Event.NOTIFY)), "the warning")
    text = room.text()
    assert room.ended[1] - room.ended[0] < 5
    assert "t0ken" not in text
    assert len(lines_of(text, Event.NOTIFY)) < 15


def test_a_service_that_hangs_keeps_no_other_waiting(tmp_path: Path) -> None:
    with Receiver(0) as hanging, Receiver() as well, alarmed(tmp_path, hanging.url, DEAD, well.url) as room:
        for number in range(3):
            room.log.error(Event.UNKNOWN, client_id=f"nj{number}")
        well.until(lambda: len(well.accepted) == 3, "all three")


def test_a_service_that_comes_back_gets_what_it_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver(500) as receiver, services([receiver.url], Redactor()) as found:
        sender = MessageSender(found[0], Notes(), tries=(0.0, 0.05, 0.05, 60.0))
        sender.take(ALARM)
        receiver.until(lambda: receiver.asked >= 2, "two tries")
        receiver.status = 200
        receiver.until(lambda: bool(receiver.accepted), "the message")
        sender.hurry()


def test_the_queue_of_a_service_has_an_end(tmp_path: Path) -> None:
    log = Notes()
    with Receiver(0) as receiver, services([receiver.url], Redactor()) as found:
        sender = MessageSender(found[0], log)
        for _ in range(MESSAGES + 20):
            sender.take(ALARM)
        sender.hurry()
        assert sender.lost >= 18
        assert 1 <= len(log.lines) < 10


def test_what_a_notifier_throws_is_its_own_trouble() -> None:
    class Bad:
        def notify(self, **_: object) -> bool:
            raise RuntimeError("no\nline t0ken-of-the-owner")

    log = Notes()
    with services([], Redactor()):
        redact = Redactor(["t0ken-of-the-owner"])
        from bot.telemetry.messenger import Overheard

        sender = MessageSender(Service("json://x", Bad(), Overheard(), redact), log, tries=(0.0,))
        sender.take(ALARM)
        until = time.monotonic() + 10
        while not sender.idle and time.monotonic() < until:
            time.sleep(0.01)
    assert sender.lost == 1
    reasons = [str(fields["reason"]) for fields in log.said(Event.NOTIFY)]
    assert all("t0ken" not in reason and "\n" not in reason for reason in reasons)
    assert "RuntimeError" in reasons[0]


def test_trading_is_never_kept_waiting(tmp_path: Path) -> None:
    """A thousand and more events at once, while the service hangs: threads that log go on."""
    with Receiver(0) as receiver, alarmed(tmp_path, receiver.url) as room:
        done = threading.Event()

        def trade() -> None:
            for number in range(3_000):
                room.log.error(Event.UNKNOWN, client_id=f"nj{number}")
            done.set()

        threading.Thread(target=trade, daemon=True).start()
        assert done.wait(30)


def test_nothing_is_imported_without_addresses() -> None:
    code = "import sys; import bot.commands.cli, bot.runtime.daemon; sys.exit('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_library_s_log_is_given_back() -> None:
    library = logging.getLogger("apprise")
    before = (library.handlers[:], library.propagate, library.level)
    with services([DEAD], Redactor()):
        assert not library.propagate
    assert (library.handlers, library.propagate, library.level) == before


# --- addresses


@pytest.mark.parametrize("bad", ["nonsense://s3cret-token-1", "json://", "tgram://s3cret-token-1/"])
def test_a_malformed_address_names_the_variable_and_no_secret(tmp_path: Path, bad: str) -> None:
    with pytest.raises(ConfigError) as caught, services([DEAD, bad], Redactor()):
        pass
    (line,) = caught.value.lines
    assert line.startswith("NOTIFY_URLS")
    assert "s3cret" not in line


@pytest.mark.parametrize("bad", ["just-a-word-s3cret", "//s3cret", "json://a b s3cret"])
def test_what_looks_like_no_address_is_refused_with_the_settings(tmp_path: Path, bad: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, bad)
    assert "NOTIFY_URLS" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_comma_inside_an_address_stays(tmp_path: Path) -> None:
    found = settings(tmp_path, "mailto://a:b@example.org?to=x@y.de,z@y.de, json://host/x").operation.notify_urls
    assert [url.get_secret_value() for url in found] == [
        "mailto://a:b@example.org?to=x@y.de,z@y.de",
        "json://host/x",
    ]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("json://user:pass@hooks.example.org:8080/s3cret?x=y", "json://hooks.example.org"),
        ("tgram://123456789:abcdefghijklmnopqrstuvwxyz-1234567/1231", "tgram:// (Telegram)"),
        ("ntfys://my-topic", "ntfys:// (ntfy)"),
        ("ntfys://ntfy.sh/my-topic", "ntfys://ntfy.sh"),
        ("json://[::1]:80/x", "json://[::1]"),
        ("json://localhost/x", "json://localhost"),
    ],
)
def test_scheme_and_host_are_all_that_is_shown(address: str, name: str) -> None:
    service = {"tgram": "Telegram", "ntfys": "ntfy"}.get(address.partition("://")[0], "JSON")
    assert shown_name(address, service) == name


def test_tokens_are_what_must_be_hidden() -> None:
    found = tokens("json://user:pa55@hooks.example.org/services/T0123456/abcdefgh?k=v1234567890")
    assert found == {"pa55", "/services/T0123456/abcdefgh", "T0123456", "v1234567890"}


# --- nija notify-test


def nija_notify_test(folder: Path, urls: str) -> tuple[int, list[str], str]:
    (folder / ".env").touch()
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "NIJA_HOME": str(folder), "NOTIFY_URLS": urls}
    ended = subprocess.run(
        [sys.executable, "-m", "bot", "notify-test"],
        cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return ended.returncode, ended.stdout.splitlines(), ended.stderr


def test_notify_test_says_which_took_it(tmp_path: Path) -> None:
    with Receiver() as receiver:
        status, lines, _ = nija_notify_test(tmp_path, f"{receiver.url} {DEAD}")
        assert (status, receiver.titles) == (1, ["NIJA: test"])
        assert lines[0] == "json://127.0.0.1: sent"
        assert lines[1].startswith("json://127.0.0.1: NOT sent: ")
        assert nija_notify_test(tmp_path, receiver.url)[0] == 0


@pytest.mark.parametrize("urls", ["", "nonsense://s3cret-token-1", "s3cret"])
def test_notify_test_without_addresses_that_can_work_is_2(tmp_path: Path, urls: str) -> None:
    status, lines, error = nija_notify_test(tmp_path, urls)
    assert (status, lines) == (2, [])
    assert error.startswith("nija: NOTIFY_URLS")
    assert error.count("\n") == 1
    assert "s3cret" not in error


def test_the_waits_between_tries_fit_a_short_outage() -> None:
    waits: Sequence[float] = notify.TRIES
    assert waits[0] == 0
    assert 120 < sum(waits) < 600
