"""The signals that ask the daemon to end: set before anything else is loaded, and deaf once the end has begun.

Imports nothing of ours, so that the very first signal finds somebody who listens.
"""

from __future__ import annotations

import signal
import threading

#: The operator's, the service manager's, the terminal's that closes, and the one that a terminal sends for Ctrl-\\.
ASK_TO_END = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
#: What other programs take for "open your log again" or "tell me more" would end us at once.
MEANT_FOR_OTHERS = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)


class Stopping:
    """Sets `asked` when somebody asks for the end; a signal that whoever started us ignores (`nohup`) stays ignored."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._ours = [number for number in ASK_TO_END if signal.getsignal(number) is not signal.SIG_IGN]
        for number in self._ours:
            signal.signal(number, lambda *_: self.asked.set())
        for number in MEANT_FOR_OTHERS:
            signal.signal(number, signal.SIG_IGN)

    def begun(self) -> None:
        """From here on the process ends by itself: another signal must not change how."""
        for number in self._ours:
            signal.signal(number, signal.SIG_IGN)
