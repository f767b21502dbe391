"""Three exchanges, one daemon: money that arrives and leaves, one broker instead of three, threads that die or hang."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.commands.checks import main, one_venue, parse
from bot.domain.log import Event
from bot.settings.load import VENUES
from tests.daemon_fixture import Daemon
from tests.sandbox_fixture import Sandbox

QUOTES = ("USD", "USDT", "USDC")
PAIRS = "ETH-USD,ETH-USDT,SOL-USD,SOL-USDT,XRP-USD,XRP-USDT"
FEW = {"PAIRS_ALLOW": PAIRS, "MAX_PAIRS": "2"}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path, "--speed", "60", "--pairs", "5", venues=VENUES) as running:
        yield running


def empty(sandbox: Sandbox, venue: str) -> dict[str, str]:
    """Withdraws every free dollar; returns the amount."""
    held = sandbox.ledger(venue)["balances"]
    taken = {asset: held[asset]["free"] for asset in QUOTES if asset in held and Decimal(held[asset]["free"]) > 0}
    for asset, amount in taken.items():
        sandbox.control("POST", "deposit", venue=venue, asset=asset, amount=f"-{amount}")
    return taken


def fund(daemon: Daemon, sandbox: Sandbox, venue: str, dollars: dict[str, str]) -> None:
    """Money arrives: the next cycle sees it, and entries follow."""
    begun = cycles(daemon, venue)
    for asset, amount in dollars.items():
        sandbox.control("POST", "deposit", venue=venue, asset=asset, amount=amount)
    daemon.until(lambda: said(daemon, venue, Event.FUNDED) > 0, f"{venue} funded")
    assert cycles(daemon, venue) - begun <= 2, "the cycle that was under way, and the one that sees it"
    daemon.until(lambda: entries(daemon, venue) > 0, f"an entry at {venue}")


def entries(daemon: Daemon, venue: str) -> int:
    return len([line for line in daemon.lines(Event.ENTRY) if f" {venue.upper()} " in line])


def said(daemon: Daemon, venue: str, event: Event) -> int:
    return len([line for line in daemon.lines(event) if f" {venue.upper()} " in line])


def cycles(daemon: Daemon, venue: str) -> int:
    return int(daemon.book(venue).get("cycles", 0))


def heartbeat(daemon: Daemon, venue: str) -> dict[str, Any]:
    try:
        content = json.loads((daemon.data / "heartbeat.json").read_text())
    except OSError:
        return {}
    one: dict[str, Any] = content["brokers"].get(venue, {})
    return one


def test_money_starts_trading_and_its_leaving_ends_entries_only(sandbox: Sandbox, tmp_path: Path) -> None:
    taken = {venue: empty(sandbox, venue) for venue in VENUES}
    with Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), **FEW) as daemon:
        daemon.says(Event.UNFUNDED, times=3)
        assert {daemon.book(venue)["status"] for venue in VENUES} == {"unfunded"}
        for venue in VENUES:
            fund(daemon, sandbox, venue, taken[venue])
        daemon.until(lambda: all(daemon.book(venue)["positions"] for venue in VENUES), "positions at all three")
        for venue in VENUES:
            empty(sandbox, venue)
        equity = {venue: Decimal(daemon.book(venue)["equity_usd"]) for venue in VENUES}
        assert min(equity.values()) > 0
        seen = {venue: cycles(daemon, venue) for venue in VENUES}
        daemon.until(lambda: all(cycles(daemon, venue) >= seen[venue] + 2 for venue in VENUES), "cycles without money")
        before = {venue: entries(daemon, venue) for venue in VENUES}
        daemon.until(lambda: all(cycles(daemon, venue) >= seen[venue] + 4 for venue in VENUES), "more cycles")
        assert {venue: entries(daemon, venue) for venue in VENUES} == before
        assert not [line for line in daemon.lines(Event.EXIT) if "unfunded" in line]
        for venue in VENUES:
            for position in daemon.book(venue)["positions"]:
                assert position["stops"], "a position keeps its stop when the money leaves"
            daemon.agrees(sandbox.ready, venue)
        assert daemon.lines(Event.CRASHED) == []
        assert daemon.stop()[0] == 0


@pytest.mark.thorough
def test_only_the_first_funded_broker_trades_where_the_owner_wants_one(sandbox: Sandbox, tmp_path: Path) -> None:
    """Coinbase, the first by name, has no money: Kraken trades, the others are watched."""
    empty(sandbox, "coinbase")
    variables = {"SANDBOX_READY_FILE": str(sandbox.ready_file), "MULTI_BROKER_INDEPENDENT": "false", **FEW}
    with Daemon(tmp_path / "nija", **variables) as daemon:
        daemon.until(lambda: entries(daemon, "kraken") > 0, "an entry at kraken")
        seen = {venue: cycles(daemon, venue) for venue in VENUES}
        daemon.until(lambda: all(cycles(daemon, venue) >= seen[venue] + 3 for venue in VENUES), "cycles of all three")
        assert (entries(daemon, "okx"), entries(daemon, "coinbase")) == (0, 0)
        assert daemon.book("okx")["status"] == "halted"
        assert "watched only" in heartbeat(daemon, "okx")["reason"]
        assert sandbox.ledger("okx")["orders"] == sandbox.ledger("coinbase")["orders"] == []
        assert daemon.stop()[0] == 0


@pytest.mark.parametrize("venue", ["kraken", "coinbase"])
def test_money_in_another_currency_is_named_and_left_alone(sandbox: Sandbox, tmp_path: Path, venue: str) -> None:
    for asset, amount in (("EUR", "500"), ("GBP", "70.5")):
        sandbox.control("POST", "deposit", venue=venue, asset=asset, amount=amount)
    with Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), **FEW) as daemon:
        daemon.until(lambda: said(daemon, venue, Event.CURRENCY) > 0, "the line")
        (line,) = [one for one in daemon.lines(Event.CURRENCY) if f" {venue.upper()} " in one]
        assert 'holds="500 EUR, 70.5 GBP"' in line
        assert "trades only" in line
        daemon.stop()
    held = sandbox.ledger(venue)["balances"]
    assert (held["EUR"]["free"], held["GBP"]["free"]) == ("500", "70.5")


@pytest.mark.thorough
def test_a_wrong_key_is_one_brokers_trouble_and_is_told_beside_the_daemon(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """OKX's key may withdraw, so it is refused before its account is known. The others trade; the scripts name the remedy."""
    sandbox.control("POST", "keys", venue="okx", permissions=["view", "trade", "withdraw"], ip_bound=True)
    with Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), **FEW) as daemon:
        daemon.until(lambda: said(daemon, "okx", Event.FAILED) > 0, "the refusal")
        (line,) = [one for one in daemon.lines(Event.FAILED) if " OKX " in one]
        assert "the key may withdraw" in line
        assert "switch off 'Withdraw'" in line
        daemon.until(
            lambda: said(daemon, "kraken", Event.FUNDED) > 0 and said(daemon, "coinbase", Event.FUNDED) > 0,
            "the others",
        )
        daemon.until(lambda: heartbeat(daemon, "okx").get("status") == "failed", "the heartbeat file")
        assert "switch off 'Withdraw'" in heartbeat(daemon, "okx")["remedy"]
        assert daemon.book("okx") == {}

        for name, value in {
            "NIJA_DATA_DIR": str(daemon.data),
            "XDG_STATE_HOME": str(daemon.folder / "state"),
            "SANDBOX_READY_FILE": str(sandbox.ready_file),
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["check", "--sandbox", "--json"])
        assert main(one_venue("okx"), parse("x"), "okx") == 1
        assert "switch off 'Withdraw'" in json.loads(capsys.readouterr().out)["brokers"]["okx"]["remedy"]
        assert main(one_venue("kraken"), parse("x"), "kraken") == 0
        assert json.loads(capsys.readouterr().out)["brokers"]["kraken"]["source"] == "daemon"
        assert daemon.stop()[0] == 0


@pytest.mark.thorough
def test_pause_waits_for_a_broker_that_is_just_starting(sandbox: Sandbox, tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), **FEW)
    with daemon:
        daemon.says(Event.FUNDED, times=3)
        daemon.stop()
    for venue in VENUES:
        sandbox.control("POST", "faults", venue=venue, kind="delay", seconds=1.0, count=5)
    with daemon:
        daemon.until(lambda: (heartbeat(daemon, "kraken").get("reason")) == "connecting", "the start")
        answer = daemon.command("pause")
        assert answer.count("paused") == 3
        assert daemon.stop()[0] == 0
