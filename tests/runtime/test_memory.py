"""What a process frees goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

MIB = 1024 * 1024

#: Blocks of half a megabyte, each with a small one after it that stays; in a process that has freed a larger block before, after
#: which glibc by itself keeps such blocks in its heap. Prints what the process holds with the blocks and after they are freed.
BLOCKS = """
import ctypes, sys
from pathlib import Path
from bot.runtime.memory import keep_small

if sys.argv[1] == "advice" and not keep_small():
    print("not glibc")
    sys.exit()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
resident = lambda: int(Path("/proc/self/statm").read_text().split()[1]) * 4096
libc.free(libc.malloc(8_000_000))
blocks = []
for _ in range(100):
    block = libc.malloc(500_000)
    ctypes.memset(block, 1, 500_000)
    blocks.append(block)
    libc.malloc(2_000)
full = resident()
for block in blocks:
    libc.free(block)
print(full, resident())
"""


def freed(advice: str) -> int:
    """Bytes that left the process when it freed its fifty megabytes; skips where the C library takes no advice."""
    out = subprocess.run(
        [sys.executable, "-c", BLOCKS, advice], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    if "not glibc" in out:
        pytest.skip("this C library takes no advice")
    full, left = map(int, out.split())
    return full - left


def test_what_is_freed_between_blocks_that_stay_goes_back_to_the_system() -> None:
    assert freed("advice") > 45 * MIB
    assert freed("untold") < 5 * MIB, "the advice would not be needed"
