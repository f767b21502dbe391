"""A broker's heartbeat: how its status and its signs of life pass from its thread to whoever wants to know."""

from __future__ import annotations

from collections.abc import Callable

from bot.domain.status import BrokerStatus


class Heartbeat:
    """One slot for the latest status: the broker's thread writes, the supervisor reads.

    `beats` counts the signs of life, `idle_at` is the market time up to which nothing is owed, `wakes_at` the market time at
    which something will be owed that cannot wait for longer; 0 when nothing is.
    """

    def __init__(self, status: BrokerStatus) -> None:
        self.latest = status
        self.beats = 0
        self.idle_at = 0
        self.wakes_at = 0
        self.on_rest: Callable[[], object] | None = None

    def rest(self, idle_at: int, wakes_at: int) -> None:
        """All is done that was owed up to a market time; `on_rest` hears of it."""
        self.wakes_at, self.idle_at = wakes_at, idle_at
        if self.on_rest is not None:
            self.on_rest()

    def beat(self, status: BrokerStatus | None = None) -> None:
        """A sign of life, and the newest status if there is one."""
        if status is not None:
            self.latest = status
        self.beats += 1
