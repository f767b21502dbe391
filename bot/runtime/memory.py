"""Keeps a process that lives for months as large as its content: what it frees goes back to the system.

The C library keeps freed blocks for later and learns to keep ever larger ones. Answers, candles and rows of many sizes then
leave holes between what stays, in a heap for each thread, and such heaps grow by some megabytes a day though nothing more is in
them. glibc can be told better before threads begin (mallopt(3)); other libraries (musl, macOS) are left alone.
"""

from __future__ import annotations

import ctypes

#: Bytes from which on a block is the system's own, and how much may stay free at a heap's end. glibc's first values: said once,
#: it does not raise them by itself any more.
LARGE = 128 * 1024
#: Heaps for all threads together. They wait for the GIL far more than for each other's heap.
HEAPS = 2
#: The parameters' numbers in glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8


def keep_small() -> bool:
    """Tell the C library for the rest of this process; returns whether it is one that takes advice. To be said before other
    threads begin: a heap that is there stays."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    advice = ((_ARENA_MAX, HEAPS), (_TRIM_THRESHOLD, LARGE), (_MMAP_THRESHOLD, LARGE))
    taken = [mallopt(parameter, value) == 1 for parameter, value in advice]
    return all(taken)
