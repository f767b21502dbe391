"""Keeps a process that lives for months as large as its content: memory that was freed goes back to the system.

The C library keeps freed blocks for later. Answers, candles and rows of many sizes leave holes between what stays, and a heap
with holes grows by some megabytes a day though nothing more is in it. With glibc, all threads share one heap, large blocks are
the system's own from the start (mallopt(3)), and whole free pages are given back once a minute (malloc_trim(3)). Other
libraries (musl, macOS) are left alone.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Real seconds between two times that free pages are given back, which takes about a millisecond.
EVERY = 60.0
#: Bytes from which on a block is the system's own. Said once, the library does not raise it by itself any more.
LARGE = 128 * 1024
#: The parameters' numbers in glibc's malloc.h.
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8


@contextmanager
def kept_small(stop: threading.Event, every: float = EVERY) -> Iterator[None]:
    """For the length of a block, or until `stop` is set. Best entered before other threads begin: each may have a heap by then."""
    library = glibc()
    if library is not None:
        library.mallopt(_ARENA_MAX, 1)
        library.mallopt(_MMAP_THRESHOLD, LARGE)
        threading.Thread(target=_give_back, args=(library, stop, every), name="memory", daemon=True).start()
    yield


def glibc() -> ctypes.CDLL | None:
    """This process's C library, if it is one whose memory can be told what to do."""
    try:
        library = ctypes.CDLL(None)
        library.malloc_trim.argtypes = [ctypes.c_size_t]
        library.mallopt.argtypes = [ctypes.c_int, ctypes.c_int]
    except (OSError, AttributeError):
        return None
    return library


def _give_back(library: ctypes.CDLL, stop: threading.Event, every: float) -> None:
    while not stop.wait(every):
        library.malloc_trim(0)
