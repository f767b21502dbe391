"""A broker's heartbeat: how its status and its signs of life pass from its thread to whoever wants to know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.domain.status import BrokerStatus


class Heartbeat:
    """One slot for the latest status: the broker's thread writes, the supervisor reads. `beats` counts the signs of life."""

    def __init__(self, status: BrokerStatus) -> None:
        self.latest = status
        self.beats = 0

    def beat(self, status: BrokerStatus | None = None) -> None:
        """A sign of life, and the newest status if there is one."""
        if status is not None:
            self.latest = status
        self.beats += 1


class Observer(Protocol):
    """Somebody outside who is kept informed of all brokers, by the supervisor's thread: neither call may wait."""

    def observe(self, statuses: Sequence[BrokerStatus]) -> None:
        """How all are now; every two seconds."""
        ...

    def stopping(self) -> None:
        """The daemon has begun to stop."""
        ...
