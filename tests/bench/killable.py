"""The daemon with fault injection in its own process: while the file `$NIJA_DATA_DIR/kill-<venue>` exists, an unexpected
exception is raised in that broker's thread from time to time, wherever it happens to be.

    .venv/bin/python -m tests.bench.killable
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from pathlib import Path

from bot.runtime.daemon import run
from bot.runtime.stopping import Stopping
from bot.settings.load import load_settings

#: Real seconds between two attempts on a thread.
EVERY = 2.0


class Killed(BaseException):
    """Nothing catches this: it is not an `Exception`."""


class Died(Exception):
    """Stands for a bug in our own code."""


def assassin(data_dir: Path) -> None:
    """Raises `Died` and `Killed` in turn in the thread of the broker that the file names."""
    kind: type[BaseException] = Died
    while True:
        time.sleep(EVERY)
        for thread in threading.enumerate():
            if thread.ident is not None and (data_dir / f"kill-{thread.name}").exists():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(kind))
                kind = Killed if kind is Died else Died


def main() -> int:
    settings = load_settings()
    threading.Thread(target=assassin, args=(settings.operation.data_dir,), daemon=True).start()
    return run(settings, Stopping().asked)


if __name__ == "__main__":
    sys.exit(main())
