"""The log: lines to read and to parse, no secret in any of them, and a file that never stops a trader."""

from __future__ import annotations

import base64
import errno
import io
import json
import logging
import os
import subprocess
import sys
import threading
import time
import urllib.parse
import warnings
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.log import Event, Log
from bot.settings.load import ConfigError
from bot.settings.variables import OperationSettings
from bot.telemetry.log import EventLog, Logs
from bot.telemetry.log_file import Console, FollowedFile
from bot.telemetry.log_queue import Queued, Sink, drain
from bot.telemetry.redact import HIDDEN, Redactor
from tests.log_lines import lines_of, read_log
from tests.store.small_disk import fill, relieve, tmpfs

ROOT = Path(__file__).resolve().parents[2]
SECRET = "Kx9/abcdefghij+klmnopqrstuvwxyz0123456789=="
PEM = (
    "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIKbO5ZlqGkjG8Y2oQabcdef\nAoGCCqGSM49AwEHoUQDQgAE1234567\n"
    "-----END EC PRIVATE KEY-----\n"
)


class Side(Enum):
    BUY = 1


class Opened:
    """A log in a folder of its own."""

    def __init__(self, folder: Path, **changes: str) -> None:
        self.path = folder / "nija.log"
        operation = OperationSettings.model_validate({"log_file": self.path, **changes})
        self.console = io.StringIO()
        self.logs = Logs(operation, Redactor([SECRET, PEM]), self.console)
        self.kraken = self.logs.event_log("kraken")

    def text(self) -> str:
        written()
        return self.path.read_text(encoding="utf-8")

    def lines(self) -> list[str]:
        return self.text().splitlines()

    def objects(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.lines()]


def written() -> None:
    """Wait until the queues of the open log are empty."""
    until = time.monotonic() + 10
    queues = [one for one in logging.getLogger().handlers if isinstance(one, Queued)]
    while not all(one.settled() for one in queues):
        assert time.monotonic() < until
        time.sleep(0.001)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(tmp_path, log_level="DEBUG")
    yield opened
    opened.logs.close()


@pytest.fixture
def opened_json(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(tmp_path, log_level="DEBUG", log_format="json")
    yield opened
    opened.logs.close()


# --- lines for people


def test_a_line_is_an_event_with_its_keys(opened: Opened) -> None:
    opened.kraken.info(Event.CONNECTED, account="ab12", balance_usd=Decimal(3000))
    (line,) = opened.lines()
    stamp, rest = line[:20], line[20:]
    assert time.strptime(stamp, "%Y-%m-%d %H:%M:%SZ")
    assert rest == " INFO  KRAKEN CONNECTED  account=ab12 balance=$3,000.00"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("qty", Decimal("1E-8"), "qty=0.00000001"),
        ("qty", Decimal(100), "qty=100"),
        ("pnl_usd", Decimal("-1234.567"), "pnl=-$1,234.57"),
        ("fee_usd", Decimal("0.00123"), "fee=$0.00123"),
        ("fee_usd", Decimal(0), "fee=$0.00"),
        ("adx", 21.123456789, "adx=21.1235"),
        ("ready", True, "ready=true"),
        ("missing", None, "missing=-"),
        ("side", Side.BUY, "side=BUY"),
        ("pairs", ("BTC-USD", "ETH-USD"), "pairs=BTC-USD,ETH-USD"),
        ("why", "volume below 30 %", 'why="volume below 30 %"'),
        ("why", 'said "no"', 'why="said \\"no\\""'),
        ("why", "", 'why=""'),
    ],
)
def test_values_read_well(opened: Opened, key: str, value: object, expected: str) -> None:
    opened.kraken.info(Event.SKIP, **{key: value})
    assert opened.lines()[0].endswith(f"KRAKEN SKIP  {expected}")


def test_the_daemon_itself_has_no_broker(opened: Opened) -> None:
    opened.logs.event_log().warning(Event.MODE, mode="sandbox")
    assert opened.lines()[0].endswith("WARN  MODE  mode=sandbox")


def test_what_is_below_the_level_is_not_written(tmp_path: Path) -> None:
    opened = Opened(tmp_path, log_level="WARNING")
    opened.kraken.info(Event.CONNECTED)
    opened.kraken.error(Event.HALTED)
    opened.logs.close()
    assert [line.split()[-1] for line in opened.lines()] == ["HALTED"]


def test_the_engine_can_hold_it_by_its_protocol(opened: Opened) -> None:
    log: Log = opened.kraken
    log.debug(Event.HUNT)
    assert "KRAKEN HUNT" in opened.text()


def test_console_and_file_say_the_same(opened: Opened) -> None:
    opened.kraken.info(Event.FUNDED)
    opened.logs.close()
    assert opened.console.getvalue() == opened.text() != ""


@pytest.mark.parametrize("fields", [{}, {"reason": "said  CRASHED  twice"}])
def test_each_event_is_read_back_from_its_line_and_nothing_else_is(opened: Opened, fields: dict[str, object]) -> None:
    accounts = ("kraken", "kraken:savings", None)
    for event in Event:
        for account in accounts:
            opened.logs.event_log(account).warning(event, **fields)
    logging.getLogger("urllib3.connectionpool").warning("STOP")
    logging.getLogger("urllib3.connectionpool").warning("a STOP  that is none")
    opened.kraken.failure(Event.CRASHED, ValueError("no\n2026-01-01 00:00:00Z ERROR KRAKEN STUCK"))
    lines = read_log(opened.text())
    assert [(line.event, line.level) for line in lines[:-1]] == [(event, "WARN") for event in Event for _ in accounts]
    assert [line.broker for line in lines[:3]] == ["KRAKEN", "KRAKEN:SAVINGS", None]
    assert (lines[-1].event, lines[-1].level) == (Event.CRASHED, "ERROR")
    assert len(lines_of(opened.text(), Event.STUCK)) == len(accounts)


# --- lines for machines


def test_json_has_the_same_keys_and_money_as_text(opened_json: Opened) -> None:
    opened_json.kraken.info(Event.ENTRY, qty=Decimal("1E-8"), cost_usd=Decimal("12.50"), slots=3, why=None, level="x")
    (line,) = opened_json.objects()
    stamp = line.pop("time")
    assert isinstance(stamp, str)
    assert stamp.endswith("Z")
    expected = {"level": "INFO", "broker": "KRAKEN", "event": "ENTRY", "qty": "0.00000001"}
    assert line == expected | {"cost_usd": "12.50", "slots": 3, "why": None}


def test_a_line_for_people_is_fields_in_json(opened_json: Opened) -> None:
    opened_json.kraken.info(
        Event.STATUS, text="a board", broker="KRAKEN", balance_usd=Decimal("3.50"), skipped={"costs": 3}
    )
    opened_json.kraken.info(Event.STATUS, text="nothing but text")
    fields, text = opened_json.objects()
    assert (fields["balance_usd"], fields["skipped"]) == ("3.50", {"costs": 3})
    assert "text" not in fields
    assert text["text"] == "nothing but text"


def test_a_line_for_people_is_its_text_alone(opened: Opened) -> None:
    opened.kraken.info(Event.STATUS, text="KRAKEN  healthy", broker="KRAKEN", balance_usd=Decimal("3.50"))
    assert opened.lines()[0].endswith("STATUS  KRAKEN  healthy")


@pytest.mark.parametrize("name", ["price", "entry", "stop", "trigger"])
def test_prices_have_as_many_digits_as_prices_have(opened: Opened, name: str) -> None:
    opened.kraken.info(Event.EXIT, **{name: Decimal("122.1631999977909678812866139")})
    assert f"{name}=122.1632" in opened.lines()[0]


def test_json_stays_json_whatever_is_hidden_in_it(opened_json: Opened) -> None:
    opened_json.kraken.info(Event.SKIP, token="abc def", sign=5, note=f'{{"passphrase": "{SECRET}"}}', pem=PEM)
    (line,) = opened_json.objects()
    assert (line["token"], line["pem"]) == (HIDDEN, HIDDEN)
    assert SECRET not in opened_json.text()


# --- nothing from outside can forge a line

FORGED = "ok\n2026-01-01 00:00:00Z INFO  KRAKEN FILLED\r\x1b[2J\u2028\x00\x85"


def test_a_value_cannot_forge_a_line(opened: Opened) -> None:
    opened.kraken.warning(Event.REJECTED, why=FORGED)
    logging.getLogger("urllib3").warning("%s", FORGED)
    for line in opened.text().rstrip("\n").split("\n"):
        assert line.count("INFO  KRAKEN FILLED") <= 1
        assert not line.startswith("2026-01-01")
    assert len(opened.lines()) == 2
    assert "\x1b" not in opened.text()


def test_a_traceback_cannot_forge_a_line(opened: Opened) -> None:
    opened.kraken.failure(Event.FAILED, ValueError(FORGED))
    head, *rest = opened.text().rstrip("\n").split("\n")
    assert head.endswith("ERROR KRAKEN FAILED")
    assert rest
    assert all(line.startswith("    | ") for line in rest)


@given(st.text())
def test_one_event_is_one_line(text: str) -> None:
    record = logging.LogRecord("nija", logging.INFO, "", 0, "%s", (text,), None)
    from bot.telemetry.log import JsonFormatter, TextFormatter

    for formatter in (TextFormatter(Redactor()), JsonFormatter(Redactor())):
        assert len(formatter.format(record).splitlines()) == 1


def test_a_long_value_is_cut_and_no_half_secret_is_left(opened: Opened) -> None:
    opened.kraken.warning(Event.REJECTED, body="x" * 1990 + SECRET + "y" * 1_000_000)
    (line,) = opened.lines()
    assert len(line) < 2_200
    assert SECRET[:6] not in line


def test_a_message_that_does_not_fit_its_arguments_is_not_lost(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    logging.getLogger("okx").error("%d apples", "no")
    opened.logs.close()
    assert "%d apples" in opened.text()


# --- secrets


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        urllib.parse.quote(SECRET, safe=""),
        urllib.parse.quote_plus(SECRET),
        urllib.parse.urlencode({"k": SECRET}),
        base64.b64encode(SECRET.encode()).decode(),
        json.dumps({"k": SECRET}),
        json.dumps(SECRET).replace("/", "\\/"),
        repr(SECRET.encode()),
        PEM,
        PEM.replace("\n", "\\n"),
        repr(PEM),
        json.dumps(PEM),
        PEM.splitlines()[1],
        PEM.splitlines()[2] + "\\n",
    ],
)
def test_a_known_secret_is_hidden_in_every_form(form: str) -> None:
    shown = Redactor([SECRET, PEM])(f"before {form} after")
    assert HIDDEN in shown
    assert shown.startswith("before ")
    for part in (SECRET[:12], SECRET[8:30], PEM.splitlines()[1][4:24], PEM.splitlines()[2][:20]):
        assert part not in shown
        assert base64.b64encode(part.encode()).decode()[2:12] not in shown


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_base64_of_what_contains_a_secret_shows_nothing_of_it(before: bytes, after: bytes) -> None:
    coded = base64.b64encode(before + SECRET.encode() + after).decode()
    shown = Redactor([SECRET])(coded)
    left = shown.split(HIDDEN)
    assert len(left) == 2
    assert len("".join(left)) <= len(coded) - (len(SECRET) * 4 // 3 - 4)


@pytest.mark.parametrize(
    "text",
    [
        "{'API-Sign': 's3cr3t/+==', 'API-Key': 's3cr3t'}",
        "[('API-Key', 's3cr3t'), ('Content-Type', 'json')]",
        "API-Sign: s3cr3t\r\n",
        "OK-ACCESS-SIGN: s3cr3t=",
        "OK-ACCESS-PASSPHRASE: s3cr3t",
        "{'OK-ACCESS-KEY': b's3cr3t'}",
        "Authorization: Bearer s3cr3t.token",
        "authorization=Basic czNjcjN0",
        '{"op":"login","args":[{"apiKey":"s3cr3t","passphrase":"a \\"s3cr3t","sign":"s3cr3t"}]}',
        '{\\"token\\": \\"s3cr3t\\"}',
        "GET /ws?token=s3cr3t&x=1",
        "postgresql://nija:s3cr3t@db/nija",
        "jwt eyJhbGciOiJFUzI1NiIs3cr3t.eyJzdWIiOiJvcmdhb.s3cr3t-sig_nature",
        "password = s3cr3t",
        "-----BEGIN PRIVATE KEY-----\ns3cr3t\n-----END PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----\ns3cr3t cut off",
    ],
)
def test_a_secret_is_known_by_its_shape(text: str) -> None:
    shown = Redactor()(text)
    assert "s3cr3t" not in shown
    assert "czNjcjN0" not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize(
    "text",
    [
        "KRAKEN ENTRY  symbol=BTC-USD qty=0.01 price=65000.5",
        "signal=long design=3 tokens=5 assigned: 3",
        "https://api.kraken.com/0/public/Time",
        "order OABCDE-FGHIJ-KLMNOP filled at 3,000.00",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert Redactor(["abc"])(text) == text


def test_secrets_learned_later_are_hidden_too(opened: Opened) -> None:
    opened.logs.redact.learn("sandbox-control-4711")
    opened.kraken.info(Event.SKIP, seen="sandbox-control-4711")
    assert opened.lines()[0].endswith(f"seen={HIDDEN}")


def test_no_way_into_the_log_shows_a_secret(tmp_path: Path) -> None:
    warnings.simplefilter("default")
    opened = Opened(tmp_path, log_level="DEBUG")
    opened.kraken.debug(Event.SKIP, secret_in_value=f"a{SECRET}b", list=[SECRET])
    logging.getLogger("urllib3.connectionpool").debug("header: %s", {"API-Sign": SECRET})
    logging.getLogger("requests").debug("body %s", PEM)
    logging.getLogger("some.library").error("%s", SECRET, exc_info=ValueError(SECRET))
    opened.kraken.failure(Event.FAILED, chained())
    warnings.warn(f"old {SECRET}", stacklevel=1)
    thread = threading.Thread(target=crash_with_secret)
    thread.start()
    thread.join()
    opened.logs.close()
    for shown in (opened.text(), opened.console.getvalue()):
        assert shown.count(HIDDEN) >= 8
        assert SECRET[:10] not in shown
        assert "MHcCAQEE" not in shown


def chained() -> BaseException:
    error = ValueError(PEM)
    error.__cause__ = KeyError(SECRET)
    return error


def crash_with_secret() -> None:
    raise RuntimeError(SECRET)


def test_a_crash_of_the_program_is_logged_and_not_printed(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from bot.telemetry.log import Logs\nfrom bot.telemetry.redact import Redactor\n"
        "from bot.settings.variables import OperationSettings\n"
        f"Logs(OperationSettings(log_file=Path(sys.argv[1])), Redactor(['{SECRET}']))\n"
        f"raise RuntimeError('{SECRET}')\n"
    )
    path = tmp_path / "nija.log"
    command = [sys.executable, "-c", program, str(path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == "nija crashed (RuntimeError); see the log for details\n"
    assert f"RuntimeError: {HIDDEN}" in path.read_text()


def test_logging_is_given_back_as_it_was_found(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook, threading.excepthook, sys.unraisablehook)
    Opened(tmp_path).logs.close()
    assert (root.handlers[:], root.level, sys.excepthook, threading.excepthook, sys.unraisablehook) == before


# --- the file


def handler(path: Path, max_bytes: int = 1_000, keep: int = 3) -> FollowedFile:
    return FollowedFile(path, max_bytes, keep)


def say(target: Sink, text: str) -> None:
    target.write(f"{text}\n")


def test_a_follower_sees_every_line_across_rotations(tmp_path: Path) -> None:
    path = tmp_path / "nija.log"
    log = handler(path)
    inode = path.stat().st_ino
    for number in range(300):
        say(log, f"{number:09}")
    log.close()
    reopened = handler(path)
    for number in range(300, 550):
        say(reopened, f"{number:09}")
    reopened.close()
    kept = [path.with_name(f"nija.log.{number}") for number in (3, 2, 1)]
    written = "".join(found.read_text() for found in [*kept, path]).split()
    assert written == [f"{number:09}" for number in range(200, 550)]
    assert path.stat().st_ino == inode
    assert {one.name for one in tmp_path.iterdir()} == {path.name, "nija.log.reserve", *(one.name for one in kept)}
    assert all(found.stat().st_mode & 0o077 == 0 for found in [*kept, path])


def test_a_file_that_was_moved_away_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "nija.log"
    log = handler(path)
    say(log, "one")
    path.rename(tmp_path / "moved")
    say(log, "two")
    path.unlink()
    say(log, "three")
    log.close()
    assert (path.read_text(), (tmp_path / "moved").read_text()) == ("three\n", "one\n")


def test_a_full_disk_is_told_once_and_raises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = handler(tmp_path / "nija.log")

    def full(_file: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        say(log, "lost")
        say(log, "lost too")
    say(log, "kept")
    log.close()
    assert capsys.readouterr().err.count("No space left on device") == 1
    assert (tmp_path / "nija.log").read_text() == "kept\n"


def test_what_must_be_said_on_a_full_disk_finds_room(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tmpfs(tmp_path / "small", 2) as small:
        log = handler(small / "nija.log", max_bytes=10_000_000)
        fill(small)
        for number in range(20):
            say(log, f"HALTED {number} " + "x" * 1_000)
        assert (small / "nija.log").read_text().count("HALTED") == 20
        fill(small)
        for _ in range(20):
            say(log, "x" * 1_000)
        assert capsys.readouterr().err.count("No space left on device") == 1
        relieve(small)
        say(log, "room again")
        log.close()
        assert (small / "nija.log").read_text().endswith("room again\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_device_that_is_full_raises_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    log = handler(Path("/dev/full"))
    say(log, "lost")
    say(log, "lost too")
    log.close()
    assert capsys.readouterr().err.count("/dev/full cannot be written") == 1


def test_several_processes_may_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "nija.log"
    one, other = handler(path, 1_000_000), handler(path, 1_000_000)
    for number in range(50):
        say(one, f"one {number}")
        say(other, f"other {number}")
    one.close()
    other.close()
    assert len(path.read_text().splitlines()) == 100


def test_a_log_file_that_cannot_be_opened_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'LOG_FILE is ".*": it must be a writable file'):
        Logs(OperationSettings(log_file=tmp_path), Redactor())


# --- the console


class Stuck(io.StringIO):
    """A terminal that stands still until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()
        self.waiting = threading.Event()

    def write(self, text: str) -> int:
        self.waiting.set()
        self.let_go.wait()
        return super().write(text)


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("nija", logging.INFO, "", 0, text, None, None)


def queued(sink: Sink, lines: int = 10) -> Queued:
    return Queued(sink, lambda missing: record(f"{missing} missing"), lines)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_device_that_takes_no_line_is_no_log() -> None:
    with pytest.raises(ConfigError, match=r'LOG_FILE is "/dev/full": it must be a writable file \(No space left'):
        Logs(OperationSettings(log_file=Path("/dev/full")), Redactor())
    Logs(OperationSettings(log_file=Path("/dev/null")), Redactor()).close()


def test_a_sink_that_stands_still_stops_nobody_and_tells_what_it_missed() -> None:
    terminal = Stuck()
    log = queued(Console(terminal))
    for number in range(100):
        log.handle(record(f"line {number}"))
    terminal.let_go.set()
    until = time.monotonic() + 10
    while not log.settled() and time.monotonic() < until:
        time.sleep(0.001)
    log.handle(record("flows again"))
    log.close()
    *printed, missing, last = terminal.getvalue().splitlines()
    assert printed == [f"line {number}" for number in range(len(printed))]
    assert 10 <= len(printed) <= 11
    assert (missing, last) == (f"{100 - len(printed)} missing", "flows again")


def test_what_is_missing_is_told_where_it_is_missing() -> None:
    terminal = Stuck()
    log = queued(Console(terminal), lines=2)
    while not terminal.waiting.wait(0.01):
        log.handle(record("first"))
    for number in range(5):
        log.handle(record(f"line {number}"))
    terminal.let_go.set()
    log.close()
    assert "missing" in terminal.getvalue().splitlines()[-1]


def test_an_end_waits_for_a_sink_that_stands_still_for_a_moment_only() -> None:
    both = [queued(Console(Stuck())), queued(Console(Stuck()))]
    for log in both:
        log.handle(record("never printed"))
    began = time.monotonic()
    drain(both, 0.2)
    assert 0.1 < time.monotonic() - began < 2


def test_a_text_log_and_a_json_log_tell_of_dropped_lines_in_their_own_form(tmp_path: Path) -> None:
    for log_format in ("text", "json"):
        opened = Opened(tmp_path / log_format, log_format=log_format)
        handler = next(one for one in logging.getLogger().handlers if isinstance(one, Queued))
        written()
        handler._dropped = 7
        opened.kraken.info(Event.CONNECTED)
        opened.logs.close()
        dropped, after = opened.text().splitlines()
        assert "DROPPED" in dropped
        assert "7 lines dropped" in dropped
        assert "CONNECTED" in after
        assert log_format == "text" or json.loads(dropped)["event"] == "DROPPED"


def test_a_terminal_that_is_gone_stops_nobody() -> None:
    terminal = io.StringIO()
    console = Console(terminal)
    terminal.close()
    say(console, "x")
    console.close()


def test_nothing_is_left_in_a_buffer_for_the_end_to_fail_on() -> None:
    """A reader that has left, and signs that the console does not know: the process's status is its own."""
    code = "import sys; from bot.telemetry.log_file import Console; Console(sys.stdout).write('account=\u2026 ok\\n')"
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUNBUFFERED": "", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", code], stdout=writer, env=environment, check=False)
    os.close(writer)
    assert ended.returncode == 0


def test_a_terminal_without_unicode_gets_what_it_can_show() -> None:
    raw = io.BytesIO()
    console = Console(io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    say(console, "account=… ok")
    console.close()
    assert b"account=\\u2026 ok" in raw.getvalue()


def test_event_logs_of_different_brokers_do_not_mix(opened: Opened) -> None:
    logs: list[EventLog] = [opened.logs.event_log(venue) for venue in ("kraken", "okx", "coinbase")]
    for log in logs:
        log.info(Event.CONNECTED)
    assert [line.split()[3] for line in opened.lines()] == ["KRAKEN", "OKX", "COINBASE"]
