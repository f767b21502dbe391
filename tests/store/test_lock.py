"""One process per account of this host."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bot.store.database import StoreError
from bot.store.lock import AccountLock, AccountLocked
from tests.store.cases import KRAKEN

HOLD = """
import sys
from pathlib import Path
from bot.store.lock import AccountLock
from tests.store.cases import KRAKEN
lock = AccountLock(Path(sys.argv[1]), KRAKEN)
print("held", flush=True)
sys.stdin.read()
"""


def test_the_lock_names_its_holder_and_dies_with_it(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(AccountLocked, match=f"process {child.pid}") as raised:
        AccountLock(tmp_path, KRAKEN)
    assert raised.value.pid == child.pid
    child.kill()
    child.communicate()
    lock = AccountLock(tmp_path, KRAKEN)
    assert lock.file.read_text() == str(os.getpid())
    lock.release()


def test_a_released_account_may_be_taken_again(tmp_path: Path) -> None:
    lock = AccountLock(tmp_path, KRAKEN)
    lock.release()
    lock.release()
    AccountLock(tmp_path, KRAKEN).release()


def test_other_accounts_are_other_locks(tmp_path: Path) -> None:
    locks = [AccountLock(tmp_path, account) for account in (KRAKEN, replace(KRAKEN, mode="sandbox"))]
    assert KRAKEN.identity not in locks[0].file.name
    for lock in locks:
        lock.release()


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be locked"):
        AccountLock(tmp_path / "file", KRAKEN)
