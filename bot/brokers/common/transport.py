"""What every venue's wire does beside its own envelope: rooms in time, turns at the key, requested pauses, questions asked again.

A venue's transport is this and its envelope. It raises `BrokerError` with the meaning an order needs (UNKNOWN: it may have been
carried out); a question never ends in UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Generic, Self, TypeVar

from bot.brokers.base import BrokerError, NoRoom, Priority
from bot.brokers.common.deadline import Deadline, WaitLimit
from bot.brokers.common.failures import Failures, of_question
from bot.brokers.common.keylock import KeyBusy, KeyFile, KeyLock
from bot.brokers.common.rate_limits import OverBudget
from bot.brokers.common.request_pause import RequestPause, asks_for_pause
from bot.brokers.common.secrets import VenueConfig
from bot.brokers.common.sender import Client, Sender
from bot.domain.clock import Clock
from bot.domain.log import Event, Log
from bot.domain.outcome import ErrorMeaning

C = TypeVar("C", bound=Client)
T = TypeVar("T")

#: After which failures a question is asked again: real seconds before the second time, the third and so on.
Again = Mapping[ErrorMeaning, tuple[float, ...]]


class Transport(Generic[C]):
    """Calls to one account of a venue. Used by one thread; `hurry` and `close` may be called by another."""

    def __init__(self, access: VenueConfig, clock: Clock, log: Log, failure: Failures, make: Callable[[], C]) -> None:
        self._clock = clock
        self._log = log
        self._failure = failure
        self._wait_limit = WaitLimit(clock.wall_ms)
        self._make = make
        self._sender = Sender(make, self._wait_limit, failure)
        self._lock = KeyLock.of(access.state_dir, access.mode, failure.venue, access.environment, access.key)
        self._request_pause = RequestPause(clock, failure)
        self._priority = Priority.QUERY
        self._other: Self | None = None

    def beside(self) -> Self:
        """One for the candles, on a thread of its own: it shares budgets, key and hurry. The one before it is cut off."""
        if self._other is not None:
            self._other.hang_up()
        self._other = copy(self)
        self._other.split_off()
        return self._other

    def split_off(self) -> None:
        """What it does not share with the one that it was copied from."""
        self._wait_limit = self._wait_limit.beside()
        self._sender = Sender(self._make, self._wait_limit, self._failure, "candles")
        self._request_pause = self._request_pause.beside()
        self._priority, self._other = Priority.CANDLES, None

    def hurry(self, until: int) -> None:
        """No wait beyond wall time `until`."""
        self._wait_limit.hurry(until)

    def limit_calls(self, seconds: float | None) -> None:
        """No call takes longer than this; None for the usual times."""
        self._wait_limit.limit(seconds)

    def deadline(self, seconds: float) -> Deadline:
        """The end of what may take so long, or of what is left in a hurry."""
        return self._wait_limit.deadline(seconds)

    def seen(self, look: Callable[[], T | None], waits: Sequence[float], most: float) -> T | None:
        """What a look finds, taken again after each of these waits (real seconds) until there is something; `most` for all."""
        patience = self._wait_limit.deadline(most)
        for wait in waits:
            found = look()
            if found is not None or not patience.pause(wait):
                return found
        return None

    def hang_up(self) -> None:
        """Let go of thread and sockets; safe to call twice."""
        self._sender.close()

    def close(self) -> None:
        """Let go of the lock, too, and hang up for the candles."""
        self.hang_up()
        if self._other is not None:
            self._other.hang_up()
        self._lock.close()

    # -- for the venues ----------------------------------------------------------------------------------------------
    def _question(self, ask: Callable[[], T], deadline: Deadline, again: Again) -> T:
        """The answer to a question, which is asked again where that may help: it changes nothing."""
        attempt = 0
        while True:
            try:
                return ask()
            except BrokerError as error:
                waits = () if isinstance(error, NoRoom) else again.get(error.meaning, ())
                if len(waits) <= attempt or not deadline.pause(waits[attempt]):
                    if error.meaning is not ErrorMeaning.UNKNOWN:
                        raise
                    raise of_question(error) from error
            attempt += 1

    def _admitted(self, wait: Callable[[], None]) -> None:
        """Wait for room in a budget; no room in time means that nothing was sent."""
        try:
            wait()
        except OverBudget as error:
            raise self._failure.no_room(error) from error

    @contextmanager
    def _key(self, deadline: Deadline) -> Iterator[KeyFile]:
        """The key for ourselves on this host; refused while another program has it."""
        try:
            with self._lock.held(deadline) as file:
                yield file
        except KeyBusy as error:
            raise self._failure(ErrorMeaning.BUSY, error, "in_use") from error

    @contextmanager
    def _turn(self, deadline: Deadline) -> Iterator[KeyFile]:
        """The key for ourselves, unless the venue has asked it to pause."""
        with self._key(deadline) as file:
            self._request_pause.learn(file)
            self._request_pause.check()
            yield file

    @contextmanager
    def _recording_refusals(self, deadline: Deadline, file: KeyFile | None = None) -> Iterator[None]:
        """A refusal for too many calls is remembered: our counter is as full as the venue's, and the pause that it asks for is
        kept by every program with this key (whose `file` is given where it is held already).
        """
        try:
            yield
        except BrokerError as error:
            if error.meaning is ErrorMeaning.RATE_LIMITED:
                self._refused()
            if asks_for_pause(error):
                self._request_pause.begin(error)
                self._tell(error, deadline, file)
            raise

    def _refused(self) -> None:
        """The venue refused the last call for its rate."""

    def _tell(self, error: BrokerError, deadline: Deadline, file: KeyFile | None) -> None:
        if file is not None:
            self._request_pause.keep(file)
            return
        try:
            with self._lock.held(deadline) as held:
                self._request_pause.keep(held)
        except KeyBusy:
            self._log.warning(Event.PAUSE_NOT_SHARED, venue=self._failure.venue, reason=error.text)

    def _check_in_time(self, latest: int | None) -> None:
        """Refuse to send what must not arrive after wall time `latest`."""
        if latest is not None and self._clock.wall_ms() > latest:
            raise self._failure(ErrorMeaning.BUSY, "not sent: its deadline passed while it waited for its turn")
