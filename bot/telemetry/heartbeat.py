"""A broker's heartbeat: how its status and its signs of life pass from its thread to whoever wants to know."""

from __future__ import annotations

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
