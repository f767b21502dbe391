"""Gives memory that was freed back to the system, so that a process which lives for months stays as large as its content.

The C library keeps freed blocks for later. Answers, candles and rows of many sizes leave holes between what stays, and a heap
with holes grows by some megabytes a day though nothing more is in it. glibc's `malloc_trim` gives whole free pages back, also
those in the middle; libraries without it (musl, macOS) do so by themselves or not at all, and are left alone.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Real seconds between two times. It takes about a millisecond, in which no other thread is held up but by its own `malloc`.
EVERY = 60.0


@contextmanager
def given_back(stop: threading.Event, every: float = EVERY) -> Iterator[None]:
    """Give freed memory back again and again, in a thread of its own, for the length of a block or until `stop` is set."""
    trim = trimmer()
    if trim is not None:
        threading.Thread(target=_run, args=(trim, stop, every), name="memory", daemon=True).start()
    yield


def trimmer() -> Callable[[int], int] | None:
    """`malloc_trim` of this process's C library (its argument: bytes to keep at the top); None where there is none."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    found: Callable[[int], int] = trim
    return found


def _run(trim: Callable[[int], int], stop: threading.Event, every: float) -> None:
    while not stop.wait(every):
        trim(0)
