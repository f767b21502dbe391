"""A command reaches the account that is traded, even before the account is known; and it can be cancelled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.commands.orders import WAITS
from bot.domain.events import Verb
from bot.domain.log import Event
from bot.runtime.in_force import by_command
from bot.store.holdings import open_positions
from bot.store.pending_commands import post, unassigned, waiting
from bot.store.reader import Books
from tests.daemon_fixture import Daemon
from tests.sandbox_fixture import Sandbox


def test_an_order_waits_for_the_live_account_and_never_goes_to_play_money(tmp_path: Path) -> None:
    """Play money was traded first; the live exchange (a sandbox at speed 1) does not answer when the command is given."""
    folder = tmp_path / "nija"
    with Sandbox(tmp_path, "--speed", "1", venues=("okx",)) as sandbox:
        with Daemon(
            folder, SANDBOX_READY_FILE=str(sandbox.ready_file), PAIRS_ALLOW="ETH-USDT", MAX_OPEN_POSITIONS="0"
        ) as play:
            play.says(Event.FUNDED)
            play.stop()
            entries = len(play.lines(Event.ENTRY))
        sandbox.control("POST", "faults", venue="okx", kind="refuse")
        okx = sandbox.ready["okx"]
        with Daemon(
            folder,
            OKX_API_KEY=okx["api_key"],
            OKX_API_SECRET=okx["api_secret"],
            OKX_PASSPHRASE=okx["passphrase"],
            OKX_API_URL=okx["rest"],
            CANDLE_EXCLUSION_SECONDS="0",
            CYCLE_SECONDS="3",
            PAIRS_ALLOW="ETH-USDT",
        ) as real:
            real.says(Event.FAILED)
            paused = real.order("pause", "okx")
            assert paused.returncode == WAITS
            assert "for YOUR MONEY, not executed yet: the account has failed" in paused.stdout
            assert "OKX pause given at" in real.command("orders")
            sandbox.control("DELETE", "faults")
            real.says(Event.COMMAND)
            begun = real.book("okx").get("cycles", 0)
            real.until(lambda: real.book("okx").get("cycles", 0) >= begun + 2, "cycles")
            assert len(real.lines(Event.ENTRY)) == entries, real.log
            assert real.book("okx")["status"] == "halted"
            assert "none of your commands is pending" in real.command("orders")
            assert "resumed" in real.command("resume")
            real.says(Event.ENTRY, times=entries + 1)
            assert real.stop()[0] == 0


def test_a_flatten_that_waits_is_void_after_a_resume(tmp_path: Path) -> None:
    with Sandbox(tmp_path, "--speed", "60") as sandbox:
        with Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file)) as daemon:
            daemon.says(Event.ENTRY)
            daemon.command("pause")
            daemon.stop()
            flat = daemon.order("flatten", "--yes")
            assert flat.returncode == WAITS
            assert "`nija orders kraken --cancel` cancels it" in flat.stdout
            daemon.order("resume")
            assert "flatten" not in daemon.command("orders")
        with daemon:
            daemon.says(Event.COMMAND, times=2)
            assert "verb=resume" in daemon.lines(Event.COMMAND)[-1]
            begun = daemon.book()["cycles"]
            daemon.until(lambda: daemon.book()["cycles"] > begun, "a cycle")
            assert [one for one in daemon.book()["orders"] if one["purpose"] == "flatten"] == []
            assert daemon.stop()[0] == 0


def test_a_flatten_at_work_ends_when_it_is_called_back(tmp_path: Path) -> None:
    with (
        Sandbox(tmp_path, "--speed", "60") as sandbox,
        Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file)) as daemon,
    ):
        daemon.says(Event.ENTRY)
        sandbox.control("POST", "faults", venue="kraken", kind="http_status", status=502, path="OpenOrders")
        Books(daemon.data).post(Verb.FLATTEN)
        daemon.says(Event.COMMAND)
        assert "cancelled" in daemon.command("orders", "--cancel")
        daemon.says(Event.COMMAND, times=2)
        assert "cancelled" in daemon.lines(Event.COMMAND)[-1]
        sandbox.control("DELETE", "faults")
        begun = daemon.book()["cycles_ok"]
        daemon.until(lambda: daemon.book()["cycles_ok"] > begun, "a cycle")
        assert daemon.book()["status"] == "halted"
        assert [one for one in daemon.book()["orders"] if one["purpose"] == "flatten"] == []
        assert daemon.stop()[0] == 0


@pytest.mark.timeout(240)
def test_one_position_is_sold_and_its_market_denied(tmp_path: Path) -> None:
    """Immediate if NIJA runs, otherwise at its next start; a denial until a restart ends then."""
    with Sandbox(tmp_path, "--speed", "60") as sandbox:
        with Daemon(
            tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file), PAIRS_ALLOW="BTC-USD,ETH-USD"
        ) as daemon:
            daemon.until(lambda: len(daemon.book().get("positions", [])) == 2, "two positions")
            first = daemon.book()["positions"][0]["symbol"]
            assert "denied until NIJA restarts" in daemon.command("deny", first)
            assert f"{first} sold: " in daemon.command("sell", first)
            settings = json.loads(daemon.command("settings", "--json"))
            assert {"name": "kraken denied", "value": f"{first} until NIJA restarts", "source": "command"} in settings
            assert {"name": "PAIRS_ALLOW", "value": "BTC-USD,ETH-USD", "source": "environment"} in settings
            begun = daemon.book()["cycles_ok"]
            daemon.until(lambda: daemon.book()["cycles_ok"] > begun + 2, "cycles")
            assert first not in {one["symbol"] for one in daemon.book()["positions"]}
            Books(daemon.data).post(Verb.PAUSE)
            daemon.says(Event.COMMAND, times=4)
            assert daemon.stop()[0] == 0
        books = Books(daemon.data)
        (seen,) = books.accounts()
        left = books.read(seen, open_positions) or []
        for one in left:
            post(seen.where, Verb.SELL, unassigned("sandbox", seen.account.key), one.symbol, one.entry_id)
        with daemon:
            daemon.until(lambda: daemon.book()["positions"] == [], "the sale of what was left")
            daemon.agrees(sandbox.ready)
            assert [one.value for one in by_command(books, running=True)] == ["true"], "paused, and nothing denied"
            assert waiting(books) == []
            sales = [
                one for one in daemon.book()["orders"] if one["purpose"] == "flatten" and one["status"] == "filled"
            ]
            assert [one["symbol"] for one in sales] == [first, *(one.symbol for one in left)]
            assert daemon.stop()[0] == 0
