"""The parts of a venue, and the interface that its wire must implement.

A venue's folder provides one function, `open_venue(setting) -> Venue`; `bot.sandbox.venues` lists them. The server,
the control API and the faults need nothing else from a venue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Protocol

from bot.sandbox.clock import SandboxClock
from bot.sandbox.core.credentials import Credential, Keyring
from bot.sandbox.core.exchange import Exchange
from bot.sandbox.core.faults import Faults
from bot.sandbox.core.journal import Journal
from bot.sandbox.core.switches import Switches

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class Setting:
    """What the sandbox passes to a venue when it is opened. `fee_tier` None means the venue's default,
    `spread` (the usual ask - bid as a fraction of the price) None the one of each market.

    `beside` is the path prefix for files that clients must read, such as a certificate.
    """

    clock: SandboxClock
    journal: Journal
    seed: int
    start_ms: int
    pairs: int | None
    candles: Path | None
    fee_tier: int | None
    dice: Random
    beside: Path = Path("sandbox")
    spread: float | None = None


@dataclass(frozen=True)
class Request:
    """One HTTP request as received: header names in lower case, the exact bytes of the body."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Wire(Protocol):
    """A venue's own API on top of the core. All calls happen under the exchange's lock, after `settle`."""

    def answer(self, request: Request) -> Response:
        """The venue's response to a request."""

    def failure(self, text: str | None) -> Response:
        """The venue's error response for `text`; by default its 'busy, try again'."""

    def fate_unknown(self, text: str | None) -> bool:
        """Whether that error leaves it open whether the request was executed."""

    def rate_limited(self) -> Response:
        """The venue's rate-limit response."""

    def maintenance(self, request: Request) -> Response:
        """The response while the venue is under maintenance."""

    def ready(self, address: str) -> dict[str, str]:
        """The venue's part of the ready file; `address` is host:port."""

    def new_credential(self, account: str) -> Credential:
        """A new key for an account, not yet in the keyring."""

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one WebSocket connection."""


@dataclass
class Tally:
    """Counts of requests and of error responses."""

    requests: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)


@dataclass
class Venue:
    """One open venue. `money` is what a new account holds.

    `refusal` gives the venue's rejection of one particular request with the caller's error code; None means that the
    request is rejected like any other.
    """

    name: str
    exchange: Exchange
    wire: Wire
    faults: Faults
    switches: Switches
    keyring: Keyring
    tally: Tally
    money: dict[str, Decimal]
    refusal: Callable[[Request, str], Response | None] = lambda _, __: None
    tls_files: tuple[Path, Path] | None = None

    def __post_init__(self) -> None:
        self.faults.on_fire = self.exchange.state.answers_badly

    def open_account(self, account: str) -> Credential:
        """Opens an account with the venue's starting money and a first key."""
        for asset, amount in self.money.items():
            self.exchange.deposit(account, asset, amount)
        return self.keyring.add(self.wire.new_credential(account))


def budget_clock(clock: SandboxClock) -> Callable[[], int]:
    """The clock for rate limits: market time. In lock-step it keeps running at the market's speed, or limits would never end."""
    begin_ms = clock.wall_ms()
    if not clock.lockstep:
        return clock.market_ms
    return lambda: clock.market_ms() + int((clock.wall_ms() - begin_ms) * clock.speed)
