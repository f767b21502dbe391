"""One run of the daemon on its own sandbox, from start to SIGTERM, with everything it leaves behind checked."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.domain.clock import iso, system_ms
from bot.domain.log import Event
from bot.runtime.daemon import trading_plan
from bot.runtime.evidence_terms import evidence_asked
from bot.settings.load import VENUES, load_settings
from tests.daemon_fixture import Daemon, control
from tests.log_lines import lines_of, read_log
from tests.runtime.test_evidence import GOOD, kept

STOP_SECONDS = 8.0
#: The exchanges that have markets in dollars, which alone this daemon trades.
TRADED = ("kraken", "coinbase")


@dataclass(frozen=True)
class Run:
    """What a run left behind. `held` are its lines about remaining positions; `secrets` all keys of its sandbox."""

    status: int
    seconds: float
    log: str
    written: str
    secrets: list[str]
    explained: list[dict[str, Any]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder: Path = tmp_path_factory.mktemp("run")
    with Daemon(folder, SANDBOX_SPEED="600", LOG_LEVEL="DEBUG", REQUIRE_EVIDENCE="true") as daemon:
        daemon.says(Event.EVIDENCE, times=len(TRADED))
        daemon.until(lambda: bool(without_evidence(daemon.log)), "an entry without evidence")
        earned(daemon)
        daemon.says(Event.EVIDENCE, times=2 * len(TRADED))
        for event in (Event.CONNECTED, Event.FUNDED, Event.ENTRY, Event.STOP):
            daemon.says(event)
        ready = json.loads((daemon.data / "sandbox.json").read_text())
        crash(daemon, ready)
        daemon.says(Event.EXIT)
        daemon.says(Event.FUNDED, times=len([name for name in ready if name in VENUES]))
        daemon.command("pause")
        paused_at = iso(system_ms())
        daemon.until(lambda: json.loads(daemon.command("status", "--json"))["as_of"] > paused_at, "a report after that")
        agree(json.loads(daemon.command("status", "--json")), json.loads(daemon.command("ledger", "--json")))
        for venue in json.loads(daemon.command("ledger", "--json"))["brokers"]:
            daemon.agrees(ready, venue)
        status, seconds = daemon.stop()
        explained = json.loads(daemon.command("explain", symbol_of(daemon.lines(Event.ENTRY)[0]), "--json"))
        written = daemon.console.read_text() + (daemon.data / "heartbeat.json").read_text()
        log = daemon.log
    secrets = [
        value
        for part in ready.values()
        if isinstance(part, dict)
        for name, value in part.items()
        if name in ("api_secret", "api_key", "passphrase", "token")
    ]
    return Run(status, seconds, log, written, secrets, explained)


def earned(daemon: Daemon) -> None:
    """Makes a backtest known that earned at any fee, as one that ended just now."""
    settings = load_settings(daemon.folder, daemon.environment)
    terms = evidence_asked(settings, trading_plan(settings)).terms._replace(fee=1.0)
    kept(daemon.data, replace(GOOD, terms=terms, made=system_ms()))


def without_evidence(log: str) -> list[str]:
    return [line for line in lines_of(log, Event.SKIP) if "gate=evidence" in line]


def symbol_of(line: str) -> str:
    return line.partition("symbol=")[2].split()[0]


def agree(status: dict[str, Any], ledger: dict[str, Any]) -> None:
    """The status of a running daemon is current, complete and consistent with its ledger."""
    assert (status["running"], ledger["running"], status["mode"]) == (True, True, "sandbox")
    assert status["accounts"].keys() == ledger["brokers"].keys()
    for name, account in status["accounts"].items():
        assert (account["status"], account["reason"]) == ("halted", "paused by the operator"), name
        assert None not in (account["since"], account["today_usd"], account["week_usd"], account["measured_at"])
        assert Decimal(account["equity_usd"]) >= Decimal(account["cash_usd"]) > 0
        assert account["waiting_orders"] == []


def crash(daemon: Daemon, ready: dict[str, Any]) -> None:
    """Makes the market fall through the stop of a position, so that there is an exit."""
    venue, held = next(
        (name, book["positions"][0]) for name in VENUES if (book := daemon.book(name)) and book["positions"]
    )
    price = (Decimal(held["entry_price"]) * Decimal("0.9")).quantize(Decimal("0.01"))
    control(ready, "price", venue=venue, symbol=held["symbol"], price=str(price))


def test_sigterm_ends_it_cleanly_and_soon(run: Run) -> None:
    assert run.status == 0
    assert run.seconds < STOP_SECONDS


@pytest.mark.parametrize("word", ["SANDBOX", "KRAKEN", "CONNECTED", "FUNDED", "ENTRY", "STOP", "EXIT", "STOPPED"])
def test_words_to_grep_for(run: Run, word: str) -> None:
    assert any(f" {word} " in f"{line} " for line in run.log.splitlines())


def test_no_entry_without_evidence_and_entries_as_soon_as_there_is_some(run: Run) -> None:
    skipped = without_evidence(run.log)
    assert "no backtest of tests.rig:Eager is known" in skipped[0]
    said = [line for line in read_log(run.log) if line.event is Event.EVIDENCE]
    for venue in TRADED:
        none, good = [line for line in said if line.broker == venue.upper()]
        assert (none.level, good.level) == ("INFO", "INFO")
        assert f"--broker {venue} --fee 0.00" in none.text
        assert GOOD.sentence in good.text
    in_order = (said[0].text, skipped[0], said[len(TRADED)].text, lines_of(run.log, Event.ENTRY)[0])
    assert sorted(in_order, key=run.log.index) == list(in_order)


def test_it_can_be_asked_why_it_traded_and_why_not(run: Run) -> None:
    entered = [row for row in run.explained if row["entered"]]
    assert entered
    assert all(condition["held"] for row in entered for condition in row["conditions"])
    gates = {row["gate"] for row in run.explained}
    assert None in gates
    assert gates & {"held", "evidence"}


def test_the_first_line_says_whose_money_it_is(run: Run) -> None:
    events = [line.event for line in read_log(run.log) if line.level != "DEBUG"]
    assert events[0] is Event.SANDBOX


def test_nothing_went_wrong(run: Run) -> None:
    assert [line for line in run.log.splitlines() if " ERROR " in line or "Traceback" in line] == []


def test_no_secret_is_written_anywhere(run: Run) -> None:
    everything = run.log + run.written
    for secret in run.secrets:
        pieces = [line for line in secret.splitlines() if len(line) > 20] or [secret]
        assert not [piece for piece in pieces if piece in everything]
