"""`nija recover --forget-account`: never beside a broker that trades."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.domain.clock import iso, system_ms
from tests.store.cases import bought, ledger


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
        [sys.executable, "-m", "bot", "recover", *words, "--forget-account"],
        env={**os.environ, "NIJA_DATA_DIR": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode == 0) is gives_up, ended.stderr
    assert ("NIJA trades KRAKEN now" in ended.stderr) is not gives_up
    assert len(ledger(tmp_path).positions()) == (0 if gives_up and not words else 1)
