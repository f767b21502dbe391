"""Freed memory goes back to the system."""

from __future__ import annotations

import ctypes
import threading
import time
from pathlib import Path

import pytest

from bot.operate.memory import glibc, kept_small

MIB = 1024 * 1024


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(glibc() is None, reason="this C library takes no advice")
def test_holes_between_blocks_that_stay_are_given_back() -> None:
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    blocks = [libc.malloc(60_000) for _ in range(1_000)]
    for block in blocks:
        ctypes.memset(block, 1, 60_000)
    for block in blocks[::2]:
        libc.free(block)
    full, stop = resident(), threading.Event()
    until = time.monotonic() + 10
    with kept_small(stop, every=0.01):
        while resident() > full - 15 * MIB:
            assert time.monotonic() < until
            time.sleep(0.01)
    stop.set()
    for block in blocks[1::2]:
        libc.free(block)
