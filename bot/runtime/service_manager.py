"""Notifies systemd, with the protocol of sd_notify: ready, alive, the status of all brokers, stopping.

Sends nothing if the daemon was started by hand or by another service manager.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from bot.domain.clock import MINUTE, Clock, Pause
from bot.domain.log import Event, Log
from bot.domain.status import BrokerStatus
from bot.telemetry.heartbeat import Observer
from bot.telemetry.log import one_line
from bot.telemetry.status import to_sentence

#: Real ms after which the daemon counts as started, whatever its exchanges do: it must not be stopped because of them.
READY_AFTER = MINUTE
LONGEST_STATUS = 500


class ServiceManager:
    """One socket to the manager. A message that it does not accept at once is dropped.

    `watches`: whether the manager restarts a daemon that stops reporting that it is alive (watchdog).
    """

    def __init__(
        self, outlet: socket.socket, clock: Clock, log: Log, redact: Callable[[str], str], *, watches: bool
    ) -> None:
        self._outlet = outlet
        self._log = log
        self._redact = redact
        self._watches = watches
        self._patience = Pause(clock, READY_AFTER)
        self._ready = self._silent = False
        self._said = ""

    def observe(self, statuses: Sequence[BrokerStatus]) -> None:
        """Report the statuses. This call shows that the supervisor is alive; the watchdog is fed while every actor is, too."""
        self._send(*self._news(statuses))

    def stopping(self) -> None:
        self._send("STOPPING=1", "STATUS=stopping: finishing orders in hand; stops stay at the exchange")

    def _news(self, statuses: Sequence[BrokerStatus]) -> Iterator[str]:
        if not self._ready and (self._patience.is_over() or not any(one.connecting for one in statuses)):
            self._ready = True
            yield "READY=1"
        if self._watches and all(one.alive for one in statuses):
            yield "WATCHDOG=1"
        text = one_line(self._redact(to_sentence(statuses)))[:LONGEST_STATUS]
        if text != self._said:
            self._said = text
            yield f"STATUS={text}"

    def _send(self, *lines: str) -> None:
        try:
            if lines:
                self._outlet.send("\n".join(lines).encode())
        except OSError as error:
            if not self._silent:
                self._log.warning(Event.HEARTBEAT, reason=f"the service manager cannot be reached: {error.strerror}")
            self._silent = True
        else:
            self._silent = False


@contextmanager
def service_manager(
    address: str, clock: Clock, log: Log, redact: Callable[[str], str], *, watches: bool
) -> Iterator[list[Observer]]:
    """The manager that listens at `address` ($NOTIFY_SOCKET), while the block runs; none for ""."""
    with ExitStack() as open_:
        if not address:
            yield []
            return
        outlet = open_.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        outlet.setblocking(False)
        try:
            outlet.connect(f"\0{address[1:]}" if address.startswith("@") else address)
        except OSError as error:
            log.warning(Event.HEARTBEAT, reason=f"the service manager cannot be reached: {error.strerror}")
            yield []
            return
        yield [ServiceManager(outlet, clock, log, redact, watches=watches)]
