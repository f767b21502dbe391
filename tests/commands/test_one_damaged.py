"""One exchange's database is damaged: what is asked about another is answered as if it were not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox_fixture import ROOT
from tests.store.cases import ledger


@pytest.mark.parametrize(("words", "status"), [(["--broker", "kraken"], 0), (["--broker", "okx"], 1), ([], 1)])
def test_a_command_fails_only_for_the_exchange_that_is_damaged(tmp_path: Path, words: list[str], status: int) -> None:
    ledger(tmp_path)
    (tmp_path / "okx.db").write_bytes(b"SQLite format 3\0" + b"\xa5" * 4096)
    ended = subprocess.run(
        [sys.executable, "-m", "bot", "ledger", "--json", *words],
        env={**os.environ, "NIJA_DATA_DIR": str(tmp_path), "NIJA_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == status, ended.stderr
    assert "okx.db" in ended.stderr
