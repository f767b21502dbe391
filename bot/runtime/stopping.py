"""The signals that ask the daemon to end: handled before anything else is loaded, and ignored once the end has begun.

Imports nothing of ours, so that even a very early signal is handled.
"""

from __future__ import annotations

import signal
import threading

#: From the service manager, from Ctrl-C, from a terminal that closes, and from Ctrl-\\.
ASK_TO_END = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
#: Other programs use these for such things as reopening their log; by default they would end us at once.
MEANT_FOR_OTHERS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)


class Stopping:
    """Sets `asked` when a signal asks for the end; a signal that our parent process ignores (`nohup`) stays ignored."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._ours = [number for number in ASK_TO_END if signal.getsignal(number) is not signal.SIG_IGN]
        for number in self._ours:
            signal.signal(number, lambda *_: self.asked.set())
        for number in MEANT_FOR_OTHERS:
            signal.signal(number, signal.SIG_IGN)

    def begun(self) -> None:
        """The process is ending on its own from here: another signal must not change how."""
        for number in self._ours:
            signal.signal(number, signal.SIG_IGN)
