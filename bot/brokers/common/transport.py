"""What all venues' transports have in common: rate budgets, the key's lock, requested pauses, and retries of queries.

A venue's transport adds its own envelope. Calls raise `BrokerError`: UNKNOWN means that a request may have been carried out;
a query never ends in UNKNOWN.
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

#: The failures after which a query is retried, with the waits (real seconds) before each retry.
Again = Mapping[ErrorMeaning, tuple[float, ...]]


class Transport(Generic[C]):
    """Calls to one account of a venue. Used by one thread; another may call `hurry` and `close`."""

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
        """A transport for candles on another thread. It shares budgets, key and `hurry`; the previous one is cut off."""
        if self._other is not None:
            self._other.hang_up()
        self._other = copy(self)
        self._other.split_off()
        return self._other

    def split_off(self) -> None:
        """Replace what this copy does not share with the original."""
        self._wait_limit = self._wait_limit.beside()
        self._sender = Sender(self._make, self._wait_limit, self._failure, "candles")
        self._request_pause = self._request_pause.beside()
        self._priority, self._other = Priority.CANDLES, None

    def hurry(self, until: int) -> None:
        """End every wait by wall time `until` (ms)."""
        self._wait_limit.hurry(until)

    def limit_calls(self, seconds: float | None) -> None:
        """Limit every call to this many seconds; None restores the usual time-outs."""
        self._wait_limit.limit(seconds)

    def deadline(self, seconds: float) -> Deadline:
        """A deadline this many seconds from now, or earlier under `limit_calls` or `hurry`."""
        return self._wait_limit.deadline(seconds)

    def seen(self, look: Callable[[], T | None], waits: Sequence[float], most: float) -> T | None:
        """The first result of `look` that is not None. Repeats it after each of `waits`, for at most `most` real seconds."""
        patience = self._wait_limit.deadline(most)
        for wait in waits:
            found = look()
            if found is not None or not patience.pause(wait):
                return found
        return None

    def hang_up(self) -> None:
        """Release thread and sockets; safe to call twice."""
        self._sender.close()

    def close(self) -> None:
        """Release the lock too, and hang up the candles' transport."""
        self.hang_up()
        if self._other is not None:
            self._other.hang_up()
        self._lock.close()

    # -- for the venues ----------------------------------------------------------------------------------------------
    def _question(self, ask: Callable[[], T], deadline: Deadline, again: Again) -> T:
        """The answer to a query, retried where that may help: a query changes nothing."""
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
        """Wait for room in a budget. Raises `NoRoom` if there is none in time; nothing was sent then."""
        try:
            wait()
        except OverBudget as error:
            raise self._failure.no_room(error) from error

    @contextmanager
    def _key(self, deadline: Deadline) -> Iterator[KeyFile]:
        """Hold the key exclusively on this host; raises BUSY if another program keeps it."""
        try:
            with self._lock.held(deadline) as file:
                yield file
        except KeyBusy as error:
            raise self._failure(ErrorMeaning.BUSY, error, "in_use") from error

    @contextmanager
    def _turn(self, deadline: Deadline) -> Iterator[KeyFile]:
        """Hold the key exclusively, unless the venue has asked for a pause."""
        with self._key(deadline) as file:
            self._request_pause.learn(file)
            self._request_pause.check()
            yield file

    @contextmanager
    def _recording_refusals(self, deadline: Deadline, file: KeyFile | None = None) -> Iterator[None]:
        """Record a refusal for too many calls: our counter becomes as full as the venue's, and every program with this key
        observes the pause that the venue asks for. Pass the key's `file` if it is already held.
        """
        try:
            yield
        except BrokerError as error:
            if error.meaning is ErrorMeaning.RATE_LIMITED:
                self._refused()
            if asks_for_pause(error):
                self._request_pause.begin(error)
                self._report(error, deadline, file)
            raise

    def _refused(self) -> None:
        """The venue refused the last call because of its rate limit."""

    def _report(self, error: BrokerError, deadline: Deadline, file: KeyFile | None) -> None:
        if file is not None:
            self._request_pause.keep(file)
            return
        try:
            with self._lock.held(deadline) as held:
                self._request_pause.keep(held)
        except KeyBusy:
            self._log.warning(Event.PAUSE_NOT_SHARED, venue=self._failure.venue, reason=error.text)

    def _check_in_time(self, latest: int | None) -> None:
        """Raise instead of sending a request that must not arrive after wall time `latest` (ms)."""
        if latest is not None and self._clock.wall_ms() > latest:
            raise self._failure(ErrorMeaning.BUSY, "not sent: its deadline passed while it waited to be sent")
