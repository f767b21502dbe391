"""Sends alarms to the owner: picks them from the log's events and sends them from separate threads.

The trading thread only puts an event into a bounded queue. Each address has its own sender, so that a hanging one does not delay
the others. A message that fails is retried for some minutes, then logged as lost. Never raises into trading.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

from bot.domain.clock import system_ms
from bot.domain.log import Event, Log
from bot.settings.load import Settings
from bot.telemetry.alarm_file import AlarmFile
from bot.telemetry.alarms import AlarmTracker, Message, Rule, rules_for
from bot.telemetry.log import LoggedEvent, Logs
from bot.telemetry.messenger import THREADS, Service, services
from bot.telemetry.redact import Redactor

#: The most events that may wait to be processed, and messages for one address; beyond these they are dropped and counted.
EVENTS, MESSAGES = 1_000, 50
#: Real seconds before each attempt to send a message; after the last one it is lost.
TRIES: Final = (0.0, 2.0, 15.0, 60.0, 300.0)
#: Real seconds after which a message being sent is late: a service that answers bit by bit can outlast its time-outs.
LATE: Final = 30.0
#: Real seconds that the daemon's end waits for messages being sent, and the limit for that counted from STOPPING.
DRAIN, LAST = 2.0, 7.6
#: Real seconds within which a test message must be accepted.
TEST_PATIENCE: Final = 20.0
_TICK: Final = 0.5


class MessageSender:
    """Sends messages to one service, one after the other, in its own thread."""

    def __init__(self, service: Service, log: Log, tries: Sequence[float] = TRIES) -> None:
        self._service = service
        self._log = log
        self._tries = tries
        self._messages: queue.Queue[Message] = queue.Queue(MESSAGES)
        self._hurry = threading.Event()
        self._busy_since: float | None = None
        self._is_late = False
        self._failing = False
        self.sent = 0
        self.lost = 0
        self._thread = threading.Thread(target=self._run, name=f"{THREADS}-courier", daemon=True)
        self._thread.start()

    def take(self, message: Message) -> None:
        """Queue a message; never waits."""
        try:
            self._messages.put_nowait(message)
        except queue.Full:
            self._lose("too many messages are waiting for it")

    def look(self) -> None:
        """Log once that a message is late."""
        began = self._busy_since
        late = began is not None and time.monotonic() - began > LATE
        if late and not self._is_late:
            self._log.warning(Event.NOTIFY, service=self._service.name, reason=f"no answer for {LATE:.0f} s")
        self._is_late = late

    def hurry(self) -> None:
        """Stop waiting between attempts: the daemon is ending."""
        self._hurry.set()

    @property
    def idle(self) -> bool:
        """Whether everything was sent or lost."""
        return self._messages.unfinished_tasks == 0

    def _run(self) -> None:
        while True:
            message = self._messages.get()
            self._bring(message)
            self._messages.task_done()

    def _bring(self, message: Message) -> None:
        reason = ""
        for wait in self._tries:
            if wait and self._hurry.wait(wait):
                break
            reason = self._send(message)
            if not reason:
                self.sent += 1
                self._failing = False
                return
        self._lose(reason)

    def _send(self, message: Message) -> str:
        self._busy_since = time.monotonic()
        reason = _tried(self._service, message)
        self._busy_since = None
        if reason and not self._failing:
            self._failing = True
            self._log.warning(
                Event.NOTIFY, service=self._service.name, reason=reason, hint="NIJA retries for some minutes"
            )
        return reason

    def _lose(self, reason: str) -> None:
        self.lost += 1
        if self.lost & (self.lost - 1) == 0:  # 1, 2, 4, 8 …: often enough to be noticed, never a flood
            self._log.warning(Event.NOTIFY, service=self._service.name, reason=reason, lost=self.lost)


class Notifier:
    """Receives all events of the log, sends those that are alarms, and keeps them in a file. `now` returns wall ms."""

    def __init__(
        self,
        tracker: AlarmTracker,
        senders: Sequence[MessageSender],
        log: Log,
        now: Callable[[], int] = system_ms,
        kept: AlarmFile | None = None,
    ) -> None:
        self._tracker = tracker
        self._senders = senders
        self._log = log
        self._now = now
        self._kept = kept
        self._events: queue.Queue[tuple[tuple[Rule, ...], LoggedEvent, int] | None] = queue.Queue(EVENTS)
        self._missed = 0
        self._stopping_at: float | None = None
        self._thread = threading.Thread(target=self._run, name=THREADS, daemon=True)
        self._thread.start()

    def hear(self, level: int, event: LoggedEvent) -> None:
        """Take in an event of the log. Called by the thread that logs; returns at once."""
        if event.word is Event.STOPPING:
            self._stopping_at = time.monotonic()
        rules = rules_for(level, event)
        if not rules:
            return
        try:
            self._events.put_nowait((rules, event, self._now()))
        except queue.Full:
            self._missed += 1

    def close(self) -> None:
        """Send what is queued, within a short time, and log how many messages of this run were sent or lost."""
        now = time.monotonic()
        stopping = self._stopping_at if self._stopping_at is not None else now
        until = max(min(now + DRAIN, stopping + LAST), now + 0.2)
        self._offer_end(until)
        self._thread.join(max(until - time.monotonic(), 0))
        for sender in self._senders:
            sender.hurry()
        if not self._senders:
            return
        while time.monotonic() < until and not all(sender.idle for sender in self._senders):
            time.sleep(0.01)
        self._say_counts()

    def _offer_end(self, until: float) -> None:
        try:
            self._events.put(None, timeout=max(until - time.monotonic(), 0.01))
        except queue.Full:
            return

    def _say_counts(self) -> None:
        self._log.info(
            Event.NOTIFIED,
            alarms=self._tracker.rung,
            kept_back=self._tracker.kept_back,
            sent=sum(sender.sent for sender in self._senders),
            lost=sum(sender.lost for sender in self._senders) + self._missed,
        )

    def _run(self) -> None:
        while True:
            try:
                item = self._events.get(timeout=_TICK)
            except queue.Empty:
                self._tick()
                continue
            if item is None:
                self._give(self._tracker.over(self._now(), held=0))
                return
            self._give(self._tracker.hear(*item))

    def _tick(self) -> None:
        self._give(self._tracker.over(self._now()))
        for sender in self._senders:
            sender.look()

    def _give(self, messages: Sequence[Message]) -> None:
        if self._kept is not None:
            self._kept.keep(messages)
        for message in messages:
            for sender in self._senders:
                sender.take(message)


@contextmanager
def notifying(settings: Settings, redact: Redactor, logs: Logs, whose: str) -> Iterator[None]:
    """Keep alarms in a file and send them to NOTIFY_URLS while the block runs. Raises `ConfigError` for an invalid address."""
    addresses = [url.get_secret_value() for url in settings.operation.notify_urls]
    log = logs.event_log()
    with ExitStack() as held:
        found = held.enter_context(services(addresses, redact)) if addresses else []
        if found:
            log.info(Event.NOTIFY, services=[one.name for one in found])
        kept = AlarmFile(settings.operation.data_dir, log)
        notifier = Notifier(AlarmTracker(whose, redact), [MessageSender(one, log) for one in found], log, kept=kept)
        logs.listener = notifier.hear
        try:
            yield
        finally:
            logs.listener = None
            notifier.close()


def notify_test(settings: Settings) -> int:
    """Send a test message to each address and print the results; returns 0, or 1 if some were not sent.

    Raises `ConfigError` for an invalid address.
    """
    redact = Redactor(settings.secrets())
    addresses = [url.get_secret_value() for url in settings.operation.notify_urls]
    message = Message("NIJA: test", "This is a test: NIJA's alarms reach you here.", bad=False)
    with services(addresses, redact) as found:
        answers: list[str | None] = [None] * len(found)

        def send(index: int) -> None:
            answers[index] = _tried(found[index], message)

        threads = [threading.Thread(target=send, args=(n,), name=THREADS, daemon=True) for n in range(len(found))]
        for thread in threads:
            thread.start()
        until = time.monotonic() + TEST_PATIENCE
        for thread in threads:
            thread.join(max(until - time.monotonic(), 0))
        for service, answer in zip(found, answers, strict=True):
            said = f"no answer in {TEST_PATIENCE:.0f} s" if answer is None else answer
            print(f"{service.name}: {'NOT sent: ' + said if said else 'sent'}")
    return 1 if any(answer != "" for answer in answers) else 0


def _tried(service: Service, message: Message) -> str:
    """Send a message; returns why it failed, "" if it did not."""
    try:
        return service.send(message)
    except Exception as error:  # noqa: BLE001 - supervised boundary: whatever a notifier raises is only a failed message
        return f"{type(error).__name__}: {service.safe(str(error))}"
