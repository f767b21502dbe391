"""A broker's heartbeat: passes its status and its signs of life from its thread to the supervisor."""

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
        """Give a sign of life, and store the newest status if there is one."""
        if status is not None:
            self.latest = status
        self.beats += 1


class Observer(Protocol):
    """An outside service that is informed about all brokers. The supervisor's thread calls it, so neither call may wait."""

    def observe(self, statuses: Sequence[BrokerStatus]) -> None:
        """Take the current status of every broker; called every two seconds."""
        ...

    def stopping(self) -> None:
        """The daemon has begun to stop."""
        ...
