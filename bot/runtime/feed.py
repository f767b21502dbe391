"""The thread that fetches one account's candles, so that the thread watching the stops never waits for them.

It only fetches and posts. The actor supervises it: a thread that ends or hangs is abandoned, cut off from the exchange, and
replaced after a growing wait.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from threading import Event as Signal
from threading import Thread
from typing import Final

from bot.brokers.base import CandleReader
from bot.domain.backoff import Backoff
from bot.domain.clock import MINUTE, SECOND, Clock, Pause
from bot.domain.events import AccountEvent, CandleClosed, Fed
from bot.domain.ids import AccountKey
from bot.domain.log import Event
from bot.marketdata.polled import CandleRequest, Polled
from bot.runtime.actor_run import Liveness
from bot.telemetry.log import EventLog

#: The name of this thread among those of its account.
FEED: Final = "feed"
#: The longest time that it sleeps (real ms) before it gives a sign of life.
_IDLE = 5 * SECOND
#: Real seconds without a sign of life after which it is replaced. No answer of an exchange takes that long.
_STUCK_AFTER = 90.0
#: The waits before it is replaced.
_RESTARTS: Final = Backoff(SECOND, 2, MINUTE)
#: Real seconds to wait for this thread when the account's run ends.
_LAST_WAIT = 1.0


class Feed:
    """Keeps one such thread running until it is closed or `over` is set. Used by the actor's thread."""

    def __init__(
        self,
        reader: Callable[[], CandleReader],
        account: AccountKey,
        clock: Clock,
        request: CandleRequest,
        inbox: SimpleQueue[AccountEvent],
        over: Signal,
        log: EventLog,
    ) -> None:
        self._reader = reader
        self._account = account
        self._clock = clock
        self._request = request
        self._inbox = inbox
        self._over = over
        self._log = log
        self._wake = Signal()
        self._wanted: tuple[str, ...] = ()
        self._died_at = ""
        self._wait = 0
        self._pause = Pause(clock)
        self._worker = clock.pacer.worker(account, FEED, self._wake.set)
        self._begin()

    def want(self, symbols: Sequence[str]) -> None:
        wanted = tuple(dict.fromkeys(symbols))
        if wanted != self._wanted:
            self._wanted = self._polled.wanted = wanted
            self._worker.busy()
            self._wake.set()

    def heard(self, fed: Fed) -> None:
        self._wait = 0
        if fed.wanted == self._wanted:
            self._worker.done(fed.up_to)

    def tend(self) -> None:
        """Replace a thread that has ended or hangs."""
        if not self._gone.is_set() and self._liveness.seconds() > _STUCK_AFTER:
            self._log.error(Event.CRASHED, reason="the thread that fetches candles hangs: it is replaced")
            self._gone.set()
        if self._thread.is_alive() and not self._gone.is_set():
            return
        if self._wait == 0 or self._pause.is_over():
            self._wait = _RESTARTS.after(self._wait)
            self._pause.begin(self._wait)
            self._died_at = self._polled.asks
            self._begin()

    def close(self) -> None:
        """Ask the thread to end, and wait for it briefly."""
        self._worker.leave()
        self._gone.set()
        self._wake.set()
        self._thread.join(_LAST_WAIT)

    def _begin(self) -> None:
        reader, self._gone = self._reader(), Signal()
        self._polled = Polled(reader, self._clock, self._request, partial(self._post, self._gone), self._died_at)
        self._polled.wanted = self._wanted
        self._liveness = Liveness(self._polled, self._clock)
        work = (self._polled, reader, self._gone)
        self._thread = Thread(target=self._run, args=work, name=f"{self._account}-{FEED}", daemon=True)
        self._thread.start()

    def _post(self, gone: Signal, event: CandleClosed | Fed) -> None:
        """Post to the inbox, unless this thread was abandoned: what it says then is out of date."""
        if not gone.is_set():
            self._inbox.put(event)

    def _run(self, polled: Polled, reader: CandleReader, gone: Signal) -> None:
        try:
            while not (gone.is_set() or self._over.is_set()):
                if wait := polled.turn():
                    self._wake.wait(self._clock.pacer.wait_ms(wait, _IDLE) / SECOND)
                    self._wake.clear()
        except Exception as error:  # noqa: BLE001 - supervised boundary: another thread replaces it
            if not (gone.is_set() or self._over.is_set()):
                self._log.failure(Event.CRASHED, error, reason="the thread that fetches candles is replaced")
        finally:
            reader.close()
