"""`nija status` and `nija ledger`: nothing past is shown as present, nothing unknown as zero, play money is marked."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bot import __version__
from bot.commands.cli import app
from bot.domain.clock import SECOND, iso, system_ms
from bot.domain.events import Verb
from bot.domain.ids import Account
from bot.domain.order import OrderStatus, OrderType, Purpose, Side
from bot.domain.status import BrokerStatus, Status
from bot.store.database import address
from bot.store.pending_commands import post
from bot.telemetry.alarm_file import AlarmFile
from bot.telemetry.alarms import Message
from bot.telemetry.status import to_heartbeat
from tests.notes import Notes
from tests.settings.test_settings import KRAKEN as KEYS
from tests.store.cases import KRAKEN, HandClock, bought, ledger, report

PLAY = replace(KRAKEN, mode="sandbox", identity="p-1")
HOUR = 3_600 * SECOND


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose `.env` has live keys of Kraken, on a screen of 80 columns."""
    for name, value in {**KEYS, "NIJA_DATA_DIR": str(tmp_path), "TRADING_MODE": "auto", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def nija(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def as_json(*words: str) -> dict[str, Any]:
    ended = nija(*words, "--json")
    assert ended.exit_code == 0, ended.output
    content: dict[str, Any] = json.loads(ended.stdout)
    return content


def word(folder: Path, *reports: BrokerStatus, at: int, stopped: bool = False) -> None:
    """What a daemon, this very process, last wrote of itself."""
    rows = {str(one.key): to_heartbeat(one) for one in reports}
    content = {"pid": os.getpid(), "started": iso(at - HOUR), "time": iso(at), "stopped": stopped, "brokers": rows}
    (folder / "heartbeat.json").write_text(json.dumps(content))


def traded(folder: Path, account: Account = KRAKEN, *, at: int, measured: bool = True) -> BrokerStatus:
    """An account with a position, its stop, and what its trader last reported."""
    book = ledger(folder, account, HandClock(wall=at))
    bought(book, qty="0.12345678901234")
    book.adopt(report("S1", OrderStatus.OPEN, side=Side.SELL, kind=OrderType.STOP, trigger="90.5"), Purpose.STOP)
    said = BrokerStatus(
        account.key, Status.HEALTHY, mode=account.mode, account=str(account), at=at, pid=os.getpid(), last_good_cycle=at
    )
    if measured:
        said = replace(
            said, balance_usd=Decimal("3666.867257119178"), equity_usd=Decimal(4000), measured_at=at,
            today_usd=Decimal("-1.5"), week_usd=Decimal("12.25"), prices={"BTC-USD": Decimal(110)},
        )  # fmt: skip
    return book.report_status(said)


def test_before_the_first_start() -> None:
    found = as_json("status")
    assert (found["running"], found["mode"], found["accounts"], found["alarms"]) == (False, None, {}, [])
    assert nija("status").stdout == "NIJA has not started here yet: ./start.sh starts it\n"
    assert as_json("ledger")["brokers"] == {}
    assert nija("ledger").stdout == "NIJA has not started here yet: ./start.sh starts it\n"


def test_a_running_daemon_is_shown_with_all_it_knows(folder: Path) -> None:
    now = system_ms()
    said = replace(traded(folder, at=now), evidence="it loses: make another backtest")
    word(folder, said, at=now)
    post(address(folder, "kraken"), Verb.PAUSE, KRAKEN)
    AlarmFile(folder, Notes()).keep(
        [Message("", "", bad=True, broker=broker, at=now, text=f"failed: {broker}") for broker in ("KRAKEN", "OKX", "")]
    )
    found = as_json("status")
    assert (found["running"], found["as_of"], found["mode"]) == (True, iso(now), "live")
    assert found["since"] == iso(now - HOUR)
    account = found["accounts"]["kraken"]
    (position,) = account.pop("positions")
    (waits,) = account.pop("waiting_orders")
    assert account == {
        "mode": "live", "status": "healthy", "reason": "", "remedy": "", "since": iso(now), "equity_usd": "4000",
        "cash_usd": "3666.867257119178", "today_usd": "-1.5", "week_usd": "12.25", "measured_at": iso(now),
        "alarms": [{"at": iso(now), "text": "failed: KRAKEN"}], "evidence": "it loses: make another backtest", "paused": False,
    }  # fmt: skip
    assert position == {
        "symbol": "BTC-USD", "side": "buy", "qty": "0.12345678901234", "entry_price": "100", "price": "110", "stop": "90.5",
        "unrealised_usd": "1.23456789", "opened_at": "1970-01-01T00:00:06.000Z",
    }  # fmt: skip
    assert waits["verb"] == "pause"
    assert found["alarms"] == [{"at": iso(now), "text": "failed: "}]


def test_one_screen_of_80_columns(folder: Path) -> None:
    now = system_ms()
    word(
        folder,
        replace(traded(folder, at=now), status=Status.HALTED, reason="paused by the operator", evidence="it loses: x"),
        at=now,
    )
    AlarmFile(folder, Notes()).keep([Message("", "", bad=True, broker="KRAKEN", at=now, text="halted: it was paused")])
    shown = nija("status").stdout
    assert max(map(len, shown.splitlines())) <= 80
    for expected in (
        "NIJA has been running since ",
        "KRAKEN  halted  since ",
        "why: paused by the operator",
        "  evidence: it loses: x",
        "equity $4,000.00  cash $3,666.87  today -$1.50  week +$12.25",
        "BTC-USD  buy   0.12345678    100  110  90.5  +$1.23",
        "KRAKEN  halted: it was paused",
    ):
        assert expected in shown
    assert "play money" not in shown
    rows = list(csv.DictReader(io.StringIO(nija("status", "--csv").stdout)))
    assert [(row["broker"], row["status"], row["cash_usd"], row["open_positions"], row["unrealised_usd"]) for row in rows] == [
        ("kraken", "halted", "3666.867257119178", "1", "1.23456789"),
    ]  # fmt: skip


@pytest.mark.parametrize("killed", [False, True])
def test_what_does_not_run_is_not_shown_as_running(folder: Path, killed: bool) -> None:
    then = system_ms() - 3 * HOUR
    word(folder, traded(folder, at=then), at=then, stopped=not killed)
    for command in ("status", "ledger"):
        found = as_json(command)
        assert (found["running"], found["as_of"]) == (False, iso(then))
        assert nija(command).stdout.startswith(f"Not running since {iso(then)[:10]} {iso(then)[11:19]}Z (3 h ago).")
    assert as_json("status")["accounts"]["kraken"]["status"] == "healthy", "the last verdict stays"
    assert "KRAKEN  was healthy" in nija("status").stdout
    assert "KRAKEN  not traded now (was healthy)" in nija("ledger").stdout


def test_without_a_heartbeat_the_books_say_since_when(folder: Path) -> None:
    then = system_ms() - 3 * HOUR
    traded(folder, at=then)
    assert (as_json("ledger")["running"], as_json("ledger")["as_of"]) == (False, iso(then))


def test_what_nobody_knows_is_not_called_nothing(folder: Path) -> None:
    now = system_ms()
    word(folder, replace(traded(folder, at=now, measured=False), status=Status.FAILED, reason="no answer"), at=now)
    account = as_json("status")["accounts"]["kraken"]
    assert [account[name] for name in ("equity_usd", "cash_usd", "today_usd", "week_usd", "measured_at")] == [None] * 5
    assert [(one["price"], one["unrealised_usd"]) for one in account["positions"]] == [(None, None)]
    assert "$0" not in nija("status").stdout
    assert "unknown" in nija("status").stdout


def test_the_daemon_has_the_last_word_on_what_it_trades(folder: Path) -> None:
    """The book says healthy; its trader has died since."""
    now = system_ms()
    word(folder, replace(traded(folder, at=now), status=Status.FAILED, reason="crashed"), at=now)
    assert as_json("ledger")["brokers"]["kraken"]["status"] == "failed"
    assert as_json("status")["accounts"]["kraken"]["status"] == "failed"


def test_a_position_without_a_stop_is_said_to_have_none(folder: Path) -> None:
    bought(ledger(folder))
    (position,) = as_json("status")["accounts"]["kraken"]["positions"]
    assert position["stop"] is None
    assert "NONE" in nija("status").stdout


def test_play_money_is_marked_and_never_taken_for_what_is_traded_live(folder: Path) -> None:
    now = system_ms()
    traded(folder, PLAY, at=now)
    unheard = BrokerStatus(KRAKEN.key, Status.FAILED, mode="live", reason="connection refused")
    word(folder, unheard, at=now)
    account = as_json("status")["accounts"]["kraken"]
    assert (account["mode"], account["status"], account["equity_usd"], account["positions"]) == (
        "live",
        "failed",
        None,
        [],
    )
    shown = nija("ledger").stdout
    assert "KRAKEN  sandbox: play money  not traded now (was healthy)" in shown
    assert "those of the sandbox's market" in shown.replace("\n", " ")
    assert as_json("ledger")["brokers"]["kraken"]["mode"] == "sandbox"


def test_positions_that_nobody_watches_stay_in_sight(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traded(folder, at=system_ms())
    for name in KEYS:
        monkeypatch.setenv(name, "")
    account = as_json("status")["accounts"]["kraken"]
    assert (account["status"], account["since"]) == ("unwatched", None)
    assert "nobody watches it" in account["reason"]


def test_prices_have_as_many_digits_as_prices_have(folder: Path) -> None:
    book = ledger(folder)
    bought(book, qty="3")
    (position,) = book.positions()
    assert position.entry_price == 100
    with book._db.writing() as tx:
        tx.connection.exec_driver_sql("UPDATE positions SET cost = '391.001'")
        tx.connection.exec_driver_sql("UPDATE orders SET avg_price = '130.214000000015621029207599', booked_qty = '0'")
    content = as_json("ledger")["brokers"]["kraken"]
    assert content["positions"][0]["entry_price"] == "130.333666667"
    assert content["orders"][0]["avg_price"] == "130.214"
    assert as_json("status")["accounts"]["kraken"]["positions"][0]["entry_price"] == "130.333666667"
    shown = nija("ledger").stdout
    assert "130.33367 " in shown
    assert "130.333666" not in shown


# -- the command line -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("command", ["status", "ledger"])
@pytest.mark.parametrize(("name", "status"), [("KRAKEN", 0), ("Kraken", 0), ("KRAKEN:SAVINGS", 2), ("bitmex", 2)])
def test_brokers_are_named_in_any_case(folder: Path, command: str, name: str, status: int) -> None:
    traded(folder, at=system_ms())
    assert nija(command, "--broker", name).exit_code == status


def test_an_account_with_a_name_in_any_case(folder: Path) -> None:
    traded(folder, replace(KRAKEN, name="savings"), at=system_ms())
    assert list(as_json("status", "--broker", "KRAKEN:Savings")["accounts"]) == ["kraken:savings"]


@pytest.mark.parametrize("command", ["status", "ledger"])
def test_two_forms_at_once_are_refused_with_one_line(command: str) -> None:
    ended = nija(command, "--json", "--csv")
    assert (ended.exit_code, ended.stdout, ended.stderr) == (
        2,
        "",
        "nija: --json and --csv are different formats: choose one\n",
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("profit", "--by", "hour"), "Invalid value for '--by': 'hour' is not one of 'day', 'week'"),
        (("status", "extra"), "Got unexpected extra argument(s) (extra). See `nija status --help`."),
        (("sell",), "Missing argument 'SYMBOL'. See `nija sell --help`."),
        (("trade",), "No such command 'trade'. Did you mean 'trades'? See `nija --help`."),
        (("stop",), "There is no command 'stop': Ctrl-C stops NIJA, or systemctl stop nija where it is a service."),
        (("data",), "Missing command. See `nija data --help`."),
        (("--frobnicate",), "No such option: --frobnicate. See `nija --help`."),
    ],
)
def test_a_wrong_command_line_is_one_line(words: tuple[str, ...], line: str) -> None:
    ended = CliRunner().invoke(app, words, prog_name="nija")
    assert (ended.exit_code, ended.stdout) == (2, "")
    (said,) = ended.stderr.splitlines()
    assert said.startswith(f"nija: {line}")
    assert "Value error" not in said


def test_a_pause_is_shown_whatever_else_is_wrong(folder: Path) -> None:
    failed = replace(traded(folder, at=system_ms()), status=Status.DEGRADED, reason="no route to it")
    ledger(folder).set_state("paused", "yes")
    word(folder, failed, at=system_ms())
    assert as_json("status")["accounts"]["kraken"]["paused"] is True
    assert "  why: no route to it\n  paused: no new entries until `nija resume`\n" in nija("status").stdout


def test_help_is_a_word_as_well() -> None:
    for words, plain in ((("help",), ("--help",)), (("help", "sell"), ("sell", "--help"))):
        ended = CliRunner().invoke(app, words, prog_name="nija")
        assert (ended.exit_code, ended.stdout) == (0, CliRunner().invoke(app, plain, prog_name="nija").stdout)


def test_accounts_are_in_the_order_of_their_exchanges_whether_nija_runs_or_not(folder: Path) -> None:
    for venue in ("okx", "coinbase", "kraken"):
        traded(folder, replace(KRAKEN, venue=venue), at=system_ms())
    wanted = ["kraken", "okx", "coinbase"]
    assert list(as_json("status")["accounts"])[: len(wanted)] == wanted
    assert list(as_json("ledger")["brokers"]) == wanted


def test_the_version() -> None:
    assert nija("--version").output == nija("version").output == f"nija {__version__}\n"


def test_help_is_not_cut_and_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = CliRunner().invoke(app, ["--help"], prog_name="nija").stdout
    assert shown.startswith("Usage: nija ")
    assert "…" not in shown
    assert "..." not in shown.replace("[ARGS]...", "")
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 80
