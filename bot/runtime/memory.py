"""Makes the C library return freed memory to the system, so that a process that runs for months does not grow.

The C library keeps freed blocks for reuse, and raises the size up to which it does so. Answers, candles and rows of many sizes
then fragment the heaps, of which each thread has one, and these grow by some megabytes a day. glibc can be configured otherwise
before threads start (mallopt(3)); other libraries (musl, macOS) are left alone.
"""

from __future__ import annotations

import ctypes

#: Bytes from which a block is mapped separately, and how many may stay free at the end of a heap. These are glibc's defaults:
#: setting them keeps glibc from raising them.
LARGE = 128 * 1024
#: Heaps shared by all threads. Threads wait for the GIL far more than for a heap.
HEAPS = 2
#: The parameters' numbers in glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8


def keep_small() -> bool:
    """Configure the C library for this process; returns whether it supports that. Call it before other threads start: a heap that
    exists stays."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    advice = ((_ARENA_MAX, HEAPS), (_TRIM_THRESHOLD, LARGE), (_MMAP_THRESHOLD, LARGE))
    taken = [mallopt(parameter, value) == 1 for parameter, value in advice]
    return all(taken)
