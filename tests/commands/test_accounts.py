"""Several accounts of one exchange on the command line and in the checks: each is named and ordered by its key."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.commands.activity import activities
from bot.commands.checks import CheckOptions, examined
from bot.commands.cli import app
from bot.commands.readiness import unattended
from bot.domain.clock import iso, system_ms
from bot.domain.events import Verb
from bot.domain.ids import Account, AccountKey
from bot.domain.status import BrokerStatus, Status
from bot.runtime.unwatched import unwatched
from bot.settings.load import load_settings
from bot.store.pending_commands import waiting
from bot.store.reader import Books
from bot.telemetry.status import to_heartbeat
from tests.settings.test_settings import KRAKEN as KEYS
from tests.settings.test_settings import OKX
from tests.store.cases import KRAKEN, HandClock, bought, ledger

SAVINGS = replace(KRAKEN, identity="k-2", name="savings")
LATER = HandClock(wall=system_ms())
WISH = CheckOptions(as_json=True, sandbox=False)


@pytest.fixture
def nija(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Commands on the data folder of a test whose `.env` has live keys of Kraken."""
    monkeypatch.setenv("NIJA_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TRADING_MODE", "auto")
    monkeypatch.setattr("bot.commands.orders._patience", lambda *_: 0.0)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    return CliRunner()


def runs(folder: Path, *accounts: Account, status: Status = Status.HEALTHY) -> None:
    """A daemon that trades these accounts: this very process."""
    rows = {}
    for account in accounts:
        now = system_ms()
        report = BrokerStatus(
            account.key, status, mode=account.mode, account=str(account), at=now, pid=os.getpid(), last_good_cycle=now
        )
        ledger(folder, account, LATER).report_status(report)
        rows[str(account.key)] = to_heartbeat(report)
    word = {"pid": os.getpid(), "time": iso(system_ms()), "stopped": False, "brokers": rows}
    (folder / "heartbeat.json").write_text(json.dumps(word))


def only_okx(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of the next start have no keys of Kraken."""
    for name in KEYS:
        monkeypatch.setenv(name, "")
    for name, value in OKX.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("word", "to"),
    [("kraken", [KRAKEN]), ("kraken:savings", [SAVINGS]), ("", [KRAKEN, SAVINGS])],
)
def test_an_order_reaches_the_account_that_was_named(
    nija: CliRunner, tmp_path: Path, word: str, to: list[Account]
) -> None:
    runs(tmp_path, KRAKEN, SAVINGS)
    said = nija.invoke(app, ["pause", *([word] if word else [])]).output
    assert [one.to for one in waiting(Books(tmp_path))] == to
    assert [f"{account.key.label} accepted at" in said for account in (KRAKEN, SAVINGS)] == [
        account in to for account in (KRAKEN, SAVINGS)
    ]


def test_a_venue_alone_is_its_only_account(nija: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_okx(monkeypatch)
    runs(tmp_path, SAVINGS)
    nija.invoke(app, ["pause", "kraken"])
    assert [one.to for one in waiting(Books(tmp_path))] == [SAVINGS]
    runs(tmp_path, SAVINGS, replace(SAVINGS, name="other"))
    ended = nija.invoke(app, ["flatten", "kraken", "--yes"])
    assert ended.exit_code == 2
    assert "those of kraken are kraken:other, kraken:savings" in ended.stderr
    assert [one.verb for one in waiting(Books(tmp_path))] == [Verb.PAUSE]


def test_a_word_that_once_meant_one_account_never_reaches_another(
    nija: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`kraken` is traded no more, and what it holds is in its book; only `kraken:savings` is at work."""
    only_okx(monkeypatch)
    bought(ledger(tmp_path, KRAKEN, LATER))
    runs(tmp_path, SAVINGS)
    ended = nija.invoke(app, ["flatten", "kraken", "--yes"])
    assert ended.exit_code == 1
    assert "KRAKEN: 1 position (1 BTC-USD): nobody watches it" in ended.stderr
    assert waiting(Books(tmp_path)) == []


def test_an_account_that_does_not_exist_is_not_ordered_anything(nija: CliRunner, tmp_path: Path) -> None:
    runs(tmp_path, KRAKEN, SAVINGS)
    ended = nija.invoke(app, ["pause", "kraken:saving"])
    assert ended.exit_code == 2
    assert "those of kraken are kraken, kraken:savings" in ended.stderr
    for wrong, complaint in (("krakn", "is not one of kraken, okx, coinbase"), ("kraken:", "is not an account")):
        ended = nija.invoke(app, ["pause", wrong])
        assert ended.exit_code == 2
        assert complaint in " ".join(ended.stderr.replace("│", " ").split())
    assert sorted(file.name for file in tmp_path.glob("*.db")) == ["kraken.db", "kraken@savings.db"]


def test_the_ledger_shows_what_was_asked_for(nija: CliRunner, tmp_path: Path) -> None:
    for account in (KRAKEN, SAVINGS):
        bought(ledger(tmp_path, account))

    def shown(*words: str) -> list[str]:
        return list(json.loads(nija.invoke(app, ["ledger", "--json", *words]).stdout)["brokers"])

    assert shown() == ["kraken", "kraken:savings"]
    assert shown("--broker", "kraken") == ["kraken"]
    assert shown("--broker", "kraken:savings") == ["kraken:savings"]
    rows = nija.invoke(app, ["ledger", "--csv", "--broker", "kraken:savings"]).stdout.splitlines()
    assert [row.split(",")[1:3] for row in rows[1:]] == [["kraken:savings", "live:kraken@savings:main:k-2"]]
    assert "KRAKEN:SAVINGS" in nija.invoke(app, ["ledger"]).stdout


def test_the_checks_tell_of_each(nija: CliRunner, tmp_path: Path) -> None:
    runs(tmp_path, KRAKEN, SAVINGS)
    settings = load_settings()
    assert [(one.broker, one.source) for one in examined(settings, WISH, ("kraken",))] == [
        ("kraken", "daemon"),
        ("kraken:savings", "daemon"),
    ]
    assert [(one.broker, one.trades_now) for one in activities(settings)] == [
        ("kraken", True),
        ("kraken:savings", True),
    ]
    assert nija.invoke(app, ["recover", "kraken:savings", "--forget-account", "--yes"]).exit_code == 1


def test_an_account_that_is_not_traded_is_told_of_beside_one_that_is(nija: CliRunner, tmp_path: Path) -> None:
    bought(ledger(tmp_path, SAVINGS, LATER))
    runs(tmp_path, KRAKEN)
    (check,) = unattended(load_settings())
    assert (check.broker, check.name) == ("kraken:savings", "positions")
    assert "`nija recover kraken:savings --forget-account`" in check.remedy
    assert unwatched(Books(tmp_path), {("live", AccountKey("kraken")), ("live", SAVINGS.key)}) == []
    found = {one.broker: one.status for one in activities(load_settings())}
    assert found == {"kraken": "healthy", "kraken:savings": "unwatched"}
    assert nija.invoke(app, ["recover", "kraken:savings", "--forget-account", "--yes"]).exit_code == 0
    assert ledger(tmp_path, SAVINGS).positions() == []
