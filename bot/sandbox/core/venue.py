"""What a venue is made of, and what its wire must be able to do to be plugged into the sandbox.

A venue's folder offers one function `open_venue(setting) -> Venue`; `bot.sandbox.venues` lists them. The server,
the control API and the faults need nothing else of a venue.
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
    """What the sandbox gives a venue to build itself from. `fee_tier` None is the venue's default.

    `beside` is the path prefix for files that clients must read (a certificate), next to the ready file or the state.
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


@dataclass(frozen=True)
class Request:
    """One HTTP request as it came: header names in lower case, the body's exact bytes."""

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
    """A venue's own language over the core. All calls happen under the exchange's lock, already settled."""

    def answer(self, request: Request) -> Response:
        """The venue's answer to a request."""

    def failure(self, text: str | None) -> Response:
        """The venue's error body for `text`; by default its mild 'busy, try again'."""

    def fate_unknown(self, text: str | None) -> bool:
        """Whether that error leaves open if the request was executed."""

    def rate_limited(self) -> Response:
        """The venue's rate-limit answer."""

    def maintenance(self, request: Request) -> Response:
        """The answer to a request while the venue is under maintenance."""

    def ready(self, address: str) -> dict[str, str]:
        """The venue's part of the ready file; `address` is host:port."""

    def new_credential(self, account: str) -> Credential:
        """A fresh key of an account, not yet in the keyring."""

    async def websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one WebSocket connection."""


@dataclass
class Tally:
    """How often which request came and which error was answered."""

    requests: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)


@dataclass
class Venue:
    """One open venue. `money` is what a fresh account of it holds.

    `refusal` says how the venue refuses one very request in a word of the caller's; None: as it refuses any.
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
        """An account with the venue's starting money and its first key."""
        for asset, amount in self.money.items():
            self.exchange.deposit(account, asset, amount)
        return self.keyring.add(self.wire.new_credential(account))


def budget_clock(clock: SandboxClock) -> Callable[[], int]:
    """The market clock for rate limits: in lock-step it goes on at the market's speed, or nobody could ask again."""
    begin_ms = clock.wall_ms()
    if not clock.lockstep:
        return clock.market_ms
    return lambda: clock.market_ms() + int((clock.wall_ms() - begin_ms) * clock.speed)
