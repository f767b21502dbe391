"""Halts of the daemon survive `kill -9`, until the next UTC day or `nija resume`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.log import Event
from tests.daemon_fixture import Daemon
from tests.sandbox_fixture import Sandbox

CANDLE = 300


def advance(sandbox: Sandbox, candles: int) -> None:
    for _ in range(candles):
        sandbox.control("POST", "advance", seconds=CANDLE)


def crash(sandbox: Sandbox) -> None:
    """Makes every market fall through all stops."""
    for symbol in ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD"):
        last = sandbox.ledger()["fills"]
        prices = [float(row["price"]) for row in last if row["symbol"] == symbol]
        if prices:
            sandbox.control("POST", "price", venue="kraken", symbol=symbol, price=f"{prices[-1] * 0.9:.4f}")


@pytest.mark.thorough
def test_a_days_loss_and_a_drawdown(tmp_path: Path) -> None:
    with Sandbox(tmp_path, "--lockstep", "--start", "2026-01-05T08:00:00Z") as sandbox:
        daemon = Daemon(
            tmp_path / "nija",
            SANDBOX_READY_FILE=str(sandbox.ready_file),
            CANDLE_EXCLUSION_SECONDS="0",
            MAX_DAILY_LOSS_PCT="0.5",
            MAX_DRAWDOWN_PCT="90",
            MAX_LOSSES_IN_A_ROW="100",
        )
        with daemon:
            daemon.says(Event.FUNDED)
            advance(sandbox, 2)
            daemon.says(Event.ENTRY)
            crash(sandbox)
            advance(sandbox, 2)
            daemon.says(Event.HALTED)
            entries = len(daemon.lines(Event.ENTRY))
            advance(sandbox, 2)
            daemon.kill()
        with daemon:
            daemon.says(Event.FUNDED, times=2)
            advance(sandbox, 3)
            assert len(daemon.lines(Event.ENTRY)) == entries
            assert len(daemon.lines(Event.HALTED)) == 1
            assert daemon.book()["status"] == "halted"
            daemon.command("resume")
            advance(sandbox, 2)
            assert len(daemon.lines(Event.ENTRY)) == entries
            sandbox.control("POST", "advance", seconds=16 * 3600)
            advance(sandbox, 3)
            daemon.says(Event.RESUMED)
            daemon.until(lambda: len(daemon.lines(Event.ENTRY)) > entries, "an entry on the next day")
            assert daemon.stop()[0] == 0
