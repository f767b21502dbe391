"""The trading environment: play money or the owner's, the accounts, their addresses and keys, and the clock.

Beyond this, nothing knows the mode: the same SDKs, brokers and order path trade both.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import SecretStr

from bot.domain.clock import Clock, SystemClock
from bot.domain.ids import AccountKey
from bot.runtime.sandbox_child import Control, Ready, SandboxChild, SandboxError, clock_of, running
from bot.settings.load import VENUES, Mode, Settings, credential_sets, resolve_mode
from bot.settings.variables import CoinbaseSettings, KrakenSettings, OkxSettings


@dataclass(frozen=True, slots=True)
class ExchangeAccess:
    """How to reach one account. `mode` is sandbox, demo or live; `environment` distinguishes hosts of one exchange.

    `swaps` allows contracts in addition to the spot market; `non_crypto` allows markets such as stocks (OKX).
    """

    venue: str
    mode: str
    environment: str
    rest: str
    api_key: SecretStr
    api_secret: SecretStr
    passphrase: SecretStr | None = None
    ca_file: str | None = None
    sockets: Mapping[str, str] = field(default_factory=dict)
    swaps: bool = False
    non_crypto: bool = False
    tier: str = "starter"
    """The verification level of a Kraken account, which only its owner knows."""
    name: str = ""
    """The account's name, if its venue has several accounts."""

    @property
    def key(self) -> AccountKey:
        return AccountKey(self.venue, self.name)

    def secrets(self) -> list[str]:
        """The values that must never be printed."""
        held = (self.api_key, self.api_secret, self.passphrase)
        return [one.get_secret_value() for one in held if one is not None]


@dataclass(slots=True)
class TradingEnvironment:
    """Everything that differs between play money and real money. Close it when done: it may own a child process."""

    mode: Mode
    clock: Clock
    accesses: dict[AccountKey, ExchangeAccess]
    warnings: tuple[str, ...] = ()
    child: SandboxChild | None = None
    control: Control | None = None
    ready: Ready | None = None

    @classmethod
    def of(cls, settings: Settings) -> TradingEnvironment:
        """The environment for these settings; starts the sandbox if necessary.

        Raises `ConfigError` for credentials that cannot work and `SandboxError` for a sandbox that cannot run.
        """
        mode = resolve_mode(settings)
        return cls._sandbox(settings) if mode is Mode.SANDBOX else cls._live(settings)

    @classmethod
    def public(cls, settings: Settings, venue: str, folder: Path, *, real: bool) -> TradingEnvironment:
        """One exchange for public data only, without keys: the real one if `real` or if the owner's money is traded; otherwise the
        sandbox that runs, or one of its own in `folder`.
        """
        if real or resolve_mode(settings) is Mode.LIVE:
            access = replace(_live(venue, settings), mode="live")
            return cls(mode=Mode.LIVE, clock=SystemClock(), accesses=_by_key([_keyless(access)]))
        play = settings.sandbox.ready_file
        ready = Ready.read(play) if play is not None else running(settings.operation.data_dir / "sandbox.json")
        child = None
        if ready is None:
            child = SandboxChild(folder, [venue, *_options(settings)], folder / "sandbox.log")
            ready = child.start()
        if venue not in ready.venues:
            raise SandboxError(f"the sandbox that runs has no {venue}: it has {', '.join(ready.venues)}")
        control = Control(ready, daemon=str(os.getpid()))
        access = _sandboxed(venue, ready.venues[venue], settings)
        return cls(Mode.SANDBOX, clock_of(control), _by_key([_keyless(access)]), (), child, control, ready)

    def close(self) -> None:
        if self.control is not None:
            self.control.close()
        if self.child is not None:
            self.child.stop()

    @classmethod
    def _live(cls, settings: Settings) -> TradingEnvironment:
        sets = credential_sets(settings)
        accesses = _by_key(_live(found.venue, settings) for found in sets if found.complete)
        warnings = tuple(found.line() for found in sets if found.incomplete)
        return cls(mode=Mode.LIVE, clock=SystemClock(), accesses=accesses, warnings=warnings)

    @classmethod
    def _sandbox(cls, settings: Settings) -> TradingEnvironment:
        child = None
        if settings.sandbox.ready_file is not None:
            ready = Ready.read(settings.sandbox.ready_file)
        else:
            child = SandboxChild(
                settings.operation.data_dir, _options(settings), settings.operation.data_dir / "sandbox.log"
            )
            ready = child.start()
        control = Control(ready, daemon=str(os.getpid()))
        accesses = _by_key(
            _sandboxed(venue, ready.venues[venue], settings) for venue in VENUES if venue in ready.venues
        )
        return cls(
            mode=Mode.SANDBOX,
            clock=clock_of(control),
            accesses=accesses,
            child=child,
            control=control,
            ready=ready,
        )


def _keyless(access: ExchangeAccess) -> ExchangeAccess:
    return replace(access, api_key=SecretStr(""), api_secret=SecretStr(""), passphrase=None, swaps=True)


def _by_key(accesses: Iterable[ExchangeAccess]) -> dict[AccountKey, ExchangeAccess]:
    return {access.key: access for access in accesses}


def configured(settings: Settings) -> tuple[AccountKey, ...]:
    """The accounts that these settings trade; in the sandbox, one at every venue. Raises `ConfigError`."""
    play = resolve_mode(settings) is Mode.SANDBOX
    return tuple(AccountKey(found.venue) for found in credential_sets(settings) if play or found.complete)


def mode_of(key: AccountKey, settings: Settings) -> str:
    """The mode in which these settings trade an account: sandbox, demo or live; raises `ConfigError`."""
    if resolve_mode(settings) is Mode.SANDBOX:
        return "sandbox"
    return "demo" if key.venue == "okx" and settings.okx.use_testnet else "live"


def _options(settings: Settings) -> list[str]:
    play = settings.sandbox
    chosen = ["--seed", str(play.seed), "--speed", str(play.speed), "--pairs", str(play.pairs)]
    return chosen if play.fee_tier is None else [*chosen, "--fee-tier", str(play.fee_tier)]


def _sandboxed(venue: str, place: Mapping[str, str], settings: Settings) -> ExchangeAccess:
    passphrase = place.get("passphrase")
    return ExchangeAccess(
        venue=venue,
        mode="sandbox",
        environment="main",
        rest=place["rest"],
        api_key=SecretStr(place["api_key"]),
        api_secret=SecretStr(place["api_secret"]),
        passphrase=SecretStr(passphrase) if passphrase is not None else None,
        ca_file=place.get("ca_file"),
        sockets={name: url for name, url in place.items() if name.startswith("ws")},
        swaps=venue == "okx" and settings.okx.trade_swaps,
        non_crypto=venue == "okx" and settings.okx.trade_non_crypto,
        tier=settings.kraken.tier,
    )


def _live(venue: str, settings: Settings) -> ExchangeAccess:
    group: KrakenSettings | OkxSettings | CoinbaseSettings = getattr(settings, venue)
    standard = type(group).model_fields["api_url"].default
    ca_file: Path | None = settings.operation.ca_file
    return ExchangeAccess(
        venue=venue,
        mode=mode_of(AccountKey(venue), settings),
        environment="main" if group.api_url == standard else "custom",
        rest=group.api_url,
        api_key=group.api_key or SecretStr(""),
        api_secret=group.api_secret or SecretStr(""),
        passphrase=group.passphrase if isinstance(group, OkxSettings) else None,
        ca_file=str(ca_file) if ca_file is not None else None,
        sockets={name: getattr(group, name) for name in type(group).model_fields if name.startswith("ws")},
        swaps=isinstance(group, OkxSettings) and group.trade_swaps,
        non_crypto=isinstance(group, OkxSettings) and group.trade_non_crypto,
        tier=settings.kraken.tier,
    )
