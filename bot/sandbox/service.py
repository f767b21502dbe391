"""The whole sandbox in one process: clock, durable state, open venues, their servers.

Owns the common part of the state (seed, start, market time, ports) and the lock-step. Knows no venue's wire format.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

from bot.sandbox.clock import SandboxClock, wall_ms
from bot.sandbox.core.journal import Journal
from bot.sandbox.core.times import iso
from bot.sandbox.core.venue import Setting, Venue
from bot.sandbox.options import SandboxOptions
from bot.sandbox.server import VenueServer
from bot.sandbox.venues import venues

LEAD_SECONDS = 1.0
CONTACT_MS = 10_000


@dataclass
class Daemons:
    """The daemons that trade in lock-step: the last contact of each, the market time that it has acknowledged, and the
    market time at which it wants the market to stop next, however large a step is requested.
    """

    contact_ms: dict[str, int] = field(default_factory=dict)
    acked_ms: dict[str, int] = field(default_factory=dict)
    wake_ms: dict[str, int] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    market_ms: int = 0

    def seen(self, daemon: str) -> None:
        if daemon in self.acked_ms:
            self.contact_ms[daemon] = wall_ms()

    def ack(self, daemon: str, market_ms: int, wake_ms: int = 0) -> None:
        self.acked_ms[daemon] = max(market_ms, self.acked_ms.get(daemon, 0))
        self.wake_ms[daemon] = wake_ms
        self.contact_ms[daemon] = wall_ms()
        self.changed.set()

    def move(self, market_ms: int) -> None:
        """Notes the new market time and wakes everything that waits for it."""
        self.market_ms = market_ms
        self.moved.set()
        self.moved = asyncio.Event()

    async def moved_past(self, market_ms: int, seconds: float) -> None:
        """Waits until the market has moved past `market_ms`, for at most `seconds` real seconds."""
        if self.market_ms <= market_ms:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.moved.wait(), seconds)

    async def all_at(self, market_ms: int) -> None:
        """Waits until every daemon has acknowledged `market_ms` or is no longer connected."""
        while self.behind(market_ms):
            self.changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), 0.5)

    def behind(self, market_ms: int) -> list[str]:
        """The connected daemons that have not acknowledged `market_ms` yet."""
        return [daemon for daemon in self._connected() if self.acked_ms[daemon] < market_ms]

    def stop_before(self, market_ms: int) -> int:
        """Where the market stops next on its way to `market_ms`: there, or earlier if a connected daemon asked to be woken."""
        wakes = [self.wake_ms.get(daemon, 0) for daemon in self._connected()]
        return min([market_ms, *(wake for wake in wakes if wake > self.market_ms)])

    def _connected(self) -> list[str]:
        now = wall_ms()
        return [daemon for daemon, contact in self.contact_ms.items() if now - contact < CONTACT_MS]


class SandboxService:
    """The running sandbox."""

    def __init__(self, plan: SandboxOptions) -> None:
        self.plan = plan
        self.journal = Journal(plan.state)
        self.seed: int = self._kept("seed", plan.seed)
        start_ms: int = self._kept("start_ms", wall_ms() if plan.start_ms is None else plan.start_ms)
        market_ms = self.journal.get("sandbox/market_ms")
        self.resumed = market_ms is not None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self.clock = SandboxClock(market_ms if self.resumed else start_ms, plan.speed, plan.lockstep)
        self.venues: dict[str, Venue] = {}
        for name in plan.names:
            setting = Setting(
                clock=self.clock,
                journal=self.journal,
                seed=self.seed,
                start_ms=start_ms,
                pairs=plan.pairs,
                candles=plan.candles,
                fee_tier=plan.fee_tier,
                spread=plan.spread,
                dice=self._dice(),
                beside=self._beside(),
            )
            self.venues[name] = venues()[name](setting)
        ports: dict[str, int] = self.journal.get("sandbox/ports") or {}
        self.servers = {n: VenueServer(v, plan.host, ports.get(n, 0)) for n, v in self.venues.items()}
        self.daemons = Daemons(market_ms=self.clock.market_ms())
        self._advancing = threading.Lock()

    def open(self) -> None:
        for server in self.servers.values():
            server.open()
        self.journal.put({"sandbox/ports": {name: server.port for name, server in self.servers.items()}})
        self.save_time(lead=LEAD_SECONDS)

    def close(self) -> None:
        for server in self.servers.values():
            server.close()
        self.save_time(lead=0.0)
        self.journal.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    @property
    def well(self) -> bool:
        return all(server.alive for server in self.servers.values())

    def save_time(self, lead: float) -> None:
        """Saves a market time that no answer can exceed for the next `lead` real seconds."""
        ahead = 0 if self.plan.lockstep else int(lead * 1000 * self.plan.speed)
        self.journal.put({"sandbox/market_ms": self.clock.market_ms() + ahead}, durable=False)

    def advance(self, seconds: float) -> int:
        """Lock-step: advances the market in one go, with all venues locked; returns the new time."""
        with self._advancing:
            for venue in self.venues.values():
                venue.exchange.lock.acquire()
            try:
                now = self.clock.advance(seconds)
                for venue in self.venues.values():
                    venue.exchange.settle()
                    venue.exchange.commit()
            finally:
                for venue in self.venues.values():
                    venue.exchange.lock.release()
            self.save_time(lead=0.0)
            return now

    def times(self) -> dict[str, Any]:
        speed = self.plan.speed
        return {
            "market_time": iso(self.clock.market_ms()),
            "wall_time": iso(self.clock.wall_ms()),
            "speed": int(speed) if speed == int(speed) else speed,
        }

    def ready(self, pid: int, control: dict[str, str]) -> dict[str, Any]:
        """The contents of the ready file."""
        parts = {name: venue.wire.ready(self.servers[name].address) for name, venue in self.venues.items()}
        return {"pid": pid, "control": control, **parts, **self.times()}

    def _kept(self, key: str, value: int) -> int:
        """A value of the market's identity from the saved state; a new state takes `value`."""
        kept = self.journal.get(f"sandbox/{key}")
        if kept is None:
            self.journal.put({f"sandbox/{key}": value})
            return value
        return int(kept)

    def _beside(self) -> Path:
        """Where files for clients go: next to the ready file, else next to the state, else in a temporary folder."""
        near = self.plan.ready_file or self.plan.state
        if near is not None:
            return near.with_suffix("")
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="nija-sandbox-")
        return Path(self._scratch.name) / "sandbox"

    def _dice(self) -> Random:
        return Random(SystemRandom().getrandbits(128))  # noqa: S311 - seeded from the system's generator
