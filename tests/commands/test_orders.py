"""The operator's orders on the command line: to whom they go, that a flatten is meant, and which still wait."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from bot.commands.activity import activities
from bot.commands.activity import main as who_trades
from bot.commands.checks import CheckOptions
from bot.commands.cli import app
from bot.commands.orders import FAILED, STARTING, WAITS, _patience
from bot.commands.readiness import unattended
from bot.domain.clock import iso, system_ms
from bot.domain.events import Command, Lasts, Verb
from bot.domain.ids import Account, AccountKey
from bot.domain.status import CONNECTING
from bot.engine.denials import Denials
from bot.runtime.hostlock import holding_folder
from bot.runtime.in_force import keep
from bot.runtime.unwatched import unwatched
from bot.settings.load import load_settings
from bot.settings.shown import Setting
from bot.store.backup import back_up
from bot.store.pending_commands import BY_RESUME, STOPPED, post, unassigned, waiting
from bot.store.reader import Books
from bot.store.recovery import put_backups_back, set_aside_damaged
from tests.sandbox_fixture import ROOT
from tests.settings.test_settings import KRAKEN as KEYS
from tests.settings.test_settings import OKX
from tests.store.cases import KRAKEN, HandClock, bought, ledger

PLAY = Account("sandbox", "kraken", "main", "s-1")
LATER = HandClock(wall=system_ms())


@pytest.fixture
def nija(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Commands on the data folder of a test whose `.env` has live keys of Kraken."""
    monkeypatch.setenv("NIJA_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TRADING_MODE", "auto")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    return CliRunner()


def write_heartbeat(folder: Path, **kraken: object) -> None:
    """A daemon that runs: this very process."""
    beat = {"status": "degraded", "reason": "", "silent_ms": 0, "stuck": False, "cycles": 0, **kraken}
    word = {"pid": os.getpid(), "time": iso(system_ms()), "stopped": False, "brokers": {"kraken": beat}}
    (folder / "heartbeat.json").write_text(json.dumps(word))


def verbs(folder: Path) -> list[tuple[str, str]]:
    return [(str(one.to), one.verb) for one in waiting(Books(folder))]


def test_with_live_keys_no_order_goes_to_play_money(nija: CliRunner, tmp_path: Path) -> None:
    ledger(tmp_path, PLAY, LATER)
    ended = nija.invoke(app, ["pause"])
    assert ended.exit_code == WAITS
    assert "KRAKEN accepted at" in ended.stdout
    assert "for YOUR MONEY, not executed yet: NIJA is not running" in ended.stdout
    assert verbs(tmp_path) == [("live:kraken::", "pause")]
    assert ledger(tmp_path, PLAY).commands() == []
    assert [one.verb for one in ledger(tmp_path).commands()] == [Verb.PAUSE]


def test_the_running_daemon_says_whose_money_it_is(
    nija: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`.env` was changed since it started: what runs counts."""
    monkeypatch.setattr("bot.commands.orders._patience", lambda *_: 0.0)
    ledger(tmp_path, PLAY, LATER)
    write_heartbeat(tmp_path, mode="sandbox", account=str(PLAY))
    nija.invoke(app, ["pause"])
    write_heartbeat(tmp_path, mode="demo", account="")
    nija.invoke(app, ["pause"])
    assert verbs(tmp_path) == [(str(PLAY), "pause"), ("demo:kraken::", "pause")]


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("MAX_PAIRS=all", 'MAX_PAIRS is "all": it must be'),
        ("DRY_RUN=true", "DRY_RUN (in .env) is not"),
        ('MAX_PAIRS="3', ".env line 1 cannot be understood"),
        ("MIN_POSITION_PCT=20", 'MIN_POSITION_PCT is "20": it must be at most'),
    ],
)
def test_a_mistake_in_env_keeps_no_command_from_the_nija_that_runs(
    nija: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: str, said: str
) -> None:
    """Its owner may be in the middle of an edit when everything has to be sold."""
    monkeypatch.setattr("bot.commands.orders._patience", lambda *_: 0.0)
    monkeypatch.setenv("NIJA_HOME", str(tmp_path))
    monkeypatch.delenv(mistake.partition("=")[0], raising=False)  # it is empty in the environment of tests
    (tmp_path / ".env").write_text(f"{mistake}\n")
    ledger(tmp_path)
    for command in (["flatten", "--yes"], ["status"], ["settings"]):
        assert nija.invoke(app, command).exit_code == 2
    write_heartbeat(tmp_path, mode="live", account=str(KRAKEN))
    for command, status in ((["flatten", "--yes"], WAITS), (["status"], 0), (["settings"], 2)):
        ended = nija.invoke(app, command)
        assert ended.exit_code == status, ended.output
        assert ended.stderr.startswith(f"nija: {said}")
        assert ("NIJA is running with its earlier settings" in ended.stderr) is (status != 2)
    assert verbs(tmp_path) == [(str(KRAKEN), "flatten")]


def test_a_folder_that_cannot_be_known_gets_no_command(nija: CliRunner, tmp_path: Path) -> None:
    write_heartbeat(tmp_path, mode="live", account=str(KRAKEN))
    assert nija.invoke(app, ["status"], env={"DATABASE_URL": "mysql://u:p@h/n"}).exit_code == 2


def test_a_pending_command_is_executed_once_by_the_account_that_opens_next(tmp_path: Path) -> None:
    where = Books(tmp_path).where(KRAKEN.key)
    number = post(where, Verb.FLATTEN, unassigned("live", KRAKEN.key)).number
    first, demo = ledger(tmp_path), ledger(tmp_path, Account("demo", "kraken", "main", "d-1"))
    assert first.commands() == [Command(Verb.FLATTEN, number)]
    assert demo.commands() == []
    demo.answer(number, "not mine")
    first.answer(number, "flat")
    assert first.commands() == []
    assert ledger(tmp_path, Account("live", "kraken", "main", "k-2")).commands() == []
    assert [seen.account for seen in Books(tmp_path).accounts(every=True)].count(unassigned("live", KRAKEN.key)) == 0


def test_a_later_resume_calls_back_what_waits(nija: CliRunner, tmp_path: Path) -> None:
    book = ledger(tmp_path)
    Books(tmp_path).post(Verb.PAUSE)
    nija.invoke(app, ["flatten", "--yes"])
    said = nija.invoke(app, ["resume", "kraken"]).stdout
    assert re.search(r"^KRAKEN flatten given at \S+: cancelled$", said, re.MULTILINE)
    assert [one.verb for one in book.commands()] == [Verb.RESUME]


def test_what_waits_is_shown_and_called_back(nija: CliRunner, tmp_path: Path) -> None:
    assert nija.invoke(app, ["orders"]).stdout == "none of your commands is pending\n"
    nija.invoke(app, ["flatten", "--yes"])
    (row,) = json.loads(nija.invoke(app, ["orders", "--json"]).stdout)["waiting"]
    assert (row["broker"], row["mode"], row["verb"], row["called_back"]) == ("kraken", "live", "flatten", False)
    assert nija.invoke(app, ["orders", "okx", "--cancel"]).stdout == "none of your commands is pending\n"
    ended = nija.invoke(app, ["orders", "kraken", "--cancel"])
    assert ended.exit_code == 0
    assert "KRAKEN flatten given at" in ended.stdout
    assert ledger(tmp_path).commands() == []


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("cancelled by the operator", WAITS),
        (BY_RESUME, WAITS),
        (STOPPED, WAITS),
        ("flat: NIJA has no positions and no open orders", 0),
    ],
)
@pytest.mark.parametrize("command", [["flatten", "--yes"], ["pause"]])
def test_a_command_that_is_cancelled_is_not_done(
    nija: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], answer: str, status: int
) -> None:
    book = ledger(tmp_path)
    write_heartbeat(tmp_path, mode="live", account=str(KRAKEN))

    def wait(_: float) -> None:
        for one in book.commands():
            book.answer(one.number, answer)

    monkeypatch.setattr("bot.commands.orders.time.sleep", wait)
    ended = nija.invoke(app, command)
    assert (ended.exit_code, ended.stdout) == (status, f"KRAKEN {answer}\n")


def test_a_flatten_without_a_terminal_needs_a_yes(nija: CliRunner, tmp_path: Path) -> None:
    ended = nija.invoke(app, ["flatten"])
    assert ended.exit_code == 2
    assert len(ended.stderr.splitlines()) == 1
    assert "--yes" in ended.stderr
    assert verbs(tmp_path) == []


@pytest.mark.parametrize(
    ("answer", "status", "ordered"),
    [(b"n\n", 1, []), (b"\n", 1, []), (b"y\n", WAITS, [("live:kraken::", "flatten")])],
)
def test_a_flatten_asks_at_a_terminal(
    tmp_path: Path, answer: bytes, status: int, ordered: list[tuple[str, str]]
) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, **KEYS, "TRADING_MODE": "auto", "NIJA_DATA_DIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "flatten"],
        cwd=ROOT,
        env=environment,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.write(ours, answer)
    out, _ = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert b"KRAKEN (YOUR MONEY)" in out
    assert b"(NIJA is not running: at the next start, whenever that is)?" in out
    assert process.returncode == status
    assert verbs(tmp_path) == ordered


# -- after a restore


def test_a_book_from_a_backup_starts_paused_and_obeys_nothing_old(tmp_path: Path) -> None:
    bought(ledger(tmp_path))
    Books(tmp_path).post(Verb.FLATTEN)
    back_up(tmp_path / "kraken.db", tmp_path / "backups", system_ms(), keep=3)
    (line,) = put_backups_back(tmp_path, tmp_path / "backups")
    assert "makes no entries until `nija resume`" in line
    book = ledger(tmp_path)
    assert book.get_state("paused") == "yes"
    assert book.commands() == []
    assert len(book.positions()) == 1


@pytest.mark.parametrize("paused", [True, False])
def test_a_damaged_book_that_was_paused_is_paused_again(tmp_path: Path, paused: bool) -> None:
    book = ledger(tmp_path)
    for number in range(300):
        book.set_state(f"old:{number}", "yes" * 20)
    if paused:
        book.set_state("paused", "yes")
    book._db.store.close()
    file = tmp_path / "kraken.db"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) - 4096] + b"\xff" * 4096)
    (line,) = set_aside_damaged(tmp_path)
    assert ("makes no entries" in line) is paused or "cannot be read" in line
    if "makes no entries" in line:
        assert [one.verb for one in ledger(tmp_path).commands()] == [Verb.PAUSE]


# -- positions that nobody watches


def test_an_exchange_without_keys_is_named_with_its_positions(
    nija: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought(ledger(tmp_path, clock=LATER))
    assert "nobody watches" not in nija.invoke(app, ["pause"]).stderr
    for name in KEYS:
        monkeypatch.setenv(name, "")
    for name, value in OKX.items():
        monkeypatch.setenv(name, value)
    ended = nija.invoke(app, ["flatten", "kraken", "--yes"])
    assert ended.exit_code == 1
    assert "KRAKEN: 1 position (" in ended.stderr
    assert "BTC-USD): nobody watches it" in ended.stderr
    assert "restore its keys" in ended.stderr
    forget = ["recover", "kraken", "--forget-account"]
    refused = nija.invoke(app, forget)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    given_up = nija.invoke(app, [*forget, "--yes"]).stdout
    assert "no stop for it is known to rest at the exchange" in given_up
    assert "BTC-USD given up" in given_up
    assert KRAKEN.mode == "live"


def test_the_checks_name_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the stale word of a trader that is no more."""
    book = ledger(tmp_path, clock=LATER)
    bought(book)
    monkeypatch.setenv("NIJA_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TRADING_MODE", "auto")
    for name, value in OKX.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    (row,) = activities(settings)
    assert (row.broker, row.status, row.open_positions, row.trades_now) == ("kraken", "unwatched", 1, False)
    assert "1 position (1 BTC-USD): nobody watches it" in row.reason
    assert " is not traded; stops rest at the exchange: " in row.reason
    book.mark_unprotected("BTC-USD", LATER.wall_ms(), "its stop was cancelled")
    assert " is not traded, and no stop protects it: " in activities(settings)[0].reason
    (check,) = unattended(settings)
    assert (check.broker, check.name, check.verdict) == ("kraken", "positions", "failure")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    assert list(unattended(load_settings())) == []
    assert activities(load_settings())[0].status == "not running"


@pytest.mark.parametrize(
    ("mode", "traded", "named"),
    [
        ("live", {("sandbox", "kraken")}, True),
        ("live", {("demo", "okx"), ("live", "kraken")}, True),
        ("live", {("live", "okx")}, False),
        ("sandbox", {("live", "okx")}, False),
        ("sandbox", {("sandbox", "kraken")}, True),
        ("demo", {("live", "okx")}, False),
    ],
)
def test_real_money_is_named_whatever_is_traded(
    tmp_path: Path, mode: str, traded: set[tuple[str, str]], named: bool
) -> None:
    bought(ledger(tmp_path, Account(mode, "okx", "main", "o-1")))
    assert bool(unwatched(Books(tmp_path), {(one, AccountKey(venue)) for one, venue in traded})) is named


def test_whoever_asks_is_told_that_the_daemons_folder_was_taken_away(
    nija: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv("NIJA_DATA_DIR", str(data))
    options = CheckOptions(as_json=False, sandbox=False)
    with holding_folder(data):
        assert "cannot be reached" not in nija.invoke(app, ["ledger"]).output
        data.rename(tmp_path / "aside")
        assert f"process {os.getpid()}) but cannot be reached" in nija.invoke(app, ["ledger"]).output
        assert who_trades(options) == 1
    printed = capsys.readouterr()
    assert f"process {os.getpid()}) but cannot be reached" in printed.err
    assert "not started here" not in printed.out


def test_only_the_failures_of_what_was_ordered_are_told(
    nija: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.commands.orders.FAILED", 0.0)
    write_heartbeat(tmp_path, status="failed", reason="no route to it")
    word = json.loads((tmp_path / "heartbeat.json").read_text())
    word["brokers"]["okx"] = word["brokers"]["kraken"] | {"reason": "the key is unknown"}
    (tmp_path / "heartbeat.json").write_text(json.dumps(word))
    said = nija.invoke(app, ["pause", "okx"]).output
    assert "the key is unknown" in said
    assert "no route to it" not in said


# -- how long an answer is waited for, and what is said meanwhile


@pytest.mark.parametrize(
    ("report", "seconds"),
    [
        ({"status": "healthy"}, 10.0),
        ({"status": "degraded", "reason": "timed out"}, 10.0),
        ({"status": "degraded", "reason": CONNECTING}, STARTING),
        ({"status": "failed", "reason": "no route to it"}, FAILED),
    ],
)
def test_an_answer_is_waited_for_as_long_as_one_may_come(
    tmp_path: Path, report: dict[str, object], seconds: float
) -> None:
    assert _patience(tmp_path, 10.0, {KRAKEN.key}) == 0.0, "nobody runs"
    write_heartbeat(tmp_path, **report)
    assert _patience(tmp_path, 10.0, {KRAKEN.key}) == seconds


def test_a_nija_whose_disk_took_no_heartbeat_for_a_while_is_waited_for(tmp_path: Path) -> None:
    """Its disk was just mended: the next heartbeat comes within seconds, and so does the answer."""
    write_heartbeat(tmp_path)
    old = json.loads((tmp_path / "heartbeat.json").read_text()) | {"time": iso(system_ms() - 60_000)}
    (tmp_path / "heartbeat.json").write_text(json.dumps(old))
    assert _patience(tmp_path, 10.0, {KRAKEN.key}) == 0.0
    with holding_folder(tmp_path):
        assert _patience(tmp_path, 10.0, {KRAKEN.key}) == 10.0


def test_nobody_waits_in_silence(nija: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.commands.orders.FIRST_WORD", 0.0)
    monkeypatch.setattr("bot.commands.orders._patience", lambda *_: 0.3)
    write_heartbeat(tmp_path, status="degraded", reason="connection refused", mode="live")
    ended = nija.invoke(app, ["flatten", "--yes"])
    first, last = ended.stdout.splitlines()
    assert first == (
        "KRAKEN accepted; the exchange does not respond properly: connection refused; NIJA keeps trying"
        " (Ctrl-C ends the wait, not the command)"
    )
    assert "not executed yet: the exchange does not respond properly: connection refused" in last
    assert ended.exit_code == WAITS


@pytest.mark.parametrize("words", [("pause",), ("deny", "BTC", "--for-good"), ("flatten", "--yes")])
def test_before_the_first_start_a_command_goes_to_what_that_start_trades(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("NIJA_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TRADING_MODE", "sandbox")
    assert CliRunner().invoke(app, words).exit_code == WAITS
    assert sorted(to for to, _ in verbs(tmp_path)) == ["sandbox:coinbase::", "sandbox:kraken::", "sandbox:okx::"]


def test_a_command_to_what_is_not_traded_names_it(nija: CliRunner, tmp_path: Path) -> None:
    bought(ledger(tmp_path, Account("live", "okx", "main", "o-1"), LATER))
    for words in (("pause", "okx"), ("sell", "BTC-USD", "--broker", "okx")):
        ended = nija.invoke(app, words)
        unwatched_line, line = ended.stderr.splitlines()
        assert (ended.exit_code, ended.stdout) == (1, "")
        assert "nobody watches it" in unwatched_line
        assert line == "nija: NIJA is not trading OKX: nothing was done"
    assert verbs(tmp_path) == []


# -- one position, one market


def test_one_position_is_sold_where_it_is_held(nija: CliRunner, tmp_path: Path) -> None:
    entry = bought(ledger(tmp_path, clock=LATER))
    ended = nija.invoke(app, ["sell", "btc/usd"])
    assert ended.exit_code == WAITS
    assert "KRAKEN accepted at" in ended.stdout
    (one,) = waiting(Books(tmp_path))
    assert (str(one.to), one.command) == (
        "live:kraken::",
        Command(Verb.SELL, one.at.number, "BTC-USD", entry),
    )
    assert "KRAKEN sell BTC-USD given at" in nija.invoke(app, ["orders"]).stdout
    assert nija.invoke(app, ["orders", "--cancel"]).stdout.count("cancelled") == 1


def test_what_is_not_held_or_held_twice_is_not_sold(
    nija: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = nija.invoke(app, ["sell", "BTC-USD"]).stderr.splitlines()
    assert line == "nija: no position in BTC-USD is open"
    bought(ledger(tmp_path, clock=LATER))
    ended = nija.invoke(app, ["sell", "ETH-USD"])
    assert (ended.exit_code, ended.stderr) == (1, "nija: no position in ETH-USD is open: there are BTC-USD (KRAKEN)\n")
    for name, value in OKX.items():
        monkeypatch.setenv(name, value)
    bought(ledger(tmp_path, Account("live", "okx", "main", "o-1"), LATER))
    ended = nija.invoke(app, ["sell", "BTC-USD"])
    assert (ended.exit_code, ended.stderr) == (2, "nija: BTC-USD is held at KRAKEN and OKX: name one with --broker\n")
    ended = nija.invoke(app, ["sell", "bitcoin"])
    assert (ended.exit_code, ended.stderr) == (
        2,
        'nija: "bitcoin" is not a symbol: write it as BASE-QUOTE, such as BTC-USD\n',
    )
    assert verbs(tmp_path) == []
    assert nija.invoke(app, ["sell", "BTC-USD", "--broker", "okx"]).exit_code == WAITS
    assert verbs(tmp_path) == [("live:okx::", "sell")]


def test_no_order_to_sell_reaches_play_money_that_is_not_traded(nija: CliRunner, tmp_path: Path) -> None:
    bought(ledger(tmp_path, PLAY, LATER))
    assert nija.invoke(app, ["sell", "BTC-USD"]).exit_code == 1
    assert verbs(tmp_path) == []


def test_a_market_is_denied_for_as_long_as_is_said_and_allowed_again(
    nija: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAIRS_DENY", "SHIB")
    assert nija.invoke(app, ["deny", "doge"]).exit_code == WAITS
    nija.invoke(app, ["deny", "PEPE-USD", "--for-good", "--broker", "kraken"])
    assert "SHIB stays denied by PAIRS_DENY" in nija.invoke(app, ["allow", "shib"]).stderr
    found = [(one.verb, one.command.symbol, one.command.detail) for one in waiting(Books(tmp_path))]
    assert found == [
        (Verb.DENY, "DOGE", Lasts.UNTIL_RESTART),
        (Verb.DENY, "PEPE-USD", Lasts.FOR_GOOD),
        (Verb.ALLOW, "SHIB", ""),
    ]


@pytest.mark.parametrize("running", [True, False])
def test_the_settings_show_what_was_set_by_command(nija: CliRunner, tmp_path: Path, running: bool) -> None:
    book = ledger(tmp_path, clock=LATER)
    book.set_state("paused", "yes")
    denials = Denials(book)
    denials.deny("DOGE", Lasts.UNTIL_RESTART)
    denials.deny("SHIB-USD", Lasts.FOR_GOOD)
    if running:
        write_heartbeat(tmp_path)
        keep(tmp_path, [Setting("MAX_PAIRS", "4", ".env")], cast("Any", None))
    ended = nija.invoke(app, ["settings", "--json"])
    rows = json.loads(ended.stdout)
    shown = [(row["name"], row["value"]) for row in rows if row["source"] == "command"]
    lasting = [("kraken paused", "true"), ("kraken denied", "SHIB-USD for good")]
    assert sorted(shown) == sorted([*lasting, *([("kraken denied", "DOGE until NIJA restarts")] if running else [])])
    pairs = next(row for row in rows if row["name"] == "MAX_PAIRS")
    assert pairs["value"] == ("4" if running else "10")
    assert ('MAX_PAIRS is "10" (default) from the next start: NIJA is running with "4"' in ended.stderr) is running
