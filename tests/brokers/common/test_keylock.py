"""A key that is released while one of our threads still uses it: that thread must not touch another file later."""

from __future__ import annotations

import os
import threading
from contextlib import closing
from pathlib import Path

from bot.brokers.common.deadline import WaitLimit
from bot.brokers.common.keylock import KeyLock
from bot.domain.clock import system_ms


def test_a_thread_that_still_holds_a_key_which_was_given_back_writes_into_no_other_file(tmp_path: Path) -> None:
    wait_limit = WaitLimit(system_ms)
    lock, inside, go_on = KeyLock(tmp_path, "key"), threading.Event(), threading.Event()

    def use() -> None:
        with lock.held(wait_limit.deadline(5)) as file:
            inside.set()
            assert go_on.wait(5)
            file.next_nonce(system_ms())

    holder = threading.Thread(target=use)
    holder.start()
    assert inside.wait(5)
    lock.close()
    files = [os.open(tmp_path / f"book{number}", os.O_RDWR | os.O_CREAT) for number in range(4)]
    with closing(KeyLock(tmp_path, "key")) as other, other.held(wait_limit.deadline(1)):
        go_on.set()
        holder.join(5)
    assert [os.fstat(file).st_size for file in files] == [0] * 4
    for file in files:
        os.close(file)


def test_a_key_that_was_given_back_leaves_no_file_open(tmp_path: Path) -> None:
    wait_limit, before = WaitLimit(system_ms), len(list(Path("/proc/self/fd").iterdir()))
    lock = KeyLock(tmp_path, "key")
    with lock.held(wait_limit.deadline(1)):
        lock.close()
    lock.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
