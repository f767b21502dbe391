"""`nija recover --forget-account`: never beside a broker that trades."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.commands.cli import app
from bot.domain.clock import iso, system_ms
from bot.domain.order import OrderStatus, OrderType, Purpose, Side
from tests.store.cases import bought, intent, ledger


def beat(status: str) -> dict[str, object]:
    return {"status": status, "reason": "", "silent_ms": 0, "stuck": False, "cycles": 3}


@pytest.mark.parametrize(
    ("kraken", "words", "gives_up"), [("healthy", [], False), ("failed", [], True), ("healthy", ["okx"], True)]
)
def test_positions_are_given_up_only_where_nobody_trades(
    tmp_path: Path, kraken: str, words: list[str], gives_up: bool
) -> None:
    bought(ledger(tmp_path))
    brokers = {"kraken": beat(kraken), "okx": beat("failed")}
    (tmp_path / "heartbeat.json").write_text(
        json.dumps({"pid": os.getpid(), "time": iso(system_ms()), "stopped": False, "brokers": brokers})
    )
    ended = subprocess.run(
        [sys.executable, "-m", "bot", "recover", *words, "--forget-account", "--yes"],
        env={**os.environ, "NIJA_DATA_DIR": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode == 0) is gives_up, ended.stderr
    assert ("NIJA is trading KRAKEN:" in ended.stderr) is not gives_up
    assert len(ledger(tmp_path).positions()) == (0 if gives_up and not words else 1)


def test_a_backup_that_is_not_there_is_no_success(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["recover", "--backup"], env={"NIJA_DATA_DIR": str(tmp_path)})
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert f"there is no backup in {tmp_path / 'backups'}: nothing was changed" in ended.stderr


def test_who_gives_positions_up_is_told_which_stops_rest(tmp_path: Path) -> None:
    book = ledger(tmp_path)
    bought(book)
    sent = replace(intent(7, purpose=Purpose.STOP, side=Side.SELL), type=OrderType.STOP, trigger_price=Decimal("93.5"))
    book.record(sent)
    book.mark(sent.client_id, OrderStatus.SUBMITTED)
    book.mark(sent.client_id, OrderStatus.OPEN, exchange_id="X-7")
    words = ["recover", "--forget-account"]
    environ = {"NIJA_DATA_DIR": str(tmp_path)}
    ended = CliRunner().invoke(app, [*words, "--yes"], env=environ)
    (held, given_up) = ended.stdout.splitlines()
    assert "its stop rests at the exchange" in held
    assert "at 93.5) and may still sell" in held
    assert "BTC-USD given up" in given_up
    assert "nothing to forget" in CliRunner().invoke(app, words, env=environ).stdout
