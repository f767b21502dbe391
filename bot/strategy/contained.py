"""Runs a strategy's own code, and takes back what it has set for the whole thread or process.

Money is counted with Python's own decimal settings, the log must go on, and signals must end the daemon in order; a strategy, or
a library that it imports, may change all of that. Everything returns to a fixed value rather than to the one before: several
accounts ask at the same time, and what one of them found may be another's change.
"""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import ROUND_HALF_EVEN, Context, DefaultContext, DivisionByZero, InvalidOperation, Overflow, localcontext
from typing import Final

import numpy as np

#: What new threads copy, as Python begins with it.
_DECIMALS: Final = Context(
    28, ROUND_HALF_EVEN, -999_999, 999_999, 1, 0, [], [DivisionByZero, InvalidOperation, Overflow]
)


@contextmanager
def contained() -> Iterator[None]:
    """For code that runs in any thread."""
    try:
        with localcontext(), np.errstate():
            yield
    finally:
        for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp", "traps"):
            if getattr(DefaultContext, name) != (ours := getattr(_DECIMALS, name)):
                setattr(DefaultContext, name, ours)
        if logging.root.manager.disable:
            logging.disable(logging.NOTSET)
        if socket.getdefaulttimeout() is not None:
            socket.setdefaulttimeout(None)


@contextmanager
def contained_import() -> Iterator[None]:
    """For code that is loaded: only the main thread can set signals, and only it puts them back."""
    if threading.current_thread() is not threading.main_thread():
        with contained():
            yield
        return
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    try:
        with contained():
            yield
    finally:
        for number, handler in before.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
